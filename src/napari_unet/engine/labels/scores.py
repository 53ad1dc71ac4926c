"""How well labels agree with a truth: per frame, pooled, and in words a user uses.

Everything follows from one table of overlaps between the objects of two label images; no
object is looked at by itself, so a frame costs a few passes over its pixels.

An empty frame is well defined: where neither image holds an object every score is 1, where
only one of them does every score is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.objects import numbered, overlaps, pooled_iou, whole_labels

if TYPE_CHECKING:
    from napari_unet.engine.labels.objects import Overlap

Ints = NDArray[np.int64]

# A piece of a cell counts as a fragment of it from this share of the cell's area on;
# smaller specks are invented objects, not a split cell.
FRAGMENT_SHARE = 0.1
# Weights of the acyclic oriented graph matching measure for detection (Matula et al. 2015).
_DET_MERGE, _DET_MISS, _DET_INVENT = 5, 10, 1


@dataclass(frozen=True, slots=True)
class FrameScores:
    """Counts of one frame, from which every score follows.

    ``merged``, ``split``, ``right`` and ``missed`` count cells of the truth, each cell in
    exactly one of them, looked for in that order: most of the cell lies in a prediction that
    also holds most of another cell; two or more predictions lie mostly inside it; a prediction
    agrees with it (IoU of at least 0.5); none does. ``invented`` counts predictions that agree
    with no cell and are no part of a merge or a split. ``cells`` says which are right, by
    ascending id: 1 for each that is, 0 for each other.
    """

    intersection: int
    predicted_area: int
    truth_area: int
    n_predicted: int
    n_truth: int
    seg_sum: float
    agreeing: int
    det_cost: int
    merged: int
    split: int
    right: int
    missed: int
    invented: int
    number: int | None = None
    classes: Overlap = field(default_factory=dict)
    agreeing_75: int = 0
    agreeing_90: int = 0
    area_errors: tuple[float, ...] = ()  # shares of the true area, of what agrees one to one
    flickered: int = 0  # in the frame before, see `Flicker`
    followed: int = 0
    cells: str = field(default="", repr=False)

    @property
    def iou(self) -> float:
        """Intersection over union of the foregrounds."""
        return _ratio(self.intersection, self.predicted_area + self.truth_area - self.intersection)

    @property
    def dice(self) -> float:
        """Dice coefficient of the foregrounds."""
        return _ratio(2 * self.intersection, self.predicted_area + self.truth_area)

    @property
    def seg(self) -> float:
        """Cell Tracking Challenge SEG: mean Jaccard index over the cells of the truth."""
        return _seg(self.seg_sum, self.n_truth, self.n_predicted)

    @property
    def f1(self) -> float:
        """F1 of objects that agree one to one with an IoU of at least 0.5."""
        return _ratio(2 * self.agreeing, self.n_predicted + self.n_truth)

    @property
    def det(self) -> float:
        """Cell Tracking Challenge DET."""
        return _det(self.det_cost, self.n_truth, self.n_predicted)


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores over frames: IoU and Dice are means over frames, the rest is pooled over objects.

    ``right``, ``missed``, ``invented``, ``merged`` and ``split`` are per 100 cells of the truth
    (see `FrameScores`).
    """

    iou: float
    dice: float
    seg: float
    det: float
    f1: float
    right: float
    missed: float
    invented: float
    merged: float
    split: float
    n_frames: int
    n_truth: int
    n_predicted: int
    classes: Mapping[str, float] = field(default_factory=dict)  # IoU of each, pooled over frames
    f1_75: float = 0.0  # as f1, with an IoU of at least 0.75
    f1_90: float = 0.0
    area_error: float = 0.0  # median over cells that agree, in % of their true area
    flicker: float = 0.0  # of 100 cells right before and after a frame: missing or cut in it
    n_followed: int = 0  # cells that the flicker is of
    cells: str = field(default="", repr=False)  # those of `FrameScores`, frame by frame

    @property
    def class_iou(self) -> float:
        """Mean IoU over the classes, where classes are told apart."""
        return float(np.mean(list(self.classes.values()))) if self.classes else 0.0

    def in_detail(self, dims: int = 2) -> str:
        """Say how exact outlines are, of cells of so many ``dims``, and how often cells flicker."""
        sizes = "areas" if dims == 2 else "volumes"
        line = (
            f"F1 {self.f1:.3f} at an IoU of 0.5, {self.f1_75:.3f} at 0.75, {self.f1_90:.3f} at "
            f"0.9; {sizes} {self.area_error:.1f} % off in the median"
        )
        if not self.n_followed:
            return line
        return f"{line}; {self.flicker:.1f} of 100 cells missing or cut for one frame"

    def __str__(self) -> str:
        parts = [f"{self.right:.0f} right", f"{self.missed:.0f} missed"]
        parts += [f"{self.merged:.0f} merged", f"{self.split:.0f} split"]
        return f"of 100 cells: {', '.join(parts)}; {self.invented:.0f} invented"


