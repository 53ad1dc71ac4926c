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

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.class_labels import class_number
from napari_unet.engine.labels.regions import regions_of
from napari_unet.engine.network.volumes import sampling
from napari_unet.engine.training.ranks.ranks import ALONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.training.ranks.ranks import Ranks


def border_weight(
    labels: NDArray[np.integer], w0: float, sigma: float, spacing: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """Weight ``w0 * exp(-(d1 + d2)^2 / 2 sigma^2)`` near two objects (Ronneberger 2015, eq. 2).

    ``labels (Y, X)`` or ``(Z, Y, X)``; d1 and d2 are the distances in px to the nearest and second
    nearest object, in volumes by their ``spacing``. Each object is measured in its own
    neighbourhood, so the cost grows with their area.
    """
    if not w0:
        return np.zeros(labels.shape, np.float32)
    reach = int(np.ceil(2.5 * sigma))
    steps = None if labels.ndim == 2 else sampling(spacing, labels.ndim)
    reaches = [reach if steps is None else int(np.ceil(reach / step)) for step in steps or (1, 1)]
    nearest = np.full((2, *labels.shape), 4.0 * reach, np.float32)
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        around = tuple(
            slice(max(0, s.start - far), s.stop + far) for s, far in zip(box, reaches, strict=True)
        )
        away = ndimage.distance_transform_edt(labels[around] != index, sampling=steps)
        distance = away.astype(np.float32)
        first, second = nearest[0][around], nearest[1][around]
        np.minimum(second, np.maximum(first, distance), out=second)
        np.minimum(first, distance, out=first)
    total = nearest.sum(0)
    return np.asarray(w0 * np.exp(-(total**2) / (2 * sigma**2)), np.float32)


def targets(labels: Tensor, outputs: tuple[str, ...], *, in_planes: bool = False) -> Tensor:
    """Return what each output should say: ``(N, 1, Y, X)`` labels to ``(N, len(outputs), Y, X)``.

    ``border`` is the outline of each object, inside it, and what touches another object: made
    from the labels of the crop, so that it is equally thin at any zoom. Of volumes ``in_planes``
    it is the outline in each section, and what touches another object in the next: of cells that
    are few sections high an outline along z would be all. ``foreground`` is what *object* is, in
    networks of others that tell it from a background.
    """
    regions = regions_of(outputs)
    planes = [_any_of(labels, region.classes) for region in regions] or [
        _plane(labels, name, in_planes) for name in outputs[1:]
    ]
    return torch.cat([labels > 0, *planes], 1).float()


def _any_of(labels: Tensor, classes: tuple[int, ...]) -> Tensor:
    return torch.isin(labels, labels.new_tensor(classes))


def kinds_of(planes: Tensor, outputs: tuple[str, ...]) -> Tensor:
    """Return what each pixel is, ``(N, Y, X)``, by bool planes ``(N, K, Y, X)``: 0 for background.

    Of regions, the place of the last that it is in together with all around that one, from 1 on;
    otherwise 1 for an object.
    """
    kinds = planes[:, 0].long()
    if regions := regions_of(outputs):
        kinds = torch.zeros_like(kinds)
        inside: list[Tensor] = []
        for k, region in enumerate(regions):
            mask = planes[:, k + 1]
            inside.append(mask if region.parent is None else mask & inside[region.parent])
            kinds[inside[-1]] = k + 1
    return kinds


def _plane(labels: Tensor, name: str, in_planes: bool) -> Tensor:
    if name == "border":
        return _outline(labels, in_planes)
    return labels > 0 if name == "foreground" else labels == class_number(name)


def _outline(labels: Tensor, in_planes: bool) -> Tensor:
    pool, edge = (F.max_pool2d if labels.ndim == 4 else F.max_pool3d), [3] * (labels.ndim - 2)
    if in_planes:
        edge[0] = 1
    margin = [n // 2 for n in edge]
    high = pool(labels, edge, stride=1, padding=margin)
    low = -pool(-labels, edge, stride=1, padding=margin)
    found = (high != labels) | (low != labels)
    if in_planes:
        above, below = labels[:, :, 1:], labels[:, :, :-1]
        touching = (above != below) & (above > 0) & (below > 0)
        found[:, :, 1:] |= touching
        found[:, :, :-1] |= touching
    return (labels > 0) & found


def masked_loss(
    logits: Tensor,
    target: Tensor,
    supervised: Tensor,
    weight: Tensor,
    settings: TrainSettings,
    *,
    exclusive: bool = False,
    outputs: tuple[str, ...] = (),
    ranks: Ranks = ALONE,
) -> Tensor:
    """Loss of ``(N, K, Y, X)`` logits over supervised pixels: the sum of the terms chosen.

    ``bce`` and ``ce``: cross-entropy of what the network tells apart, each output by itself, or
    all ``exclusive`` classes together; ``focal``: the same where what is right counts less (Lin
    2017); ``dice``: overlap (Milletari 2016). Pixels count with ``1 + weight`` and the weight of
    their class. ``outputs`` say which regions there are, each an output by itself. Of ``ranks``
    it is the loss of all their crops.
    """
    terms = settings.loss.split("_")
    loss = logits.new_zeros(())
    if entropies := [name for name in terms if name != "dice"]:
        pixels = _class_entropy(logits, target) if exclusive else _entropy(logits, target)
        # by the pixels that count, not all of them: a batch with few strokes learns as fast
        share = supervised if exclusive else supervised * (1 + weight)
        if settings.class_weights != "equal":
            kinds = _kinds(target, outputs, exclusive=exclusive)
            share = share * _class_weight(kinds, supervised, settings, ranks)
        total = (ranks.sum(share.sum()) * pixels.shape[1]).clamp(min=1e-6)
        for name in entropies:
            some = pixels
            if name == "focal":
                some = pixels * (1 - torch.exp(-pixels)) ** settings.focal_gamma
            loss = loss + ranks.sum((some * share).sum()) / total
    if "dice" not in terms:
        return loss
    first = 1 if exclusive else 0  # of classes, *object* is but their sum
    each = settings.dice_over == "crop"
    return loss + _dice(logits[:, first:], target[:, first:], supervised, ranks, each=each)


def _entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def _class_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy ``(N, 1, Y, X)`` of exclusive classes, background among them.

    The logits are those of each class against all the rest, so ``softplus(-logit)`` is minus the
    logarithm of its softmax probability.
    """
    ground = (1 - target[:, :1]) * F.softplus(logits[:, :1])
    classes = (target[:, 1:] * F.softplus(-logits[:, 1:])).sum(1, keepdim=True)
    return ground + classes


def _kinds(target: Tensor, outputs: tuple[str, ...], *, exclusive: bool) -> Tensor:
    """Return planes of what pixels are: background, and a cell or one of classes or regions."""
    if regions := regions_of(outputs):
        found = kinds_of(target > 0.5, outputs)
        return F.one_hot(found, 1 + len(regions)).movedim(-1, 1).to(target.dtype)
    things = target[:, 1:] if exclusive else target[:, :1]
    return torch.cat((1 - target[:, :1], things), 1)


def _class_weight(
    kinds: Tensor, supervised: Tensor, settings: TrainSettings, ranks: Ranks
) -> Tensor:
    """Weight ``(N, 1, Y, X)`` of each pixel by what it is, planes of ``kinds``.

    Balanced, each kind that the batch holds weighs the same in all.
    """
    if settings.class_weights == "balanced":
        counts = ranks.sum((kinds * supervised).sum((0, *range(2, kinds.ndim))))
        weights = counts.sum() / (counts.clamp(min=1) * (counts > 0).sum().clamp(min=1))
    else:
        weights = kinds.new_tensor(settings.class_weights)
    return (kinds * weights.reshape(-1, *(1,) * (kinds.ndim - 2))).sum(1, keepdim=True)


def _dice(
    logits: Tensor, target: Tensor, supervised: Tensor, ranks: Ranks, *, each: bool
) -> Tensor:
    # over the batch rather than crop by crop: a crop without cells has no overlap to speak of. The
    # 1 keeps a batch, or crop, without any from dividing by nothing.
    space = tuple(range(2, logits.ndim))
    over = space if each else (0, *space)
    p = torch.sigmoid(logits) * supervised
    overlap = (p * target).sum(over)
    total = p.sum(over) + (target * supervised).sum(over)
    if not each:
        overlap, total = ranks.sum(overlap), ranks.sum(total)
        return (1 - (2 * overlap + 1) / (total + 1)).mean()
    return ranks.mean(1 - (2 * overlap + 1) / (total + 1))


def check_class_weights(settings: TrainSettings, classes: tuple[int, ...]) -> None:
    """Refuse weights that are not one for background and one for each thing told apart."""
    given, wanted = settings.class_weights, 1 + max(1, len(classes))
    if isinstance(given, str) or (len(given) == wanted and any(given)):
        return
    these = f"{len(classes)} classes" if classes else "cells"
    raise BadInput(
        f"there are {len(given)} class weights" if any(given) else "all class weights are 0",
        f"{wanted}, of background and of {these}",
        "give as many, or choose balanced",
    )
