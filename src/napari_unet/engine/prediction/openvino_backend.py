"""OpenVINO on CPU, an extra: faster than PyTorch, in int8 most of all (docs/benchmarks.md)."""

from __future__ import annotations

import logging
import threading
import warnings
from typing import TYPE_CHECKING, Any

import torch

from napari_unet.engine.errors import not_installed
from napari_unet.engine.network.foreign.openvino_core import core, keep_quiet
from napari_unet.engine.network.foreign.openvino_kept import kept_or_converted
from napari_unet.engine.network.unet import UNet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_unet.engine.network.network import Network
    from napari_unet.engine.prediction.precision import Precision

logger = logging.getLogger(__name__)
_KEPT_SHAPES = 4
_EXACT = 3  # convolutions at each end of the network that are not quantised
_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "f32"}


class Inconvertible(Exception):
    """What OpenVINO made of a network, where it is not the network."""


class OpenVinoBackend:
    """The network compiled by OpenVINO, once for each shape of frame (a second or less)."""

    def __init__(self, model: Any, precision: Precision, threads: int) -> None:
        self.name = f"openvino {precision}"
        self.device, self.precision = torch.device("cpu"), precision
        self._model, self._threads = model, threads
        self._compiled: dict[tuple[int, ...], Any] = {}

    @classmethod
    def of(cls, network: Network, threads: int) -> OpenVinoBackend:
        """Convert a network, in fp32.

        Raises
        ------
        Inconvertible
            Where OpenVINO has no such operation, or gives other logits.

        """
        backend = cls(kept_or_converted(network, _convert), "fp32", threads)
        if not isinstance(network, UNet) or network.config.dims == 3:
            _check(backend, network)
        return backend

    def at(self, precision: Precision, samples: Sequence[Tensor]) -> OpenVinoBackend:
        """Return the same network at another precision; int8 is calibrated on the samples."""
        model = _quantise(self._model, samples) if precision == "int8" else self._model
        return OpenVinoBackend(model, precision, self._threads)

    def logits(self, frames: Tensor) -> Tensor:
        """Return float32 logits ``(N, K, Y, X)`` of float32 ``frames`` (N, C, Y, X)."""
        request = self._request(tuple(frames.shape))
        result = request.infer([frames.numpy(force=True)], share_inputs=True, share_outputs=True)
        return torch.from_numpy(result[0].copy())

    def release(self) -> None:
        """Forget the compiled shapes and their buffers."""
        self._compiled.clear()

    def _request(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._compiled:
            while len(self._compiled) >= _KEPT_SHAPES:
                self._compiled.pop(next(iter(self._compiled)))
            model = self._model.clone()
            model.reshape(list(shape))
            config = {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": self._threads,
                "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
                # pinned, the threads of all processes would share the first cores
                "ENABLE_CPU_PINNING": False,
            }
            compiled = core().compile_model(model, "CPU", config)
            self._compiled[shape] = compiled.create_infer_request()
        return self._compiled[shape]


_tracing = threading.Lock()  # what one thread traces, another must not forget


def _convert(network: Network) -> Any:
    """Turn the folded network into an OpenVINO model for any number and size of frames."""
    keep_quiet()
    import openvino

    folded = network.folded().cpu().float()
    config = folded.config
    size = tuple(4 * n for n in config.multiples) if config.exact else config.windows
    example = torch.zeros(1, config.in_channels, *size)
    with _tracing, torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated, and sees no padding here
        trace: Any = torch.jit.trace
        try:
            traced = trace(folded, example, check_trace=False)  # the check takes seconds
            model = openvino.convert_model(traced)
            del traced
        except Exception as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise Inconvertible(first[:160]) from error
        finally:
            _forget_traced()
    sizes = [-1] * config.dims if config.exact else list(config.windows)
    model.reshape([-1, config.in_channels, *sizes])
    return model


def _forget_traced() -> None:
    """Let go of the classes that TorchScript keeps of every traced network: 0.9 MB each."""
    inner: Any = torch._C  # noqa: SLF001 - nothing public lets them go
    jit: Any = torch.jit
    inner._jit_clear_class_registry()  # noqa: SLF001
    jit._recursive.concrete_type_store = jit._recursive.ConcreteTypeStore()  # noqa: SLF001
    jit._state._clear_class_state()  # noqa: SLF001


def _check(backend: OpenVinoBackend, network: Network) -> None:
    """Refuse what was converted where it is not the network: `Inconvertible`.

    Traced shapes and operations that differ would go unseen. Our own U-Net is tested instead.
    """
    config = network.config
    edges = tuple(2 * n for n in config.multiples) if config.exact else config.windows
    frame = torch.rand(1, config.in_channels, *edges, generator=torch.Generator())
    with torch.inference_mode():
        expected = network.folded().cpu().float()(frame)
    found = backend.logits(frame)
    if not torch.allclose(found, expected, rtol=1e-3, atol=1e-3 * float(expected.std()) + 1e-5):
        raise Inconvertible(f"OpenVINO gives other logits for a {config.title}")


def _quantise(model: Any, samples: Sequence[Tensor]) -> Any:
    """Post-training quantisation to int8 by NNCF, calibrated on ``samples`` (N, C, Y, X).

    The first and the last convolutions stay fp32: the grey values of the frame and the outlines
    need more than 8 bits (IoU with fp32 0.997 on HeLa, with one at each end 0.993).
    """
    keep_quiet()
    try:
        import nncf
    except ImportError as error:
        raise not_installed("int8", "nncf", "openvino") from error
    logger.info("quantising on %d frames", len(samples))
    arrays = [sample.numpy(force=True) for sample in samples]
    layers = [op for op in model.get_ordered_ops() if op.get_type_name() == "Convolution"]
    exact = _EXACT if len(layers) > 4 * _EXACT else 1
    ends = [layer.get_friendly_name() for layer in (*layers[:exact], *layers[-exact:])]
    return nncf.quantize(
        model,
        nncf.Dataset(arrays),
        subset_size=len(arrays),
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=nncf.IgnoredScope(names=ends),
    )
