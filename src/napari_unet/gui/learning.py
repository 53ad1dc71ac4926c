"""What Train's worker does: read the annotations, train, and take in what happens meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.annotations import Annotations, FrameAnnotation
from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack import Stack, parse_frames
from napari_unet.engine.validation import keep_aside
from napari_unet.gui.half_painted import doubt
from napari_unet.gui.rectangles import Rectangle, limit
from napari_unet.gui.unfinished import Begun, checkpoint_of, remember

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.engine.live_labels import LiveLabels
    from napari_unet.engine.model import Model
    from napari_unet.engine.settings import LabelSettings, TrainSettings
    from napari_unet.engine.training import TrainStep
    from napari_unet.gui.model_choice import ModelChoice


@dataclass(frozen=True)
class Described:
    """What a training will learn from, and what a person should look at before."""

    words: str
    doubt: str = ""


@dataclass(frozen=True)
class Teacher:
    """Where annotations come from: a person's corrections, or a Labels layer.

    ``frames`` as typed, empty for all that have labels; ``whole`` says that every cell on the
    frames of a layer is outlined (corrections know this frame by frame). ``areas`` limit what
    counts; ``shown`` are the labels on screen, which know what the model sees.
    """

    stack: Stack
    labels: Any
    name: str
    frames: str = ""
    whole: bool = True
    areas: tuple[Rectangle, ...] = ()
    shown: LiveLabels | None = None

    @property
    def live(self) -> LiveLabels | None:
        """The corrections, where they are what teaches."""
        from napari_unet.engine.live_labels import LiveLabels

        return self.labels if isinstance(self.labels, LiveLabels) else None

    def read(self) -> Annotations:
        """Read what a person vouches for; `BadInput` where the labels are of another movie."""
        return limit(self._read(), self.areas)

    def _read(self) -> Annotations:
        stack, live = self.stack, self.live
        chosen = parse_frames(self.frames, len(stack)) if self.frames.strip() else None
        if live is None:
            labels = Stack.from_array(
                self.labels, axes="TYX"[3 - self.labels.ndim :], name=self.name
            )
            return Annotations.from_labels(stack, labels, chosen, partial=not self.whole)
        touched = live.corrections.frames()
        positions = touched if chosen is None else [t for t in chosen if t in touched]
        return Annotations(live.shape, {t: FrameAnnotation(*live.annotation(t)) for t in positions})

    def reread(self, known: Annotations, touched: frozenset[int]) -> Annotations:
        """Read the frames that were painted on again; the others stay the objects they were."""
        live = self.live
        if live is None:
            return known
        chosen = parse_frames(self.frames, len(self.stack)) if self.frames.strip() else None
        frames = dict(known.frames)
        for t in touched:
            if (chosen is None or t in chosen) and t in live.corrections.frames():
                frames[t] = FrameAnnotation(*live.annotation(t))
        return limit(Annotations(known.shape, frames), self.areas)

    def describe(self, settings: TrainSettings) -> Described:
        """Say what it will train on: ``3 frames, 214 cells, 38 % of the pixels; checked on …``."""
        annotations = self.read().without_edge(settings.edge)
        annotations.check()
        split = keep_aside(annotations, settings.validation)
        where = "; inside the rectangle where there is one" if self.areas else ""
        where += f"; without {settings.edge} px at the image edge" if settings.edge else ""
        words = f"{annotations.describe()}{where}; checked on {split.words}."
        return Described(words, doubt(annotations, self._seen))

    def _seen(self, t: int) -> NDArray[np.uint16] | None:
        """Cells that the model on screen sees in a frame."""
        from napari_unet.engine.labels import label_frame

        shown = self.shown
        if shown is None or not shown.computed(t):
            return None
        return label_frame(shown.probabilities[t], shown.settings)


@dataclass(frozen=True)
class Message:
    """What the docks tell a running training; the worker turns it into the engine's words."""

    preview: int | None = None
    touched: frozenset[int] = frozenset()
    stop: bool = False

    def then(self, newer: Message) -> Message:
        """Join with a newer message that came before this one was taken."""
        preview = self.preview if newer.preview is None else newer.preview
        return Message(preview, self.touched | newer.touched, self.stop or newer.stop)


