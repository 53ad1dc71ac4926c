"""A training as the viewer's job: what the main thread does while it learns, and with the model.

All of it goes into the session's `Training`. No dock takes part: it may be closed meanwhile.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.network.model_files import SUFFIX, library
from napari_unet.gui.session.job import Ended, Progress, Task
from napari_unet.gui.session.models import ModelChoice, free_file, tell_kept
from napari_unet.gui.session.segmenting import segment
from napari_unet.gui.session.training import Comparison, Outcome
from napari_unet.gui.train.other_movies import screen_key
from napari_unet.gui.train.resume import forget
from napari_unet.gui.viewer import label_frames, layers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_unet.engine.network.model import Model
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.train.annotation_source import AnnotationSource
    from napari_unet.gui.train.judged import Trained
    from napari_unet.gui.train.other_movies import OtherMovie
    from napari_unet.gui.train.resume import Begun
    from napari_unet.gui.train.training_worker import WorkerStep

OWNER = "train"
_PREVIEW_EVERY = 1.5  # s
_naming = threading.Lock()  # of a file in the library: two viewers may keep a model at once


def start_training(
    session: Session,
    source: AnnotationSource,
    begun: Begun,
    base: ModelChoice | None,
    *,
    others: tuple[OtherMovie, ...] = (),
    resume: bool,
) -> bool:
    """Learn from ``source``, and from ``others``, as the viewer's job; no base: a new network."""
    run = _Run(session, source, others, base)

    def work() -> Any:
        from napari_unet.gui.train.training_worker import training

        settings, names = session.labels.settings, session.labels.class_names
        in_use = session.models.chosen
        return training(source, begun, base, settings, resume, in_use, names, others)

    task = Task(
        OWNER,
        "Training",
        work,
        on_item=run.on_step,
        on_done=run.on_model,
        on_end=run.on_end,
        cancelled_line="Discarded. No model was made.",
    )
    session.training.begin(source.stack, task)
    session.labels.painted.connect(run.on_strokes)
    started = session.job.start(task)
    if started:
        session.training.changed.emit()
    else:
        run.on_end()
    return started


class _Run:
    """What the main thread does while a network learns."""

    def __init__(
        self,
        session: Session,
        source: AnnotationSource,
        others: tuple[OtherMovie, ...],
        base: ModelChoice | None,
    ) -> None:
        self._session, self._stack, self._base = session, source.stack, base
        self._movies = (screen_key(session), *(other.key for other in others))
        self._lives = (source.live, *(other.live for other in others))
        self._asked = 0.0

    @property
    def _on_screen(self) -> int | None:
        """Which of several movies is on screen; None where it is another one."""
        if len(self._movies) == 1:
            return 0
        key = screen_key(self._session)
        return self._movies.index(key) if key in self._movies else None

    def on_strokes(self, frames: tuple[int, ...]) -> None:
        """Let strokes join what it learns from."""
        from napari_unet.gui.train.training_worker import Message

        live = self._session.labels.live
        at = 0 if len(self._lives) == 1 else next(
            (i for i, one in enumerate(self._lives) if one is not None and one is live), None
        )  # fmt: skip
        if at is not None:
            touched = frozenset((at, t) for t in frames)
            self._session.job.send(Message(touched=touched), Message.then)

    def on_step(self, done: WorkerStep) -> Progress:
        from napari_unet.gui.train.training_worker import Message

        step, training = done.step, self._session.training
        training.curve.add_loss(step.step, step.steps or step.step, step.loss)
        if step.validation is not None:
            scores = step.validation
            kind = "mean IoU of classes" if scores.classes else None
            share = scores.class_iou if scores.classes else scores.right / 100
            training.curve.add_score(step.step, share, kind)
        at = self._on_screen
        if done.preview is not None and step.movie == at:
            self._show_preview(*done.preview)
        now = time.monotonic()
        if now - self._asked > _PREVIEW_EVERY and at is not None:
            self._asked = now
            wish = at, self._session.movie.frame
            self._session.job.send(Message(preview=wish), Message.then)
        if step.note:
            training.note = f"{step.note[:1].upper()}{step.note[1:]}."
        training.stepped.emit()
        return Progress(step.step, step.steps or 0, step.seconds_left)

    def _show_preview(self, frame: int, labels: Any) -> None:
        image, stack = self._session.movie.image, self._session.movie.stack
        if image is not None and stack is not None and layers.is_movie_shaped(image, stack):
            frames = label_frames.OneFrame((len(stack), *stack.frame_shape), frame, labels)
            layers.show_preview(self._session.viewer, image, frames, "what it has learned so far")

    def on_model(self, done: Trained) -> str | Ended:
        from napari_unet.gui.train.judged import verdict

        session, model = self._session, done.model
        former = session.models.chosen
        choice = session.models.add(ModelChoice(model.name, "mine", model=model))
        words, figures, worse = verdict(model.record, done)
        outcome = Outcome(choice, self._base, former, words, figures, worse)
        session.training.set_outcome(outcome)
        if session.training.keep_at_end and keep(session):
            return ""
        line = f"{choice.name} is in the model menu. Keep it, or discard it."
        noticed = [Notice(**notice) for notice in model.record.get("notices", ())]
        new = [n for n in noticed if n not in self._stack.notices]
        return _look(session, Ended(line, new))

    def on_end(self) -> None:
        session = self._session
        session.labels.painted.disconnect(self.on_strokes, missing_ok=True)
        if session.movie.is_open:
            layers.remove_preview(session.viewer)
        if session.training.discarded:
            forget(self._stack)
        session.training.changed.emit()