def frame_scores(predicted: ArrayLike, truth: ArrayLike, border: int = 0) -> FrameScores:
    """Compare two label images (Y, X) or volumes (Z, Y, X) of one frame; 0 is background.

    ``border`` drops predicted objects whose pixels all lie in the outer ``border`` pixels of
    the frame, in Y and X: truth is often not annotated there. Objects of the truth always count.
    """
    predicted, truth = _as_labels(predicted, "the prediction"), _as_labels(truth, "the truth")
    if predicted.shape != truth.shape:
        raise BadInput(
            f"the prediction has {_by(predicted.shape)} pixels",
            f"{_by(truth.shape)}, as in the truth",
            "give labels of the same movie",
        )
    if border < 0:
        raise BadInput(f"the border is {border} px", "0 or more", "give a width in pixels")
    _, p_areas, p = numbered(predicted)
    _, t_areas, t = numbered(truth)
    if border:
        p, p_areas = _inner(p, p_areas, border)
    rows, columns, overlap = overlaps(t, p)
    return FrameScores(
        intersection=int(overlap.sum()),
        predicted_area=int(p_areas.sum()),
        truth_area=int(t_areas.sum()),
        n_predicted=len(p_areas),
        n_truth=len(t_areas),
        **_object_counts(rows, columns, overlap, t_areas, p_areas),
    )


def pool(frames: Iterable[FrameScores]) -> Scores:
    """Combine the scores of frames; raises `BadInput` where there are none."""
    frames = list(frames)
    if not frames:
        raise BadInput(
            "there is no frame to score", "at least one", "choose frames that both stacks have"
        )

    def total(name: str) -> Any:
        return sum(getattr(f, name) for f in frames)

    n_truth, n_predicted = total("n_truth"), total("n_predicted")
    per_hundred = 100 / max(n_truth, 1)
    errors = [error for f in frames for error in f.area_errors]
    return Scores(
        iou=float(np.mean([f.iou for f in frames])),
        dice=float(np.mean([f.dice for f in frames])),
        seg=_seg(total("seg_sum"), n_truth, n_predicted),
        det=_det(total("det_cost"), n_truth, n_predicted),
        f1=_ratio(2 * total("agreeing"), n_predicted + n_truth),
        right=total("right") * per_hundred if n_truth else 100.0,
        missed=total("missed") * per_hundred,
        invented=total("invented") * per_hundred,
        merged=total("merged") * per_hundred,
        split=total("split") * per_hundred,
        n_frames=len(frames),
        n_truth=n_truth,
        n_predicted=n_predicted,
        classes=pooled_iou(f.classes for f in frames),
        f1_75=_ratio(2 * total("agreeing_75"), n_predicted + n_truth),
        f1_90=_ratio(2 * total("agreeing_90"), n_predicted + n_truth),
        area_error=100 * float(np.median(errors)) if errors else 0.0,
        flicker=100 * total("flickered") / max(total("followed"), 1),
        n_followed=total("followed"),
        cells="".join(f.cells for f in frames),
    )


class Judged(NamedTuple):
    """What became of the cells, and which predictions had a part in it: masks by object.

    ``merged``, ``split``, ``right``, ``agreeing`` and ``held`` are by cell of the truth or by
    overlap, ``involved`` and ``cells_held`` by prediction (see `FrameScores`).
    """

    merged: NDArray[np.bool_]
    split: NDArray[np.bool_]
    right: NDArray[np.bool_]
    agreeing: NDArray[np.bool_]
    involved: NDArray[np.bool_]
    cells_held: Ints
    held: NDArray[np.bool_]


