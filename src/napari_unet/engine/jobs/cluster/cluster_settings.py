"""Which cluster computes: what ``--cluster`` and the file that it may name say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import yaml
from pydantic import Field, ValidationError, model_validator

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

Queue = Literal["slurm", "lsf", "sge", "pbs"]
QUEUES: tuple[str, ...] = get_args(Queue)
_WANTED = "ADDRESS (tcp://host:8786), local:N, ssh:HOST or FILE.yaml"
_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://[^\s/]+:\d+")


class Tls(Settings):
    """Certificates of a cluster whose connections are encrypted, as paths of PEM files."""

    ca_file: str = Field(title="CA", description="Of who signed the certificates")
    cert: str = Field(title="Certificate", description="Of this client, and of what it starts")
    key: str = Field(title="Key", description="Of the certificate")


class ClusterSettings(Settings):
    """A cluster of dask.distributed: one that runs, or one that is started for this work."""

    type: Literal["address", "local", "ssh", "slurm", "lsf", "sge", "pbs"] = Field(
        title="Kind",
        description="A scheduler that runs, processes here, workers by SSH, or jobs of a queue",
    )
    address: str | None = Field(None, title="Address", description="Of a scheduler that runs")
    hosts: tuple[str, ...] = Field(
        (), title="Hosts", description="For SSH: the first has the scheduler, all have workers"
    )
    workers: int = Field(
        1, ge=1, le=10_000, title="Workers", description="Processes here, or jobs of a queue"
    )
    threads: int | None = Field(None, ge=1, title="Threads", description="CPU threads of a worker")
    arguments: dict[str, Any] = Field(
        {},
        title="Arguments",
        description="Of a queue, as dask_jobqueue takes them: cores, memory …",
    )
    wait: float = Field(
        24.0, gt=0, le=8760, title="Wait (h)", description="For a worker of a queue, at the most"
    )
    tls: Tls | None = Field(None, title="TLS", description="Certificates for encrypted connections")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        needed = {"address": self.address, "ssh": self.hosts}
        if self.type in needed and not needed[self.type]:
            missing = "hosts" if self.type == "ssh" else "an address"
            raise ValueError(f"type {self.type} needs {missing}")
        if self.type == "address" and not _ADDRESS.fullmatch(self.address or ""):
            raise ValueError(f"address {self.address} is none such as tcp://host:8786")
        if self.arguments and self.type not in QUEUES:
            raise ValueError(f"arguments are for {', '.join(QUEUES)}")
        return self

    @property
    def name(self) -> str:
        """What a user knows it by."""
        if self.type == "local":
            return f"local:{self.workers}"
        return self.address or " ".join(("ssh", *self.hosts) if self.hosts else (self.type,))


def read_cluster(text: str) -> ClusterSettings:
    """Read ``ADDRESS``, ``local:N``, ``ssh:HOST[,HOST...]`` or the name of a YAML file.

    Raises
    ------
    BadInput
        Where it is none of these, or the file does not describe a cluster.

    """
    kind, _, rest = text.partition(":")
    if _ADDRESS.fullmatch(text):
        return ClusterSettings(type="address", address=text)
    if kind == "local" and rest.isdigit() and int(rest) > 0:
        return ClusterSettings(type="local", workers=int(rest))
    if kind == "ssh" and (hosts := tuple(host for host in rest.split(",") if host)):
        return ClusterSettings(type="ssh", hosts=hosts)
    if text.lower().endswith((".yaml", ".yml")):
        return _from_file(user_path(text))
    raise BadInput(f"{text or 'nothing'} names no cluster", _WANTED, "correct it")


def _from_file(path: Path) -> ClusterSettings:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read ({error.strerror})", "a YAML file", "check the path"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = str(error).splitlines()[0]
        raise BadInput(f"{path} is no YAML ({line})", "", "correct it") from error
    if not isinstance(content, dict):
        raise BadInput(
            f"{path} describes no cluster", "lines such as type: slurm", "see docs/cluster.md"
        )
    try:
        settings = ClusterSettings.model_validate(content)
    except ValidationError as error:
        raise BadInput(_problem(path, error), "", "see docs/cluster.md") from error
    if settings.tls is None:
        return settings
    return settings.replace(tls={k: _beside(path, v) for k, v in settings.tls.model_dump().items()})


def _problem(path: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    where: Iterable[object] = first["loc"]
    said = first["msg"].removeprefix("Value error, ")
    return f"{path.name}: {': '.join([*map(str, where), said])}"


def _beside(path: Path, name: str) -> str:
    """Return where a file lies that another one names: from its own folder on."""
    return str(path.absolute().parent / user_path(name))
