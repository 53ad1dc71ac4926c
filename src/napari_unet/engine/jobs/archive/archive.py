"""An archive that somebody hands on: nothing in it is believed before its checksum was right."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import require_space
from napari_unet.engine.files.names import user_path
from napari_unet.engine.files.read_json import parse_json
from napari_unet.engine.jobs.archive.manifest import (
    CORRECTIONS,
    FORMAT,
    LABELS,
    MANIFEST,
    RECIPE,
    Manifest,
    listed,
)

if TYPE_CHECKING:
    from napari_unet.engine.stack.stack import Stack

_LARGEST = 64 << 20  # bytes of a manifest
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # packed in a way that is not known
    OSError,
    RuntimeError,  # encrypted
    UnicodeError,
)


class Archive:
    """A zip that `write_archive` wrote: ``manifest``, and files whose checksums are right.

    Raises
    ------
    BadInput
        In one line, where the file is damaged, holds names that lead out of it or files that it
        does not list, or is something else.

    """

    def __init__(self, path: Path | str) -> None:
        self.path = user_path(path)
        if not self.path.is_file():
            raise BadInput(f"there is no file {self.path}", "an archive", "choose another file")
        try:
            with zipfile.ZipFile(self.path) as archive:
                self._check_names(archive)
                self.manifest = self._read_manifest(archive)
                self._check_files(archive)
        except _DAMAGED as error:
            raise self._bad(f"is damaged ({error or type(error).__name__})") from error

    @property
    def corrected(self) -> bool:
        """Whether a user's corrections are part of the labels."""
        return CORRECTIONS in self.manifest.files

    def unpack(self, folder: Path) -> None:
        """Write into a folder what labels are made again from, and the labels."""
        wanted = {RECIPE, LABELS, CORRECTIONS, *self.manifest.models}
        names = [name for name in self.manifest.files if name in wanted]
        require_space(folder, sum(self.manifest.files[name].bytes for name in names))
        with zipfile.ZipFile(self.path) as archive:
            for name in names:
                with archive.open(name) as source, (folder / name).open("wb") as to:
                    shutil.copyfileobj(source, to)

    def check_movie(self, stack: Stack) -> None:
        """Refuse a movie that is not the one whose labels the archive holds."""
        movie = self.manifest.movie
        same = stack.fingerprint == movie.fingerprint
        if same and None not in (movie.content, stack.content):
            same = stack.content == movie.content
        if not same:
            raise BadInput(
                f"{stack.name} is another movie than that of {self.path.name}",
                f"{movie.name} as it was segmented (fingerprint {movie.fingerprint[:12]}…)",
                "give that movie",
            )

    def _check_names(self, archive: zipfile.ZipFile) -> None:
        names = archive.namelist()
        for name, n in Counter(names).items():
            parts = PurePosixPath(name).parts
            if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in name:
                raise self._bad(f"holds a file named {name!r}, which leads out of it")
            if n > 1:
                raise self._bad(f"holds {name!r} more than once")
        if MANIFEST not in names:
            raise self._bad(f"holds no {MANIFEST}")

    def _read_manifest(self, archive: zipfile.ZipFile) -> Manifest:
        if archive.getinfo(MANIFEST).file_size > _LARGEST:
            raise self._bad(f"has a {MANIFEST} of more than {_LARGEST >> 20} MB")
        try:
            return Manifest.model_validate(parse_json(archive.read(MANIFEST)))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or MANIFEST
            raise self._bad(f"has a {MANIFEST} that says otherwise ({where})") from error
        except ValueError as error:
            raise self._bad(f"has a {MANIFEST} that is no JSON") from error

    def _check_files(self, archive: zipfile.ZipFile) -> None:
        files, there = self.manifest.files, {*archive.namelist()} - {MANIFEST}
        for name in sorted(there - set(files)):
            raise self._bad(f"holds {name}, which its {MANIFEST} does not list")
        for name in sorted({*files, RECIPE, LABELS, *self.manifest.models} - there):
            raise self._bad(f"lacks {name}")
        for name, said in files.items():
            found = None
            if archive.getinfo(name).file_size == said.bytes:
                with archive.open(name) as file:
                    found = listed(file)
            if found != said:
                raise self._bad(f"is damaged ({name} has another checksum)")

    def _bad(self, what: str) -> BadInput:
        return BadInput(
            f"{self.path} {what}",
            f"a zip by napari-unet export --archive ({FORMAT})",
            "take another copy of it",
        )
