"""PyTorch on CPU, CUDA and MPS: folded, and in the memory layout that is fastest there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_unet.engine.cuda_graph import GraphedNetwork
from napari_unet.engine.devices import use_threads
from napari_unet.engine.folding import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_unet.engine.precision import Precision
    from napari_unet.engine.unet import UNet

_TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchBackend:
    """Eager PyTorch. On MPS contiguous, because channels_last is slower there.

    On CUDA, cuDNN picks its algorithms by trying them: two runs may differ by one code.
    """

    def __init__(
        self, network: UNet, device: torch.device, precision: Precision, threads: int
    ) -> None:
        self.name = f"torch {precision}"
        self.device, self.precision = device, precision
        self._original, self._threads = network, threads
        self._type = _TYPES[precision]
        on_mps = device.type == "mps"
        self._layout = torch.contiguous_format if on_mps else torch.channels_last
        folded = fold(network).to(device, self._type)
        folded = folded.to(memory_format=self._layout)  # type: ignore[call-overload]
        self._graphed = GraphedNetwork(folded) if device.type == "cuda" else None
        self._network = self._graphed or folded
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True

    def logits(self, frames: Tensor) -> Tensor:
        """Give float32 logits ``(N, K, Y, X)`` of float32 ``frames`` (N, C, Y, X) on the device."""
        if self.device.type == "cpu":
            use_threads(self._threads)
        with torch.inference_mode():
            logits: Tensor = self._network(frames.to(self._type, memory_format=self._layout))
            return logits.float()

    def at(self, precision: Precision, samples: Sequence[Tensor]) -> TorchBackend:
        """Give the same network at another precision."""
        return TorchBackend(self._original, self.device, precision, self._threads)

    def release(self) -> None:
        """Give cached memory back to the device."""
        if self._graphed is not None:
            self._graphed.forget()
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()
