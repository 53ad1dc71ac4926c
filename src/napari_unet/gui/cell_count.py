"""How many cells the frame on screen has, and whether they are of the size the model knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_unet.engine.words import counted
from napari_unet.gui.parts import Column, Hint
from napari_unet.gui.size_doubt import SizeDoubt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.live_labels import LiveLabels
    from napari_unet.gui.session import Session


class CellCount(QWidget):
    """Counts a moment after the last change; follows labels and frame by itself."""

    def __init__(self, session: Session, owner: str) -> None:
        super().__init__()
        self._session = session
        self.words = Hint(name=f"{owner}.count")
        self.size_doubt = SizeDoubt(session, owner)
        Column(self).add(self.words, self.size_doubt)
        self._timer = QTimer(self, interval=80, singleShot=True)
        self._timer.timeout.connect(self._count)
        session.labels.settings_changed.connect(self.soon)
        session.frame_changed.connect(self.soon)
        session.labels.changed.connect(self.soon)

    def soon(self, *_: Any) -> None:
        """Count again, once for all that changes now."""
        self._timer.start()

    def _count(self) -> None:
        words, labels = self._found()
        self.words.say(words)
        self.size_doubt.look(labels)

    def _found(self) -> tuple[str, NDArray[np.uint16] | None]:
        session = self._session
        stack, live, frame = session.stack, session.labels.live, session.frame
        if stack is None:
            return "", None
        if live is not None and not live.is_prepared(frame):
            session.labels.prepare(frame)  # and counted after that
            return "Finding the cells of this frame…", None
        if live is None or session.labels.layer is None:
            return "No labels yet. This frame shows what the model sees where you are.", None
        labels = _seen_labels(live, frame)
        here = "This frame is not segmented yet." if labels is None else _cells(live, frame, labels)
        done = int(live.probabilities.computed.sum()) if live.probabilities is not None else 0
        return f"{here} {done} of {counted(len(stack), 'frame')} segmented.", labels


def _seen_labels(live: LiveLabels, frame: int) -> NDArray[np.uint16] | None:
    from napari_unet.engine.frame_labels import seen

    return np.asarray(live[frame]) if seen(live.probabilities, frame) else None


def _cells(live: LiveLabels, frame: int, labels: NDArray[np.uint16]) -> str:
    sizes = np.bincount(labels.ravel())
    n = int(np.count_nonzero(sizes[1:65535]))
    what = counted(n, "class", "classes") if live.classes else counted(n, "cell")
    where = "this frame" if live.computed(frame) else "the part of this frame that was on screen"
    return f"{what} in {where}."
