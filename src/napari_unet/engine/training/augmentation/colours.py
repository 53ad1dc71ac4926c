"""Colours changed at random: other amounts of a stain, other lamps and white balances.

The same tissue stained in another week or scanned by another microscope has other colours. As
Tellez 2018 (doi:10.1109/TMI.2018.2820199) did, crops are taken apart into stains by the optical
densities of Ruifrok 2001, each stain is made stronger or weaker, and they are put together again.
"""

from __future__ import annotations

import torch
from torch import Tensor

# optical densities of haematoxylin, eosin and DAB in red, green, blue (Ruifrok 2001)
_STAINS = ((0.650, 0.704, 0.286), (0.072, 0.990, 0.105), (0.268, 0.570, 0.776))
_DARKEST = 0.05  # of the normalised range: below it, densities would be of noise
_LIGHT = 0.3  # median brightness above which the ground is lit from behind, so that stains absorb


def lit_from_behind(image: Tensor) -> bool:
    """Whether a normalised image ``(3, Y, X)`` shows what absorbs light, on a light ground."""
    return float(image.mean(0).median()) > _LIGHT


def change_colours(
    image: Tensor, light: Tensor, stain: float, colour: float, g: torch.Generator
) -> Tensor:
    """Return crops ``(N, 3, S, S)`` with other amounts of stains and other white balances.

    Stains of those on a ``light (N,)`` ground change by up to the share ``stain``, the gain of each
    colour by up to ``colour``.
    """
    n, device = len(image), image.device
    if stain:
        changed = _restained(image, _within((n, 3, 2), stain, g).to(device))
        image = torch.where(light.to(device)[:, None, None, None], changed, image)
    if colour:
        image = image * torch.exp(_within((n, 3), colour, g))[:, :, None, None].to(device)
    return image


def _restained(image: Tensor, changes: Tensor) -> Tensor:
    """Multiply each stain by 1 + the first of its ``changes (N, 3, 2)``, add half the second."""
    stains = torch.tensor(_STAINS, device=image.device)
    stains = stains / stains.norm(dim=1, keepdim=True)
    absorbing = image.clamp(min=_DARKEST)
    amounts = torch.einsum("ncyx,cs->nsyx", -absorbing.log(), torch.linalg.inv(stains))
    gain, shift = (change[:, :, None, None] for change in changes.unbind(2))
    # the shift is of what absorbs: a ground without stain stays white
    stained = (amounts.abs().sum(1, keepdim=True)).clamp(max=1)
    amounts = amounts * (1 + gain) + 0.25 * shift * stained
    changed = torch.exp(-torch.einsum("nsyx,sc->ncyx", amounts, stains))
    return changed + (image - absorbing)


def _within(shape: tuple[int, ...], most: float, g: torch.Generator) -> Tensor:
    return (2 * torch.rand(shape, generator=g) - 1) * most
