"""ROIs of ImageJ and Fiji, ``.zip`` or ``.roi``, as labels (extra ``[roi]``)."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput, Notice, not_installed
from napari_unet.engine.labels.given.drawn_labels import DrawnLabels, Outline
from napari_unet.engine.stack.stack import Stack

try:
    import roifile
except ImportError as error:
    raise not_installed("a file of ImageJ ROIs", "roifile", "roi") from error

if TYPE_CHECKING:
    from collections.abc import Sequence

_OURS = re.compile(r"t(\d+)-(\d+)(-\d+)?")  # as we export them: the frame's number and the id
_SLICE = re.compile(r"(\d{4,})-\d{4,}-\d{4,}(-\d+)?")  # as ImageJ names them in a stack
_AREAS = ("POLYGON", "FREEHAND", "TRACED", "RECT", "OVAL")


def open_rois(path: Path, movie: Stack | None) -> Stack:
    """Open ROIs as labels of the frames of ``movie``, which says how large an image is.

    Frames without a ROI are empty. ROIs that name no frame are one frame of labels.
    """
    if movie is None:
        raise BadInput(
            f"{path.name} holds ROIs, which do not say how large the image is",
            "labels that are an image",
            "give the ROIs as the second of the two",
        )
    rois = _read(path)
    areas = [roi for roi in rois if roi.roitype.name in _AREAS]
    if not areas:
        raise BadInput(
            f"none of the {len(rois)} ROIs of {path.name} has an area",
            "polygons, ovals or rectangles",
            "draw outlines of cells in Fiji",
        )
    frames = _frames(areas, movie)
    height, width = movie.frame_shape
    n = 1 if frames is None else len(movie)
    outlines: dict[int, list[Outline]] = defaultdict(list)
    for roi, t in zip(areas, frames or [0] * len(areas), strict=True):
        ours = _OURS.fullmatch(roi.name)
        known = int(ours[2]) if ours and ours[2] else len(outlines[t]) + 1
        outlines[t].append(_outline(roi, known))
    if max(outlines) >= n:
        raise BadInput(
            f"{path.name} has ROIs of frame {max(outlines) + 1}, counted from 1",
            f"the {n} frames of {movie.name}",
            "give the movie on which they were drawn",
        )
    numbers = movie.numbers if movie.numbered and frames is not None else None
    labels = Stack.from_array(
        DrawnLabels(outlines, (n, height, width)), axes="TYX", name=path.name, numbers=numbers
    )
    if len(areas) < len(rois):
        line = f"{len(rois) - len(areas)} of {len(rois)} ROIs of {path.name} have no area"
        labels.note(Notice("noted", f"{line}: they are left out"))
    return labels


def _read(path: Path) -> list[Any]:
    if not path.is_file():
        raise BadInput(f"{path} does not exist", "a file of ROIs", "check the path")
    try:
        found = roifile.roiread(path)
    except Exception as error:  # roifile raises anything
        why = str(error).split("\n")[0] or type(error).__name__
        raise BadInput(
            f"{path.name} is damaged, or holds no ROIs ({why})",
            "ROIs that ImageJ or Fiji saved",
            "save them again from the ROI Manager",
        ) from error
    return found if isinstance(found, list) else [found]


def _frames(rois: Sequence[Any], movie: Stack) -> list[int] | None:
    """Return the movie's frame of each ROI; None where they name none."""
    ours = [_OURS.fullmatch(roi.name) for roi in rois]
    where = {number: t for t, number in enumerate(movie.numbers)}
    if all(name and int(name[1]) in where for name in ours):
        return [where[int(name[1])] for name in ours if name]
    found = []
    for roi in rois:
        named = _SLICE.fullmatch(roi.name)
        found.append(roi.t_position or roi.position or (int(named[1]) if named else 0))
    return [t - 1 for t in found] if all(found) else None


def _outline(roi: Any, identity: int) -> Outline:
    if roi.roitype.name == "OVAL" and roi.subpixel_coordinates is None:
        return Outline(identity, ellipse=(roi.left, roi.top, roi.right, roi.bottom))
    polygons = roi.coordinates(multi=True)
    return Outline(identity, tuple(np.asarray(each, float) for each in polygons))
