"""What teaches: a user's corrections or a Labels layer, read as annotations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.label_stack import LabelStack
from napari_unet.engine.labels.read_labels import (
    FEW,
    class_numbers,
    components,
    guess_kind,
)
from napari_unet.engine.stack.frame_numbers import parse_frames
from napari_unet.gui.viewer.regions import Rectangle, limit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.labels.read_labels import Kind
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.stack.stack import Stack


WHICH_FRAMES = "write into Frames which ones they are of, as many as there are labels"
NOT_WHOLE = "untick that every cell is outlined"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What of the labels counts, as a user says it in the dock.

    ``frames`` as typed, empty for all that have labels; ``whole`` says that every cell on the
    frames of a layer is outlined (corrections know this frame by frame). ``areas`` limit what
    counts; ``kind`` says what the numbers are.
    """

    frames: str = ""
    whole: bool = True
    areas: tuple[Rectangle, ...] = ()
    kind: Kind = "auto"

    def chosen(self, n: int) -> tuple[int, ...] | None:
        """Return the frames that were typed, of a movie of ``n``; None for all with labels."""
        return parse_frames(self.frames, n) if self.frames.strip() else None


@dataclass(frozen=True, kw_only=True)
class AnnotationSource:
    """Where annotations come from: a user's corrections, or a Labels layer called ``name``.

    ``labels`` is the data of the layer, `LiveLabels` for corrections; ``shown`` are the labels on
    screen, which know what the model sees.
    """

    stack: Stack
    labels: Any
    name: str
    scope: Scope = Scope()
    shown: LiveLabels | None = None

    @property
    def live(self) -> LiveLabels | None:
        """The corrections, where they are what teaches."""
        from napari_unet.engine.session.live_labels import LiveLabels

        return self.labels if isinstance(self.labels, LiveLabels) else None

    def for_base(self, model: Model | None, regions: str = "") -> AnnotationSource:
        """Return the source that teaches classes to a model of them, or of ``regions`` of them.

        A kind that a user chose stays.
        """
        wanted = model.config.classes if model is not None else regions.strip()
        if not wanted or self.scope.kind != "auto":
            return self
        return replace(self, scope=replace(self.scope, kind="classes"))

    def read(self) -> Annotations:
        """Return what a user vouches for; `BadInput` where the labels are of another movie."""
        return limit(self._read(), self.scope.areas)

    def _read(self) -> Annotations:
        stack, live = self.stack, self.live
        chosen, scope = self.scope.chosen(len(stack)), self.scope
        if live is None:
            return Annotations.from_labels(
                stack,
                LabelStack.of_array(self.labels, self.name, stack.dims),
                chosen,
                partial=not scope.whole,
                kind=scope.kind,
                remedy=WHICH_FRAMES,
            )
        touched = live.corrections.frames()
        painted = touched if chosen is None else tuple(t for t in chosen if t in touched)
        classes = self._painted_classes(live, painted)
        read = ((t, self._annotation(live, t, classes)) for t in painted)
        frames = {t: known for t, known in read if known.supervised.any()}  # else all taken back
        return Annotations(live.shape, frames, classes, spacing=stack.spacing)

    def reread(self, known: Annotations, touched: frozenset[int]) -> Annotations:
        """Return ``known`` with the frames that were painted on read again.

        The others stay the objects they were: reading all of a long movie at each stroke would
        take the time from learning.
        """
        live = self.live
        if live is None:
            return known
        chosen = self.scope.chosen(len(self.stack))
        frames = dict(known.frames)
        for t in touched:
            if (chosen is None or t in chosen) and t in live.corrections.frames():
                frames[t] = self._annotation(live, t, known.classes)
        return limit(known.with_frames(frames), self.scope.areas)

    def _painted_classes(self, live: LiveLabels, frames: tuple[int, ...]) -> tuple[int, ...]:
        """Classes a user painted; () where they painted objects."""
        kind = "classes" if self.scope.kind == "auto" and live.classes else self.scope.kind
        if kind not in ("auto", "classes"):
            return ()
        if kind == "auto":  # many ids are cells: no need to look at their pixels
            ids = set().union(*(live.corrections.ids(t).tolist() for t in frames))
            if len(ids - {BACKGROUND_ID}) > FEW:
                return ()
        painted = [live.annotation(t).labels for t in frames]
        if kind == "auto" and guess_kind(painted) != "classes":
            return ()
        return class_numbers(painted)

    def _annotation(self, live: LiveLabels, t: int, classes: tuple[int, ...]) -> FrameAnnotation:
        frame = live.annotation(t, classes=bool(classes))
        if self.scope.kind == "binary":
            frame = replace(frame, labels=components(frame.labels))
        if classes:  # what the network cannot say by now does not count
            frame = frame.within(np.isin(frame.labels, (0, *classes)))
        return frame

    def seen(self, t: int) -> NDArray[np.uint16] | None:
        """Cells that the model on screen sees in a frame."""
        from napari_unet.engine.labels.class_labels import labels_of

        shown = self.shown
        if shown is None or not shown.computed(t):
            return None
        outputs = shown.probabilities.outputs
        return labels_of(shown.probabilities[t], outputs, shown.settings, shown.spacing)
