"""Doubts about label frames: numbers that are no cells, and cells that lost their numbers.

Masks that went through JPEG, were resized with interpolation, coloured or merged still read as
labels. What they have in common is looked for, with thresholds far from what drawn and tracked
labels of real data show (docs/benchmarks.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from skimage.measure import label, regionprops_table

from napari_unet.engine.errors import Notice
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.space.neighbours import outer
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.labels.read_labels import Kind

_TINY = 3  # px
_FEWEST_TINY, _TINY_SHARE = 8, 0.3  # real labels: far below
_PART = 0.25  # of the median piece: smaller ones are crumbs of a cell
_RING_SHARE, _FEWEST_RINGS = 0.6, 3  # of the filled area
_GROUND_SHARE, _FEWEST_HOLES = 0.5, 3
_CONVEX, _EVEN = 0.84, 2.0  # pieces that are cells: their 5 % least solid, 95 % largest by median
_FEWEST_BLOBS, _BLOB_FRAMES = 6, 3


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Connected pieces of equal number in a frame: image of pieces, size and number of each."""

    image: NDArray[np.int32]
    sizes: NDArray[np.int64]
    numbers: NDArray[np.int64]

    @classmethod
    def of(cls, frame: NDArray[np.integer]) -> _Pieces:
        labels = np.where(frame == BACKGROUND_ID, 0, frame).astype(np.int64)
        image = np.asarray(label(labels, background=0, connectivity=labels.ndim), np.int32)  # type: ignore[no-untyped-call]
        sizes = np.bincount(image.ravel())
        numbers = np.zeros(len(sizes), np.int64)
        numbers[image.ravel()] = labels.ravel()
        return cls(image, sizes[1:], numbers[1:])


def label_doubts(frames: Sequence[NDArray[Any]], kind: Kind, name: str) -> tuple[Notice, ...]:
    """Return what is odd about label frames or volumes that were read as ``kind``, a line each.

    ``name`` says whose they are. Lines that follow from another one are left out.
    """
    pieces = [found for found in map(_Pieces.of, frames) if len(found.sizes)]
    if not pieces and kind != "binary":
        return ()
    if kind == "binary":
        line = _outlines(frames, name) or _inverted(frames, name)
    elif kind == "classes":
        line = _specks(pieces, name) or _coloured(pieces, name)
    else:
        line = _specks(pieces, name) or _parted(pieces, name)
    return (Notice("check", line),) if line else ()


def _on(frames: Sequence[Any]) -> str:
    return f"on {counted(len(frames), 'frame')} looked at"


def _specks(pieces: list[_Pieces], name: str) -> str:
    sizes = np.concatenate([found.sizes for found in pieces])
    tiny = int(np.count_nonzero(sizes <= _TINY))
    if tiny < _FEWEST_TINY or tiny < _TINY_SHARE * len(sizes):
        return ""
    cells = sum(len(np.unique(found.numbers)) for found in pieces)
    return (
        f"{name} would be {counted(cells, 'cell')} {_on(pieces)}, in {len(sizes)} pieces, {tiny} "
        f"of them 1-{_TINY} px: was it resized with interpolation, or saved as JPEG, or is it "
        "no mask? Resize masks without interpolation and save them as TIFF or PNG"
    )


def _parted(pieces: list[_Pieces], name: str) -> str:
    """Say of ids that lie in two or more places far apart."""
    typical = float(np.median(np.concatenate([found.sizes for found in pieces])))
    far = [_far_apart(found, typical) for found in pieces]
    n = sum(map(len, far))
    if not n:
        return ""
    of = sum(len(np.unique(found.numbers)) for found in pieces)
    some = ", ".join(map(str, next(ids for ids in far if ids)[:3]))
    return (
        f"{n} of {of} numbers of {name} {_on(pieces)} lie in several places far apart (such as "
        f"{some}): each counts as one cell. Give each cell a number of its own"
    )


