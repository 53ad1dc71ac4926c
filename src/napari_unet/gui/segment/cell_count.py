"""How many cells the frame on screen has, and whether they are of the size the model knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_unet.engine.text import counted
from napari_unet.gui.segment.size_hint import SizeHint
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer.ours import export_of
from napari_unet.gui.widgets.parts import Column, Hint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.gui.session.session import Session

_NONE = np.zeros(0, np.int64)  # areas where there are no cells to speak of
_TO_CORRECT = "To correct them, press Segment movie."
_NOTHING = "No labels yet. Press Segment movie, or This frame to try the model where you are."


class CellCount(QWidget):
    """Counts a moment after the last change; follows labels and frame by itself."""

    def __init__(self, session: Session, owner: str) -> None:
        super().__init__()
        self._session = session
        self.words = Hint(name=f"{owner}.count")
        self.size_hint = SizeHint(session, owner)
        Column(self).add(self.words, self.size_hint)
        self._timer = QTimer(self, interval=80, singleShot=True)
        self._timer.timeout.connect(self._count)
        self._latest = Latest(self, wait_ms=0)  # cells of volumes, too many pixels to count here
        self._latest.answered.connect(lambda found: self._show(*found))
        labels, movie = session.labels, session.movie
        news = (labels.settings_changed, movie.frame_changed, labels.changed)
        session.lifetime.connect_all(news, self.soon, self)

    def soon(self, *_: Any) -> None:
        """Count again, once for all that changes now."""
        self._timer.start()

    def _count(self) -> None:
        live, frame = self._session.labels.live, self._session.movie.frame
        self._latest.forget()
        if live is not None and live.ndim > 3 and live.is_prepared(frame):
            self._latest.ask(self._found)
        else:
            self._show(*self._found())

    def _show(self, words: str, areas: NDArray[np.integer]) -> None:
        self.words.say(words)
        self.size_hint.look(areas)

    def _found(self) -> tuple[str, NDArray[np.integer]]:
        """Return the words, and the areas of the cells they are about."""
        session = self._session
        stack, live, frame = session.movie.stack, session.labels.live, session.movie.frame
        if stack is None:
            return "", _NONE
        codes = live.probabilities if live is not None else None
        done = int(codes.computed.sum()) if codes is not None else 0
        if not done and (there := export_of(session.viewer, stack)) is not None:
            return f"Labels are exported, as {there.name}. {_TO_CORRECT}", _NONE
        if live is not None and not live.is_prepared(frame):
            session.labels.prepare(frame)  # and counted after that
            return "Finding the cells of this frame…", _NONE
        if live is None or session.labels.layer is None:
            return _NOTHING, _NONE
        here, areas = _cells_in(live, frame)
        return f"{here} {done} of {counted(len(stack), 'frame')} segmented.", areas


def _cells_in(live: LiveLabels, frame: int) -> tuple[str, NDArray[np.integer]]:
    from napari_unet.engine.labels.objects import areas_of
    from napari_unet.engine.session.frame_labels import seen

    if not seen(live.probabilities, frame):
        return "This frame is not segmented yet.", _NONE
    areas = areas_of(np.asarray(live[frame]))
    what = counted(len(areas), "class", "classes") if live.classes else counted(len(areas), "cell")
    where = "this frame" if live.computed(frame) else "the part of this frame that was on screen"
    return f"{what} in {where}.", areas