def judge(rows: Ints, columns: Ints, overlap: Ints, t_areas: Ints, p_areas: Ints) -> Judged:
    """Tell what became of each object from the overlaps, an entry for each pair that touches."""
    n_t, n_p = len(t_areas), len(p_areas)
    jaccard = overlap / (t_areas[rows] + p_areas[columns] - overlap)
    held = 2 * overlap > t_areas[rows]  # most of the cell lies in the prediction
    inside = 2 * overlap > p_areas[columns]  # most of the prediction lies in the cell

    # An IoU above 0.5 is one to one by itself. At exactly 0.5 the only conflicts are a cell of
    # two equal halves and its mirror, so keeping the first entry of each is a best matching.
    agree_t, agree_p = rows[jaccard >= 0.5], columns[jaccard >= 0.5]
    _, first = np.unique(agree_t, return_index=True)
    agree_t, agree_p = agree_t[first], agree_p[first]
    _, first = np.unique(agree_p, return_index=True)
    agreeing, agreeing_p = _marks(agree_t[first], n_t), _marks(agree_p[first], n_p)

    cells_held = np.bincount(columns[held], minlength=n_p)
    merged = _marks(rows[held & (cells_held >= 2)[columns]], n_t)
    fragment = inside & (overlap >= FRAGMENT_SHARE * t_areas[rows])
    is_split = np.bincount(rows[fragment], minlength=n_t) >= 2
    involved = _marks(columns[fragment & is_split[rows]], n_p) | (cells_held >= 1) | agreeing_p
    is_split &= ~merged
    right = agreeing & ~merged & ~is_split
    return Judged(merged, is_split, right, agreeing, involved, cells_held, held)


def _object_counts(
    rows: Ints, columns: Ints, overlap: Ints, t_areas: Ints, p_areas: Ints
) -> dict[str, Any]:
    """Return what follows from the overlaps: one entry for each (truth, prediction) that touch."""
    found = judge(rows, columns, overlap, t_areas, p_areas)
    jaccard = overlap / (t_areas[rows] + p_areas[columns] - overlap)
    agree = jaccard > 0.5  # one to one by itself
    errors = np.abs(p_areas[columns] - t_areas[rows]) / t_areas[rows]
    misses = len(t_areas) - int(found.held.sum())
    inventions = int((found.cells_held == 0).sum())
    merges = int((found.cells_held - 1)[found.cells_held >= 2].sum())
    return {
        "seg_sum": float(jaccard[found.held].sum()),
        "agreeing": int(found.agreeing.sum()),
        "agreeing_75": int((jaccard >= 0.75).sum()),
        "agreeing_90": int((jaccard >= 0.9).sum()),
        "area_errors": tuple(errors[agree].tolist()),
        "det_cost": _DET_MERGE * merges + _DET_MISS * misses + _DET_INVENT * inventions,
        "merged": int(found.merged.sum()),
        "split": int(found.split.sum()),
        "right": int(found.right.sum()),
        "missed": int((~(found.merged | found.split | found.right)).sum()),
        "invented": int((~found.involved).sum()),
        "cells": "".join("01"[is_right] for is_right in found.right.tolist()),
    }


def _as_labels(image: ArrayLike, name: str) -> NDArray[Any]:
    labels = np.asarray(image)
    if labels.ndim not in (2, 3):
        raise BadInput(
            f"{name} has {labels.ndim} axes", "2 (Y, X), or 3 (Z, Y, X)", "give one frame"
        )
    return whole_labels(labels, name)


def _inner(dense: NDArray[np.int32], areas: Ints, border: int) -> tuple[NDArray[np.int32], Ints]:
    """Leave out numbered objects that lie in the border alone; the others are numbered anew."""
    height, width = dense.shape[-2:]
    core = dense[..., border : height - border, border : width - border]
    kept = np.bincount(core.ravel(), minlength=len(areas) + 1) > 0
    kept[0] = False
    table = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return table[dense], areas[kept[1:]]


def _marks(indices: Ints, n: int) -> NDArray[np.bool_]:
    marks = np.zeros(n, dtype=bool)
    marks[indices] = True
    return marks


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 1.0


def _seg(seg_sum: float, n_truth: int, n_predicted: int) -> float:
    return float(seg_sum / n_truth) if n_truth else float(n_predicted == 0)


def _det(cost: int, n_truth: int, n_predicted: int) -> float:
    if n_truth == 0:
        return float(n_predicted == 0)
    # Building the truth from nothing costs one miss for each cell; a worse result scores 0.
    return 1 - min(cost, _DET_MISS * n_truth) / (_DET_MISS * n_truth)
