"""Which arithmetic is used, and whether it gives the labels that fp32 gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import torch

from napari_unet.engine.network.devices import has_cpu_bf16
from napari_unet.engine.network.unet import pad_to_multiple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Precision = Literal["fp32", "fp16", "bf16", "int8"]

CHECKED_EDGE = 1024  # px: of larger frames the middle is checked

SAME_LABELS = {"fp16": 0.999, "bf16": 0.998, "int8": 0.995}
"""Least IoU of the object masks with those of fp32, for a precision to be used."""


def agreement(logits: Tensor, reference: Tensor, *, classes: bool = False) -> float:
    """IoU of two masks (N, K, Y, X), *object* above 0; what is not finite disagrees.

    With ``classes`` in the further planes, pixels agree where their class is the same, too.
    """
    a, b = logits[:, 0] > 0, reference[:, 0] > 0
    a = a | ~torch.isfinite(logits[:, 0]) & ~b
    union = int((a | b).sum())
    both = a & b
    if classes:
        both &= logits[:, 1:].argmax(1) == reference[:, 1:].argmax(1)
    return int(both.sum()) / union if union else 1.0


def precision_for(wanted: str, device: torch.device) -> Precision:
    """Settle ``auto``: fp16 on CUDA, bf16 on a CPU that has it in hardware, fp32 elsewhere."""
    if wanted != "auto":
        return cast("Precision", wanted)
    if device.type == "cuda":
        return "fp16"
    return "bf16" if device.type == "cpu" and has_cpu_bf16() else "fp32"


def middle(frame: NDArray[np.float32], multiple: int) -> Tensor:
    """Cut the middle of a normalised frame, at most `CHECKED_EDGE` wide, padded: (1, C, Y, X)."""
    starts = [max(0, (n - CHECKED_EDGE) // 2) for n in frame.shape[-2:]]
    y, x = (slice(start, start + CHECKED_EDGE) for start in starts)
    return pad_to_multiple(torch.from_numpy(frame[:, y, x].copy())[None], multiple)[0]
