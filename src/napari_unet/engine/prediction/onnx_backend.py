"""Networks that came as an ONNX graph and bring OpenVINO along: on the CPU, in fp32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_unet.engine.network.network import Network
    from napari_unet.engine.prediction.precision import Precision


class OnnxBackend:
    """The same whichever backend and precision are asked for: there is no other."""

    precision: Precision = "fp32"

    def __init__(self, network: Network) -> None:
        self.name = "openvino fp32, ONNX"
        self.device = torch.device("cpu")
        self._network = network

    def logits(self, frames: Tensor) -> Tensor:
        """Return float32 logits ``(N, K, Y, X)`` of float32 ``frames`` (N, C, Y, X)."""
        logits: Tensor = self._network(frames)
        return logits

    def at(self, precision: Precision, samples: Sequence[Tensor]) -> OnnxBackend:
        """Return itself."""
        return self

    def release(self) -> None:
        """Keep the little there is: it is compiled for one size of window."""
