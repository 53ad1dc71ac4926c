"""The rate of errors of labels, from windows in which they were looked for.

Windows are clusters of cells: errors come together, where a frame is blurred. The interval is that
of Korn and Graubard (1998), Survey Methodology 24, 193-201: Clopper and Pearson's, of as many
cells as would be as good if each had been drawn by itself. It holds where no error was found, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Looked:
    """What was found in a window: cells of the labels there, and errors among or beside them."""

    cells: int
    wrong: int = 0
    missed: int = 0
    invented: int = 0

    @property
    def errors(self) -> int:
        """Errors of each kind together."""
        return self.wrong + self.missed + self.invented


@dataclass(frozen=True)
class ErrorRate:
    """Share of cells, found or missed, that are in error, with a 95 % interval; all from 0 to 1."""

    rate: float
    low: float
    high: float
    n_errors: int
    n_cells: int
    n_windows: int

    def __str__(self) -> str:
        return (
            f"{100 * self.rate:.1f} of 100 cells in error (95 % interval "
            f"{100 * self.low:.1f} to {100 * self.high:.1f}): {counted(self.n_errors, 'error')} in "
            f"{counted(self.n_cells, 'cell')} of {counted(self.n_windows, 'window')}"
        )


def error_rate(windows: Sequence[Looked]) -> ErrorRate:
    """Return the rate of errors, per cell found or missed.

    Raises
    ------
    BadInput
        Where there are fewer than two windows, or no cell in any.

    """
    from scipy.special import betaincinv, stdtrit  # scipy.stats takes long to import

    cells = np.array([w.cells + w.missed for w in windows], float)
    errors = np.array([w.errors for w in windows], float)
    n, k = cells.sum(), len(windows)
    if k < 2 or not n:
        raise BadInput(
            f"{counted(k, 'window')} with {counted(int(n), 'cell')}",
            "two windows or more, and cells in them",
            "look at more of them",
        )
    rate = float(errors.sum() / n)
    variance = k / (k - 1) * float(((errors - rate * cells) ** 2).sum()) / n**2
    alone = rate * (1 - rate)
    worth = n if not variance else min(n, alone / variance)
    if n > 1:
        worth *= float(stdtrit(n - 1, 0.975) / stdtrit(k - 1, 0.975)) ** 2
    found = rate * worth
    low = float(betaincinv(found, worth - found + 1, 0.025)) if found else 0.0
    high = float(betaincinv(found + 1, worth - found, 0.975)) if rate < 1 else 1.0
    return ErrorRate(rate, low, high, int(errors.sum()), int(n), k)
