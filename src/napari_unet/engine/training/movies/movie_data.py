"""What a training run learns from in one movie: normalised frames and their annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.annotations.frame_annotation import FrameAnnotation, spare_neighbours
from napari_unet.engine.annotations.holdout import without_tested
from napari_unet.engine.annotations.movie_splits import is_whole
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.network.network import network_codes
from napari_unet.engine.network.normalisation import Normaliser, is_boxed
from napari_unet.engine.network.parts.boxes import filled_box
from napari_unet.engine.stack.channels import RGB
from napari_unet.engine.stack.missing_pixels import measured_values
from napari_unet.engine.training.losses import border_weight
from napari_unet.engine.training.sampling.patches import TrainingFrame, prepare_frame
from napari_unet.engine.training.working_scale import resized_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.holdout import Split
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.stack.stack import Stack


class MovieData:
    """Frames of a movie to learn from and to check on; each is read and normalised once.

    ``of`` tells its frames from those of other movies: ``" of b.tif"``, empty where it is alone.
    """

    def __init__(
        self,
        movie: AnnotatedMovie,
        split: Split,
        settings: TrainSettings,
        device: torch.device,
        base: Model | None = None,
        scale: float = 1.0,
        of: str = "",
    ) -> None:
        self.stack, self.annotations = movie
        self.split, self.joined, self.of = split, False, of
        _check_same_movie(self.stack, self.annotations)
        self.left_out: set[int] = set()  # frames that cannot teach, painted on meanwhile
        self.normaliser = Normaliser(
            base.normalisation if base else settings.normalisation, self.stack, self.stack.dims
        )
        self._settings, self._device = settings, device
        self._base, self._scale = base, scale
        new = is_boxed(settings.normalisation) and self.stack.dims == 3
        self._boxed = base.config.boxed if base else new
        self._images: dict[int, NDArray[np.float32]] = {}
        self._learned = split.train
        self.frames = {t: self._prepare(t, frame) for t, frame in split.train.frames.items()}

    @property
    def checked_pixels(self) -> int:
        """Pixels of the frames that are kept to check on."""
        checked = self.split.validation
        return sum(frame.labels.size for frame in checked.frames.values()) if checked else 0

    def checked(self, every: int) -> list[tuple[NDArray[np.float32], FrameAnnotation]]:
        """Return images ``(C, Y, X)`` and annotations to check on, of every so many frames."""
        checked = self.split.validation
        if checked is None:
            return []
        return [(self.image(t), checked.frames[t]) for t in checked.frame_indices[::every]]

    def image(self, t: int) -> NDArray[np.float32]:
        """Return an annotated frame, normalised; refuses one without two different values."""
        if t not in self._images:
            raw = np.asarray(self.stack[t])
            values = measured_values(raw)
            if not values.size:
                self._refuse(t, "holds nothing but NaN or infinite pixels", "an image")
            if values.min() == values.max():
                self._refuse(t, f"is constant ({values[0]})", "an image")
            self._images[t] = self.normaliser(raw)
        return self._images[t]

    def join(self) -> None:
        """Let what was held out join the training."""
        self.joined, self._learned = True, self.annotations
        frames = self.annotations.frames.items()
        self.frames |= {t: self._prepare(t, frame) for t, frame in frames}

    def learnable(self, annotations: Annotations) -> Annotations:
        """Return what of strokes may teach here: no frame to test on, no edge, no missing pixel."""
        known = without_tested(annotations, self._settings.test)
        known = known.in_regions(self.annotations.regions, known=True)
        return known.without_edge(self._settings.edge).without_missing(self.stack)

    def take(self, annotations: Annotations) -> str:
        """Take new strokes in; gives a line on what is different now, empty where nothing is.

        What is held out stays held out. Frames whose strokes were taken back leave, frames that
        cannot teach are left out; where nothing would be left to learn from, all stays as it was.
        """
        noted = self._leave_out(annotations)
        annotations = annotations.only(set(annotations.frames) - self.left_out)
        learned = annotations if self.joined else self.split.hold_out.learned(annotations)
        if not learned.n_objects and self._learned.n_objects:
            return noted
        known = self._learned.frames
        new = annotations.frames.keys() - self.annotations.frames.keys()
        beside = sorted(new - learned.frames.keys())
        changed = {
            t: frame
            for t, frame in learned.frames.items()
            if t not in known or not _is_same(frame, known[t])
        }
        frames = {t: frame for t, frame in self.frames.items() if t in learned.frames}
        frames |= {t: self._prepare(t, frame) for t, frame in changed.items()}
        left = self.frames.keys() - frames.keys()
        painted = self._changed_validation(annotations)
        lines = [noted, *(f"frame {t}{self.of} is checked on as it was before" for t in painted)]
        self.annotations, self._learned = annotations, learned
        if changed or left:
            self.frames = frames
            lines.append(f"now training on {learned.describe()}{self.of}")
        near = f"is too near {self.split.words} to learn from"
        kept = "is kept to check on with all of that movie" if is_whole(self.split) else near
        lines += [f"frame {t}{self.of} {kept}" for t in beside]
        return "; ".join(filter(None, lines))

    def _changed_validation(self, annotations: Annotations) -> list[int]:
        """Return frames that were painted on where they are checked on.

        Checks of one run are compared with each other, so all of them are on the same outlines.
        """
        if self.joined or self.split.validation is None:
            return []
        changed = []
        for t, checked in self.split.validation.frames.items():
            old, new = self.annotations.frames.get(t), annotations.frames.get(t)
            inside = checked.supervised
            if old and new and not np.array_equal(old.labels[inside], new.labels[inside]):
                changed.append(t)
        return changed

    def _leave_out(self, annotations: Annotations) -> str:
        """Find new frames that cannot teach; gives a line on them."""
        lines = []
        for t in sorted(annotations.frames.keys() - self.annotations.frames - self.left_out):
            try:
                self.image(t)
            except BadInput as error:
                self.left_out.add(t)
                lines.append(f"{error.found}: it is left out")
        return "; ".join(lines)

    def _refuse(self, t: int, found: str, expected: str) -> None:
        remedy = "leave that frame out of the training"
        raise BadInput(f"frame {t}{self.of} {found}", expected, remedy)

    def _prepare(self, t: int, annotation: FrameAnnotation) -> TrainingFrame:
        settings, base, classes = self._settings, self._base, self.annotations.classes
        # A new network has seen nothing yet, so there is no one to ask about the ring
        if base is not None and not annotation.complete and not classes:
            codes = network_codes(base.network, self.image(t))
            seen = label_frame(codes, base.label_settings, spacing=self.stack.spacing)
            annotation = spare_neighbours(annotation, seen)
        image, annotation = resized_frame(self.image(t), annotation, self._scale)
        if self._boxed and not settings.whole_frames:
            image, annotation = _filled(image, annotation)
        w0 = 0.0 if classes else settings.border_weight
        spacing = self.stack.spacing
        weight = border_weight(annotation.labels, w0, settings.border_sigma, spacing)
        return prepare_frame(
            image, annotation, weight, self._device,
            of_classes=bool(classes),
            coloured=self.stack.dims == 2 and self.stack.selected_channels == RGB,
        )  # fmt: skip


def _filled(
    image: NDArray[np.float32], annotation: FrameAnnotation
) -> tuple[NDArray[np.float32], FrameAnnotation]:
    """Return what of a normalised frame ``(C, …)`` lies in the box around all that is not 0."""
    box = filled_box(image)
    labels, supervised = annotation.labels[box], annotation.supervised[box]
    within = FrameAnnotation(labels, supervised, annotation.complete)
    return np.ascontiguousarray(image[:, *box]), within


def _is_same(one: FrameAnnotation, other: FrameAnnotation) -> bool:
    """Whether two annotations of a frame teach the same."""
    if one is other or one.complete != other.complete:
        return one is other
    counts = one.supervised
    return (
        np.array_equal(counts, other.supervised)
        and np.array_equal(one.labels[counts], other.labels[counts])
        and np.array_equal(_unasked(one), _unasked(other))  # a stroke over the ring is for good
    )


def _unasked(frame: FrameAnnotation) -> NDArray[np.bool_]:
    return np.zeros(1, bool) if frame.ring is None else frame.ring


def _check_same_movie(stack: Stack, annotations: Annotations) -> None:
    length, *size = annotations.shape
    if tuple(size) != stack.frame_shape or max(annotations.frames, default=0) >= len(stack):
        raise BadInput(
            f"the annotations are for {length} frames of {' x '.join(map(str, size))} pixels",
            f"{len(stack)} of {' x '.join(map(str, stack.frame_shape))}, as in {stack.name}",
            "give annotations made for this movie",
        )


def kept_apart(parts: Sequence[MovieData]) -> dict[str, Any]:
    """Return for a checkpoint what each movie does not teach: held out, or left out meanwhile."""
    first, *others = (
        {"left_out": sorted(part.left_out), "held_out": part.split.hold_out.to_record()}
        for part in parts
    )
    return {**first, "other_movies": others} if others else first


def left_out(state: Mapping[str, Any]) -> list[frozenset[int]]:
    """Return the frames of each movie that the run of a checkpoint's ``state`` left out."""
    each = ({"left_out": state.get("left_out", ())}, *state.get("other_movies", ()))
    return [frozenset(one["left_out"]) for one in each]
