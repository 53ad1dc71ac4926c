"""Segmenting as the viewer's job: the chosen model is run on frames of the movie into its labels.

The worker opens the model, makes room for the probabilities and predicts; the main thread shows.
"""

from __future__ import annotations

import gc
import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.engine.errors import Level, Notice
from napari_unet.engine.jobs.cluster.watched import Joined, Waiting
from napari_unet.engine.text import counted
from napari_unet.gui.session.job import UNCHANGED, Ended, Progress, Task
from napari_unet.gui.viewer import layers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from napari_unet.engine.jobs.cluster.cluster_settings import ClusterSettings
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.session.session_folder import SessionFolder
    from napari_unet.engine.settings import LabelSettings, PredictSettings
    from napari_unet.engine.stack.lazy_array import Box
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.models import ModelChoice
    from napari_unet.gui.session.session import Session


_IS_KEPT = "What is done is kept"
_IS_ANOTHER = "Nothing is kept: the layer of the movie has another shape now."
_IS_GONE = "Nothing is kept: the layer of the movie was removed, and has no file."


def segment(
    session: Session,
    owner: str,
    frames: Sequence[int] | None,
    region: Box | None = None,
    said: str | Ended = "",
) -> bool:
    """Run the chosen model on frames of the movie (all where None) as the viewer's job.

    Or on a ``region`` of one frame, to look at. Where it comes of another job, ``said`` is what
    that said, and stays in sight in place of how many frames it was.
    """
    with session.job.refusing(owner):
        return _segment(session, owner, frames, region, said)
    return False


def _segment(
    session: Session,
    owner: str,
    frames: Sequence[int] | None,
    region: Box | None,
    said: str | Ended,
) -> bool:
    choice = session.models.chosen
    assert choice is not None
    session.movie.require_layer()  # unfolds an array with more axes before anything starts
    stack = session.movie.require_stack()
    folder = session.place.require(stack)
    one = frames is not None and len(frames) == 1
    if session.place.read_only:
        session.job.say(owner, session.place.read_only, failed=True)
        return False
    if not one and session.place.needed:  # a whole movie may not fit into memory
        session.job.say(owner, session.place.needed, failed=True)
        return False
    known = session.labels.live.probabilities if session.labels.live is not None else None
    cluster = None if region else _cluster(session)
    run = _Run(session, "Visible region" if region else "", has_file=folder is not None)
    what = "movie" if frames is None else "frame" if one else "frames"
    title = f"Segmenting the {'visible region' if region else what}"
    return session.job.start(
        Task(
            owner,
            title,
            lambda: segmenting(
                stack, choice, session.models.settings, frames, known, folder, region, cluster
            ),
            on_item=run.on_item,
            on_done=lambda done: said or run.on_done(done),
            on_end=session.labels.changed.emit,
            cancelled_line=run.kept,
        )
    )


def _cluster(session: Session) -> ClusterSettings | None:
    """Return the cluster that is chosen; None for this computer."""
    from napari_unet.engine.jobs.cluster.cluster_settings import read_cluster

    named = session.models.cluster
    return None if named is None else read_cluster(named)


