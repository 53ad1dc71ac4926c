"""CUDA graphs: a network's launches recorded once for a shape, then replayed as one.

A small U-Net takes less time on a large GPU than Python takes to launch its layers.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

logger = logging.getLogger(__name__)
_KEPT_SHAPES = 3
_WARM_UPS = 2
_WORTH_IT = 4


class GraphedNetwork:
    """A network on CUDA, recorded once a shape has come `_WORTH_IT` times."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._seen: Counter[torch.Size] = Counter()
        self._recorded: dict[torch.Size, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}
        self._works = True

    def __call__(self, frames: Tensor) -> Tensor:
        """Give the logits of ``frames``; the tensor is the caller's."""
        shape = frames.shape
        if shape not in self._recorded:
            self._seen[shape] += 1
            if self._seen[shape] <= _WORTH_IT or not self._works or not self._record(frames):
                return self._run(frames)
        graph, inputs, outputs = self._recorded[shape]
        inputs.copy_(frames)
        graph.replay()
        return outputs.clone()  # the next replay writes into it

    def forget(self) -> None:
        """Free the recorded graphs and their memory."""
        self._recorded.clear()
        self._seen.clear()

    def _run(self, frames: Tensor) -> Tensor:
        logits: Tensor = self._network(frames)
        return logits

    def _record(self, frames: Tensor) -> bool:
        """Record a graph for this shape; False where this driver or network does not allow it."""
        while len(self._recorded) >= _KEPT_SHAPES:
            self._recorded.pop(next(iter(self._recorded)))
        try:
            self._recorded[frames.shape] = self._capture(frames)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            logger.info("no CUDA graph here: %s", error)
            self._works = False
        return self._works

    def _capture(self, frames: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        inputs = frames.clone()
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UPS):  # cuDNN picks its algorithms, for this thread
                self._run(inputs)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # readers pin memory meanwhile, which only this mode allows
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = self._run(inputs)
        return graph, inputs, outputs
