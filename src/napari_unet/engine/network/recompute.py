"""Gradient checkpointing (Chen 2016): what blocks hold for their gradients is computed again.

A network then keeps what goes in and out of its blocks, and not what is inside: much less memory,
for another forward pass a step.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WEIGHTY = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)
_SHARE = 8  # a block holds at most such a part of all convolutions: of fewer, one would hold much


def recompute_blocks(network: nn.Module) -> None:
    """Let the blocks of ``network`` keep nothing for their gradients; their results are the same.

    The network cannot be copied any more: a copy would run the blocks of this one.
    """
    for block in list(_blocks(network, max(2, _convolutions(network) // _SHARE))):
        block.forward = _recomputed(block, block.forward)


def _blocks(module: nn.Module, most: int) -> Iterator[nn.Module]:
    """Yield the largest parts with at most so many convolutions; layers have nothing inside."""
    for child in module.children():
        if _convolutions(child) > most or isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from _blocks(child, most)
        elif _convolutions(child) and any(child.children()):
            yield child


def _convolutions(module: nn.Module) -> int:
    return sum(isinstance(layer, _WEIGHTY) for layer in module.modules())


def _recomputed(block: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(forward)
    def recomputed(*args: Any, **options: Any) -> Any:
        contexts = lambda: (nullcontext(), _no_statistics(block))  # noqa: E731
        return checkpoint(forward, *args, use_reentrant=False, context_fn=contexts, **options)

    return recomputed


@contextmanager
def _no_statistics(block: nn.Module) -> Iterator[None]:
    """Keep batch norm from counting the same crops into its running statistics twice."""
    norms = [layer for layer in block.modules() if isinstance(layer, _BatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    counts = [None if count is None else count.clone() for _, count in before]
    for norm in norms:
        norm.momentum = 0.0  # as without statistics, but the same tensors are kept
    try:
        yield
    finally:
        for norm, (momentum, count), number in zip(norms, before, counts, strict=True):
            norm.momentum = momentum
            if count is not None and number is not None:
                count.copy_(number)