def _look(session: Session, line: str | Ended) -> str | Ended:
    """Show what the new model makes of the frame on screen; return the line that stays."""
    training, labels = session.training, session.labels
    if session.movie.is_open and session.movie.stack is training.stack and training.outcome:
        live = labels.live
        before = None
        if live is not None:
            before = (live, live.probabilities, labels.model, labels.settings)
        if segment(session, OWNER, (session.movie.frame,), said=line):
            training.seen_before = before
    return line


def _look_back(session: Session) -> None:
    """Show again what was there before the look, frames of the former model and all."""
    training, before = session.training, session.training.seen_before
    training.seen_before = None
    if before is None or session.labels.live is not before[0]:
        return
    _, probabilities, model, settings = before
    session.labels.adopt(settings)
    if model is not None:
        session.labels.set_model(model, probabilities)
    else:
        session.labels.set_probabilities(probabilities)


# ---- a user decides ---------------------------------------------------------------------------


def keep(session: Session) -> bool:
    """Put the new model into the library; while it learns, stop it and then keep it."""
    from napari_unet.gui.train.training_worker import Message

    training = session.training
    if training.running:
        training.keep_at_end = True
        session.job.send(Message(stop=True), Message.then)
        training.changed.emit()
        return True
    outcome = training.outcome
    if outcome is None:
        return False
    choice, stopped = outcome.choice, training.keep_at_end
    training.keep_at_end = False
    stop_comparing(session)

    def work(model: Model) -> Generator[None, None, Path]:
        return _keeping(model, choice.name)

    def done(path: Path) -> str | Ended:
        kept = ModelChoice(path.stem, "mine", path, choice.model)
        training.start_from = kept
        training.outcome = Outcome(
            kept, outcome.base, outcome.former, outcome.words, outcome.figures, outcome.worse
        )
        session.models.replace(choice, kept)
        tell_kept(kept)
        line = f"{choice.name} is kept."
        if path.stem != file_name(choice.name):
            line = f"{line[:-1]} as {path.stem}: there was a model of that name already."
        return _look(session, line) if stopped else line

    return _write(session, work, done)


