"""The machine's classes of one frame. They are no objects: a user's pixels win, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.labels.class_labels import classes_of, label_classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.edit_masks import EditMask
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.lazy_array import Box

_ALL = (slice(None),)
_NONE = np.empty(0, np.intp)


@dataclass(frozen=True)
class ClassCodes:
    """What takes the place of basins: codes ``(C, Y, X)`` of named outputs, or of a volume."""

    codes: NDArray[np.uint8]
    outputs: tuple[str, ...]

    @property
    def n(self) -> int:
        """Largest number that is shown."""
        return max(classes_of(self.outputs))


class PredictedClasses:
    """For classes what `PredictedObjects` is for objects; painting takes only its own pixels."""

    def __init__(self, basins: ClassCodes, complete: bool) -> None:
        self.basins = basins
        self._complete = complete
        self._pieces: tuple[LabelSettings, NDArray[np.uint16]] | None = None  # none of them cut

    def paint(self, settings: LabelSettings, box: Box = _ALL) -> NDArray[np.uint16]:
        """Label a box of the frame with the machine's classes; none where it is complete."""
        codes = self.basins.codes[:, *box]
        if self._complete:
            return np.zeros(codes.shape[1:], np.uint16)
        if not any(settings.class_sizes):
            return label_classes(codes, self.basins.outputs, settings)
        if self._pieces is None or self._pieces[0] != settings:
            whole = label_classes(self.basins.codes, self.basins.outputs, settings)
            self._pieces = settings, whole
        return self._pieces[1][box].copy()

    def name(self, user: NDArray[np.intp], reserved: frozenset[int]) -> bool:
        """Leave the numbers: the user's class 2 is the machine's."""
        return False

    def cover(self, box: Box, before: EditMask, after: EditMask) -> NDArray[np.intp]:
        """Take in what a user changed: no basin changes hands."""
        return _NONE
