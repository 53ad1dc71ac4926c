"""What one training run learns from: normalised frames, their annotations, and the crops drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.annotations import spare_neighbours
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels import label_frame
from napari_unet.engine.losses import border_weight
from napari_unet.engine.patches import Batch, PatchSampler, TrainingFrame, prepare_frame
from napari_unet.engine.self_check import network_codes

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from napari_unet.engine.annotations import Annotations, FrameAnnotation, Split
    from napari_unet.engine.model import Model
    from napari_unet.engine.normalisation import Normaliser
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.stack import Stack


_CHECKED_PIXELS = 4e6


class TrainingData:
    """Frames to learn from and frames to check on; each is read and normalised once."""

    def __init__(
        self,
        stack: Stack,
        annotations: Annotations,
        split: Split,
        settings: TrainSettings,
        normaliser: Normaliser,
        device: torch.device,
        base: Model | None = None,
    ) -> None:
        _check_same_movie(stack, annotations)
        self.annotations, self.split, self.joined = annotations, split, False
        self._stack, self._settings = stack, settings
        self._normaliser, self._device, self._base = normaliser, device, base
        self._images: dict[int, NDArray[np.float32]] = {}
        self._frames = {t: self._prepare(t, frame) for t, frame in split.train.frames.items()}
        self._sampler: PatchSampler | None = None

    @property
    def held(self) -> list[tuple[NDArray[np.float32], FrameAnnotation]]:
        """Images ``(C, Y, X)`` and annotations kept aside for checking.

        Evenly spaced ones where there are many: a check must not cost more than it tells.
        """
        validation = self.split.validation
        if validation is None:
            return []
        height, width = validation.shape[1:]
        positions = validation.positions
        every = max(1, round(len(positions) * height * width / _CHECKED_PIXELS))
        return [(self.image(t), validation.frames[t]) for t in positions[::every]]

    @property
    def pixels(self) -> int:
        """Supervised pixels to learn from."""
        return sum(frame.n_supervised for frame in self._frames.values())

    def image(self, t: int) -> NDArray[np.float32]:
        """Give an annotated frame, normalised; refuses a constant one, NaN and infinity."""
        if t not in self._images:
            raw = np.asarray(self._stack[t])
            if raw.dtype.kind == "f" and not np.isfinite(raw).all():
                _refuse(t, "holds NaN or infinite pixels", "finite intensities")
            if raw.min() == raw.max():
                _refuse(t, f"is constant ({raw.flat[0]})", "an image")
            self._images[t] = self._normaliser(raw)
        return self._images[t]

    def batch(self, n: int, crop: int, generator: torch.Generator) -> Batch:
        """Draw ``n`` crops of ``crop`` px."""
        if self._sampler is None or self._sampler.size != crop:
            frames = [self._frames[t] for t in sorted(self._frames)]
            self._sampler = PatchSampler(frames, crop, self._settings.augmentation, generator)
        return self._sampler.batch(n)

    def join(self) -> None:
        """Let what was kept aside join the training."""
        self.joined = True
        frames = self.annotations.frames.items()
        self._frames |= {t: self._prepare(t, frame) for t, frame in frames}
        self._sampler = None

    def take(self, annotations: Annotations) -> bool:
        """Take new strokes in; what is kept aside stays aside. Tells whether anything changed.

        Frames whose strokes were taken back leave; where nothing would be left to learn from, all
        stays as it was.
        """
        if not annotations.n_objects:
            return False
        held = (
            () if self.joined or self.split.validation is None else self.split.validation.positions
        )
        changed = {
            t: frame
            for t, frame in annotations.frames.items()
            if t not in held and frame is not self.annotations.frames.get(t)
        }
        frames = {t: frame for t, frame in self._frames.items() if t in annotations.frames}
        frames |= {t: self._prepare(t, frame) for t, frame in changed.items()}
        if not any(frame.n_supervised for frame in frames.values()):
            return False
        left = self._frames.keys() - frames.keys()
        self.annotations, self._frames, self._sampler = annotations, frames, None
        return bool(changed or left)

    def _prepare(self, t: int, annotation: FrameAnnotation) -> TrainingFrame:
        settings, base = self._settings, self._base
        if base is not None and not annotation.complete:
            codes = network_codes(base.network, self.image(t))
            annotation = spare_neighbours(annotation, label_frame(codes, base.label_settings))
        weight = border_weight(annotation.labels, settings.border_weight, settings.border_sigma)
        return prepare_frame(self.image(t), annotation, weight, self._device)


def _check_same_movie(stack: Stack, annotations: Annotations) -> None:
    length, height, width = annotations.shape
    if (height, width) != stack.frame_shape or max(annotations.positions, default=0) >= len(stack):
        raise BadInput(
            f"the annotations are for {length} frames of {height} x {width} pixels",
            f"{len(stack)} of {' x '.join(map(str, stack.frame_shape))}, as the movie {stack.name}",
            "give annotations made for this movie",
        )


def _refuse(t: int, found: str, expected: str) -> None:
    raise BadInput(f"frame {t} {found}", expected, "leave that frame out of the training")
