"""Curves of Segment: cells over time, always there, and over the threshold, under *More*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QWidget

from napari_unet.engine.labels.codes import decode
from napari_unet.engine.text import say_duration
from napari_unet.gui.segment.counts import Counts
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer import layers
from napari_unet.gui.widgets.parts import Column, Hint
from napari_unet.gui.widgets.plots import LinePlot

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_unet.gui.session.job import JobState
    from napari_unet.gui.session.session import Session

_CODES = decode(np.arange(256))
_PLACES = np.arange(256) / 255  # thresholds on the logit scale of the slider


_TICKS = tuple(
    (float(np.interp(p, _CODES, _PLACES)), f"{p:g}") for p in (0.01, 0.1, 0.5, 0.9, 0.99)
)


class CurvesPanel(QWidget):
    """Cells over time; ``threshold`` is a curve of its own, for another place of the dock.

    Nothing is counted while the dock is out of sight, or while a job needs the processor.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._counts: Counts | None = None
        self._worker = Latest(self)
        self.time = LinePlot(
            "Cells over time",
            "segment.count_over_time",
            "Cells in each frame at this threshold, those you corrected included. "
            "Click to go to a frame",
        )
        self.threshold = LinePlot(
            "Cells of this frame over the threshold",
            "segment.count_over_threshold",
            "Cells in the frame on screen. Where the curve is flat, their number hardly depends on "
            "the threshold. Click to take a threshold",
        )
        self.threshold.name_axis("probability", _TICKS)
        self.line = Hint(name="segment.curves_hint")
        Column(self).add(self.time, self.line)
        self.time.hide()
        self.time.clicked.connect(self._on_time)
        self.threshold.clicked.connect(self._on_threshold)
        self._worker.answered.connect(self.show_curves)
        self._worker.failed.connect(lambda line: self.line.say(line, warn=True))
        news = (
            session.labels.changed,
            session.labels.settings_changed,
            session.movie.frame_changed,
            session.movie.changed,
        )
        session.lifetime.connect_all(news, self.show_curves, self)
        session.lifetime.connect(session.labels.painted, self._on_painted, self)
        session.lifetime.connect(session.job.changed, self._on_job, self)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Begin to count."""
        super().showEvent(event)
        self.show_curves()

    def _on_job(self, state: JobState) -> None:
        if not state.running:
            self.show_curves()

    def show_curves(self, *_: Any) -> None:
        """Draw what is counted, and count on."""
        live = self._session.labels.live
        there = live is not None and live.probabilities is not None and not live.classes
        self.time.setVisible(there)
        if live is not None and live.classes:
            self._draw_nothing("The model tells classes apart: there are no cells to count.")
        if not there or live is None or not self.isVisible():
            return
        counts, settings = self._counts, self._session.labels.settings
        if counts is None or not counts.fits(live):
            counts = self._counts = Counts(live)
        missing = counts.missing(self._session.movie.frame)
        if missing and not self._session.job.running:
            self._worker.ask(lambda: counts.count(missing))
        self._draw(counts, len(live), settings.threshold)
        sampled = f"A long movie: one frame in {counts.step} is counted." if counts.step > 1 else ""
        self.line.say(sampled)

    def _draw_nothing(self, why: str) -> None:
        for plot in (self.time, self.threshold):
            plot.show_curve((), (), (0, 1), 0)
        self.line.say(why)

    def _on_painted(self, frames: tuple[int, ...]) -> None:
        if self._counts is not None:
            self._counts.forget(frames)  # `changed` follows, and draws

    def _draw(self, counts: Counts, n_frames: int, threshold: float) -> None:
        frame = self._session.movie.frame
        frames, cells = counts.against_time(threshold)
        self.time.name_axis("frame", note=self._pace())
        self.time.show_curve(frames, cells, (0, n_frames - 1), frame)
        of_frame = counts.against_threshold(frame)
        here = float(np.interp(threshold, _CODES, _PLACES))
        shown = slice(1, 255) if of_frame is not None else slice(0, 0)
        cells_of_frame = of_frame[shown] if of_frame is not None else ()
        self.threshold.show_curve(_PLACES[shown], cells_of_frame, (0, 1), here)

    def _pace(self) -> str:
        stack = self._session.movie.stack
        interval = stack.frame_interval if stack is not None else None
        return f", {say_duration(interval, exact=True)} a frame" if interval else ""

    def _on_time(self, x: float) -> None:
        if self._session.movie.image is not None:
            layers.go_to_frame(self._session.viewer, self._session.movie.image, round(x))

    def _on_threshold(self, x: float) -> None:
        labels = self._session.labels
        threshold = float(np.clip(np.interp(x, _PLACES, _CODES), 0.001, 0.999))
        labels.set_settings(labels.settings.replace(threshold=round(threshold, 3)))
