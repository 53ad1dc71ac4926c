"""What computes logits: the one place where devices and libraries differ.

docs/benchmarks.md says how much faster than plain eager PyTorch each of them is.
"""

from __future__ import annotations

import importlib.util
import logging
from typing import TYPE_CHECKING, Protocol

from napari_unet.engine.errors import BadInput, not_installed
from napari_unet.engine.network.devices import (
    choose_device,
    has_cpu_bf16,
    physical_cores,
    unused_gpu,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor

    from napari_unet.engine.network.network import Network
    from napari_unet.engine.prediction.precision import Precision
    from napari_unet.engine.settings import PredictSettings

logger = logging.getLogger(__name__)


class Backend(Protocol):
    """A network made ready for one device and precision."""

    name: str
    device: torch.device
    precision: Precision

    def logits(self, frames: Tensor) -> Tensor:
        """Return float32 logits ``(N, K, Y, X)`` of float32 ``frames`` (N, C, Y, X) on the device.

        Y and X are multiples of the network's stride.
        """
        ...

    def at(self, precision: Precision, samples: Sequence[Tensor]) -> Backend:
        """Return the same network at another precision, calibrated on samples (N, C, Y, X)."""
        ...

    def release(self) -> None:
        """Return back memory that is only kept for speed."""
        ...


def open_backend(network: Network, settings: PredictSettings) -> Backend:
    """Return the fp32 backend for these settings; `at` makes the others of it.

    Raises
    ------
    BadInput
        Where the device, the backend or the precision is not to be had here.

    """
    if not network.config.trainable:
        from napari_unet.engine.prediction.onnx_backend import OnnxBackend

        return OnnxBackend(network)
    device = choose_device(settings.device)
    threads = settings.threads or physical_cores()
    if wants_openvino(settings, device):
        from napari_unet.engine.prediction.openvino_backend import Inconvertible, OpenVinoBackend

        try:
            return OpenVinoBackend.of(network, threads)
        except Inconvertible as error:  # a network of MONAI's that OpenVINO does not know
            if settings.backend == "openvino" or settings.precision == "int8":
                raise BadInput(
                    f"OpenVINO cannot compute a {network.config.title} ({error})",
                    "the torch backend for it",
                    "choose backend auto or torch, and another precision than int8",
                ) from error
            logger.info("%s: computing with torch", error)
        except ImportError as error:  # there, but not for this system
            if settings.backend == "openvino" or settings.precision == "int8":
                raise BadInput(
                    f"OpenVINO cannot be loaded ({error})",
                    "an installation that works",
                    "install it again, or choose another backend",
                ) from error
            logger.warning("OpenVINO cannot be loaded, computing with torch: %s", error)
    from napari_unet.engine.prediction.torch_backend import TorchBackend

    _check_precision(settings, device)
    return TorchBackend(network, device, "fp32", threads)


def notice_for(settings: PredictSettings, device: torch.device) -> str | None:
    """Say what would make this machine faster, where there is something."""
    return unused_gpu() if settings.device == "auto" and device.type == "cpu" else None


def wants_openvino(settings: PredictSettings, device: torch.device) -> bool:
    """Whether OpenVINO computes: asked for, or installed and nothing better here."""
    if settings.backend == "torch" or device.type != "cpu":
        if settings.backend == "openvino":
            raise BadInput(
                f"OpenVINO runs on the CPU, not on {device.type}",
                "device cpu",
                "choose another backend or device",
            )
        return False
    here = importlib.util.find_spec("openvino") is not None
    if settings.backend == "openvino" or settings.precision == "int8":
        if not here:
            what = "int8" if settings.precision == "int8" else "the openvino backend"
            raise not_installed(what, "OpenVINO", "openvino")
        return True
    return here and settings.precision != "bf16"


def _check_precision(settings: PredictSettings, device: torch.device) -> None:
    if settings.precision == "int8":
        raise BadInput(
            f"torch does not compute in int8 on {device.type}",
            "the openvino backend on a CPU",
            "choose device cpu and backend openvino, or another precision",
        )
    if device.type == "cpu" and settings.precision == "fp16":
        raise BadInput(
            "torch computes fp16 slowly on a CPU",
            "fp32, or the openvino backend",
            "choose another precision",
        )
    if device.type == "cpu" and settings.precision == "bf16" and not has_cpu_bf16():
        raise BadInput(
            "this CPU has no bfloat16 arithmetic",
            "one with AVX512-BF16 or AMX",
            "choose fp32, which is faster here",
        )
