"""Segmenting as the viewer's job: frames of the movie, run by the chosen model into its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.text import counted
from napari_unet.gui.session.job import Progress, Task
from napari_unet.gui.session.segmenting import Ready, segmenting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.stack.lazy_array import Box
    from napari_unet.gui.session.session import Session


def segment(
    session: Session, owner: str, frames: Sequence[int] | None, region: Box | None = None
) -> bool:
    """Run the chosen model on frames of the movie (all where None) as the viewer's job.

    Or on a ``region`` of one frame, to look at.
    """
    choice = session.models.chosen
    assert choice is not None
    session.movie.require_layer()  # unfolds an array with more axes before anything starts
    stack = session.movie.require_stack()
    folder = session.place.require(stack)
    one = frames is not None and len(frames) == 1
    if not one and session.place.needed:  # a whole movie may not fit into memory
        session.job.say(owner, session.place.needed, failed=True)
        return False
    known = session.labels.live.probabilities if session.labels.live is not None else None
    run = _Run(session, "Visible region" if region else "")
    what = "movie" if frames is None else "frame" if one else "frames"
    title = f"Segmenting the {'visible region' if region else what}"
    return session.job.start(
        Task(
            owner,
            title,
            lambda: segmenting(
                stack, choice, session.models.settings, frames, known, folder, region
            ),
            on_item=run.on_item,
            on_done=run.on_done,
            on_end=session.labels.changed.emit,
            cancelled_line="Cancelled. What is done is kept; Whole movie goes on from there.",
        )
    )


class _Run:
    """What the main thread does while frames are segmented."""

    def __init__(self, session: Session, region: str = "") -> None:
        self._session, self._image, self._region = session, session.movie.image, region
        self._total = self._done = 0
        self._device = ""
        self._notice = ""

    def on_item(self, item: Ready | str | int) -> Progress | None:
        if self._session.movie.image is not self._image:  # its layer was removed
            self._session.job.cancel()
            return None
        if isinstance(item, Ready):
            self._begin(item)
            return Progress(0, self._total, line=f"Running on {self._device}…")
        if isinstance(item, str):
            line = f"Running on {self._device}…"
            return Progress(0, self._total, line=line, note=f"Expected: {item}")
        self._done += 1
        self._session.labels.predicted(item)
        return None

    def on_done(self, _: None) -> str:
        notice = f" {self._notice}." if self._notice else ""
        if not self._total:
            return "Nothing to do: this model has already segmented these frames."
        what = self._region or counted(self._done, "frame")
        return f"{what} segmented on {self._device}.{notice}"

    def _begin(self, ready: Ready) -> None:
        self._total, self._device, self._notice = ready.total, ready.device, ready.notice
        labels = self._session.labels
        labels.adopt(ready.labels)
        labels.show()
        labels.set_model(ready.model, ready.probabilities)
