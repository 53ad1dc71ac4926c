"""The grid of thresholds and sizes: which of them make the best labels of given probabilities.

Nothing is predicted here. Each search yields as it goes and returns what it found.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_unet.engine.labels.class_labels import (
    any_of,
    class_planes,
    classes_of,
    label_classes,
    region_mask,
)
from napari_unet.engine.labels.labels import frame_basins, label_frame, object_codes
from napari_unet.engine.labels.objects import overlap_of_classes, pooled_iou
from napari_unet.engine.labels.regions import regions_of
from napari_unet.engine.labels.scores import FrameScores, pool
from napari_unet.engine.training.checking import CLEARLY, object_score, score_labels

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.labels.regions import Regions
    from napari_unet.engine.settings import LabelSettings

THRESHOLDS = tuple(round(0.3 + 0.05 * i, 2) for i in range(9))
SIZES = (0, 4, 8, 16, 32, 64, 128, 256)
P = TypeVar("P")
Coded = tuple["NDArray[np.uint8]", "FrameAnnotation"]


@dataclass(frozen=True)
class Row:
    """What was and what is chosen for cells, or for one class or region: (before, after) each.

    Its score is its IoU, of cells the mean of SEG, F1 and IoU. A threshold of 0 is none of its own.
    """

    name: str
    threshold: tuple[float, float]
    size: tuple[int, int]
    score: tuple[float, float]


@dataclass(frozen=True)
class Found:
    """The best settings, what changed row by row, and the mean score before and after."""

    settings: LabelSettings
    rows: tuple[Row, ...]
    score: tuple[float, float]


def search_steps(coded: Sequence[Coded], outputs: Sequence[str]) -> int:
    """Return how often `search` yields."""
    if regions := regions_of(tuple(outputs)):
        return len(regions)
    return 1 + len(classes_of(outputs)) if classes_of(outputs) else len(coded)


def search(
    coded: Sequence[Coded], outputs: Sequence[str], settings: LabelSettings
) -> Generator[None, None, Found]:
    """Find the best settings for frames of codes ``(C, Y, X)`` with their annotations."""
    if regions_of(tuple(outputs)):
        return _of_regions(coded, outputs, settings)
    if classes_of(outputs):
        return _of_classes(coded, outputs, settings)
    return _of_objects(coded, outputs, settings)


def _of_objects(
    coded: Sequence[Coded], outputs: Sequence[str], settings: LabelSettings
) -> Generator[None, None, Found]:
    usual = settings.threshold, settings.min_size
    pairs = dict.fromkeys([usual, *product(THRESHOLDS, SIZES)])
    scored: dict[tuple[float, int], list[FrameScores]] = {pair: [] for pair in pairs}
    for codes, annotation in coded:
        objects = object_codes(codes, outputs)
        basins = frame_basins(objects, settings)
        for (threshold, size), frames in scored.items():
            at = settings.replace(threshold=threshold, min_size=size)
            frames.append(score_labels(label_frame(objects, at, basins), annotation))
        yield
    values = {pair: object_score(pool(frames)) for pair, frames in scored.items()}
    best = _better(values, usual)
    chosen = settings.replace(threshold=best[0], min_size=best[1])
    score = values[usual], values[best]
    row = Row("cells", (usual[0], best[0]), (usual[1], best[1]), score)
    return Found(chosen, (row,), score)


def _better(values: dict[P, float], usual: P, least: float = CLEARLY) -> P:
    """Return what has the highest value; the usual one unless another is clearly better."""
    best = max(values, key=lambda key: values[key])
    return best if values[best] - values[usual] > least else usual


def _of_classes(
    coded: Sequence[Coded], outputs: Sequence[str], settings: LabelSettings
) -> Generator[None, None, Found]:
    """Choose for one class after the other, with the others as they are by then."""
    numbers = classes_of(outputs)
    before = _class_iou(coded, outputs, settings)

    def mean(at: LabelSettings) -> float:
        return float(np.mean(list(_class_iou(coded, outputs, at).values()) or [0.0]))

    now, least = settings, CLEARLY / len(numbers)  # the mean moves by a share of what a class does
    values = {
        t: mean(now.replace(threshold=t)) for t in dict.fromkeys([now.threshold, *THRESHOLDS])
    }
    now = now.replace(threshold=_better(values, now.threshold, least))
    yield
    for k in range(len(numbers)):
        usual = any_of(now.class_thresholds, k), int(any_of(now.class_sizes, k))
        pairs = dict.fromkeys([usual, *product((0.0, *THRESHOLDS), SIZES)])
        tried = {pair: mean(_with(now, k, len(numbers), *pair)) for pair in pairs}
        now = _with(now, k, len(numbers), *_better(tried, usual, least))
        yield
    after = _class_iou(coded, outputs, now)
    rows = [
        Row(
            f"class {number}",
            (any_of(settings.class_thresholds, k), any_of(now.class_thresholds, k)),
            (int(any_of(settings.class_sizes, k)), int(any_of(now.class_sizes, k))),
            (before.get(str(number), 0.0), after.get(str(number), 0.0)),
        )
        for k, number in enumerate(numbers)
    ]
    score = mean(settings), mean(now)
    first = Row("any class", (settings.threshold, now.threshold), (0, 0), score)
    return Found(now, (first, *rows), score)


def _with(settings: LabelSettings, k: int, n: int, threshold: float, size: int) -> LabelSettings:
    """Return settings with a threshold and size of the ``k``-th of ``n`` classes or regions."""
    thresholds = [any_of(settings.class_thresholds, i) for i in range(n)]
    sizes = [int(any_of(settings.class_sizes, i)) for i in range(n)]
    thresholds[k], sizes[k] = threshold, size
    return settings.replace(
        class_thresholds=tuple(thresholds) if any(thresholds) else (),
        class_sizes=tuple(sizes) if any(sizes) else (),
    )


def _class_iou(
    coded: Sequence[Coded], outputs: Sequence[str], settings: LabelSettings
) -> dict[str, float]:
    """IoU of each class over all frames, where they are supervised."""
    numbers, overlaps = classes_of(outputs), []
    for codes, annotation in coded:
        labels = label_classes(codes, outputs, settings) * annotation.supervised
        truth = annotation.labels * annotation.supervised
        overlaps.append(overlap_of_classes(labels, truth, numbers))
    return pooled_iou(overlaps)


Masks = list["NDArray[np.bool_]"]


@dataclass(frozen=True)
class _Nested:
    """Regions of frames that are coded: where each is at some settings, and how right that is."""

    coded: Sequence[Coded]
    regions: Regions
    planes: tuple[int, ...]

    def masks(self, k: int, at: LabelSettings, done: Sequence[Masks]) -> Masks:
        """Return the ``k``-th region of each frame, inside of those ``done``."""
        parent = self.regions[k].parent
        around: Sequence[NDArray[np.bool_] | None] = [None] * len(self.coded)
        if parent is not None:
            around = done[parent]
        codes = (codes[self.planes[k]] for codes, _ in self.coded)
        return [region_mask(c, outer, k, at) for c, outer in zip(codes, around, strict=True)]

    def iou(self, k: int, masks: Masks) -> float:
        """Return its IoU over all frames, where they are supervised."""
        both = either = 0
        for mask, (_, annotation) in zip(masks, self.coded, strict=True):
            right = np.isin(annotation.labels, self.regions[k].classes) & annotation.supervised
            found = mask & annotation.supervised
            both += int(np.count_nonzero(found & right))
            either += int(np.count_nonzero(found | right))
        return both / either if either else 1.0


def _of_regions(
    coded: Sequence[Coded], outputs: Sequence[str], settings: LabelSettings
) -> Generator[None, None, Found]:
    """Choose for each region inside of what was chosen for the one around it."""
    regions = regions_of(tuple(outputs))
    nested, n = _Nested(coded, regions, class_planes(outputs)), len(regions)
    now, rows = settings, []
    before: list[Masks] = []
    after: list[Masks] = []
    for k, region in enumerate(regions):
        usual = any_of(settings.class_thresholds, k), int(any_of(settings.class_sizes, k))
        before.append(nested.masks(k, settings, before))
        pairs = dict.fromkeys([usual, *product(THRESHOLDS, SIZES)])
        tried = {p: nested.iou(k, nested.masks(k, _with(now, k, n, *p), after)) for p in pairs}
        best = _better(tried, usual)
        now = _with(now, k, n, *best)
        after.append(nested.masks(k, now, after))
        thresholds = usual[0] or settings.threshold, best[0] or settings.threshold
        score = nested.iou(k, before[-1]), tried[best]
        rows.append(Row(region.name, thresholds, (usual[1], best[1]), score))
        yield
    means = [float(np.mean([row.score[i] for row in rows])) for i in (0, 1)]
    if means[1] <= means[0]:  # what suits a whole may not suit its parts
        rows = [replace(r, threshold=(r.threshold[0],) * 2, size=(r.size[0],) * 2,
                        score=(r.score[0],) * 2) for r in rows]  # fmt: skip
        return Found(settings, tuple(rows), (means[0], means[0]))
    return Found(now, tuple(rows), (means[0], means[1]))
