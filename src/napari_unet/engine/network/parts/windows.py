"""Sliding windows: for networks whose every pixel sees all of what they are given.

Instance or group normalisation, squeeze-and-excitation and attention make a tile differ from its
part of the frame. Such networks are run in windows of the size that they learned at, which
overlap by half and are blended with Gaussian weights, by MONAI's own function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F

from napari_unet.engine.errors import not_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_unet.engine.network.parts.tiles import Part


def in_windows(
    network: Callable[[Tensor], Tensor],
    frames: Tensor,
    windows: tuple[int, ...],
    batch: int = 1,
    box: Part | None = None,
) -> Tensor:
    """Logits of ``frames`` (N, C, Y, X), or of a ``box`` of them: what the whole frame gives there.

    ``windows`` is the size along each axis of what ``network`` is given, ``batch`` of them at once.
    Volumes are ``(N, C, Z, Y, X)``.

    Raises
    ------
    BadInput
        Where MONAI is not installed.

    """
    try:
        from monai.inferers.utils import sliding_window_inference
    except ImportError:
        raise not_installed("this network", "MONAI", "networks") from None
    box = box or tuple(slice(0, n) for n in frames.shape[2:])
    padded = at_least(frames, windows)
    spans = [_span(*axis) for axis in zip(padded.shape[2:], box, windows, strict=True)]
    logits: Tensor = sliding_window_inference(
        padded[:, :, *spans].contiguous(),
        windows,
        batch,
        network,
        overlap=0.5,
        mode="gaussian",
    )
    inside = [
        slice(part.start - span.start, part.stop - span.start)
        for part, span in zip(box, spans, strict=True)
    ]
    return logits[:, :, *inside]


def at_least(frames: Tensor, sizes: Sequence[int]) -> Tensor:
    """Pad frames that are smaller than a window at their ends, by reflection where it fits."""
    missing = [max(0, size - n) for size, n in zip(sizes, frames.shape[2:], strict=True)]
    if not any(missing):
        return frames
    fits = all(extra < n for extra, n in zip(missing, frames.shape[2:], strict=True))
    widths = [side for extra in reversed(missing) for side in (0, extra)]
    return F.pad(frames, widths, mode="reflect" if fits else "replicate")


def _span(n: int, part: slice, window: int) -> slice:
    """From the first to the last window that touches ``part`` of an axis of length ``n``.

    Windows begin at every half window; the last is moved back to end with the axis. So those of
    the span alone lie where those of the whole axis do.
    """
    step = window // 2
    starts = [min(start, n - window) for start in range(0, n - window + step, step)]
    touching = [start for start in starts if start < part.stop and start + window > part.start]
    return slice(touching[0], touching[-1] + window)
