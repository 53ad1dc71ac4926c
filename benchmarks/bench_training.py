"""Training: the speed of a step against a plain loop, and what the minutes buy on real data.

    python benchmarks/bench_training.py            # the step, two minutes
    python benchmarks/bench_training.py --scores   # also HeLa, as in the table: 70 minutes
    python benchmarks/bench_training.py --scores --seeds 1  # a quick look
    python benchmarks/bench_training.py --rings 2,4  # rings around painted cells: 12 minutes

Scores need the HeLa frames of the Cell Tracking Challenge in ../shared/data (or
NAPARI_UNET_DATA); they run the command line as a user would and score frames apart in time
from those learned from.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
import torch

from _interleave import interleave, ratio, timed
from _page import (
    ERRORS,
    HELA,
    SCORE_HEAD,
    SHARES,
    markdown,
    score_cells,
    write_between_markers,
    write_row,
)
from bench_kinds import cells
from napari_unet.cli.heap import keep_heap
from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.annotations.movie_splits import hold_out_movies
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.scores import Scores, frame_scores, pool
from napari_unet.engine.network.devices import physical_cores
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.network import network_codes
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.unet import UNet
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.stack.frame_numbers import parse_frames
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.learner import Learner
from napari_unet.engine.training.losses import masked_loss, targets
from napari_unet.engine.training.sampling.patches import Batch
from napari_unet.engine.training.training import train
from napari_unet.engine.training.training_data import TrainingData
from napari_unet.sample.movie import sample_movie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIVE = "0,8,16,24,32"
ONE = "16"
MIDDLE, NEARER = (4, 12, 20, 28), (2, 6, 10, 14, 22, 30)  # of those not learned from
BATCH, CROP = 6, 128
HEAD = ("HeLa 01, frames not learned from", *SCORE_HEAD)
SCORED = ("seg", "iou", "f1", "f1_75", "f1_90", "area_error", *ERRORS)
SCORED_HEAD = (HEAD[0], "SEG", "IoU", "F1@0.5", "0.75", "0.9", "area, %", *ERRORS)


def step_ratios(rounds: int) -> str:
    """Time a step of the trainer and of a plain eager loop, same network and batch."""
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand((BATCH, 1, CROP, CROP), generator=generator) > 0.7).float()
    image = torch.rand((BATCH, 1, CROP, CROP), generator=generator)
    batch = Batch(image, labels, torch.ones_like(labels), torch.zeros_like(labels))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batch = Batch(*(plane.to(device) for plane in (batch.image, labels, *[batch.supervised] * 2)))
    variants = {
        "plain eager loop": _eager_step(batch, device),
        "ours, fp32": _our_step(batch, device, TrainSettings(precision="fp32")),
        "ours": _our_step(batch, device, TrainSettings()),
    }
    seconds = interleave({name: timed(step, 5) for name, step in variants.items()}, rounds)
    rows = []
    for name, values in seconds.items():
        middle, low, high = ratio(seconds, "plain eager loop", name)
        rows.append((name, f"{middle:.2f} ({low:.2f} to {high:.2f})", f"{1000 * min(values):.0f}"))
    words = f"{BATCH} crops of {CROP} px, {device}, {physical_cores()} cores, {rounds} rounds."
    return words + "\n\n" + markdown(("training step", "÷ plain loop", "best, ms"), rows)


def _eager_step(batch: Batch, device: torch.device) -> Callable[[], object]:
    network = UNet().to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, foreach=False, fused=False)
    settings = TrainSettings()

    def step() -> None:
        wanted = targets(batch.labels, network.config.outputs)
        logits = network(batch.image)
        loss = masked_loss(logits, wanted, batch.supervised, batch.weight, settings)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def _our_step(batch: Batch, device: torch.device, settings: TrainSettings) -> Callable[[], object]:
    learner = Learner(UNet(), settings, device)
    return lambda: learner.learn(batch, 1e-3, 100)


def shares(steps: int) -> str:
    """Say where the time of whole training steps goes: crops, network, all else of a step."""
    movie, truth = sample_movie(frames=3, shape=(700, 1100))
    stack = Stack.from_array(movie, axes="TYX")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings = TrainSettings(validation="none")
    annotations = Annotations(
        truth.shape, {t: annotate(truth[t], complete=True) for t in range(len(truth))}
    )
    splits = hold_out_movies([annotations], [stack.name], settings.validation)
    data = TrainingData([AnnotatedMovie(stack, annotations)], splits, settings, device)
    learner, generator = Learner(UNet(), settings, device), torch.Generator().manual_seed(0)
    spent = {"crops": 0.0, "step": 0.0, "network": 0.0}

    def timed_forward(*given: torch.Tensor) -> object:
        began = _now(device)
        found = forward(*given)
        spent["network"] += _now(device) - began
        return found

    forward, backward = learner.network.training_outputs, torch.Tensor.backward
    learner.network.training_outputs = timed_forward  # type: ignore[method-assign]

    def timed_backward(self: torch.Tensor, *given: object, **how: object) -> None:
        began = _now(device)
        backward(self, *given, **how)
        spent["network"] += _now(device) - began

    torch.Tensor.backward = timed_backward  # type: ignore[method-assign,assignment]
    for step in range(-3, steps):
        if step == 0:  # what is compiled or brought in at first does not count
            spent.update(dict.fromkeys(spent, 0.0))
        began = _now(device)
        batch = data.batch(BATCH, CROP, generator)
        drawn = _now(device)
        learner.learn(batch, 1e-3, 100)
        spent["crops"] += drawn - began
        spent["step"] += _now(device) - drawn
    torch.Tensor.backward = backward  # type: ignore[method-assign]
    whole = spent["crops"] + spent["step"]
    rows = [
        ("network, forward and back", f"{spent['network'] / whole:.0%}"),
        (
            "targets, loss, new weights and their mean",
            f"{(spent['step'] - spent['network']) / whole:.0%}",
        ),
        ("crops: drawn, turned, changed", f"{spent['crops'] / whole:.0%}"),
    ]
    return markdown((f"of a training step ({1e3 * whole / steps:.0f} ms)", "time"), rows)


def _now(device: torch.device) -> float:
    """Seconds, when all that was begun is done; of the processor on a CPU that others use, too."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time() / torch.get_num_threads()


