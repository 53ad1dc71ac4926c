"""Prediction against a notebook's loop, MONAI's sliding window and nnU-Net's scheme.

``python benchmarks/bench_prediction.py [--device cuda] [--model FILE] [--rounds 7]``

The same weights and frames, interleaved in one run; only ratios are kept. The command line's
process keeps its heap, so that variant runs in a process of its own, in turn with the others.
The table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import torch

from _interleave import interleave, ratio, timed
from _page import markdown, write_between_markers
from _peers import HAS_MONAI, eager, monai_window, nnunet_scheme
from _world import Roofline, bench_frames, bench_model, describe_machine, scores_line
from napari_unet.cli.heap import keep_heap
from napari_unet.engine.network.devices import has_cpu_bf16
from napari_unet.engine.network.network import pad_to_multiple
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.prediction.backends import Backend, open_backend
from napari_unet.engine.prediction.precision import agreement
from napari_unet.engine.prediction.prediction import predict, probabilities_shape
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import PredictSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.text import say_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

EAGER, WINDOW, NNUNET = "eager loop", "MONAI sliding window", "nnU-Net scheme"
KEPT = "torch fp32, command line"
HEAD = ("network only", "÷ eager loop", "÷ MONAI", "÷ nnU-Net", "roofline", "mask IoU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--model", default=None, help="name or file; the bundled one by default")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=None, help="of the movie: 102, GPU 408")
    parser.add_argument("--edge", type=int, default=None, help="crop the frames: a quick look")
    parser.add_argument("--quick", action="store_true", help="the network only; no table is kept")
    options = parser.parse_args()
    options.frames = options.frames or (102 if options.device == "cpu" else 408)
    model, trained = bench_model(options.model)
    frames, truth = bench_frames(options.edge)
    device = torch.device(options.device)
    normaliser = Normaliser(model.normalisation)
    inputs = [torch.from_numpy(normaliser(frame))[None].to(device) for frame in frames[:3]]
    network = model.network.to(device).eval()

    backends = dict(_backends(model, options.device, inputs))
    roof = Roofline(device)
    variants = _variants(network, backends, inputs[0], device) | roof.variants
    slow = {NNUNET: 2, WINDOW: 4}
    if options.device == "cpu":
        with _KeptHeap(options.model, inputs[0]) as kept:
            seconds = interleave({**variants, KEPT: kept}, options.rounds, slow)
    else:
        seconds = interleave(variants, options.rounds, slow)
    rows = _rows(seconds, network, backends, inputs, roof)
    weights = model.name if trained else f"{model.name}, random weights"
    if options.quick:
        print(roof.words(seconds))
        print(markdown(HEAD, rows))
        return
    text = [
        f"{describe_machine(device)}. {weights}, filters {model.config.filters}, frames of "
        f"{frames.shape[1]}x{frames.shape[2]}. Median of {options.rounds} interleaved rounds "
        f"(quartiles). MONAI: {'its own' if HAS_MONAI else 'by hand'}. "
        f"Roofline: {roof.words(seconds)}.",
        markdown(HEAD, rows),
        markdown(
            ("file to probability file", "÷ network only", "frames/s"),
            _end_to_end(model, frames, options.device, options.frames),
        ),
        _long_movie(model, options.device),
    ]
    if trained and truth is not None:
        text.append(scores_line(model, network, frames, truth, inputs))
    result = "\n\n".join(text)
    print(result)
    marker = "bench:prediction" if options.device == "cpu" else f"bench:prediction {options.device}"
    write_between_markers(marker, result)


def _backends(model: Any, device: str, inputs: list[Tensor]) -> list[tuple[str, Backend]]:
    """Every backend that this machine has."""
    padded = [pad_to_multiple(x, model.config.multiple)[0] for x in inputs]
    plain = PredictSettings(device=device, backend="torch", precision="fp32")
    torch_fp32 = open_backend(model.network, plain)
    found = [("torch fp32", torch_fp32)]
    if device == "cuda":
        return [*found, *((f"torch {p}", torch_fp32.at(p, padded)) for p in ("fp16", "bf16"))]
    if has_cpu_bf16():
        found.append(("torch bf16", torch_fp32.at("bf16", padded)))
    try:
        openvino = open_backend(model.network, plain.replace(backend="openvino"))
        found.append(("openvino fp32", openvino))
        found += [
            (f"openvino {p}", openvino.at(p, padded))
            for p in ("bf16", "int8")
            if p == "int8" or has_cpu_bf16()
        ]
    except ValueError as error:
        print(error)
    return found


def _variants(
    network: Any, backends: dict[str, Backend], frame: Tensor, device: torch.device
) -> dict[str, Callable[[], float]]:
    padded, _ = pad_to_multiple(frame, network.config.multiple)
    repeats = 20 if device.type == "cuda" else 1

    def variant(function: Callable[[], object]) -> Callable[[], float]:
        def run() -> None:
            for _ in range(repeats):
                function()
            if device.type == "cuda":
                torch.cuda.synchronize()

        timer = timed(run)
        return lambda: timer() / repeats

    variants = {
        EAGER: variant(lambda: eager(network, frame)),
        WINDOW: variant(lambda: monai_window(network, frame)),
        NNUNET: variant(lambda: nnunet_scheme(network, frame)),
    }
    return variants | {name: variant(partial(b.logits, padded)) for name, b in backends.items()}


class _KeptHeap:
    """A process that keeps its heap, as the command line does; a call gives its seconds."""

    def __init__(self, model: str | None, frame: Tensor) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, model, frame.numpy()))

    def __enter__(self) -> Callable[[], float]:
        self._process.start()
        return self._ask

    def __exit__(self, *_: object) -> None:
        self._pipe.send(False)
        self._process.join()

    def _ask(self) -> float:
        self._pipe.send(True)
        return float(self._pipe.recv())


def _serve(pipe: Any, name: str | None, frame: np.ndarray) -> None:
    assert keep_heap()
    model, _ = bench_model(name)
    settings = PredictSettings(device="cpu", backend="torch", precision="fp32")
    backend = open_backend(model.network, settings)
    padded, _ = pad_to_multiple(torch.from_numpy(frame), model.config.multiple)
    run = timed(lambda: backend.logits(padded))
    while pipe.recv():
        pipe.send(run())


def _rows(
    seconds: dict[str, list[float]],
    network: Any,
    backends: dict[str, Backend],
    inputs: list[Tensor],
    roof: Roofline,
) -> list[tuple[str, ...]]:
    rows = []
    for name in (name for name in seconds if name not in roof.variants):
        middle, low, high = ratio(seconds, EAGER, name)
        backend = backends.get(name)
        precision = backend.precision if backend else "fp32"
        rows.append(
            (
                name,
                f"{middle:.2f} ({low:.2f} to {high:.2f})",
                f"{ratio(seconds, WINDOW, name)[0]:.1f}",
                f"{ratio(seconds, NNUNET, name)[0]:.1f}",
                roof.share(network, inputs[0], seconds, name, precision)
                if name not in (WINDOW, NNUNET)
                else "",
                _iou(network, backend, inputs) if backend else "",
            )
        )
    return rows


def _iou(network: Any, backend: Backend, inputs: list[Tensor]) -> str:
    """Worst IoU of the object masks with those of the eager loop."""
    worst = 1.0
    for frame in inputs:
        padded, crop = pad_to_multiple(frame, network.config.multiple)
        worst = min(worst, agreement(backend.logits(padded)[(..., *crop)], eager(network, frame)))
    return f"{worst:.4f}"


def _end_to_end(model: Any, frames: np.ndarray, device: str, n: int) -> list[tuple[str, ...]]:
    """Predict ``n`` frames from a file into a file, against the network alone."""
    movie, rows = frames[np.arange(n) % len(frames)], []
    with tempfile.TemporaryDirectory() as folder:
        for kind, options in {"uncompressed": {}, "LZW": {"compression": "lzw"}}.items():
            path = Path(folder) / f"{kind}.tif"
            try:
                tifffile.imwrite(path, movie, metadata={"axes": "TYX"}, **options)
            except (ValueError, KeyError, ImportError) as error:  # no imagecodecs
                print(f"{kind}: {error}")
                continue
            with Stack.open(path) as stack:
                rows += [_to_file(stack, model, device, p, kind) for p in ("fp32", "auto")]
    return rows


def _to_file(stack: Stack, model: Any, device: str, precision: str, kind: str) -> tuple[str, ...]:
    predictor = open_predictor(model, PredictSettings(device=device, precision=precision), stack)
    staged = [predictor.stage(stack[0])] * predictor.frames_at_once(stack.frame_shape)
    alone, whole = [], []
    for _ in range(2):
        alone.append(_network_alone(predictor, staged, 4 if device == "cpu" else 100))
        whole.append(_seconds_to_file(stack, predictor))
    alone.append(_network_alone(predictor, staged, 4 if device == "cpu" else 100))
    middle, best = statistics.median(alone), min(whole)
    return (f"{kind}, {predictor.device}", f"{middle / best:.2f}", f"{1 / best:.1f}")


def _seconds_to_file(stack: Stack, predictor: Any) -> float:
    """Seconds a frame of a whole prediction, file to file."""
    path = Path(f"{stack.path}.prob")
    began = time.perf_counter()
    with Probabilities.create(path, probabilities_shape(stack, predictor.model), {}) as store:
        for _ in predict(stack, predictor, store):
            pass
    seconds = time.perf_counter() - began
    path.unlink()
    return seconds / len(stack)


def _network_alone(predictor: Any, staged: list[Any], repeats: int) -> float:
    """Seconds a frame of the network on frames that are on the device already."""
    backend = predictor._backend  # noqa: SLF001
    frames = predictor._upload(staged)  # noqa: SLF001
    padded, _ = pad_to_multiple(frames, predictor.model.config.multiple)

    def run() -> None:
        for _ in range(repeats):
            backend.logits(padded)
        if backend.device.type == "cuda":
            torch.cuda.synchronize()

    run()
    return timed(run)() / repeats / len(staged)


def _long_movie(model: Any, device: str) -> str:
    """Say what 1,000 frames of 2048x2048 take here."""
    frame = np.random.default_rng(0).integers(0, 4000, (2048, 2048)).astype(np.uint16)
    stack = Stack.from_array(np.broadcast_to(frame, (1000, 2048, 2048)), axes="TYX")
    predictor = open_predictor(model, PredictSettings(device=device), stack)
    staged = [predictor.stage(frame)] * predictor.frames_at_once(frame.shape)
    predictor.start(staged)()
    repeats = 1 if device == "cpu" else 50
    began = time.perf_counter()
    waits = [predictor.start(staged) for _ in range(repeats)]
    for wait in waits:
        wait()
    seconds = (time.perf_counter() - began) / repeats / len(staged) * 1000
    return f"1,000 frames of 2048x2048 on {predictor.device}: {say_duration(seconds)}."


if __name__ == "__main__":
    print(platform.platform())
    main()
