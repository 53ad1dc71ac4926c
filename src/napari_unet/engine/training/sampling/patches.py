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
    the device; ``centres`` holds flat pixel indices for each kind of crop. Of volumes, here as in
    all that follows, Y and X have Z before them.
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
    """Draws batches of ``size`` x ``size`` crops; the same generator state draws the same batch.

    Crops of volumes have as many sections as ``depth`` says. Where voxels are ``cubes`` they are
    turned out of the plane, too, as far as crops are as deep as they are wide.
    """

    def __init__(
        self,
        frames: Sequence[TrainingFrame],
        size: int,
        augmentation: Augmentation,
        generator: torch.Generator,
        *,
        depth: int | None = None,
        cubes: bool = False,
    ) -> None:
        self.frames = [frame for frame in frames if frame.n_supervised]
        self.size, self.depth = size, depth
        self._shape: tuple[int, ...] = (size, size) if depth is None else (depth, size, size)
        self._turns = cubes and depth == size and augmentation.flip
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
            centre = self._centre(frame)
            # beyond the edge the image goes on in the mirror; nobody vouches for what is there
            image = cut_around(frame.image, centre, window, reflect=True)
            truth = cut_around(frame.truth, centre, window, reflect=False)
            if self._turns:
                image, truth = _turned_out(image, truth, g)
            images.append(image)
            truths.append(truth)
        grid = _grid(n, self._shape, window, a, g).to(device)
        seen = F.grid_sample(
            torch.stack(images),
            grid,
            mode="bilinear",
            padding_mode="reflection",
            align_corners=False,
        )
        known = F.grid_sample(
            torch.stack(truths), grid, mode="nearest", padding_mode="zeros", align_corners=False
        )
        if a.cells and not self.frames[0].of_classes:
            seen = change_cells(seen, known[:, :1], a.cells, g)
        if None not in light:
            seen = change_colours(seen, torch.tensor(light), a.stain, a.colour, g)
        seen = change_intensities(seen, a, g)
        return Batch(seen, known[:, :1], known[:, 1:2], known[:, 2:])

    def _picks(self, n: int) -> list[int]:
        """Return which frames the crops are of."""
        picks = torch.multinomial(self._share, n, replacement=True, generator=self.generator)
        return [int(pick) for pick in picks]

    def _window(self) -> tuple[int, ...]:
        """Size of the raw window that holds a crop however it is turned and zoomed."""
        a = self.augmentation
        turned = math.sqrt(2) if a.rotate else 1.0
        plane = 2 * math.ceil(self.size * turned / a.zoom_low / 2 + 3 * a.elastic)
        if len(self._shape) == 2:
            return plane, plane
        depth = 2 * math.ceil(self._shape[0] / a.zoom_low / 2)
        return plane if self._turns else depth, plane, plane

    def _centre(self, frame: TrainingFrame) -> tuple[int, ...]:
        kind = int(torch.multinomial(torch.tensor(_SHARES), 1, generator=self.generator))
        centres = frame.centres[kind]
        index = int(centres[int(torch.randint(len(centres), (1,), generator=self.generator))])
        place = np.unravel_index(index, tuple(frame.image.shape[1:]))
        # away from the centre, so that cells are seen in every part of a crop
        away = torch.randint(-self.size // 3, self.size // 3 + 1, (2,), generator=self.generator)
        if len(place) == 3:
            deep = self._shape[0] // 3
            up = torch.randint(-deep, deep + 1, (1,), generator=self.generator)
            away = torch.cat((up, away))
        return tuple(int(n) + int(d) for n, d in zip(place, away, strict=True))


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
        shape = tuple(n + n % 2 for n in frames[0].image.shape[1:])
        super().__init__(frames, max(shape[-2:]), augmentation, generator)
        self._shape, self.drawn = shape, drawn

    def _picks(self, n: int) -> list[int]:
        picks = []
        for place in range(self.drawn, self.drawn + n):
            epoch, index = divmod(place, len(self.frames))
            shuffled = torch.Generator().manual_seed(self.generator.initial_seed() + epoch)
            picks.append(int(torch.randperm(len(self.frames), generator=shuffled)[index]))
        self.drawn += n
        return picks

    def _centre(self, frame: TrainingFrame) -> tuple[int, ...]:
        return tuple(n // 2 for n in self._shape)


def cut_around(
    planes: Tensor, centre: Sequence[int], window: Sequence[int], *, reflect: bool
) -> Tensor:
    """Cut ``(C, *window)`` around a place of a frame; outside it reflected or zero."""
    inner, size, missing = planes, planes.shape[1:], list[int]()
    firsts = [at - edge // 2 for at, edge in zip(centre, window, strict=True)]
    for axis, (first, edge, n) in enumerate(zip(firsts, window, size, strict=True), start=1):
        start, stop = max(0, first), min(n, first + edge)
        inner = inner.narrow(axis, start, max(0, stop - start))
        missing = [start - first, first + edge - stop, *missing]
    if not any(missing):
        return inner
    if not reflect:
        return F.pad(inner, missing)
    for axis, (first, edge, n) in enumerate(zip(firsts, window, size, strict=True), start=1):
        planes = planes.index_select(axis, _reflected(first, edge, n).to(planes.device))
    return planes


def _turned_out(image: Tensor, truth: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turn a window so that any of its axes is z: it is a cube."""
    k = int(torch.randint(3, (1,), generator=g))
    order = (0, *(1 + (axis + k) % 3 for axis in range(3)))
    return image.permute(order), truth.permute(order)


def _reflected(start: int, length: int, size: int) -> Tensor:
    index = torch.arange(start, start + length).remainder(2 * size)
    return torch.minimum(index, 2 * size - 1 - index)


def _uniform(n: int, low: float, high: float, g: torch.Generator) -> Tensor:
    return torch.rand(n, generator=g) * (high - low) + low


def _grid(
    n: int, shape: tuple[int, ...], window: tuple[int, ...], a: Augmentation, g: torch.Generator
) -> Tensor:
    """Return sampling positions ``(n, *shape, 2)`` in a window: turned, zoomed, warped.

    Of volumes ``(n, *shape, 3)``: turned and warped in the plane, zoomed and flipped along z, too.
    """
    # drawn on the CPU whatever the device: the same seed draws the same crops on all of them
    angle = _uniform(n, -a.rotate, a.rotate, g) * (math.pi / 180)
    zoom = torch.exp(_uniform(n, math.log(a.zoom_low), math.log(a.zoom_high), g))
    if a.flip:
        angle = angle + torch.randint(0, 4, (n,), generator=g) * (math.pi / 2)
    flip = torch.randint(0, 2, (n,), generator=g) * 2.0 - 1 if a.flip else torch.ones(n)
    *deep, down, along = (s / w / zoom for s, w in zip(shape, window, strict=True))
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros(n)
    rows = [
        [cos * along * flip, -(sin * down), zero],
        [sin * along * flip, cos * down, zero],
    ]
    if deep:
        up = torch.randint(0, 2, (n,), generator=g) * 2.0 - 1 if a.flip else torch.ones(n)
        rows = [[*row[:2], zero, zero] for row in rows] + [[zero, zero, deep[0] * up, zero]]
    affine = torch.stack([torch.stack(row, -1) for row in rows], 1)
    grid = F.affine_grid(affine, [n, 1, *shape], align_corners=False)
    if a.elastic:  # a knot every 32 px: cells bend as a whole and do not fray
        knots = [max(2, size // 32) for size in shape]
        coarse = torch.randn((n, 2, *knots), generator=g)
        smooth = "trilinear" if deep else "bicubic"
        warp = F.interpolate(coarse, size=shape, mode=smooth, align_corners=True)
        moved = warp.movedim(1, -1) * (2 * a.elastic / window[-1])
        grid[..., :2] += moved
    return grid


def change_intensities(image: Tensor, a: Augmentation, g: torch.Generator) -> Tensor:
    """Brightness, contrast, gamma, blur, faults, noise and exposure of crops (N, C, S, S)."""
    n, device = len(image), image.device

    def each(low: float, high: float) -> Tensor:
        return _uniform(n, low, high, g).reshape(-1, *(1,) * (image.ndim - 1)).to(device)

    if a.gamma:
        image = image.sign() * (image.abs() + 1e-6) ** torch.exp(each(-a.gamma, a.gamma))
    if a.contrast:
        mean = image.mean(tuple(range(2, image.ndim)), keepdim=True)
        image = (image - mean) * (1 + each(-a.contrast, a.contrast)) + mean
    if a.brightness:
        image = image + each(-a.brightness, a.brightness)
    shape, image = image.shape, image.flatten(1, -3)  # optics of a section, whatever lies above
    if a.blur:
        image = _blur(image, _uniform(n, -a.blur, a.blur, g).clamp(min=0))
    if a.defocus:
        image = defocus(image, a.defocus, g)
    if a.bleach:
        image = bleach(image, a.bleach, g)
    image = image.reshape(shape)
    if a.noise:
        noise = torch.randn(image.shape, generator=g).to(device)
        image = image + noise * each(-a.noise, a.noise).clamp(min=0)
    if a.exposure > 1:
        image = image * torch.exp(each(0, math.log(a.exposure)))
    return image


def change_cells(image: Tensor, labels: Tensor, amount: float, g: torch.Generator) -> Tensor:
    """Dim each cell by itself, in some crops much: as cells cycle and express.

    Crops are normalised, so background lies near 0 and a gain leaves it there.
    """
    amounts = _uniform(len(image), 0, amount, g)[:, None]
    gains = torch.exp(-amounts * torch.rand((len(image), 1024), generator=g)).to(image.device)
    gain = gains.gather(1, labels.flatten(1).long() % 1024).reshape(labels.shape)
    gain = torch.where(labels > 0, gain, 1.0)
    smooth = F.avg_pool2d(gain.flatten(1, -3), 5, stride=1, padding=2, count_include_pad=False)
    return image * smooth.reshape(gain.shape)


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
