"""Labels of any file: every command and dock opens what it is given through here."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.files.names import user_path
from napari_unet.engine.labels.given.cellpose import has_segs, open_npy, open_seg_folder
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.kinds import is_zarr
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OURS = "cells"
_NO_IMAGES = (".npz", ".csv", ".txt", ".json", ".geojson", ".mat", ".h5", ".hdf5", ".pkl", ".xlsx")


def open_labels(path: str | Path, movie: Stack | None = None) -> Stack:
    """Open labels of a movie, whatever holds them: images, ROIs, masks of Cellpose, tracks.

    Of an OME-Zarr image they are the labels beside it.

    Raises
    ------
    BadInput
        Where there are none, or what holds them is damaged or needs an extra.

    """
    path = user_path(path)
    suffix = path.suffix.lower()
    if is_zarr(path):
        return _beside_image(path, movie)
    if suffix in (".zip", ".roi"):
        from napari_unet.engine.labels.given.rois import open_rois

        return open_rois(path, movie)
    if suffix == ".npy":
        return open_npy(path)
    if suffix == ".xml":
        from napari_unet.engine.labels.given.trackmate import open_trackmate

        return open_trackmate(path, movie)
    if path.is_dir() and has_segs(path):
        return open_seg_folder(path)
    if suffix in _NO_IMAGES and path.is_file():
        raise BadInput(
            f"{path.name} is no kind of file that labels are read from",
            "an image of numbers, .npy, ROIs of ImageJ (.zip) or tracks of TrackMate (.xml)",
            "save the labels as TIFF",
        )
    return Stack.open(path)


@contextmanager
def open_pair(labels: str | Path, truth: str | Path) -> Iterator[tuple[Stack, Stack]]:
    """Open labels and what is right of them."""
    with open_labels(labels) as mine, open_labels(truth, mine) as right:
        yield mine, right


def _beside_image(path: Path, movie: Stack | None) -> Stack:
    """Return the labels of an OME-Zarr image; itself where it has none, and so may be labels."""
    same = movie is not None and movie.path is not None and movie.path.resolve() == path.resolve()
    position = movie.selection.position if movie is not None and same else 0
    found = Stack.open(path, Selection(position=position))
    names, folder = found.label_names, found.labels_folder
    if not names or folder is None:
        return found
    found.close()
    name = _OURS if _OURS in names else names[0]
    labels = Stack.open(folder / name)
    if len(names) > 1:
        line = f"of the labels {', '.join(names)} of {path.name}, {name} are taken"
        labels.note(Notice("check", f"{line}; for others give their folder, {folder / '…'}"))
    return labels
