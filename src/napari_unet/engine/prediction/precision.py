"""Which arithmetic is used, and whether it gives the labels that fp32 gives."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.regions import regions_of
from napari_unet.engine.network.devices import has_cpu_bf16
from napari_unet.engine.network.network import pad_to_multiple, resized, scaled_size
from napari_unet.engine.network.parts.windows import at_least

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_unet.engine.network.config import NetworkConfig
    from napari_unet.engine.network.normalisation import Normaliser, Scaling
    from napari_unet.engine.stack.stack import Stack

    Logits = Callable[[Tensor], Tensor]

Precision = Literal["fp32", "fp16", "bf16", "int8"]

CHECKED_EDGE, _CHECKED_EDGE_3D = 1024, 128  # px: of larger frames the middle is checked

SAME_LABELS = {"fp16": 0.999, "bf16": 0.998, "int8": 0.995}
"""Least IoU of the object masks with those of fp32, for a precision to be used."""


class Settled(NamedTuple):
    """What was measured and checked on a movie, for other machines to compute the same.

    ``scaling`` where the movie is normalised as a whole; of an ensemble each of the ``members``.
    """

    device: str
    backend: str
    precision: Precision
    scaling: Scaling | None = None
    members: tuple[Settled, ...] = ()

    @property
    def of_any_movie(self) -> bool:
        """Whether nothing of it belongs to the movie: others are computed in the same way."""
        own = self.precision == "fp32" and self.scaling is None
        return own and all(member.of_any_movie for member in self.members)


def agreement(
    logits: Tensor, reference: Tensor, *, classes: bool = False, regions: bool = False
) -> float:
    """IoU of two masks (N, K, Y, X), *object* above 0; what is not finite disagrees.

    With ``classes`` in the further planes, pixels agree where their class is the same, too, and
    with ``regions`` where all of these agree, each above 0 or not.
    """
    a, b = logits[:, 0] > 0, reference[:, 0] > 0
    a = a | ~torch.isfinite(logits[:, 0]) & ~b
    union = int((a | b).sum())
    both = a & b
    if regions:
        both &= ((logits[:, 1:] > 0) == (reference[:, 1:] > 0)).all(1)
    elif classes:
        both &= logits[:, 1:].argmax(1) == reference[:, 1:].argmax(1)
    return int(both.sum()) / union if union else 1.0


def worst_agreement(
    one: Logits, reference: Logits, frames: Sequence[Tensor], config: NetworkConfig
) -> float:
    """Return the least `agreement` of what two make of frames, as their outputs are meant."""
    told = {"classes": bool(config.classes), "regions": bool(regions_of(config.outputs))}
    return min(agreement(one(frame), reference(frame), **told) for frame in frames)


def precision_for(wanted: str, device: torch.device) -> Precision:
    """Settle ``auto``: fp16 on CUDA, bf16 on a CPU that has it in hardware, fp32 elsewhere."""
    if wanted != "auto":
        return cast("Precision", wanted)
    if device.type == "cuda":
        return "fp16"
    return "bf16" if device.type == "cpu" and has_cpu_bf16() else "fp32"


def samples_of(
    movie: Stack | Sequence[NDArray[Any]],
    n: int,
    normaliser: Normaliser,
    scale: float,
    config: NetworkConfig,
) -> list[Tensor]:
    """Read and normalise up to ``n`` frames, evenly spread; damaged ones are left out."""
    found = []
    for t in np.unique(np.linspace(0, len(movie) - 1, min(n, len(movie))).astype(int)):
        with contextlib.suppress(BadInput):
            frame = normaliser(movie[int(t)])
            size = scaled_size(frame.shape[1:], scale)
            seen = resized(torch.from_numpy(frame)[None], size)[0].numpy()
            found.append(_middle(seen, config))
    return found


def _middle(frame: NDArray[np.float32], config: NetworkConfig) -> Tensor:
    """Cut the middle of a normalised frame, padded for the network: ``(1, C, Y, X)``.

    It is at most `CHECKED_EDGE` wide, or else one window where the network is run in windows.
    """
    edge = CHECKED_EDGE if config.dims == 2 else _CHECKED_EDGE_3D
    edges = (edge,) * config.dims if config.exact else config.windows
    starts = [max(0, (n - size) // 2) for n, size in zip(frame.shape[1:], edges, strict=True)]
    box = tuple(slice(start, start + size) for start, size in zip(starts, edges, strict=True))
    cut = torch.from_numpy(frame[:, *box].copy())[None]
    return pad_to_multiple(cut, config.multiples)[0] if config.exact else at_least(cut, edges)
