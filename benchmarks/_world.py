"""Frames, weights and the machine's own limits: what the prediction benchmarks share."""

from __future__ import annotations

import platform
import statistics
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from _page import HELA
from _peers import eager, monai_window, nnunet_scheme
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.labels.scores import frame_scores, pool
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.unet import UNet
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.settings import PredictSettings
from napari_unet.sample.movie import sample_movie

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

COPY = "best copy"
_TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def bench_frames(edge: int | None = None) -> tuple[NDArray[np.uint16], NDArray[Any] | None]:
    """The HeLa frames (Cell Tracking Challenge) with their truth, or generated ones."""
    paths = sorted((HELA / "01").glob("t*.tif"))
    if not paths:
        movie, labels = sample_movie(frames=8, shape=(700, 1100))
        return movie[:, :edge, :edge], labels[:, :edge, :edge]
    truth = [HELA / "01_ST" / "SEG" / f"man_seg{path.stem[1:]}.tif" for path in paths]
    movie, labels = (np.stack([tifffile.imread(p) for p in part]) for part in (paths, truth))
    return movie[:, :edge, :edge], labels[:, :edge, :edge]


def bench_model(name: str | None) -> tuple[Model, bool]:
    """The model asked for or the first bundled one; random weights where there is none."""
    if name or Model.bundled():
        return Model.load(name or Model.bundled()[0]), True
    torch.manual_seed(0)
    network = UNet().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return Model(network, name="16-32-64-128"), False


def describe_machine(device: torch.device) -> str:
    """Name the processor."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].split(":")[1].strip() if lines else name
    return f"{name}, {torch.get_num_threads()} cores, torch {torch.__version__}"


class Roofline:
    """What the machine can do at most, measured in turn with what is to be judged by it.

    ``variants`` give the seconds of the best matrix product of each precision and of the best copy
    at that moment; they go into the same rounds as the networks.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._edge = 2048 if device.type == "cpu" else 8192
        types = {p: d for p, d in _TYPES.items() if p != "fp16" or device.type != "cpu"}
        self._source = torch.ones(1 << 26, device=device)
        self._target = torch.empty_like(self._source)
        self.variants = {COPY: lambda: self._best(lambda: self._target.copy_(self._source))}
        for precision, dtype in types.items():
            a = torch.randn(self._edge, self._edge, device=device).to(dtype)
            self.variants[_product(precision)] = partial(self._best, partial(torch.mm, a, a))

    def share(
        self,
        network: UNet,
        frame: Tensor,
        seconds: Mapping[str, list[float]],
        name: str,
        precision: str,
    ) -> str:
        """Time that arithmetic or memory needs at the least ÷ the time taken, median of rounds."""
        if _product(precision) not in seconds:
            return ""
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(frame)
        size = torch.empty(0, dtype=_TYPES[precision]).element_size()
        products = counter.get_total_flops() / (2 * self._edge**3)
        copies = _traffic(network, frame) * size / (2 * self._source.nbytes)
        rounds = zip(seconds[name], seconds[_product(precision)], seconds[COPY], strict=False)
        shares = [max(products * product, copies * copy) / own for own, product, copy in rounds]
        return f"{statistics.median(shares):.2f}"

    def words(self, seconds: Mapping[str, list[float]]) -> str:
        """Say what the median round reached."""
        product = 2 * self._edge**3 / statistics.median(seconds[_product("fp32")]) / 1e9
        copy = 2 * self._source.nbytes / statistics.median(seconds[COPY]) / 1e9
        return f"fp32 product {product:,.0f} GFLOP/s, copy {copy:.1f} GB/s, measured in each round"

    def _best(self, function: Callable[[], object]) -> float:
        best = float("inf")
        for _ in range(3 if self._device.type == "cpu" else 20):
            began = time.perf_counter()
            function()
            if self._device.type == "cuda":
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - began)
        return best


def _product(precision: str) -> str:
    return f"best product {precision}"


def _traffic(network: UNet, frame: Tensor) -> int:
    """Values read and written by convolutions and pooling; all else can be fused into them."""
    values = 0

    def count(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal values
        values += sum(x.numel() for x in inputs) + output.numel()

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        network(frame)
    for hook in hooks:
        hook.remove()
    return values


def scores_line(
    model: Model,
    network: UNet,
    frames: NDArray[np.uint16],
    truth: NDArray[Any],
    inputs: list[Tensor],
) -> str:
    """Score labels of some frames against the truth, from our codes and from the peers' logits."""
    settings = PredictSettings(device=inputs[0].device.type)
    predictor = open_predictor(model, settings)
    predictor.prepare(list(frames[: len(inputs)]))
    ways = {
        predictor.device: lambda i: predictor(frames[i]),
        "eager loop": lambda i: encode_logits(eager(network, inputs[i])[0].cpu()),
        "MONAI": lambda i: encode_logits(monai_window(network, inputs[i])[0].cpu()),
        "nnU-Net scheme": lambda i: encode_logits(nnunet_scheme(network, inputs[i])[0].cpu()),
    }
    lines = []
    for name, codes in ways.items():
        found = [
            frame_scores(label_frame(codes(i), model.label_settings), truth[i], border=25)
            for i in range(len(inputs))
        ]
        total = pool(found)
        lines.append(f"{name} IoU {total.iou:.3f}, SEG {total.seg:.3f}, F1 {total.f1:.3f}")
    return f"Scores on {len(inputs)} frames: " + "; ".join(lines) + "."