@dataclass(frozen=True)
class Learned:
    """One step, with the labels ``(Y, X)`` of the previewed frame where there is one."""

    step: TrainStep
    preview: tuple[int, NDArray[np.uint16]] | None = None


def learning(
    teacher: Teacher,
    begun: Begun,
    base: ModelChoice | None,
    label_settings: LabelSettings,
    resume: bool = False,
) -> Generator[Learned, Message | None, Model]:
    """Train, yielding each step; takes a `Message` at each yield.

    The checkpoint stays until the model is saved or discarded (`unfinished.forget`).
    """
    from napari_unet.engine.labels import label_frame
    from napari_unet.engine.training import TrainInput, train

    annotations = teacher.read()
    checkpoint = checkpoint_of(teacher.stack)
    model = base.load() if base is not None else None
    steps = train(
        teacher.stack,
        annotations,
        begun.settings,
        base=model,
        name=begun.name,
        checkpoint=checkpoint,
        resume=resume,
    )
    remember(teacher.stack, begun)
    doubted = _doubted(model, teacher.stack, annotations) if model is not None else ""
    told: TrainInput | None = None
    while True:
        try:
            step = steps.send(told)
        except StopIteration as end:
            return end.value
        preview = None
        if step.preview is not None:
            position, codes = step.preview
            preview = position, label_frame(codes, label_settings)
        note = " ".join(filter(None, (doubted, step.note))) or None
        doubted = ""
        message = yield Learned(replace(step, preview=None, note=note), preview)
        told = None
        if message is not None:
            painted = None
            if message.touched:
                painted = annotations = teacher.reread(annotations, message.touched)
            told = TrainInput(painted, message.preview, message.stop)


def _doubted(model: Model, stack: Stack, annotations: Annotations) -> str:
    """Say where the model it starts from sees clearly more cells than are painted."""
    from napari_unet.engine.labels import label_frame
    from napari_unet.engine.predictor import open_predictor

    predictor = open_predictor(model)
    try:
        return doubt(annotations, lambda t: label_frame(predictor(stack[t]), model.label_settings))
    finally:
        predictor.close()


def both_labels(
    stack: Stack,
    position: int,
    before: ModelChoice,
    after: ModelChoice,
    label_settings: LabelSettings,
) -> Generator[None, None, tuple[int, NDArray[np.uint16], NDArray[np.uint16]]]:
    """Give (position, labels before, labels after) of one frame, for a look at both."""
    from napari_unet.engine.labels import label_frame
    from napari_unet.engine.predictor import open_predictor

    found = []
    for choice in (before, after):
        predictor = open_predictor(choice.load())
        found.append(label_frame(predictor(stack[position]), label_settings))
        predictor.close()
        yield
    return position, found[0], found[1]


def saving(model: Model, path: Path) -> Generator[None, None, Path]:
    """Write a model file."""
    yield
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"the folder {path.parent} cannot be made ({error.strerror})",
            "a place you may write to",
            "choose another path",
        ) from error
    return model.save(path)


def verdict(record: dict[str, Any]) -> tuple[str, str, bool]:
    """(one line on how good the model is and was, its figures, whether it got worse)."""
    from napari_unet.engine.comparison import got_worse, in_words

    before, after = record.get("before"), record.get("after")
    checked, figures = record.get("checked_on") or "nothing", "\n".join(in_words(record))
    if not after:
        return f"Trained. How good it is could not be checked ({checked}).", figures, False
    if not before:
        line = f"Checked on {checked}: of 100 cells {_per_hundred(after)}."
        return line, figures, False
    worse = got_worse(record)
    word = "It got worse" if worse else "Better" if got_worse(_swapped(record)) else "As good"
    line = (
        f"{word}, checked on {checked}. Of 100 cells, before: {_per_hundred(before)}. "
        f"Now: {_per_hundred(after)}."
    )
    if worse:
        line += " Revert takes you back to the former model."
    return line, figures, worse


def _swapped(record: dict[str, Any]) -> dict[str, Any]:
    return {"before": record["after"], "after": record["before"]}


def _per_hundred(scores: dict[str, float]) -> str:
    return ", ".join(f"{scores[k]:.0f} {k}" for k in ("right", "missed", "merged", "split"))