class _Run:
    """What the main thread does while frames are segmented."""

    def __init__(self, session: Session, region: str, *, has_file: bool) -> None:
        self._has_file = has_file
        self._session, self._image, self._region = session, session.movie.image, region
        self._stack = session.movie.stack
        self._total = self._done = 0
        self._device = self._waits_for = ""
        self._ready: Ready | None = None

    def on_item(self, item: Ready | Joined | Waiting | str | int) -> Progress | None:
        if self._session.movie.stack is not self._stack:  # layer removed, or with other pixels
            self._session.job.cancel()
            return None
        if isinstance(item, Ready):
            self._begin(item)
            return Progress(0, self._total, line=f"Running on {self._device}…")
        if isinstance(item, str):
            line = f"Running on {self._device}…"
            return Progress(0, self._total, line=line, note=f"Expected: {item}")
        if isinstance(item, int):
            self._done += 1
            self._session.labels.predicted(item)
            return None
        return self._told(item)

    def _told(self, item: Joined | Waiting) -> Progress:
        """Say what a cluster waits for, until it does no more."""
        if isinstance(item, Waiting):
            if item.line == self._waits_for:
                return UNCHANGED
            self._waits_for = item.line
        else:
            self._device, self._waits_for = item.device, ""
        line = self._waits_for or f"Running on {self._device}…"
        return Progress(self._done, self._total, line=line)

    def on_done(self, notices: tuple[Notice, ...]) -> str | Ended:
        if not self._total:
            return "Nothing to do: this model has already segmented these frames."
        if gone := self._gone:
            return gone
        from napari_unet.engine.network.cell_size import edge_said

        what = self._region or counted(self._done, "frame")
        assert self._ready is not None
        now = self._session.labels.settings
        edge = edge_said(self._ready.model.name, now, self._ready.labels)
        said = notices if edge is None else (*notices, edge)
        return Ended(f"{what} segmented on {self._device}.", said)

    def kept(self) -> str:
        """Say what of a job that was cancelled is kept, and until when."""
        if not self._done:
            return "Stopped."
        if self._has_file:
            return f"Stopped. {_IS_KEPT}; Segment movie goes on from there."
        if gone := self._gone:
            return f"Stopped. {gone}"
        return f"Stopped. {_IS_KEPT} until napari closes; Segment movie goes on from there."

    @property
    def _gone(self) -> str:
        """Say what the labels of a movie without a file went with; empty while they are there."""
        if self._has_file:
            return ""
        if self._image is None or self._image not in layers.images(self._session.viewer):
            return _IS_GONE
        stack, movie = self._stack, self._session.movie
        there = movie.image is not self._image or stack is None or movie.stack is None
        return "" if there or movie.stack.shape == stack.shape else _IS_ANOTHER

    def _begin(self, ready: Ready) -> None:
        self._ready, self._total, self._device = ready, ready.total, ready.device
        labels = self._session.labels
        labels.adopt(ready.labels)
        labels.show()
        labels.set_model(ready.model, ready.probabilities)


@dataclass(frozen=True)
class Ready:
    """The model is open: where its probabilities go, and what computes.

    ``labels`` are the settings that it recommends for this run.
    """

    model: Model
    probabilities: Probabilities
    device: str
    labels: LabelSettings
    total: int


def segmenting(
    stack: Stack,
    choice: ModelChoice,
    settings: PredictSettings,
    frames: Iterable[int] | None,
    known: Probabilities | None = None,
    folder: SessionFolder | None = None,
    region: Box | None = None,
    cluster: ClusterSettings | None = None,
) -> Generator[Ready | Joined | Waiting | str | int, None, tuple[Notice, ...]]:
    """Yield `Ready`, then each frame once its probabilities are stored; return what to know.

    Before more than one frame it yields what they will cost, in words. With a ``region`` only
    that is predicted, of one frame.
    ``known`` are the probabilities shown now: gone on with where they are the same model's.
    New ones go into the session's ``folder``, or into memory where there is none. A ``cluster``
    yields what is waited for now and then, too.
    """
    from napari_unet.engine.network.cell_size import recommended_for
    from napari_unet.engine.prediction.prediction import missing_frames
    from napari_unet.engine.prediction.predictor import open_predictor
    from napari_unet.engine.stack.missing_pixels import FramesWithoutValue

    model, empty = choice.load(), FramesWithoutValue(stack)
    if cluster is not None:
        return (yield from _elsewhere(cluster, stack, model, settings, frames, known, folder))
    predictor = open_predictor(model, settings)
    _tidy_up()
    try:
        probabilities = _room(stack, model, settings, known, folder)
        missing = missing_frames(stack, probabilities, frames)
        recommended = recommended_for(model, settings)
        yield Ready(model, probabilities, predictor.device, recommended, len(missing))
        with closing(_here(stack, predictor, probabilities, missing, region)) as steps:
            for item in steps:
                if isinstance(item, int):
                    empty.look(item)
                yield item
        return (*empty.notices(), *_notices(model, settings, stack, predictor.notice))
    finally:
        predictor.close()


