"""Basins are made in a worker before they are drawn: a watershed is too slow for the GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.gui.background import Latest

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.engine.live_labels import LiveLabels

_AROUND = (1, -1, 2)


class Ahead:
    """Draws what changed: at once where no watershed is due, else when a worker has made it."""

    def __init__(self, redraw: Callable[[], None]) -> None:
        self._redraw = redraw
        self._shown, self._around = Latest(wait_ms=0), Latest()
        self._shown.answered.connect(lambda _: redraw())

    def change(self, live: LiveLabels, frame: int, change: Callable[[], None]) -> None:
        """Make a change to the labels and draw ``frame``, the one on screen."""
        hooks, live.on_change = live.on_change, []  # the layer would draw, and make basins, at once
        try:
            change()
        finally:
            live.on_change = hooks
        if live.is_prepared(frame):
            self._redraw()
        else:
            self._shown.ask(lambda: live.prepare(frame))

    def missing(self, live: LiveLabels, frame: int) -> None:
        """Prepare a frame of which a draft is on screen, then draw it again."""
        self._shown.ask(lambda: live.prepare(frame))

    def around(self, live: LiveLabels, frame: int) -> None:
        """Prepare the frames that a person is likely to look at next."""
        frames = [frame + step for step in _AROUND if 0 <= frame + step < len(live)]
        if any(not live.is_prepared(t) for t in frames):
            self._around.ask(lambda: [live.prepare(t) for t in frames])