def half_painted(folder: Path, share: float, strokes: int) -> Path:
    """Write the HeLa masks with only some nuclei painted, and a few strokes of background."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for path in sorted((HELA / "01_ST" / "SEG").glob("*.tif")):
        labels = tifffile.imread(path)
        ids = np.unique(labels[labels > 0])
        kept = rng.choice(ids, max(1, round(share * len(ids))), replace=False)
        painted = np.where(np.isin(labels, kept), labels, 0).astype(np.uint16)
        for _ in range(strokes):
            y, x = rng.integers(30, np.array(labels.shape) - 70)
            ground = labels[y : y + 8, x : x + 40] == 0
            painted[y : y + 8, x : x + 40][ground] = BACKGROUND_ID
        tifffile.imwrite(folder / path.name, painted)
    return folder


def jobs(work: Path) -> Iterator[tuple[str, list[str] | None, Path]]:
    """Rows of the table: words, options of ``train`` (none: the bundled model as it is), labels."""
    whole = HELA / "01_ST" / "SEG"
    bundled = ["--base", "nuclei-fluorescence"]
    yield "bundled model, untouched", None, whole
    yield (
        "1 frame, 60 s, from the bundled model",
        ["--frames", ONE, "--minutes", "1", *bundled],
        whole,
    )
    half = half_painted(work / "half", 0.5, 0)
    five = ["--frames", FIVE, "--minutes", "5"]
    yield "5 frames, half painted, 5 min, from bundled", [*five, "--partial", *bundled], half
    tenth = half_painted(work / "tenth", 0.1, 6)
    words = "5 frames, one in ten painted, 5 min, from bundled"
    yield words, [*five, "--partial", *bundled], tenth
    yield "5 frames, 5 min, from new", five, whole


def scores(work: Path, only: str | None, seeds: int) -> Iterator[tuple[str, ...]]:
    """Train, segment and evaluate each job by the command line; a row of scores for each.

    Medians of the seeds, and their range.
    """
    for words, options, labels in jobs(work):
        if only and only not in words:
            continue
        out, found = work / words.replace(" ", "-").replace(",", ""), []
        for seed in range(seeds if options is not None else 1):
            model, again = "nuclei-fluorescence", ("--overwrite",)
            if options is not None:
                model, how = str(out.with_suffix(".safetensors")), ("--edge", "25", "--seed", seed)
                _cli("train", HELA / "01", labels, "--out", model, *how, *options, *again)
            _cli("segment", HELA / "01", "--out", out, "--model", model, "--no-movie", *again)
            truth, how = HELA / "01_ST" / "SEG", ("--border", "25", "--exclude", FIVE, "--json")
            found.append(json.loads(_cli("evaluate", out / "labels.tif", truth, *how)))
        yield words, *cells(found, SCORED)


def ring_rows(work: Path, rings: list[float], steps: int, seeds: int) -> Iterator[tuple[str, ...]]:
    """Train from the bundled model on one nucleus in ten, with each ring; a row of mean scores.

    Rings are compared at the same steps and seeds, on frames not learned from: those in the middle
    between two that were, and others. Both were in view when the ring was chosen.
    """
    base = Model.load("nuclei-fluorescence")
    masks = sorted(half_painted(work / "tenth", 0.1, 6).glob("*.tif"))
    with Stack.open(HELA / "01") as movie:
        shape = (len(movie), *movie.frame_shape)
        for ring in rings:
            frames = {
                t: annotate(tifffile.imread(masks[t]), complete=False, ring=ring)
                for t in parse_frames(FIVE, len(masks))
            }
            found: dict[str, list[Scores]] = {"in the middle": [], "nearer": []}
            for seed in range(seeds):
                settings = TrainSettings(minutes=None, steps=steps, seed=seed, threads=2, edge=25)
                model = run(
                    train(movie, Annotations(shape, frames), settings, base=base), quiet=True
                )
                found["in the middle"].append(_scored(model, movie, MIDDLE))
                found["nearer"].append(_scored(model, movie, NEARER))
            for words, scores in found.items():
                mean = {
                    k: float(np.mean([getattr(s, k) for s in scores])) for k in (*SHARES, *ERRORS)
                }
                yield f"ring of {ring:g} px, frames {words}", *score_cells(mean.__getitem__)


def _scored(model: Model, movie: Stack, frames: tuple[int, ...]) -> Scores:
    truth = sorted((HELA / "01_ST" / "SEG").glob("*.tif"))
    normaliser = Normaliser(model.normalisation, movie)
    outputs = model.config.outputs
    return pool(
        frame_scores(
            labels_of(
                network_codes(model.network, normaliser(movie[t])), outputs, model.label_settings
            ),
            tifffile.imread(truth[t]).astype(np.int32),
            25,
        )
        for t in frames
    )


def _cli(*arguments: object) -> str:
    command = [sys.executable, "-m", "napari_unet.cli", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Run and write docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scores", action="store_true")
    parser.add_argument("--only", help="only scores of jobs with this in their words")
    parser.add_argument("--rings", help="only compare rings around painted cells, in px: 2,4")
    parser.add_argument("--steps", type=int, default=120, help="of each training with --rings")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each row")
    arguments = parser.parse_args()
    if arguments.rings:
        with tempfile.TemporaryDirectory() as work:
            rings = [float(ring) for ring in arguments.rings.split(",")]
            for row in ring_rows(Path(work), rings, arguments.steps, arguments.seeds):
                print(markdown(HEAD, [row]).splitlines()[-1], flush=True)
        return
    if arguments.scores or arguments.only:
        with tempfile.TemporaryDirectory() as work:
            for row in scores(Path(work), arguments.only, arguments.seeds):
                print(row, flush=True)
                write_row("bench:scores", SCORED_HEAD, row)
    if arguments.only:
        return
    keep_heap()
    table = f"{step_ratios(arguments.rounds)}\n\n{shares(40)}"
    print(table)
    write_between_markers("bench:training", table)


if __name__ == "__main__":
    main()
