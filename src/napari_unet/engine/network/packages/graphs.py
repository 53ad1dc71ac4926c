"""A network as a graph for other programs: ONNX and TorchScript, whose results are compared."""

from __future__ import annotations

import copy
import io
import warnings
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from napari_unet.engine.errors import not_installed
from napari_unet.engine.network.monai.networks import MonaiNetwork
from napari_unet.engine.network.unet import UNet

if TYPE_CHECKING:
    from napari_unet.engine.network.network import Network

OPSET = 17


class _Graph(nn.Module):
    """The network for frames of a multiple of its stride: without padding that needs their size."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> Tensor:
        network: Any = self.network
        if isinstance(network, UNet):
            raw = network._levels(frames)  # noqa: SLF001 - what forward does between padding
        elif isinstance(network, MonaiNetwork):
            raw = network._raw(frames)[0]  # noqa: SLF001
        else:
            return cast("Tensor", network(frames))
        return _class_logits(raw) if network.config.softmax else raw


def _class_logits(raw: Tensor) -> Tensor:
    """Return what `class_logits` does, in other words: OpenVINO errs in ONNX's ReduceLogSumExp."""
    n = raw.shape[1]
    each = [raw[:, k : k + 1] for k in range(n)]
    rest = [_log_sum([each[j] for j in range(n) if j != k]) for k in range(n)]
    return torch.cat((rest[0] - each[0], *(each[k] - rest[k] for k in range(1, n))), 1)


def _log_sum(planes: list[Tensor]) -> Tensor:
    together = torch.cat(planes, 1)
    most = together.amax(1, keepdim=True)
    return (together - most).exp().sum(1, keepdim=True).log() + most


def _prepared(network: Network) -> nn.Module:
    graph = _Graph(copy.deepcopy(network).cpu().float()).eval().requires_grad_(False)
    module: Any
    for module in graph.modules():  # what saves memory in training has no counterpart in graphs
        if hasattr(module, "set_swish"):
            module.set_swish(False)
        elif hasattr(module, "_swish"):
            module._swish = nn.SiLU()  # noqa: SLF001 - nothing public
    return graph


def onnx_graph(network: Network, example: Tensor) -> bytes:
    """Return ``network`` in ONNX for images as ``example`` (1, C, Y, X); any size if it is exact.

    Raises
    ------
    BadInput
        Where the packages for it are not installed.

    """
    try:
        import onnx  # noqa: F401 - torch asks for it in the end
    except ImportError:
        raise not_installed("a package for bioimage.io", "onnx", "bioimageio") from None
    free = {0: "batch", 2: "y", 3: "x"} if network.config.exact else {0: "batch"}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated: the other way cannot free sizes
        torch.onnx.export(
            _prepared(network),
            (example,),
            cast("Any", file),
            dynamo=False,
            opset_version=OPSET,
            input_names=["raw"],
            output_names=["probability"],
            dynamic_axes={"raw": free, "probability": free},
        )
    return file.getvalue()


def torchscript(network: Network, example: Tensor) -> bytes | None:
    """Return ``network`` as TorchScript; None where this version of torch no longer writes it."""
    trace: Any = getattr(torch.jit, "trace", None)
    if trace is None:
        return None
    file = io.BytesIO()
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and other programs know nothing else
        try:
            torch.jit.save(trace(_prepared(network), example, check_trace=False), file)
        except NotImplementedError:
            return None
    return file.getvalue()
