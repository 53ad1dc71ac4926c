"""The frames of a movie on their way from the network to the writers, and what is odd of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_unet.engine.errors import Notice
from napari_unet.engine.jobs.stages.spent import LABELLING, OPENING, WRITING
from napari_unet.engine.labels.objects import areas_of
from napari_unet.engine.stack.missing_pixels import FramesWithoutValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.export.formats.measuring import Measured
    from napari_unet.engine.export.target.writing import Labelled
    from napari_unet.engine.jobs.queue.results import Job
    from napari_unet.engine.jobs.segment import SegmentedFrame
    from napari_unet.engine.jobs.stages.spent import Spent
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.stack.stack import Stack

_LOOKED_AT = 5  # frames whose cells are measured


class Noticing(Protocol):
    """What predicts, here or on a cluster."""

    @property
    def notice(self) -> str | None:
        """What a user should know about it."""


class Passing:
    """Hands on each frame with its ``labels``; what was measured of it lies in ``measured``.

    What a user corrected wins. How large the cells are is looked at in a few of the ``n`` frames;
    at the end what is odd of them, what the predictor had to do otherwise, and which frames held
    nothing joins the notices ``found``.
    """

    def __init__(
        self, stack: Stack, job: Job, computes: Noticing, n: int, found: list[Notice]
    ) -> None:
        self.measured: dict[int, Measured | None] = {}
        self.labels: NDArray[np.integer] = np.zeros((0, 0), np.uint16)
        self._spacing, self._without_value = stack.spacing, FramesWithoutValue(stack)
        self._job, self._computes, self._found = job, computes, found
        self._looked_at = range(0, n, max(1, n // _LOOKED_AT))
        self._areas: list[NDArray[np.int64]] = []

    def frames(
        self, steps: Iterable[SegmentedFrame], spent: Spent, corrected: Corrected | None = None
    ) -> Iterator[Labelled]:
        """Yield each frame with its labels."""
        spent.add(OPENING)
        for i, step in enumerate(steps):
            if i in self._looked_at:
                self._areas.append(areas_of(step.labels))
            self.measured.clear()  # of this frame alone: a table that failed takes nothing
            self._without_value.look(step.frame)
            self.labels = step.labels
            if corrected is not None and step.frame in corrected:
                self.labels = corrected[step.frame]
            else:
                self.measured[step.frame] = step.measured
            spent.add(LABELLING)
            yield step.frame, self.labels
            spent.add(WRITING)
        self._found += self._without_value.notices()
        if self._computes.notice:  # it may have gone on otherwise meanwhile
            self._found.append(Notice("noted", self._computes.notice.rstrip(".")))
        self._doubt()

    def _doubt(self) -> None:
        """Notice where the cells that were found are not of the size that the model knows."""
        from napari_unet.engine.network.cell_size import found_doubt, scale_of

        job, areas = self._job, np.concatenate(self._areas)
        scale, smallest = scale_of(job.model, job.predict), job.labels.min_size
        if doubt := found_doubt(job.model, scale, areas, smallest, self._spacing):
            way = f": where they are not outlined well, try --diameter {doubt.found}"
            self._found.append(Notice("check", f"{doubt}{'' if doubt.debris else way}"))


class Corrected:
    """Labels ``(Y, X)`` of the frames that a user touched: the model's, and corrections win."""

    def __init__(
        self, stack: Stack, probabilities: Probabilities, job: Job, corrections: Corrections
    ) -> None:
        from napari_unet.engine.session.live_labels import LiveLabels

        shape = corrections.shape
        self._frames = frozenset(corrections.frames())
        self._live = LiveLabels(shape, probabilities, job.labels, corrections, stack.spacing)

    def __contains__(self, frame: int) -> bool:
        return frame in self._frames

    def __getitem__(self, frame: int) -> NDArray[np.integer]:
        labels: NDArray[np.integer] = self._live[frame]
        return labels
