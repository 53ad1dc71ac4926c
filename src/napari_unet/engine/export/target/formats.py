"""What can be exported: names of the formats, their files and the extras they need.

Known without importing a writer, so that a menu or a command's help opens at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from napari_unet.engine.stack.kinds import without_suffix

Meaning = Literal["ids", "linked", "laptrack", "mask"]
TABLE, TRACKS, MOVIE, STILL = "objects.csv", "tracks", "overlay", "frame"
COMPARISON, ARCHIVE, OVER_TIME = "comparison.png", "archive.zip", "over_time.png"
TABLE_FORMATS = {"csv": "CSV", "parquet": "Parquet"}


@dataclass(frozen=True)
class LabelFormat:
    """One way to write labels: ``files`` is the pattern of its files where it is a folder.

    ``links`` formats always have ids that are constant through time.
    """

    name: str
    title: str
    suffix: str
    files: str | None = None
    links: bool = False


_FORMATS = (
    LabelFormat("ome-tiff", "OME-TIFF", ".ome.tif"),
    LabelFormat("imagej", "ImageJ hyperstack", ".tif"),
    LabelFormat("zarr", "OME-Zarr", ".ome.zarr", r"zarr\.json|0|labels"),
    LabelFormat(
        "ctc", "Cell Tracking Challenge", "_RES", r"mask\d+\.tif|res_track\.txt", links=True
    ),
    LabelFormat(
        "geff", "GEFF graph of tracks", ".geff", r"\.zgroup|\.zattrs|nodes|edges", links=True
    ),
    LabelFormat("trackmate-xml", "TrackMate XML", ".xml", links=True),
    LabelFormat("tiffs", "One TIFF for each frame", "_labels", r"t\d+\.tif"),
    LabelFormat("pngs", "One PNG for each frame", "_labels", r"t\d+\.png"),
    LabelFormat("rois", "ImageJ ROIs", ".zip"),
    LabelFormat("nifti", "NIfTI", ".nii.gz"),
)
LABEL_FORMATS: dict[str, LabelFormat] = {f.name: f for f in _FORMATS}
IN_PLACE = LabelFormat("zarr-in-place", "OME-Zarr, beside its image", "")
IN_PLACE_LABELS = "cells"  # what they are called there
TRACKMATE = LabelFormat("trackmate", "For TrackMate", ".tif")
_ALL = {**LABEL_FORMATS, IN_PLACE.name: IN_PLACE, TRACKMATE.name: TRACKMATE}
PROBABILITIES = {
    "probabilities": "Probabilities, 8 bit",
    "probabilities-float": "Probabilities, 32 bit",
}
MOVIE_FORMATS = {".mp4": "mp4 (H.264)", ".avi": "AVI (Motion JPEG)", "": "One PNG for each frame"}

_EXTRAS = {
    "zarr": ("zarr", "zarr"),
    IN_PLACE.name: ("zarr", "zarr"),
    "geff": ("zarr", "zarr"),
    "rois": ("roifile", "roi"),
    "nifti": ("nibabel", "nifti"),
    "laptrack": ("laptrack", "track"),
    "parquet": ("pyarrow", "parquet"),
}
_PLAIN_NAMES = {
    "ome-tiff": "labels.tif",
    "imagej": "labels.tif",
    TRACKMATE.name: "trackmate.tif",
    "probabilities": "probabilities.ome.tif",
    "probabilities-float": "probabilities.ome.tif",
}


def label_format(name: str) -> LabelFormat | None:
    """Return a format of labels by its name; those that hold the image, too, among them."""
    return _ALL.get(name)


def always_links(name: str) -> bool:
    """Whether a format always has ids that are constant through time."""
    kind = label_format(name)
    return kind is not None and kind.links


def missing_extra(choice: str) -> str:
    """Name the extra that a format or a way of linking needs and that is not installed."""
    module, extra = _EXTRAS.get(choice, ("", ""))
    return extra if module and find_spec(module) is None else ""


def labels_name(movie: str, format: str) -> str:
    """Name of the file or folder that labels go to: ``labels.tif``, ``labels.zip``, ``01_RES``."""
    if format in _PLAIN_NAMES:
        return _PLAIN_NAMES[format]
    kind = LABEL_FORMATS[format]
    if format == "trackmate-xml":
        return TRACKS + kind.suffix
    return (without_suffix(movie) or movie if kind.files else "labels") + kind.suffix


def table_name(format: str) -> str:
    """Name of the file that the table goes to, by one of `TABLE_FORMATS`."""
    return TABLE.removesuffix("csv") + format


def movie_name(kind: str) -> str:
    """Name of the movie's file, or of the folder of its pictures."""
    return MOVIE + kind if kind else f"{MOVIE}_frames"


def lineage_name(kind: str) -> str:
    """Name of the figure of lineages, by one of ``png``, ``svg`` and ``pdf``."""
    return f"lineage.{kind}"


def map_name(frame: int) -> str:
    """Name of the picture of one frame's probabilities."""
    return f"probability_{frame:04d}.png"


def still_name(frame: int) -> str:
    """Name of the picture of one frame."""
    return f"{STILL}{frame:04d}.png"
