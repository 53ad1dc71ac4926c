"""A network of others as an ONNX graph: OpenVINO computes it, to predict with and not to learn.

The graph lies in the model file as bytes. What its description says of values and axes is done
around it: what comes in is as the Normaliser leaves it, what goes out are logits.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from napari_unet.engine.errors import BadInput, not_installed
from napari_unet.engine.network.config import WindowedConfig
from napari_unet.engine.network.foreign.openvino_core import core
from napari_unet.engine.network.network import Network, class_logits
from napari_unet.engine.network.parts.windows import at_least

_LEAST = 1e-6  # probabilities beyond are as good as sure


class OnnxConfig(WindowedConfig):
    """How the graph is run: in windows of ``size`` px, with axes in its own order."""

    title: ClassVar[str] = "ONNX graph"
    fixed: ClassVar[bool] = True
    trainable: ClassVar[bool] = False

    network: Literal["onnx"] = "onnx"
    dims: int = Field(2, ge=2, le=2)
    length: int = Field(ge=1, le=1 << 31)
    axes: str = Field("bcyx", pattern="^[bcyx]{2,4}$")
    output_axes: str = Field("bcyx", pattern="^[bcyx]{2,4}$")
    step: int = Field(1, ge=1, le=1024)
    steps: tuple[tuple[Literal["linear", "clip"], float, float], ...] = ()
    gives: Literal["logits", "probabilities"] = "logits"
    raw_outputs: int = Field(1, ge=1, le=256)
    pick: tuple[int, ...] = Field((0,), min_length=1, max_length=64)

    @model_validator(mode="after")
    def _check_axes(self) -> OnnxConfig:
        for axes in (self.axes, self.output_axes):
            if len(set(axes)) != len(axes) or not {"x", "y"} <= set(axes):
                raise ValueError("axes are y and x once each, b and c at most")
        if max(self.pick) >= self.raw_outputs:
            raise ValueError("an output is picked that there is not")
        return self

    @property
    def widths(self) -> tuple[int, ...]:
        """Unknown: as of a U-Net of usual width."""
        return (64,)

    @property
    def multiple(self) -> int:
        """Return the step of its sizes."""
        return self.step


class OnnxNetwork(Network):
    """Computes on the CPU, whatever device the frames are on."""

    config: OnnxConfig
    onnx: Tensor

    def __init__(self, config: OnnxConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("onnx", torch.zeros(config.length, dtype=torch.uint8))
        self._requests: dict[tuple[int, ...], Any] = {}

    def folded(self) -> Self:
        """Return itself: there is nothing to fold, and what is compiled cannot be copied."""
        return self.eval()

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxNetwork:
        other = OnnxNetwork(self.config)
        other.onnx.copy_(self.onnx)
        return other

    def forward(self, frames: Tensor) -> Tensor:
        """Return the logits of ``frames``."""
        x = frames.detach().float().cpu()
        for kind, a, b in self.config.steps:
            x = x * a + b if kind == "linear" else x.clamp(a, b)
        size = x.shape[2:]
        raw = self.raw(at_least(x, self.config.windows).numpy())[:, :, : size[0], : size[1]]
        return self._logits(torch.from_numpy(raw)).to(frames.device)

    def raw(self, frames: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return what the graph gives for ``(N, C, Y, X)``: ``(N, K, Y, X)``."""
        batches = [frames] if "b" in self.config.axes else np.split(frames, len(frames))
        return np.concatenate([self._infer(batch) for batch in batches])

    def _infer(self, frames: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        axes, out = self.config.axes, self.config.output_axes
        given = np.ascontiguousarray(_ordered(frames, axes), dtype=np.float32)
        found = self._request(given.shape).infer([given], share_inputs=True)[0]
        if found.ndim != len(out):
            raise BadInput(
                f"the ONNX graph gives {found.ndim} axes, and is described with {len(out)}",
                "what its description says",
                "ask for another copy of the model",
            )
        letters = out
        for letter in "bc":
            if letter not in letters:
                found, letters = found[None], letter + letters
        return np.array(found.transpose([letters.index(a) for a in "bcyx"]), np.float32)

    def _logits(self, raw: Tensor) -> Tensor:
        config = self.config
        if raw.shape[1] != config.raw_outputs:
            raise BadInput(
                f"the ONNX graph gives {raw.shape[1]} channels",
                f"{config.raw_outputs}, as it is described",
                "ask for another copy of the model",
            )
        if config.gives == "probabilities":
            if config.softmax:
                raw = raw.clamp(_LEAST, 1).log()
            else:
                raw = torch.logit(raw.clamp(_LEAST, 1 - _LEAST))
        picked = raw[:, list(config.pick)]
        return class_logits(picked) if config.softmax else picked

    def _request(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._requests:
            try:
                openvino = core()
            except ImportError:
                raise not_installed("a model in ONNX", "OpenVINO", "openvino") from None
            try:
                model = openvino.read_model(self.onnx.numpy(force=True).tobytes())
                model.reshape(list(shape))
                self._requests.clear()
                hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
                compiled = openvino.compile_model(model, "CPU", hints)
            except RuntimeError as error:
                reason = " ".join(str(error).split())[-120:]
                raise BadInput(
                    f"OpenVINO cannot compute the ONNX graph ({reason})",
                    "a graph for images of the size that is described",
                    "ask for another copy of the model",
                ) from None
            self._requests[shape] = compiled.create_infer_request()
        return self._requests[shape]


def _ordered(frames: np.ndarray[Any, Any], axes: str) -> np.ndarray[Any, Any]:
    """Return ``(N, C, Y, X)`` in other axes; those of one length that are not among them go."""
    letters = "bcyx"
    for letter in "bc":
        if letter not in axes:
            at = letters.index(letter)
            frames, letters = frames.take(0, at), letters.replace(letter, "")
    return frames.transpose([letters.index(a) for a in axes])
