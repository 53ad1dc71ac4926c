"""Batch norm over the crops of all ranks, on any device.

Torch's own, SyncBatchNorm, takes tensors of GPUs alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_unet.engine.training.ranks.ranks import Ranks

    Norm = nn.BatchNorm2d | nn.BatchNorm3d


def share_norms(layers: Iterable[Norm], ranks: Ranks) -> None:
    """Let layers that learn take their statistics from the crops of all ``ranks``.

    A network with such layers cannot be copied any more: a copy would count for this one.
    """
    if ranks.count > 1:
        for layer in layers:
            layer.forward = partial(_forward, layer, ranks)  # type: ignore[method-assign]


def _forward(layer: Norm, ranks: Ranks, x: Tensor) -> Tensor:
    if not (layer.training or layer.running_mean is None):
        return type(layer).forward(layer, x)
    with torch.no_grad():
        mean, variance, n = _statistics(x, ranks)
        _follow(layer, mean, variance * (n / (n - 1).clamp(min=1)))
    told = mean, variance, n, layer.eps, ranks
    seen: Tensor = _Normalised.apply(x, layer.weight, layer.bias, *told)  # type: ignore[no-untyped-call]
    return seen


def _statistics(x: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, variance and number of the pixels of each channel ``(C,)``, over all ranks."""
    over = (0, *range(2, x.ndim))
    variances, means = torch.var_mean(x.float(), over, correction=0)
    counts = torch.full_like(means, x.numel() / x.shape[1])
    means, variances, counts = ranks.gathered(torch.stack((means, variances, counts))).unbind(1)
    n = counts.sum(0)
    mean = (means * counts).sum(0) / n
    # the spread within each rank and that of their means: exact where a mean is far from 0, too
    variance = ((variances + (means - mean) ** 2) * counts).sum(0) / n
    return mean, variance, n


def _follow(layer: Norm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics, as torch's own layers do."""
    if layer.running_mean is None or layer.running_var is None:
        return
    assert layer.num_batches_tracked is not None
    layer.num_batches_tracked.add_(1)
    share = layer.momentum
    if share is None:
        share = 1 / float(layer.num_batches_tracked)
    layer.running_mean.lerp_(mean, share)
    layer.running_var.lerp_(variance, share)


class _Normalised(torch.autograd.Function):
    """Crops ``(N, C, ...)`` less the mean, by the spread; both are made by all crops of all."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        n: Tensor,
        eps: float,
        ranks: Ranks,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, torch.rsqrt(variance + eps), n)
        ctx.ranks = ranks
        return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x, weight, mean, scale, n = ctx.saved_tensors
        given = gradients[0].float()
        over, column = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
        centred = x.float() - mean.view(column)
        own = torch.stack((given.sum(over), (given * centred).sum(over)))
        of_all = own.clone()
        ctx.ranks.add_up(of_all)
        level, slope = of_all / n
        back = given - level.view(column) - centred * (slope * scale**2).view(column)
        back = back * (scale if weight is None else scale * weight).view(column)
        of_weight, of_bias = (None, None) if weight is None else (own[1] * scale, own[0])
        return back.to(x.dtype), of_weight, of_bias, None, None, None, None, None
