"""A sample of windows that is looked at one by one, with what was counted in each."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.check.rate import ErrorRate, Looked, error_rate
from napari_unet.engine.jobs.check.windows import Window, draw_windows, usual_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

Kind = Literal["wrong", "missed", "invented"]


@dataclass
class Sample:
    """Windows, what is counted in each so far, and the one that is looked at.

    A window counts once it was gone on from: who stops early has looked at a random part. ``of``
    tells the labels that it is of from others.
    """

    windows: tuple[Window, ...]
    counts: list[Looked]
    of: str = ""
    at: int = 0
    done: set[int] = field(default_factory=set)
    stopped: bool = False
    _marks: list[tuple[int, Kind]] = field(default_factory=list)

    @property
    def window(self) -> Window:
        """The window that is looked at."""
        return self.windows[self.at]

    @property
    def ended(self) -> bool:
        """Whether no window is looked at any more: all were, or it was stopped."""
        return self.stopped or len(self.done) == len(self.windows)

    def mark(self, kind: Kind) -> None:
        """Count an error in the window that is looked at.

        Raises
        ------
        BadInput
            Where each of its cells is said to be wrong or invented already.

        """
        now = self.counts[self.at]
        if kind != "missed" and now.wrong + now.invented >= now.cells:
            found = "Every cell of this window is counted" if now.cells else "No cell is here"
            raise BadInput(found, "", "go on to the next window")
        self.counts[self.at] = replace(now, **{kind: getattr(now, kind) + 1})
        self._marks.append((self.at, kind))

    def take_back(self) -> bool:
        """Take the last error back, and go to its window; False where there is none."""
        if not self._marks:
            return False
        self.at, kind = self._marks.pop()
        now = self.counts[self.at]
        self.counts[self.at] = replace(now, **{kind: getattr(now, kind) - 1})
        return True

    def go_on(self) -> None:
        """Have looked at this window; to the next one that was not."""
        self.done.add(self.at)
        left = [i for i in range(len(self.windows)) if i not in self.done]
        if left:
            self.at = left[0]

    def rate(self) -> ErrorRate | None:
        """Return the rate of errors in the windows looked at; None where they are too few."""
        looked = [self.counts[i] for i in sorted(self.done)]
        if len(looked) < 2 or not any(one.cells + one.missed for one in looked):
            return None
        return error_rate(looked)

    def to_values(self) -> dict[str, Any]:
        """Return plain values, which a session keeps."""
        return {
            "of": self.of,
            "windows": [list(astuple(one)) for one in self.windows],
            "counts": [list(astuple(one)) for one in self.counts],
            "marks": [list(mark) for mark in self._marks],
            "done": sorted(self.done),
            "at": self.at,
            "stopped": self.stopped,
        }

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Sample | None:
        """Return the sample that values were kept of; None where they are of none."""
        try:
            windows = tuple(Window(*map(int, one)) for one in values["windows"])
            counts = [Looked(*map(int, one)) for one in values["counts"]]
            marks = [(int(at), kind) for at, kind in values["marks"]]
            done, at = set(map(int, values["done"])), int(values["at"])
            of, stopped = str(values["of"]), bool(values["stopped"])
        except (KeyError, TypeError, ValueError):
            return None
        places = {at, *done, *(place for place, _ in marks)}
        kinds = {kind for _, kind in marks}
        if len(counts) != len(windows) or not places <= set(range(len(windows))):
            return None
        if not kinds <= set(get_args(Kind)):
            return None
        return cls(windows, counts, of, at, done, stopped, marks)


def draw_sample(
    labels: Callable[[int], NDArray[Any]],
    frames: Sequence[int],
    shape: tuple[int, int],
    n: int,
    seed: int = 0,
    of: str = "",
) -> Sample:
    """Draw a sample of the labels (Y, X) of some frames; takes a reading of each frame drawn.

    ``of`` is what tells these labels from others.
    """
    some = {frame: labels(frame) for frame in frames[:: max(1, len(frames) // 5)]}
    size = usual_size(some, list(some))
    windows = draw_windows(shape, frames, n, size, seed)
    counts = [Looked(one.cells(np.asarray(labels(one.frame)))) for one in windows]
    return Sample(windows, counts, of)
