"""The box around all that is not 0: of a scan whose surroundings were taken away, the rest is air.

Networks that are ``boxed`` see only what is in it, learning or not; around it there is nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_unet.engine.labels.codes import LOGIT_RANGE

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_unet.engine.network.config import NetworkConfig
    from napari_unet.engine.network.parts.tiles import Part


def filled_box(frame: NDArray[Any]) -> Part:
    """Return the box around what is not 0 in any channel of a frame ``(C, …)``, empty if nothing.

    Of a normalised frame: what was measured is 0 by chance at most, and not along a whole side.
    """
    filled = (frame != 0).any(0)
    found = []
    for axis in range(filled.ndim):
        others = tuple(other for other in range(filled.ndim) if other != axis)
        places = np.flatnonzero(filled.any(others))
        found.append(slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0))
    return tuple(found)


def in_box(
    network: Callable[[Tensor, Part | None], Tensor],
    frames: Tensor,
    config: NetworkConfig,
    box: Part | None = None,
) -> Tensor:
    """Return logits of ``frames`` (N, C, …), or of a ``box`` of them: sure ground around the boxes.

    ``network`` gives those of frames or of a box; it sees only what is filled where its ``config``
    says that it is boxed.
    """
    if not config.boxed:
        return network(frames, box)
    wanted = box or tuple(slice(0, n) for n in frames.shape[2:])
    size = [part.stop - part.start for part in wanted]
    shape = (len(frames), len(config.outputs), *size)
    logits = torch.full(shape, -LOGIT_RANGE, device=frames.device)
    for k in range(len(frames)):
        filled = filled_box(frames[k].numpy(force=True))
        inside, there = _shared(filled, wanted), _shared(wanted, filled)
        if inside is None or there is None:
            continue
        part = frames[k : k + 1, :, *filled].contiguous()
        found = network(part, None if box is None else inside)
        logits[k : k + 1, :, *there] = found.to(logits.dtype)
    return logits


def _shared(box: Part, other: Part) -> Part | None:
    """Return where in a box another one lies; None where it does not."""
    found = []
    for mine, its in zip(box, other, strict=True):
        first, last = max(mine.start, its.start), min(mine.stop, its.stop)
        if first >= last:
            return None
        found.append(slice(first - mine.start, last - mine.start))
    return tuple(found)
