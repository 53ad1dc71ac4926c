"""Crops for training: drawn where a user vouches, changed at random, a batch at a time.

A few painted cells must stand for a movie in which cells lie at any angle, are larger or smaller,
brighter or out of focus. Everything is done on a batch at once, in one resampling: that is what
makes it cheap beside a step of the network on a CPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_unet.engine.training.augmentation.colours import change_colours, lit_from_behind
from napari_unet.engine.training.augmentation.faults import bleach, defocus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.settings import Augmentation

# Supervised anywhere, on objects, where objects touch. Gaps between touching cells decide whether
# they are told apart and are a tiny share of the pixels: drawn evenly they would hardly be seen.
_KINDS = 3
_SHARES = (0.4, 0.35, 0.25)
_MOST_CENTRES = 1 << 16  # of each class in a frame


@dataclass(frozen=True, eq=False)
class TrainingFrame:
    """A normalised frame with its annotation, ready to be cropped.

    ``image (C, Y, X)`` and ``truth (3, Y, X)`` (labels, supervised, border weight) are float32 on
    the device; ``centres`` holds flat pixel indices for each kind of crop.
    """

    image: Tensor
    truth: Tensor
    centres: tuple[NDArray[np.int32], ...]
    n_supervised: int
    of_classes: bool = False
    light: bool | None = None
    """Whether the ground of a coloured image is light; None where its channels are no colours."""


@dataclass(frozen=True)
class Batch:
    """``image (N, C, S, S)``; ``labels``, ``supervised``, ``weight`` each ``(N, 1, S, S)``."""

    image: Tensor
    labels: Tensor
    supervised: Tensor
    weight: Tensor


def prepare_frame(
    image: NDArray[np.float32],
    annotation: FrameAnnotation,
    weight: NDArray[np.float32],
    device: torch.device,
    *,
    of_classes: bool = False,
    coloured: bool = False,
) -> TrainingFrame:
    """Put a normalised frame ``(C, Y, X)``, its annotation and border weight on the device.

    Crops of classes are drawn around each of them equally often, however rare it is.
    """
    supervised = annotation.supervised
    # the border weight is high between objects that nearly touch: a quarter of its peak finds them
    touching = supervised & (weight > 0.25 * max(float(weight.max()), 1e-6)) & (weight > 0)
    kinds = (supervised, supervised & (annotation.labels > 0), touching)
    whole = np.flatnonzero(supervised).astype(np.int32)
    centres = tuple(
        np.flatnonzero(kind).astype(np.int32) if kind.any() else whole for kind in kinds
    )
    if of_classes:
        even = _evenly(annotation.labels, supervised)
        centres = (whole, even, even) if len(even) else (whole,) * _KINDS
    truth = np.stack([annotation.labels, supervised, weight]).astype(np.float32)
    planes = torch.from_numpy(image)
    return TrainingFrame(
        planes.to(device),
        torch.from_numpy(truth).to(device),
        centres,
        len(whole),
        of_classes,
        lit_from_behind(planes) if coloured else None,
    )


def _evenly(labels: NDArray[np.integer], supervised: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Flat indices of supervised pixels, as many of each class; rare ones come repeatedly."""
    of_class = [np.flatnonzero(supervised & (labels == k)) for k in np.unique(labels) if k]
    found = [where for where in of_class if len(where)]
    n = min(_MOST_CENTRES, max(map(len, found), default=0))
    steps = [np.linspace(0, len(where), n, endpoint=False).astype(np.intp) for where in found]
    picked = [where[step] for where, step in zip(found, steps, strict=True)]
    return np.concatenate(picked).astype(np.int32) if picked else np.zeros(0, np.int32)


