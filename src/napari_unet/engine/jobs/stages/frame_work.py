"""What is made of the codes of each frame: labels, and measurements where a table is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from napari_unet.engine.export.formats.measuring import Measured, Measuring
from napari_unet.engine.labels.class_labels import labels_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.settings import LabelSettings, TableSettings
    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True)
class FrameWork:
    """How labels are made of codes of the named outputs; measured where ``table`` is given."""

    outputs: tuple[str, ...]
    settings: LabelSettings
    table: TableSettings | None = None


class FrameDone(NamedTuple):
    """Labels ``(Y, X)`` or ``(Z, Y, X)`` of a frame, and what the table says of them."""

    labels: NDArray[np.uint16]
    measured: Measured | None


class FrameMaker:
    """Does the work of any frame of a movie, in any thread."""

    def __init__(self, work: FrameWork, stack: Stack) -> None:
        self._work, self._spacing = work, stack.spacing
        self._measuring = None if work.table is None else Measuring(stack, work.table)

    def __call__(self, frame: int, codes: NDArray[np.uint8]) -> FrameDone:
        """Make the labels of a frame from its codes ``(C, …)``, and measure them."""
        labels = labels_of(codes, self._work.outputs, self._work.settings, self._spacing)
        measured = None if self._measuring is None else self._measuring(labels, frame)
        return FrameDone(labels, measured)
