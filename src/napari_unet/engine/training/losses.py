"""Targets and losses: only supervised pixels count, gaps between cells count more.

Cross-entropy is right about each pixel and lets a movie of few cells become all background; Dice
looks at the overlap of the whole batch and does not. Their sum needs no weight for either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from napari_unet.engine.labels.class_labels import class_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.settings import TrainSettings


def border_weight(labels: NDArray[np.integer], w0: float, sigma: float) -> NDArray[np.float32]:
    """Weight ``w0 * exp(-(d1 + d2)^2 / 2 sigma^2)`` near two objects (Ronneberger 2015, eq. 2).

    ``labels (Y, X)``; d1 and d2 are the distances in px to the nearest and second nearest
    object. Each object is measured in its own neighbourhood, so the cost grows with their area.
    """
    if not w0:
        return np.zeros(labels.shape, np.float32)
    reach = int(np.ceil(2.5 * sigma))
    nearest = np.full((2, *labels.shape), 4.0 * reach, np.float32)
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        around = tuple(slice(max(0, s.start - reach), s.stop + reach) for s in box)
        distance = ndimage.distance_transform_edt(labels[around] != index).astype(np.float32)
        first, second = nearest[0][around], nearest[1][around]
        np.minimum(second, np.maximum(first, distance), out=second)
        np.minimum(first, distance, out=first)
    total = nearest.sum(0)
    return np.asarray(w0 * np.exp(-(total**2) / (2 * sigma**2)), np.float32)


def targets(labels: Tensor, outputs: tuple[str, ...]) -> Tensor:
    """Return what each output should say: ``(N, 1, Y, X)`` labels to ``(N, len(outputs), Y, X)``.

    ``border`` is the outline of each object, inside it, and what touches another object: made
    from the labels of the crop, so that it is equally thin at any zoom.
    """
    planes = [
        _outline(labels) if name == "border" else labels == class_number(name)
        for name in outputs[1:]
    ]
    return torch.cat([labels > 0, *planes], 1).float()


def _outline(labels: Tensor) -> Tensor:
    high = F.max_pool2d(labels, 3, stride=1, padding=1)
    low = -F.max_pool2d(-labels, 3, stride=1, padding=1)
    return (labels > 0) & ((high != labels) | (low != labels))


def masked_loss(
    logits: Tensor,
    target: Tensor,
    supervised: Tensor,
    weight: Tensor,
    settings: TrainSettings,
    *,
    exclusive: bool = False,
) -> Tensor:
    """Loss of ``(N, K, Y, X)`` logits over supervised pixels.

    ``bce_dice``: weighted binary cross-entropy plus Dice (Milletari 2016); ``focal``: gamma 2
    (Lin 2017). ``exclusive`` classes have the cross-entropy of all together in its place.
    """
    if exclusive:
        return _class_loss(logits, target, supervised, settings)
    pixels = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if settings.loss == "focal":
        pixels = pixels * (1 - torch.exp(-pixels)) ** 2
    # by the pixels that count, not all of them: a batch with few strokes learns as fast
    share = supervised * (1 + weight)
    loss = (pixels * share).sum() / (share.sum() * logits.shape[1]).clamp(min=1)
    if settings.loss != "bce_dice":
        return loss
    return loss + _dice(logits, target, supervised)


def _class_loss(
    logits: Tensor, target: Tensor, supervised: Tensor, settings: TrainSettings
) -> Tensor:
    """Cross-entropy of exclusive classes, background among them, and Dice over the classes.

    The logits are those of each class against all the rest, so ``softplus(-logit)`` is minus the
    logarithm of its softmax probability.
    """
    ground = (1 - target[:, :1]) * F.softplus(logits[:, :1])
    classes = (target[:, 1:] * F.softplus(-logits[:, 1:])).sum(1, keepdim=True)
    pixels = ground + classes
    if settings.loss == "focal":
        pixels = pixels * (1 - torch.exp(-pixels)) ** 2
    loss = (pixels * supervised).sum() / supervised.sum().clamp(min=1)
    if settings.loss != "bce_dice":
        return loss
    return loss + _dice(logits[:, 1:], target[:, 1:], supervised)


def _dice(logits: Tensor, target: Tensor, supervised: Tensor) -> Tensor:
    # over the batch, not crop by crop: a crop without cells has no overlap to speak of. The 1 keeps
    # a batch without any from dividing by nothing.
    p = torch.sigmoid(logits) * supervised
    overlap = (p * target).sum((0, 2, 3))
    total = p.sum((0, 2, 3)) + (target * supervised).sum((0, 2, 3))
    return (1 - (2 * overlap + 1) / (total + 1)).mean()