def _far_apart(found: _Pieces, typical: float) -> list[int]:
    whole = np.flatnonzero(found.sizes >= _PART * typical)
    numbers, counts = np.unique(found.numbers[whole], return_counts=True)
    if not (counts > 1).any():
        return []
    boxes, away = ndimage.find_objects(found.image), max(3.0, np.sqrt(typical) / 2)
    return [
        int(number)
        for number in numbers[counts > 1]
        if _widest_gap([boxes[i] for i in whole if found.numbers[i] == number]) > away
    ]


def _widest_gap(boxes: list[tuple[slice, ...]]) -> int:
    """Return the widest gap in px between a box and the nearest of the others."""
    edges = np.array([[(s.start, s.stop) for s in box] for box in boxes])
    start, stop = edges[..., 0], edges[..., 1]
    gap = np.maximum(start[:, None] - stop[None], start[None] - stop[:, None]).max(-1)
    gap = np.where(np.eye(len(boxes), dtype=bool), np.iinfo(np.int64).max, gap)
    return int(gap.min(1).max())


def _coloured(pieces: list[_Pieces], name: str) -> str:
    """Say where guessed classes look like cells, coloured so that neighbours differ.

    Not of volumes, where a hull of each piece takes long.
    """
    if pieces[0].image.ndim > 2:
        return ""
    solid, areas = [], []
    for found in pieces[:: max(1, len(pieces) // _BLOB_FRAMES)]:
        measured = _measured(found.image)
        solid.append(measured["solidity"][measured["area"] > 9])
        areas.append(measured["area"][measured["area"] > 9])
    solidity, area = np.concatenate(solid), np.concatenate(areas)
    if len(area) < _FEWEST_BLOBS or np.percentile(solidity, 5) < _CONVEX:
        return ""
    if np.percentile(area, 95) > _EVEN * np.median(area):
        return ""
    numbers = len(np.unique(np.concatenate([found.numbers for found in pieces])))
    n = sum(len(found.sizes) for found in pieces)
    return (
        f"{name} is taken for {numbers} classes, yet its {n} pieces {_on(pieces)} look like single "
        "cells: were cells coloured so that neighbours differ? Then give each cell a number of its "
        "own; else say that they are classes"
    )


def _measured(image: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a row of pixels has no hull
        found: dict[str, NDArray[Any]] = regionprops_table(image, properties=("area", "solidity"))  # type: ignore[no-untyped-call]
    return found


def _outlines(frames: Sequence[NDArray[Any]], name: str) -> str:
    masks = [_mask(frame) for frame in frames]
    area = sum(int(mask.sum()) for mask in masks)
    filled = sum(int(ndimage.binary_fill_holes(mask).sum()) for mask in masks)
    rings = sum(int(ndimage.label(mask, np.ones((3,) * mask.ndim))[1]) for mask in masks)
    if (
        area > _RING_SHARE * filled
        or rings < _FEWEST_RINGS
        or filled > _GROUND_SHARE * sum(mask.size for mask in masks)
    ):
        return ""
    return (
        f"{name} is taken for a mask, yet its {rings} pieces {_on(frames)} are hollow: does it "
        "hold outlines only? Fill them"
    )


def _inverted(frames: Sequence[NDArray[Any]], name: str) -> str:
    found = 0
    for mask in map(_mask, frames):
        pieces, _ = ndimage.label(mask, np.ones((3,) * mask.ndim))
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        largest = pieces == sizes.argmax()
        around = all(largest[side].any() for side in outer(largest.ndim))
        holes = int(ndimage.label(~largest)[1])
        if largest.mean() > _GROUND_SHARE and around and holes >= _FEWEST_HOLES:
            found += 1
    if 2 * found <= len(frames):
        return ""
    return (
        f"{name} is taken for a mask, yet one piece covers most of {found} of "
        f"{counted(len(frames), 'frame')} looked at and has holes: is background marked in place "
        "of the cells? Invert it"
    )


def _mask(frame: NDArray[Any]) -> NDArray[np.bool_]:
    marked = frame > 0
    ground = frame == BACKGROUND_ID
    return marked & ~ground if (marked & ~ground).any() else marked
