"""PyTorch on CPU, CUDA and MPS: folded, and in the memory layout that is fastest there.

On CUDA a network's launches are recorded once for a shape as a graph, then replayed as one: a
small U-Net takes less time on a large GPU than Python takes to launch its layers.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

import torch

from napari_unet.engine.network.devices import use_threads
from napari_unet.engine.network.network import layout_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from napari_unet.engine.network.network import Network
    from napari_unet.engine.prediction.precision import Precision


_TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchBackend:
    """Eager PyTorch. On MPS contiguous, because channels_last is slower there.

    On CUDA, cuDNN picks its algorithms by trying them: two runs may differ by one code.
    """

    def __init__(
        self, network: Network, device: torch.device, precision: Precision, threads: int
    ) -> None:
        self.name = f"torch {precision}"
        self.device, self.precision = device, precision
        self._original, self._threads = network, threads
        self._type = _TYPES[precision]
        self._layout = layout_for(device, network.config.dims)
        folded = network.folded().to(device, self._type)
        folded = folded.to(memory_format=self._layout)  # type: ignore[call-overload]
        self._graphed = GraphedNetwork(folded) if device.type == "cuda" else None
        self._network = self._graphed or folded
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True

    def logits(self, frames: Tensor) -> Tensor:
        """Return float32 logits ``(N, K, Y, X)`` of float32 frames (N, C, Y, X) on the device."""
        if self.device.type == "cpu":
            use_threads(self._threads)
        with torch.inference_mode():
            logits: Tensor = self._network(frames.to(self._type, memory_format=self._layout))
            return logits.float()

    def at(self, precision: Precision, samples: Sequence[Tensor]) -> TorchBackend:
        """Return the same network at another precision."""
        return TorchBackend(self._original, self.device, precision, self._threads)

    def release(self) -> None:
        """Return cached memory back to the device."""
        if self._graphed is not None:
            self._graphed.forget()
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()


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
        """Return the logits of ``frames``; the tensor is the caller's."""
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
