"""What Train's worker does: read the annotations, train, and take in what happens meanwhile."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.labels.class_labels import NAMES, names_in
from napari_unet.engine.training.completeness import warning_of
from napari_unet.gui.train.annotation_source import NOT_WHOLE
from napari_unet.gui.train.judged import judge
from napari_unet.gui.train.resume import Begun, checkpoint_of, forget, remember

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
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
) -> Generator[WorkerStep, Message | None, Trained]:
    """Train, yielding each step; takes a `Message` at each yield.

    What comes of it is compared with the model ``in_use``; it keeps the ``names`` of its classes.

    The checkpoint stays until the model is saved or discarded (`resume.forget`).
    """
    from napari_unet.engine.labels.class_labels import labels_of
    from napari_unet.engine.training.initial_network import network_outputs
    from napari_unet.engine.training.training import train

    model = base.load() if base is not None else None
    source = source.for_base(model, begun.settings.regions)
    begun_with = annotations = source.read()
    outputs = network_outputs(begun.settings, model, annotations.classes)
    steps = train(
        source.stack,
        annotations,
        begun.settings,
        base=model,
        name=begun.name,
        checkpoint=checkpoint_of(source.stack),
        resume=resume,
    )
    if not resume:
        forget(source.stack)  # an older one, begun otherwise
    remember(source.stack, begun, model)
    doubt = warning = warning_of(model, source.stack, annotations, NOT_WHOLE)
    told: TrainInput | None = None
    while True:
        try:
            step = steps.send(told)
        except StopIteration as end:
            made = _with_names(_with_doubt(end.value, doubt), model, names or {})
            return judge(made, source, begun_with, annotations, in_use or base)
        preview = None
        if step.preview is not None:
            frame, codes = step.preview
            preview = frame, labels_of(codes, outputs, label_settings)
        note, warning = " ".join(filter(None, (warning, step.note))) or None, ""
        message = yield WorkerStep(replace(step, preview=None, note=note), preview)
        annotations, told = _taken(source, annotations, message)


def _taken(
    source: AnnotationSource, known: Annotations, message: Message | None
) -> tuple[Annotations, TrainInput | None]:
    """Return what there is to learn from by now, and what the engine is told."""
    from napari_unet.engine.training.training import TrainInput

    if message is None:
        return known, None
    if not message.touched:
        return known, TrainInput(None, message.preview, message.stop)
    known = source.reread(known, message.touched)
    return known, TrainInput(known, message.preview, message.stop)


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
