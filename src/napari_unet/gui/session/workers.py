"""Small questions answered off the GUI thread, the newest first; basins made before they are drawn.

A watershed is too slow for the GUI thread.
"""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QThreadPool, QTimer, Signal
from superqt.utils import WorkerBase, create_worker

from napari_unet.engine.errors import BadInput
from napari_unet.gui.session.job import describe_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.gui.session.lifetime import Lifetime


_WAIT_MS = 60


# A thread that is still at work when Qt's objects are gone aborts the process. napari waits only
# where its event loop ends; a script or a console that closes the viewer just goes on to its end.
@atexit.register
def _await_workers() -> None:
    if QThreadPool.globalInstance() is not None:  # else Qt is gone already, and its threads with it
        WorkerBase.await_workers()


def tell_arrays_apart() -> None:
    """Let scipy know numpy's arrays before a worker imports torch.

    napari turns by scipy's rotations, and they look whether an array is torch's, in the main
    thread: of a torch that is half imported they ask for what is not there yet. Answers are kept.
    """
    import numpy as np
    from scipy.spatial.transform import Rotation

    for angles in ([0.0, 0.0, 0.0], np.zeros(3)):
        turned = Rotation.from_euler("zyx", angles, degrees=True)
        Rotation.from_matrix(turned.as_matrix()).as_euler("zyx")
    Rotation.from_euler("z", np.float64(0.0))


class Latest(QObject):
    """Runs one question at a time; of those asked meanwhile only the newest is answered.

    ``answered`` carries the answer, ``failed`` one plain line.
    """

    answered = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        parent: QObject | None = None,
        wait_ms: int = _WAIT_MS,
        lifetime: Lifetime | None = None,
    ) -> None:
        super().__init__(parent)
        self._next: Callable[[], Any] | None = None
        self._running = self._ended = False
        if lifetime is not None:
            lifetime.at_end(self.end)
        self._timer = QTimer(self, interval=wait_ms, singleShot=True)
        self._timer.timeout.connect(self._start)

    def ask(self, question: Callable[[], Any]) -> None:
        """Ask; an older question that has not begun is forgotten."""
        if self._ended:
            return
        self._next = question
        if not self._running:
            self._timer.start()

    def forget(self) -> None:
        """Drop the question that has not begun."""
        self._next = None
        self._timer.stop()

    def end(self) -> None:
        """Ask nothing more; an answer that is under way is not given."""
        self._ended = True
        self.forget()

    def _start(self) -> None:
        question, self._next = self._next, None
        if question is None or self._running:
            return
        self._running = True
        worker = create_worker(_answer, question)
        worker.returned.connect(self._on_answer)
        worker.start()

    def _on_answer(self, answer: tuple[Any, Exception | None]) -> None:
        self._running = False
        if self._ended:
            return
        value, error = answer
        if self._next is not None:
            self._timer.start()
        elif error is None:
            self.answered.emit(value)
        else:
            self.failed.emit(str(error) if isinstance(error, BadInput) else describe_error(error))


def _answer(question: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return question(), None
    except Exception as error:  # noqa: BLE001 - the thread's boundary: told in the dock
        return None, error


_AROUND = (1, -1, 2)


class Ahead:
    """Draws what changed: at once where no watershed is due, else when a worker has made it."""

    def __init__(self, redraw: Callable[[], None], lifetime: Lifetime) -> None:
        self._redraw = redraw
        self._shown = Latest(wait_ms=0, lifetime=lifetime)
        self._around = Latest(lifetime=lifetime)
        self._shown.answered.connect(lambda _: redraw())

    def show(self, live: LiveLabels, frame: int) -> None:
        """Draw ``frame``, the one on screen, after a change to the labels."""
        if live.is_prepared(frame):
            self._redraw()
        else:
            self._shown.ask(lambda: live.prepare(frame))

    def missing(self, live: LiveLabels, frame: int) -> None:
        """Prepare a frame of which a draft is on screen, then draw it again."""
        self._shown.ask(lambda: live.prepare(frame))

    def around(self, live: LiveLabels, frame: int) -> None:
        """Prepare the frames that a user is likely to look at next."""
        near = _AROUND[: live.keeps - 1]  # more would push the frame on screen out
        frames = [frame + step for step in near if 0 <= frame + step < len(live)]
        if any(not live.is_prepared(t) for t in frames):
            self._around.ask(lambda: [live.prepare(t) for t in frames])