def save(session: Session, path: Path) -> bool:
    """Write the new model to a file for others."""

    def work(model: Model) -> Generator[None, None, Path]:
        from napari_unet.gui.train.training_worker import saving

        if path.parent != Path() and not path.parent.is_dir():
            raise BadInput(
                f"there is no folder {path.parent}", "a folder that is there", "correct the path"
            )
        return saving(model, path, history=True)

    return _write(session, work, lambda written: f"Saved {written}")


def revert(session: Session) -> None:
    """Take the new model out of the menus, and go back to the one that was chosen before."""
    training, outcome = session.training, session.training.outcome
    if outcome is None:
        return
    stop_comparing(session)
    _look_back(session)
    choice, former = outcome.choice, outcome.former
    if training.start_from is choice:
        training.start_from = outcome.base
    training.outcome = None
    session.models.replace(choice, None)
    if not choice.saved:
        _in_safety(session)
    if former in session.models.all:
        session.models.choose(former)
    name = session.models.chosen.title if session.models.chosen else "no model"
    session.job.say(OWNER, f"Back to {name}.")
    training.changed.emit()


def _write(session: Session, work: Any, done: Callable[[Path], str | Ended]) -> bool:
    outcome = session.training.outcome
    if outcome is None or outcome.choice.model is None:
        return False
    model = outcome.choice.model

    def written(path: Path) -> str | Ended:
        line = done(path)
        _in_safety(session)
        session.training.changed.emit()
        return line

    return session.job.start(Task(OWNER, "Saving the model", lambda: work(model), on_done=written))


def _keeping(model: Model, name: str) -> Generator[None, None, Path]:
    """Write a model into the library, under a name that no other has."""
    from napari_unet.gui.train.training_worker import saving

    yield
    with _naming:
        path = free_file(library(), file_name(name), SUFFIX)
        yield from saving(model, path, history=False)
    return path


def _in_safety(session: Session) -> None:
    """Let the checkpoint go: the model is written, or not wanted."""
    if session.training.stack is not None:
        forget(session.training.stack)


def file_name(name: str) -> str:
    """Return a name that every file system takes."""
    return "".join(c if c.isalnum() or c in " -_.()" else "_" for c in name).strip() or "model"


# ---- before and after -------------------------------------------------------------------------


def compare(session: Session) -> bool:
    """Show what the model before and the new one make of the frame on screen, one at a time."""
    outcome, stack, training = session.training.outcome, session.movie.stack, session.training
    if outcome is None or outcome.base is None or stack is None:
        return False
    base, choice = outcome.base, outcome.choice
    frame, settings = session.movie.frame, session.labels.settings

    def work() -> Any:
        from napari_unet.gui.train.training_worker import both_labels

        return both_labels(stack, frame, base, choice, settings)

    def done(pair: tuple[int, Any, Any]) -> str:
        training.compared = Comparison(*pair)
        show_compared(session, before=True)
        return "On screen: before. Press again for after, and again for your labels."

    return session.job.start(Task(OWNER, "Comparing", work, total=2, on_done=done))


def show_compared(session: Session, *, before: bool) -> None:
    """Show one of the two; the other one is shown at the next press."""
    training, stack = session.training, session.movie.stack
    pair = training.compared
    if pair is None or stack is None:
        return
    image = session.movie.require_layer()
    shape = (len(stack), *stack.frame_shape)
    frames = label_frames.OneFrame(shape, pair.frame, pair.before if before else pair.after)
    name = "before training" if before else "after training"
    layers.show_preview(session.viewer, image, frames, name)
    training.compared = Comparison(pair.frame, pair.before, pair.after, before)
    training.changed.emit()


def stop_comparing(session: Session) -> None:
    """Take away what was shown to compare."""
    if session.training.compared is not None:
        session.training.compared = None
        if session.movie.is_open:
            layers.remove_preview(session.viewer)
        session.training.changed.emit()
