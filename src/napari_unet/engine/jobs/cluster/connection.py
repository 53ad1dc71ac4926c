"""A client of dask.distributed, and the workers that it starts where none run yet."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput, not_installed
from napari_unet.engine.jobs.cluster import own_process
from napari_unet.engine.jobs.cluster.cluster_settings import QUEUES, ClusterSettings
from napari_unet.engine.jobs.cluster.lost import Lost
from napari_unet.engine.text import say_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client, Security

logger = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_ANSWERS = 15.0  # s, that a scheduler has to answer
_STARTS = 90.0  # s, that processes of our own have to start
_SAYS = 600.0  # s, after which it is said again that jobs of a queue are waited for
_QUEUES = {"slurm": "SLURMCluster", "lsf": "LSFCluster", "sge": "SGECluster", "pbs": "PBSCluster"}
_CONFIG = {
    "distributed.admin.large-graph-warning-threshold": "1 GB",  # blocks that are sent are meant so
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.memory.terminate": False,  # less memory is our own to find out
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
    # Nobody looks at these; each process would look at itself a hundred times a second.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.tick.interval": "1s",
    **{f"distributed.nanny.pre-spawn-environ.{k}": v for k, v in own_process.ENVIRON.items()},
}


@contextmanager
def connected(
    settings: ClusterSettings, waiting: Callable[[str], None] = lambda _: None
) -> Iterator[Client]:
    """Yield a client of the cluster that has a worker at least; ends what it started.

    ``waiting`` is called again and again while there is none, with a line that says so.

    Raises
    ------
    BadInput
        Where it does not answer, cannot be started, or a package is missing.

    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise not_installed("segmenting on a cluster", "distributed", "cluster") from error
    security = _security(settings)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said by us
    how = {"distributed.worker.multiprocessing-method": own_process.start_method()}
    with ExitStack() as running, dask.config.set(_CONFIG | how):
        target = settings.address or running.enter_context(_started(settings, security))
        try:
            client = Client(
                target,
                security=security,
                timeout=_ANSWERS,
                set_as_default=False,
                name="napari-unet",
            )
        except (OSError, TypeError, ValueError, ImportError) as error:
            raise Lost(
                f"the scheduler at {settings.name} does not answer ({_first_line(error)})",
                "one that runs, of the same versions of Python and distributed",
                "check the address, and the certificates where it starts with tls",
            ) from error
        running.callback(_end, client)
        _wait_for_one(client, settings, waiting)
        yield client


def _wait_for_one(
    client: Client, settings: ClusterSettings, waiting: Callable[[str], None]
) -> None:
    """Wait for a worker: of a queue as long as its description says, of our own a moment."""
    began = said = time.monotonic()
    patience = patience_of(settings, _STARTS)
    while not client.nthreads():
        now = time.monotonic()
        if now - began > patience:
            raise Lost(
                f"{settings.name} has no workers after {say_duration(patience, exact=True)}",
                "one at least",
                "see what became of its jobs, then try again"
                if settings.type in QUEUES
                else "start workers, then try again",
            )
        if now - said > _SAYS:
            logger.warning("no worker of %s after %s", settings.name, say_duration(now - began))
            said = now
        waiting(f"Waiting for a worker of {settings.name}…")
        time.sleep(0.1)


def patience_of(settings: ClusterSettings, usual: float) -> float:
    """Return the seconds to wait while there is no worker: jobs may stand in a queue for long."""
    return 3600 * settings.wait if settings.type in QUEUES else usual


def _end(client: Client) -> None:
    with contextlib.suppress(Exception):  # whatever a lost connection makes of it
        client.close(timeout=5)


@contextmanager
def _started(settings: ClusterSettings, security: Security | None) -> Iterator[Any]:
    """Start the workers of a description; they end with the block."""
    makers = {"local": _local, "ssh": _ssh}
    try:
        cluster = makers.get(settings.type, _queue)(settings, security)
    except BadInput:
        raise
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise BadInput(
            f"{settings.name} cannot be started ({_first_line(error)})",
            "arguments that the cluster takes",
            "see docs/cluster.md",
        ) from error
    try:
        yield cluster
    finally:
        with contextlib.suppress(Exception):  # workers that are gone already cannot be ended
            cluster.close(timeout=10)


def _local(settings: ClusterSettings, security: Security | None) -> Any:
    """Start processes of this machine, each of one slot, on the loopback address alone."""
    from distributed import Nanny, Scheduler, SpecCluster

    common = {"host": _LOOPBACK, "dashboard": False, "security": security}
    common |= {"protocol": "tls" if security else "tcp"}
    gpus = _visible_gpus()

    def worker(i: int) -> dict[str, Any]:
        env = {"CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]} if gpus else {}
        options = common | {"nthreads": 1, "memory_limit": 0, "env": env}
        options |= {"preload": [own_process.__name__]}
        return {"cls": Nanny, "options": options | {"silence_logs": logging.CRITICAL}}

    return SpecCluster(
        workers={i: worker(i) for i in range(settings.workers)},
        scheduler={"cls": Scheduler, "options": common | {"port": 0, "dashboard_address": None}},
        security=security,
        silence_logs=logging.CRITICAL,
        name="napari-unet",
    )


def _visible_gpus() -> list[str]:
    """Return what names each GPU that this process may use."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    import torch

    return [str(i) for i in range(torch.cuda.device_count())]


def _ssh(settings: ClusterSettings, security: Security | None) -> Any:
    """Workers on other machines; the scheduler is on the first and listens where it is reached."""
    from distributed import SSHCluster

    if importlib.util.find_spec("asyncssh") is None:
        raise not_installed("a cluster by SSH", "asyncssh", "cluster")
    threads = {"nthreads": settings.threads} if settings.threads else {}
    first = settings.hosts[0]
    return SSHCluster(
        [first, *settings.hosts],
        worker_options={**threads, "memory_limit": "0"},
        scheduler_options={"host": first, "dashboard": False},
        security=security,
    )


def _queue(settings: ClusterSettings, security: Security | None) -> Any:
    """Jobs of a queue, by dask-jobqueue."""
    try:
        jobqueue = importlib.import_module("dask_jobqueue")
    except ImportError as error:
        raise not_installed(f"a {settings.type} queue", "dask-jobqueue", "cluster") from error
    kind = getattr(jobqueue, _QUEUES[settings.type])
    secured = {"security": security, "protocol": "tls://"} if security else {}
    cluster = kind(**{"scheduler_options": {"dashboard": False}} | secured | settings.arguments)
    cluster.scale(jobs=settings.workers)
    return cluster


def _security(settings: ClusterSettings) -> Security | None:
    from distributed import Security

    if (tls := settings.tls) is None:
        return None
    mine = {
        f"tls_{role}_{part}": getattr(tls, part)
        for role in ("client", "scheduler", "worker")
        for part in ("cert", "key")
    }
    return Security(tls_ca_file=tls.ca_file, require_encryption=True, **mine)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