def _here(
    stack: Stack,
    predictor: Predictor,
    probabilities: Probabilities,
    missing: Sequence[int],
    region: Box | None,
) -> Generator[str | int, None, None]:
    """Predict frames, or a region of them, on this computer; before several, say what they cost."""
    from napari_unet.engine.jobs.segment import segment
    from napari_unet.engine.prediction.cost import estimate
    from napari_unet.engine.prediction.prediction import predict_region

    if region is not None:
        for frame in missing:
            predict_region(stack, predictor, probabilities, frame, region)
            yield frame
        return
    steps = segment(
        stack, predictor.model, predictor.settings,
        frames=missing, probabilities=probabilities, predictor=predictor, ahead=False,
    )  # fmt: skip
    if len(missing) > 1:
        yield str(estimate(stack, predictor, probabilities, missing))
    for done in steps:  # its labels are left alone: `LiveLabels.prepare` makes those on screen
        yield done.frame


def _elsewhere(
    cluster: ClusterSettings,
    stack: Stack,
    model: Model,
    settings: PredictSettings,
    frames: Iterable[int] | None,
    known: Probabilities | None,
    folder: SessionFolder | None,
) -> Generator[Ready | Joined | Waiting | int, None, tuple[Notice, ...]]:
    """Yield `Ready`, and each frame as a cluster has predicted it; return what to know."""
    from napari_unet.engine.jobs.cluster.lasting import segment_lasting
    from napari_unet.engine.jobs.steps import told
    from napari_unet.engine.network.cell_size import recommended_for
    from napari_unet.engine.prediction.prediction import missing_frames
    from napari_unet.engine.stack.missing_pixels import FramesWithoutValue

    _tidy_up()
    empty = FramesWithoutValue(stack)
    probabilities = _room(stack, model, settings, known, folder)
    missing = missing_frames(stack, probabilities, frames)
    labels = recommended_for(model, settings)
    yield Ready(model, probabilities, cluster.name, labels, len(missing))
    if not missing:
        return ()

    def looked_at(item: Joined | Waiting | int) -> Joined | Waiting | int:
        if isinstance(item, int):
            empty.look(item)
        return item

    asked = cluster, stack, model, settings, labels, missing, probabilities
    with closing(segment_lasting(*asked)) as steps:
        found = yield from told(steps, looked_at)
    return (*empty.notices(), *found, *_notices(model, settings, stack))


def _notices(
    model: Model, settings: PredictSettings, stack: Stack, notice: str | None = None
) -> tuple[Notice, ...]:
    """Return what a predictor had to do otherwise, and whether cells have another size here."""
    from napari_unet.engine.network.cell_size import pixel_doubt
    from napari_unet.engine.prediction.channel_doubt import channel_doubt

    doubt = pixel_doubt(model, stack, settings)
    said: tuple[tuple[Level, str | None], ...] = (("noted", notice), ("check", doubt))
    found = tuple(Notice(level, line.rstrip(".")) for level, line in said if line)
    other = channel_doubt(model, stack)
    return found if other is None else (*found, other)


def _tidy_up() -> None:
    """Do here what would hold the window up later.

    A labels layer imports pandas. Python looks through all objects once they are a quarter more
    than at the last time, and torch brings many.
    """
    import pandas  # noqa: F401

    gc.collect()


def _room(
    stack: Stack,
    model: Model,
    settings: PredictSettings,
    known: Probabilities | None,
    folder: SessionFolder | None,
) -> Probabilities:
    from napari_unet.engine.prediction.prediction import prediction_key, probabilities_shape
    from napari_unet.engine.prediction.probabilities import Probabilities

    key, shape = prediction_key(stack, model, settings), probabilities_shape(stack, model)
    if known is not None and known.key == json.loads(json.dumps(key)) and known.shape == shape:
        return known
    if folder is None:
        return Probabilities.in_memory(shape, key)
    return Probabilities.create(folder.probabilities_path(key), shape, key)
