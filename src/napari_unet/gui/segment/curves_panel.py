"""Curves of Segment: cells against time, and against the threshold; counted while they are open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QWidget

from napari_unet.engine.labels.codes import decode
from napari_unet.gui.segment.counts import Counts
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer import layers
from napari_unet.gui.widgets.parts import Column, Hint
from napari_unet.gui.widgets.plots import LinePlot

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_unet.gui.session.session import Session

_CODES = decode(np.arange(256))
_PLACES = np.arange(256) / 255  # thresholds on the logit scale of the slider


class CurvesPanel(QWidget):
    """Two curves of the cells there are; nothing is counted while they are folded away."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._counts: Counts | None = None
        self._worker = Latest(self)
        self.time = LinePlot(
            "Cells against time",
            "segment.count_over_time",
            "Cells in each frame at this threshold, those you corrected included. "
            "Click to go to a frame",
        )
        self.threshold = LinePlot(
            "Cells against threshold",
            "segment.count_over_threshold",
            "Cells in the frame on screen. Where the curve is flat, their number hardly depends on "
            "the threshold. Click to take a threshold",
        )
        self.line = Hint("Segment some frames first.", name="segment.curves_hint")
        Column(self).add(self.line, self.time, self.threshold)
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

    def showEvent(self, event: QShowEvent | None) -> None:
        """Begin to count."""
        super().showEvent(event)
        self.show_curves()

    def show_curves(self, *_: Any) -> None:
        """Draw what is counted, and count on."""
        live = self._session.labels.live
        if not self.isVisible() or live is None or live.probabilities is None:
            return
        if live.classes:
            self._draw_nothing("The model tells classes apart: there are no cells to count.")
            return
        counts, settings = self._counts, self._session.labels.settings
        if counts is None or not counts.fits(live):
            counts = self._counts = Counts(live)
        missing = counts.missing(self._session.movie.frame)
        if missing:
            self._worker.ask(lambda: counts.count(missing))
        self._draw(counts, len(live), settings.threshold)
        sampled = f"A long movie: one frame in {counts.step} is counted." if counts.step > 1 else ""
        self.line.say("Counting…" if missing else sampled)

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
        self.time.show_curve(frames, cells, (0, n_frames - 1), frame)
        of_frame = counts.against_threshold(frame)
        here = float(np.interp(threshold, _CODES, _PLACES))
        shown = slice(1, 255) if of_frame is not None else slice(0, 0)
        cells_of_frame = of_frame[shown] if of_frame is not None else ()
        self.threshold.show_curve(_PLACES[shown], cells_of_frame, (0, 1), here)

    def _on_time(self, x: float) -> None:
        if self._session.movie.image is not None:
            layers.go_to_frame(self._session.viewer, self._session.movie.image, round(x))

    def _on_threshold(self, x: float) -> None:
        labels = self._session.labels
        threshold = float(np.clip(np.interp(x, _PLACES, _CODES), 0.001, 0.999))
        labels.set_settings(labels.settings.replace(threshold=round(threshold, 3)))
