"""Labels of sections, each found by itself, as labels of one volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.objects import numbered, overlaps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.stack.source import Frames

_LEAST = 0.25  # IoU: as Cellpose joins sections (Stringer and others 2021)


def join_sections(sections: Iterable[NDArray[Any]], least: float = _LEAST) -> NDArray[np.int32]:
    """Return labels (Z, Y, X) of sections (Y, X): what overlaps from one to the next is one object.

    Two objects are joined where their IoU is ``least`` or more, and neither overlaps more with
    another one. There must be a section.
    """
    joined: list[NDArray[np.int32]] = []
    before, sizes, last = np.zeros((0, 0), np.int32), np.zeros(0, np.int64), 0
    names = np.zeros(1, np.int32)
    for section in sections:
        _, areas, now = numbered(section)
        new = np.zeros(len(areas) + 1, np.int32)
        if joined:
            a, b, shared = overlaps(before, now)
            iou = shared / (sizes[a] + areas[b] - shared)
            best_a, best_b = np.zeros(len(sizes)), np.zeros(len(areas))
            np.maximum.at(best_a, a, iou)
            np.maximum.at(best_b, b, iou)
            same = (iou >= least) & (iou == best_a[a]) & (iou == best_b[b])
            of, first = np.unique(a[same], return_index=True)  # of two as good, the first
            new[b[same][first] + 1] = names[of + 1]
        begun = np.flatnonzero(new[1:] == 0) + 1
        new[begun] = last + 1 + np.arange(len(begun))
        last += len(begun)
        joined.append(new[now])
        before, sizes, names = now, areas, new
    return np.stack(joined)


def whole_volumes(frames: Sequence[int], n: int) -> tuple[int, ...]:
    """Return the volumes of ``n`` sections each, all of which are among ``frames``, in order."""
    times, counts = np.unique(np.asarray(frames, int) // n, return_counts=True)
    return tuple(times[counts == n].tolist())


def sections_of(t: int, n: int) -> range:
    """Return the frames that are the sections of volume ``t``."""
    return range(t * n, t * n + n)


def joined_frames(
    labelled: Iterable[tuple[int, NDArray[Any]]], n: int, *, classes: bool = False
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield each volume with its labels (Z, Y, X) once its ``n`` sections have passed, in order."""
    held: list[NDArray[Any]] = []
    for frame, labels in labelled:
        held.append(labels)
        if len(held) == n:
            yield frame // n, JoinedSections(held, n, classes=classes)[0]
            held.clear()


class JoinedSections:
    """Labels (Z, Y, X) by volume, made of those of ``n`` sections (Y, X) when they are asked for.

    Numbers of ``classes`` are the same in all sections, and nothing is joined.
    """

    def __init__(self, sections: Frames, n: int, *, classes: bool = False) -> None:
        self.sections, self.n, self._classes = sections, n, classes

    def __len__(self) -> int:
        return len(self.sections) // self.n

    def __getitem__(self, t: int) -> NDArray[Any]:
        sections = self._read(t)
        return np.stack(sections) if self._classes else join_sections(sections)

    def ids_of(self, t: int, of: Callable[[int], Collection[int]]) -> frozenset[int]:
        """Return the ids of volume ``t`` of which ``of`` names one in a section, by its frame."""
        named = [list(of(i)) for i in sections_of(t, self.n)]
        if not any(named):
            return frozenset()
        pairs = zip(self[t], self._read(t), named, strict=True)
        found = (now[np.isin(before, ids)] for now, before, ids in pairs)
        return frozenset(np.unique(np.concatenate([part.ravel() for part in found])).tolist()) - {0}

    def _read(self, t: int) -> list[NDArray[Any]]:
        sections = [np.asarray(self.sections[i]) for i in sections_of(t, self.n)]
        painted = [section.dtype == np.uint16 for section in sections]  # wider ones are ids
        return [
            np.where(section == BACKGROUND_ID, 0, section) if may else section
            for section, may in zip(sections, painted, strict=True)
        ]


class StackedCodes:
    """Codes (C, Z, Y, X) by volume of those (C, Y, X) of ``n`` sections, as `Probabilities`."""

    def __init__(self, codes: Any, n: int) -> None:
        self._codes, self._n = codes, n
        self.outputs: tuple[str, ...] = tuple(codes.outputs)

    @property
    def computed(self) -> NDArray[np.bool_]:
        """Of which volumes all sections are known (T,)."""
        known = np.asarray(self._codes.computed, bool).reshape(-1, self._n)
        return np.asarray(known.all(axis=1))

    def __len__(self) -> int:
        return len(self._codes) // self._n

    def __getitem__(self, t: int) -> NDArray[np.uint8]:
        return np.stack([np.asarray(self._codes[i]) for i in sections_of(t, self._n)], axis=-3)
