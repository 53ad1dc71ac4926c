"""What the table says of the objects of a frame, in the order of their labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_unet.engine.labels.measuring.measurement import Columns, measure_frame
from napari_unet.engine.stack.missing_pixels import missing_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.settings import TableSettings
    from napari_unet.engine.stack.stack import Stack


class Measured(NamedTuple):
    """Columns by name, an entry for each object; ``missing`` pixels of objects have no value."""

    columns: Columns
    missing: int


class Measuring:
    """Measures labels of frames of a movie, in every channel; of any frame, in any thread."""

    def __init__(self, stack: Stack, settings: TableSettings) -> None:
        self._settings, self._spacing = settings, stack.spacing
        names = stack.channel_names
        several = len(names) > 1
        self._raw = stack.select(channel=tuple(range(len(names)))) if several else stack
        self.channels = _distinct(names) if several else ("intensity",)

    def __call__(self, labels: NDArray[Any], frame: int) -> Measured:
        """Measure the labels of a frame."""
        raw = np.asarray(self._raw[frame])
        missing = missing_pixels(raw)
        n = 0 if missing is None else int(np.count_nonzero(missing & (labels > 0)))
        columns = measure_frame(
            labels, raw, self.channels, pixel_size=self._spacing, settings=self._settings
        )
        return Measured(columns, n)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return column prefixes from channel names: letters, digits and _, no two alike."""
    found: list[str] = []
    for i, name in enumerate(names):
        prefix = re.sub(r"\W+", "_", name).strip("_") or f"channel_{i}"
        found.append(prefix if prefix not in found else f"{prefix}_{i}")
    return tuple(found)
