"""Encoders by name: fetched from where they were published, only where a user asks for it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from platformdirs import user_cache_path

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT = 30  # s without a byte
_CHUNK = 1 << 20


class Published(NamedTuple):
    """Weights in the net: where, and with which digits their sha256 begins."""

    url: str
    sha256: str


PUBLISHED = {
    "resnet18": Published(
        "https://download.pytorch.org/models/resnet18-f37072fd.pth",
        "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
    ),
    "efficientnet-b2": Published(
        "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0/"
        "efficientnet-b2-8bb594d6.pth",
        "8bb594d6",  # all that its publisher says of it
    ),
}
"""Trained on ImageNet, by the name of the encoder."""


def fetched(backbone: str) -> Path:
    """Return the file of an encoder that was trained on ImageNet; fetched where it is not kept.

    Raises
    ------
    BadInput
        Where it cannot be fetched, or is not the file that it was.

    """
    url, digest = PUBLISHED[backbone]
    name = url.rpartition("/")[2]
    path = user_cache_path("napari-unet", appauthor=False) / "encoders" / name
    remedy = f"fetch {url} yourself, and give the file in place of the name"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _fetch(url, path, digest)
        except BadInput:  # of the folder
            raise
        except (URLError, OSError, ValueError) as error:
            reason = str(getattr(error, "reason", error))[:120]
            raise BadInput(f"{name} could not be fetched ({reason})", "", remedy) from error
    elif not _sum(path).startswith(digest):
        path.unlink()
        raise BadInput(f"{path} was not what was published, and was removed", "", remedy)
    return path


def _fetch(url: str, path: Path, digest: str) -> None:
    with (
        urlopen(url, timeout=_TIMEOUT) as answer,  # noqa: S310 - https, and pinned
        atomic_path(path) as temporary,
    ):
        with temporary.open("wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
        if not _sum(temporary).startswith(digest):
            raise ValueError("its sha256 is another than was published")


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
