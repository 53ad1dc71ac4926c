"""What Train's worker does: read the annotations, train, and take in what happens meanwhile."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from napari_unet.engine.annotations.annotated_movie import together
from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.labels.class_labels import NAMES, names_in
from napari_unet.engine.training.completeness import warning_of
from napari_unet.gui.train.annotation_source import NOT_WHOLE
from napari_unet.gui.train.judged import judge
from napari_unet.gui.train.resume import Begun, checkpoint_of, forget, remember

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.training.training import TrainInput, TrainStep
    from napari_unet.gui.session.models import ModelChoice
    from napari_unet.gui.train.annotation_source import AnnotationSource
    from napari_unet.gui.train.judged import Trained
    from napari_unet.gui.train.other_movies import OtherMovie


@dataclass(frozen=True)
class Message:
    """What the docks tell a running training; the worker turns it into the engine's words."""

    preview: tuple[int, int] | None = None  # movie and frame
    touched: frozenset[tuple[int, int]] = frozenset()
    stop: bool = False

    def then(self, newer: Message) -> Message:
        """Join with a newer message that came before this one was taken."""
        preview = self.preview if newer.preview is None else newer.preview
        return Message(preview, self.touched | newer.touched, self.stop or newer.stop)


@dataclass(frozen=True)
class WorkerStep:
    """One step, with the labels ``(Y, X)`` of the previewed frame where there is one."""

    step: TrainStep
    preview: tuple[int, NDArray[np.uint16]] | None = None


def training(
    source: AnnotationSource,
    begun: Begun,
    base: ModelChoice | None,
    label_settings: LabelSettings,
    resume: bool = False,
    in_use: ModelChoice | None = None,
    names: Mapping[int, str] | None = None,
    others: Sequence[OtherMovie] = (),
) -> Generator[WorkerStep, Message | None, Trained]:
    """Train on a movie and ``others``, yielding each step; takes a `Message` at each yield.

    What comes of it is compared with the model ``in_use``; it keeps the ``names`` of its classes.
    The checkpoint stays until the model is saved or discarded (`resume.forget`).
    """
    from napari_unet.engine.labels.class_labels import labels_of
    from napari_unet.engine.training.initial_network import network_outputs
    from napari_unet.engine.training.training import train

    model = base.load() if base is not None else None
    sources = _opened(source, others, model, begun)
    known = [one.read() for one in sources]
    begun_with = list(known)
    outputs = network_outputs(begun.settings, model, together(known).classes)
    steps = train(
        list(zip((one.stack for one in sources), known, strict=True)),
        settings=begun.settings,
        base=model,
        name=begun.name,
        checkpoint=checkpoint_of(source.stack),
        resume=resume,
    )
    if not resume:
        forget(source.stack)  # an older one, begun otherwise
    remember(source.stack, begun, model)
    doubt = warning = " ".join(_doubts(model, sources, known))
    told, waiting = None, Message()
    while True:
        try:
            step = steps.send(told)
        except StopIteration as end:
            made = _with_names(_with_doubt(end.value, doubt), model, names or {})
            return judge(made, sources, begun_with, known, in_use or base)
        shown = step.preview
        preview = (shown[0], labels_of(shown[1], outputs, label_settings)) if shown else None
        note, warning = " ".join(filter(None, (warning, step.note))) or None, ""
        message = yield WorkerStep(replace(step, preview=None, note=note), preview)
        told, waiting = _taken(sources, known, waiting.then(message or Message()))


def _opened(
    source: AnnotationSource, others: Sequence[OtherMovie], model: Model | None, begun: Begun
) -> list[AnnotationSource]:
    """Return what teaches, the movie on screen first, as ``model`` takes it."""
    opened = (source, *(other.open(source.scope) for other in others))
    return [one.for_base(model, begun.settings.regions) for one in opened]


def _doubts(
    model: Model | None, sources: Sequence[AnnotationSource], known: Sequence[Annotations]
) -> list[str]:
    """Return what is doubted of the frames of each movie, its name in front of all but one."""
    found = [
        warning_of(model, source.stack, its, NOT_WHOLE)
        for source, its in zip(sources, known, strict=True)
    ]
    if len(sources) == 1:
        return [line for line in found if line]
    return [f"{s.stack.name}: {line}" for s, line in zip(sources, found, strict=True) if line]


def _taken(
    sources: Sequence[AnnotationSource], known: list[Annotations], message: Message
) -> tuple[TrainInput | None, Message]:
    """Return what the engine is told, of one movie at a time, and what waits for the next step.

    ``known`` is what there is to learn from, brought up to date.
    """
    from napari_unet.engine.training.training import TrainInput

    if not message.touched:
        if message.preview is None:
            return (TrainInput(stop=True) if message.stop else None), Message()
        at, frame = message.preview
        return TrainInput(None, frame, message.stop, at), Message()
    at = min(movie for movie, _ in message.touched)
    frames = frozenset(t for movie, t in message.touched if movie == at)
    known[at] = sources[at].reread(known[at], frames)
    here = message.preview is not None and message.preview[0] == at
    frame_ = message.preview[1] if message.preview is not None and here else None
    rest = frozenset(one for one in message.touched if one[0] != at)
    waits = Message(None if here else message.preview, rest)
    return TrainInput(known[at], frame_, message.stop, at), waits


def _with_doubt(model: Model, doubt: str) -> Model:
    """Let the model's record keep what was doubted of its frames."""
    if doubt:
        notice = Notice("check", doubt.rstrip("."))
        model.record.setdefault("notices", []).append(asdict(notice))
    return model


def _with_names(model: Model, base: Model | None, names: Mapping[int, str]) -> Model:
    """Let the model's record keep what its classes are called, now or by what it began from."""
    known = {**(names_in(base.record) if base is not None else {}), **names}
    kept = {str(n): name for n, name in known.items() if n in model.config.classes}
    if kept:
        model.record[NAMES] = kept
    return model


def both_labels(
    stack: Stack,
    frame: int,
    before: ModelChoice,
    after: ModelChoice,
    label_settings: LabelSettings,
) -> Generator[None, None, tuple[int, NDArray[np.uint16], NDArray[np.uint16]]]:
    """Return (frame, its labels before, its labels after), for a look at both."""
    from napari_unet.engine.labels.class_labels import labels_of
    from napari_unet.engine.prediction.predictor import open_predictor

    found = []
    for choice in (before, after):
        model = choice.load()
        predictor = open_predictor(model)
        codes = predictor(stack.seen_by(model.config.in_channels)[frame])
        found.append(labels_of(codes, predictor.outputs, label_settings))
        predictor.close()
        yield
    return frame, found[0], found[1]


def saving(model: Model, path: Path, *, history: bool) -> Generator[None, None, Path]:
    """Write a model file, and beside it how it was trained where ``history`` is asked for."""
    from napari_unet.engine.training.history import save_with_history

    yield
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"the folder {path.parent} cannot be made ({error.strerror})",
            "a place you may write to",
            "choose another path",
        ) from error
    return save_with_history(model, path) if history else model.save(path)
