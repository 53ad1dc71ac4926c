"""What lies in an archive: its names, and the manifest that lists them with their checksums."""

from __future__ import annotations

import hashlib
from typing import IO, Annotated, Literal

from pydantic import Field

from napari_unet.engine.settings import Selection, Settings

FORMAT: Literal["napari-unet archive 1"] = "napari-unet archive 1"
MANIFEST, RECIPE, LABELS, TABLE = "manifest.json", "recipe.json", "labels.tif", "objects.csv"
CORRECTIONS, METHODS, IMAGE = "corrections.journal", "methods.txt", "image"
_CHUNK = 1 << 20


class ListedFile(Settings):
    """A file in the archive."""

    sha256: str
    bytes: int


class ListedMovie(Settings):
    """The movie that was segmented, which the archive need not hold."""

    name: str
    fingerprint: str
    content: str | None = None
    selection: Selection = Selection()
    shape: tuple[int, ...] = ()
    pixel_size_um: float | None = None
    frame_interval_s: float | None = None


class Manifest(Settings):
    """What an archive says of itself.

    Of the ``frames`` that it has labels of, the ``segmented`` ones are from the models, the others
    by hand alone.
    """

    format: Literal["napari-unet archive 1"] = FORMAT
    movie: ListedMovie
    frames: tuple[int, ...]
    segmented: tuple[int, ...]
    models: tuple[Annotated[str, Field(pattern=r"^[\w.-]+$")], ...] = Field(min_length=1)
    corrected_objects: int | None = None
    please_check: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    versions: dict[str, str]
    files: dict[str, ListedFile]


def listed(file: IO[bytes]) -> ListedFile:
    """Return the checksum and length of an open file."""
    digest, n = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        n += len(chunk)
    return ListedFile(sha256=digest.hexdigest(), bytes=n)
