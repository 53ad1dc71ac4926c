"""Kinds of files that hold a movie: their names, what reads them, the extra that this needs.

Known without importing a reader, so that a dialog or a command's help opens at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.frame_numbers import PICTURE_SUFFIXES, TIFF_SUFFIXES

ZARR_SUFFIXES = (".zarr", ".zarr.zip", ".ozx")
"""Names of OME-Zarr folders and zips, in small letters."""

NIFTI_SUFFIXES = (".nii", ".nii.gz")
"""Names of NIfTI files, in small letters."""

LABEL_SUFFIXES = ("_seg.npy", ".zip", ".roi", ".xml")
"""Names of files of other programs that hold labels alone, in small letters."""

COMPANIONS = {
    ".lifext": "the .lif file beside it",
    ".companion.ome": "one of the TIFF files that it describes",
    ".nd": "the .stk or .tif files beside it",
}
"""Names of files that belong to a movie and are none by themselves, and what to open in place."""

_ZIPPED = ZARR_SUFFIXES[1:]
_OF_ZARR = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
_HEAD = 352  # bytes that are looked at
_BEGINNINGS = (
    (0, rb"II[*+]\0|MM\0[*+]", "TIFF", "name it .tif"),
    (0, rb"\x89PNG", "PNG", "name it .png"),
    (0, rb"\xff\xd8\xff", "JPEG", "name it .jpg"),
    (0, rb"\xda\xce\xbe\x0a", "ND2", "name it .nd2"),
    (0, rb"ZISRAWFILE", "CZI", "name it .czi"),
    (0, rb"\x70\0\0\0.{4}\x2a", "LIF", "name it .lif"),
    (344, rb"n[+i]1\0", "NIfTI", "name it .nii"),
    (0, rb"PK\x03\x04", "zip", "unpack it, and open what is in it"),
    (0, rb"\x1f\x8b", "gzip", "unpack it, and open what is in it"),
    (0, rb"\x89HDF", "HDF5", "export it as OME-TIFF, for example with Fiji"),
    (4, rb"ftyp", "film", "export its frames as TIFF, for example with Fiji"),
    (0, rb"RIFF", "film", "export its frames as TIFF, for example with Fiji"),
    (0, rb"%PDF", "PDF", "open the image itself"),
    (0, rb"version https://git-lfs", "Git LFS pointer", "fetch what it stands for: git lfs pull"),
    (0, rb"(?i)\s*<(!doctype )?html", "web page", "download it again: a server sent this instead"),
)  # where, what stands there, what it is, what to do
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):[\\/]+", re.IGNORECASE)


@dataclass(frozen=True)
class Kind:
    """A kind of file: how its name ends (small letters), and the package and extra to read it."""

    title: str
    suffixes: tuple[str, ...]
    positions: str = ""
    package: str = "tifffile"
    licence: str = "BSD-3-Clause"
    extra: str = ""


KINDS = (
    Kind("TIFF, OME-TIFF, ImageJ, Micro-Manager, STK, LSM", TIFF_SUFFIXES, "series, stage, tiles"),
    Kind("PNG, JPEG, BMP", PICTURE_SUFFIXES, "", "Pillow", "MIT-CMU"),
    Kind("OME-Zarr 0.4, 0.5", ZARR_SUFFIXES, "wells, fields, images", "zarr", "MIT", "zarr"),
    Kind("Nikon ND2", (".nd2",), "stage positions", "nd2", "BSD-3-Clause", "nd2"),
    Kind("Zeiss CZI", (".czi",), "scenes", "pylibCZIrw", "LGPL-3.0", "czi"),
    Kind("Leica LIF", (".lif",), "images, tiles", "liffile", "BSD-3-Clause", "lif"),
    Kind("NIfTI", NIFTI_SUFFIXES, "", "nibabel", "MIT", "nifti"),
)
MOVIE_SUFFIXES = tuple(suffix for kind in KINDS for suffix in kind.suffixes)
"""Names of files that may be movies, in small letters."""

WHOLE_SUFFIXES = tuple(s for s in MOVIE_SUFFIXES if s not in PICTURE_SUFFIXES)
"""Those of files that hold a movie each, whereas a picture is one frame of many."""


def without_suffix(name: str) -> str:
    """Return the name of a movie's file without what says its kind; of a folder, all of it."""
    end = next((suffix for suffix in WHOLE_SUFFIXES if name.lower().endswith(suffix)), "")
    return re.sub(r"\.ome$", "", name[: -len(end)], flags=re.IGNORECASE) if end else name


def is_zarr(path: Path) -> bool:
    """Whether a path is a Zarr: a folder of one, a zip by its name, or a place in a zip."""
    if path.is_dir():
        return any(
            (path / name).is_file() for name in ("zarr.json", ".zgroup", ".zattrs", ".zarray")
        )
    return path.name.lower().endswith(ZARR_SUFFIXES) or zip_around(path)[0] is not None


def zip_around(path: Path) -> tuple[Path | None, str]:
    """Return the zipped Zarr that a path lies in, and where in it; None for a folder."""
    for zipped in (path, *path.parents):
        if zipped.name.lower().endswith(_ZIPPED) and zipped.is_file():
            return zipped, "" if path == zipped else path.relative_to(zipped).as_posix()
    return None, ""


def refuse_other(path: Path, *kinds: str, packed: tuple[str, ...] = ()) -> None:
    """Refuse a file that is none of ``kinds``, nor ``packed`` so, by what it begins with.

    Raises
    ------
    BadInput
        That says what it is, and what to do with it.

    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:  # opening it says why
        return
    for at, beginning, what, remedy in _BEGINNINGS:
        if what not in (*kinds, *packed) and re.match(beginning, head[at:], re.DOTALL):
            article = "an" if what in ("ND2", "LIF", "HDF5") else "a"
            expected = " or ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))
            raise BadInput(
                f"{path.name} is {article} {what} in spite of its name", expected, remedy
            )


def refuse_address(path: Path) -> None:
    """Refuse what was typed as an address on the net, of which a path has lost a slash."""
    found = _ADDRESS.match(str(path))
    if found is None or len(found[1]) < 2 or path.exists():  # a letter is a drive
        return
    if found[1].lower() == "file":
        raise BadInput(f"{path} is an address", "a path", "leave file:// out")
    raise BadInput(
        f"{path} is an address, not a file or folder of this computer",
        "a path",
        "download it first, or mount the place as a folder",
    )
