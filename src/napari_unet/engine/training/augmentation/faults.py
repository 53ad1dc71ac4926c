"""What a microscope does to some frames of a movie: they drift out of focus, and they bleach.

Only some crops are changed, so that sharp frames stay what is mostly learned.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

_SHARE = 0.3  # of the crops
# Immerkaer 1996: blind to what is flat or a slope, so that it sees noise and little else
_NOISE = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]])


def defocus(image: Tensor, largest: float, g: torch.Generator) -> Tensor:
    """Return crops ``(N, C, S, S)``, some spread over discs of up to ``largest`` px radius."""
    chosen, radii = _some(len(image), g), torch.rand(len(image), generator=g) * largest
    changed = image.clone()
    for k in chosen.tolist():
        changed[k] = spread(image[k : k + 1], float(radii[k]))[0]
    return changed


def spread(image: Tensor, radius: float) -> Tensor:
    """Return images ``(N, C, Y, X)`` out of focus: each point a disc of ``radius`` px."""
    reach = math.ceil(radius)
    if not reach:
        return image
    steps = torch.arange(-reach, reach + 1.0, device=image.device)
    # the rim is taken by halves, so that a radius between two pixels is between them
    disc = (radius + 0.5 - torch.hypot(steps[:, None], steps[None])).clamp(0, 1)
    disc = (disc / disc.sum()).expand(image.shape[1], 1, *disc.shape)
    padded = F.pad(image, (reach,) * 4, mode="replicate")
    return F.conv2d(padded, disc, groups=image.shape[1])


def bleach(image: Tensor, most: float, g: torch.Generator) -> Tensor:
    """Return normalised crops ``(N, C, S, S)``, some as if up to the share ``most`` had faded.

    Normalisation brings the light back, and the camera's noise with it: that is what is added.
    """
    n = len(image)
    left = 1 - most * torch.rand(n, generator=g)
    chosen, noise = _some(n, g), torch.randn(image.shape, generator=g)
    more = torch.zeros(n)
    more[chosen] = torch.sqrt(1 / left[chosen] ** 2 - 1)
    amount = noise_of(image) * more[:, None].to(image.device)
    return image + noise.to(image.device) * amount[:, :, None, None]


def noise_of(image: Tensor) -> Tensor:
    """Return the standard deviation ``(N, C)`` of the noise in images ``(N, C, Y, X)``."""
    channels = image.shape[1]
    kernel = _NOISE.to(image.device).expand(channels, 1, 3, 3)
    found = F.conv2d(image, kernel, groups=channels).abs().mean((2, 3))
    return math.sqrt(math.pi / 2) / 6 * found


def _some(n: int, g: torch.Generator) -> Tensor:
    return torch.nonzero(torch.rand(n, generator=g) < _SHARE).flatten()
