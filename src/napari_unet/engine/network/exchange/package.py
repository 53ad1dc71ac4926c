"""A package of bioimage.io as a zip or a folder: its description and its files, nothing run.

An entry that would lie outside of the package is refused with all the rest.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from napari_unet.engine.errors import BadInput

DESCRIPTIONS = ("bioimageio.yaml", "rdf.yaml", "model.yaml")
_MOST = 1 << 32  # bytes of all files
_DENSEST = 200  # times that a zip may be smaller than what it holds
_LARGEST_TEXT = 1 << 20
_LINK = 0o120000


def is_package(path: Path) -> bool:
    """Whether a path is meant as a package: a zip, a description, or a folder that holds one."""
    if path.is_dir():
        return any((path / name).is_file() for name in DESCRIPTIONS)
    return path.suffix.lower() in (".zip", ".yaml", ".yml") and path.is_file()


class Package:
    """The files of a package by their names; ``description`` is what it says of itself."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._zip: zipfile.ZipFile | None = None
        self._folder = path if path.is_dir() else path.parent
        if path.suffix.lower() == ".zip" and path.is_file():
            try:
                self._zip = zipfile.ZipFile(path)
                self._check()
            except (zipfile.BadZipFile, OSError, RuntimeError) as error:
                raise self._bad(f"cannot be read as a zip ({error})") from None
        names = (path.name,) if path.is_file() and not self._zip else DESCRIPTIONS
        found = next((name for name in names if self.has(name)), None)
        if found is None:
            raise self._bad(f"holds no {DESCRIPTIONS[0]}")
        self.description = self._described(self.read(found, most=_LARGEST_TEXT))

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        if self._zip is not None:
            return name in self._zip.namelist()
        return (self._folder / name).is_file()

    def read(self, name: str, sha256: str | None = None, most: int = _MOST) -> bytes:
        """Return the content of a file, which has this sum where one is given.

        Raises
        ------
        BadInput
            Where it is not in the package, or another than is described.

        """
        if "://" in name:
            raise self._bad(f"does not hold {name}, which lies elsewhere in the net")
        if _outside(name):
            raise self._bad(f"names a file outside of itself ({name})")
        if not self.has(name):
            raise self._bad(f"holds no {name}")
        if self._zip is not None:
            size = self._zip.getinfo(name).file_size
        else:
            size = (self._folder / name).stat().st_size
        if size > most:
            raise self._bad(f"holds a {name} of {size} bytes")
        try:
            content = (
                self._zip.read(name)
                if self._zip is not None
                else (self._folder / name).read_bytes()
            )
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
            raise self._bad(f"holds a {name} that cannot be read ({error})") from None
        if sha256 and hashlib.sha256(content).hexdigest() != sha256:
            raise self._bad(f"holds another {name} than it describes: its sha256 does not match")
        return content

    def _check(self) -> None:
        assert self._zip is not None
        entries = self._zip.infolist()
        for entry in entries:
            if _outside(entry.filename):
                raise self._bad(f"names a file outside of itself ({entry.filename})")
            if (entry.external_attr >> 16) & 0o170000 == _LINK:
                raise self._bad(f"holds a link ({entry.filename})")
        whole = sum(entry.file_size for entry in entries)
        packed = sum(entry.compress_size for entry in entries)
        if whole > _MOST or whole > _DENSEST * max(packed, _LARGEST_TEXT):
            raise self._bad("declares far more than it holds")

    def _described(self, text: bytes) -> dict[str, Any]:
        try:
            found = yaml.safe_load(text)
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
            reason = " ".join(str(error).split())[:80]
            raise self._bad(f"has a description that cannot be read ({reason})") from None
        if not isinstance(found, dict) or found.get("type", "model") != "model":
            raise self._bad("describes no model")
        return found

    def _bad(self, found: str) -> BadInput:
        return BadInput(
            f"{self.name} {found}",
            "a package of a model as bioimage.io hands it out, whole",
            "get the package again from where it came from, and nothing of it was run",
        )


def _outside(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or (len(name) > 1 and name[1] == ":")