class PatchSampler:
    """Draws batches of ``size`` x ``size`` crops; the same generator state draws the same batch."""

    def __init__(
        self,
        frames: Sequence[TrainingFrame],
        size: int,
        augmentation: Augmentation,
        generator: torch.Generator,
    ) -> None:
        self.frames = [frame for frame in frames if frame.n_supervised]
        self.size = size
        self._shape = (size, size)
        self.augmentation = augmentation
        self.generator = generator
        # the root: a frame that counts whole does not crowd out one with three painted cells
        share = np.array([frame.n_supervised for frame in self.frames], float)
        self._share = torch.from_numpy(np.sqrt(share / share.sum()))

    def batch(self, n: int) -> Batch:
        """Draw ``n`` crops."""
        a, g, device = self.augmentation, self.generator, self.frames[0].image.device
        window = self._window()
        images, truths, light = [], [], []
        for pick in self._picks(n):
            frame = self.frames[pick]
            light.append(frame.light)
            y, x = self._centre(frame)
            # beyond the edge the image goes on in the mirror; nobody vouches for what is there
            images.append(_cut(frame.image, y, x, window, reflect=True))
            truths.append(_cut(frame.truth, y, x, window, reflect=False))
        grid = _grid(n, self._shape, window, a, g).to(device)
        image = F.grid_sample(
            torch.stack(images),
            grid,
            mode="bilinear",
            padding_mode="reflection",
            align_corners=False,
        )
        truth = F.grid_sample(
            torch.stack(truths), grid, mode="nearest", padding_mode="zeros", align_corners=False
        )
        if a.cells and not self.frames[0].of_classes:
            image = _change_cells(image, truth[:, :1], a.cells, g)
        if None not in light:
            image = change_colours(image, torch.tensor(light), a.stain, a.colour, g)
        image = change_intensities(image, a, g)
        return Batch(image, truth[:, :1], truth[:, 1:2], truth[:, 2:])

    def _picks(self, n: int) -> list[int]:
        """Return which frames the crops are of."""
        picks = torch.multinomial(self._share, n, replacement=True, generator=self.generator)
        return [int(pick) for pick in picks]

    def _window(self) -> int:
        """Edge of the raw window that holds a crop however it is turned and zoomed."""
        a = self.augmentation
        turned = math.sqrt(2) if a.rotate else 1.0
        return 2 * math.ceil(self.size * turned / a.zoom_low / 2 + 3 * a.elastic)

    def _centre(self, frame: TrainingFrame) -> tuple[int, int]:
        kind = int(torch.multinomial(torch.tensor(_SHARES), 1, generator=self.generator))
        centres = frame.centres[kind]
        index = int(centres[int(torch.randint(len(centres), (1,), generator=self.generator))])
        y, x = divmod(index, frame.image.shape[-1])
        # away from the centre, so that cells are seen in every part of a crop
        dy, dx = torch.randint(-self.size // 3, self.size // 3 + 1, (2,), generator=self.generator)
        return y + int(dy), x + int(dx)


class FrameSampler(PatchSampler):
    """Draws whole frames, each once before any comes again; ``drawn`` so many until now.

    Odd edges get a pixel more, for which nobody vouches: a network fills up to its own stride.
    """

    def __init__(
        self,
        frames: Sequence[TrainingFrame],
        augmentation: Augmentation,
        generator: torch.Generator,
        drawn: int = 0,
    ) -> None:
        height, width = frames[0].image.shape[-2:]
        shape = (height + height % 2, width + width % 2)
        super().__init__(frames, max(shape), augmentation, generator)
        self._shape, self.drawn = shape, drawn

    def _picks(self, n: int) -> list[int]:
        picks = []
        for place in range(self.drawn, self.drawn + n):
            epoch, index = divmod(place, len(self.frames))
            shuffled = torch.Generator().manual_seed(self.generator.initial_seed() + epoch)
            picks.append(int(torch.randperm(len(self.frames), generator=shuffled)[index]))
        self.drawn += n
        return picks

    def _centre(self, frame: TrainingFrame) -> tuple[int, int]:
        return self._shape[0] // 2, self._shape[1] // 2


def _cut(planes: Tensor, y: int, x: int, window: int, *, reflect: bool) -> Tensor:
    """Cut ``(C, window, window)`` around ``(y, x)``; outside the frame reflected or zero."""
    height, width = planes.shape[-2:]
    top, left = y - window // 2, x - window // 2
    y0, y1 = max(0, top), min(height, top + window)
    x0, x1 = max(0, left), min(width, left + window)
    inner = planes[:, y0:y1, x0:x1]
    missing = (x0 - left, left + window - x1, y0 - top, top + window - y1)
    if not any(missing):
        return inner
    if not reflect:
        return F.pad(inner, missing)
    rows = _reflected(top, window, height).to(planes.device)
    columns = _reflected(left, window, width).to(planes.device)
    return planes[:, rows][:, :, columns]


def _reflected(start: int, length: int, size: int) -> Tensor:
    index = torch.arange(start, start + length).remainder(2 * size)
    return torch.minimum(index, 2 * size - 1 - index)


def _uniform(n: int, low: float, high: float, g: torch.Generator) -> Tensor:
    return torch.rand(n, generator=g) * (high - low) + low


def _grid(
    n: int, shape: tuple[int, int], window: int, a: Augmentation, g: torch.Generator
) -> Tensor:
    """Return sampling positions ``(n, *shape, 2)`` in a window: turned, zoomed, warped."""
    # drawn on the CPU whatever the device: the same seed draws the same crops on all of them
    angle = _uniform(n, -a.rotate, a.rotate, g) * (math.pi / 180)
    zoom = torch.exp(_uniform(n, math.log(a.zoom_low), math.log(a.zoom_high), g))
    if a.flip:
        angle = angle + torch.randint(0, 4, (n,), generator=g) * (math.pi / 2)
    flip = torch.randint(0, 2, (n,), generator=g) * 2.0 - 1 if a.flip else torch.ones(n)
    down, along = (size / window / zoom for size in shape)
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros(n)
    affine = torch.stack(
        (
            torch.stack((cos * along * flip, -(sin * down), zero), -1),
            torch.stack((sin * along * flip, cos * down, zero), -1),
        ),
        1,
    )
    grid = F.affine_grid(affine, [n, 1, *shape], align_corners=False)
    if a.elastic:  # a knot every 32 px: cells bend as a whole and do not fray
        knots = [max(2, size // 32) for size in shape]
        coarse = torch.randn((n, 2, *knots), generator=g)
        warp = F.interpolate(coarse, size=shape, mode="bicubic", align_corners=True)
        grid = grid + warp.permute(0, 2, 3, 1) * (2 * a.elastic / window)
    return grid


def change_intensities(image: Tensor, a: Augmentation, g: torch.Generator) -> Tensor:
    """Brightness, contrast, gamma, blur, faults, noise and exposure of crops (N, C, S, S)."""
    n, device = len(image), image.device

    def each(low: float, high: float) -> Tensor:
        return _uniform(n, low, high, g)[:, None, None, None].to(device)

    if a.gamma:
        image = image.sign() * (image.abs() + 1e-6) ** torch.exp(each(-a.gamma, a.gamma))
    if a.contrast:
        mean = image.mean((2, 3), keepdim=True)
        image = (image - mean) * (1 + each(-a.contrast, a.contrast)) + mean
    if a.brightness:
        image = image + each(-a.brightness, a.brightness)
    if a.blur:
        image = _blur(image, _uniform(n, -a.blur, a.blur, g).clamp(min=0))
    if a.defocus:
        image = defocus(image, a.defocus, g)
    if a.bleach:
        image = bleach(image, a.bleach, g)
    if a.noise:
        noise = torch.randn(image.shape, generator=g).to(device)
        image = image + noise * each(-a.noise, a.noise).clamp(min=0)
    if a.exposure > 1:
        image = image * torch.exp(each(0, math.log(a.exposure)))
    return image


def _change_cells(image: Tensor, labels: Tensor, amount: float, g: torch.Generator) -> Tensor:
    """Dim each cell by itself, in some crops much: as cells cycle and express.

    Crops are normalised, so background lies near 0 and a gain leaves it there.
    """
    amounts = _uniform(len(image), 0, amount, g)[:, None]
    gains = torch.exp(-amounts * torch.rand((len(image), 1024), generator=g)).to(image.device)
    gain = gains.gather(1, labels.flatten(1).long() % 1024).reshape(labels.shape)
    gain = torch.where(labels > 0, gain, 1.0)
    return image * F.avg_pool2d(gain, 5, stride=1, padding=2, count_include_pad=False)


def _blur(image: Tensor, sigma: Tensor) -> Tensor:
    """Blur each crop with its own Gaussian; a sigma of 0 leaves it as it is."""
    n, channels, height, width = image.shape
    radius = max(1, math.ceil(2.5 * float(sigma.max())))
    steps = torch.arange(-radius, radius + 1.0)
    kernel = torch.exp(-0.5 * (steps / sigma.clamp(min=1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(image.device).repeat_interleave(channels, 0)
    flat = image.reshape(1, n * channels, height, width)
    for shape, pad in (
        ((-1, 1, 2 * radius + 1, 1), (0, 0, radius, radius)),
        ((-1, 1, 1, 2 * radius + 1), (radius, radius, 0, 0)),
    ):
        padded = F.pad(flat, pad, mode="replicate")
        flat = F.conv2d(padded, kernel.reshape(shape), groups=n * channels)
    return flat.reshape(image.shape)
