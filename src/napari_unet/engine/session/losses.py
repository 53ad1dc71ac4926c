"""Pixels that users' cells lost in a step: painted over with another id, or erased."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.space.boxes import size_of, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_unet.engine.stack.lazy_array import Box


@dataclass
class Loss:
    """What one cell of a frame lost: masks in boxes.

    ``painted_over`` is true where another cell took some of it, ``was_machines`` where the cell
    became the user's in this very step.
    """

    frame: int
    label: int
    parts: list[tuple[Box, NDArray[np.bool_]]] = field(default_factory=list)
    painted_over: bool = False
    was_machines: bool = False

    def within(self, box: Box) -> NDArray[np.bool_]:
        """Return the lost pixels in a box that holds all of them."""
        lost = np.zeros(size_of(box), bool)
        for part, mask in self.parts:
            lost[within(part, box)] |= mask
        return lost


class Losses:
    """Losses of a step by frame and cell; of those cells alone that were not painted in it.

    What is painted with an id is in as many pieces as a user wishes.
    """

    def __init__(self) -> None:
        self._of: dict[tuple[int, int], Loss] = {}
        self._painted: set[tuple[int, int]] = set()
        self._frozen: set[tuple[int, int]] = set()

    def __iter__(self) -> Iterator[Loss]:
        return iter([loss for key, loss in self._of.items() if key not in self._painted])

    @property
    def highest(self) -> int:
        """The highest id painted in the step."""
        ids = (label for _, label in self._painted if label != BACKGROUND_ID)
        return max(ids, default=0)

    def frozen(self, frame: int, labels: Iterable[int]) -> None:
        """Take in that objects of the machine's became the user's."""
        self._frozen.update((frame, label) for label in labels)

    def note(
        self, frame: int, box: Box, before: NDArray[np.uint16], after: NDArray[np.uint16]
    ) -> None:
        """Take in that a box of the user's ids changes."""
        changed = before != after
        self._painted.update((frame, label) for label in np.unique(after[changed]).tolist())
        for label in np.unique(before[changed]).tolist():
            if label in (0, BACKGROUND_ID):
                continue
            lost = changed & (before == label)
            key = frame, label
            loss = self._of.setdefault(key, Loss(frame, label, was_machines=key in self._frozen))
            loss.parts.append((box, lost))
            taken = after[lost]
            loss.painted_over |= bool(((taken > 0) & (taken < BACKGROUND_ID)).any())
