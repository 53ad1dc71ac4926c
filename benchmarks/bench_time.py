"""What time does to a movie: cells that flicker, and frames that bleach or drift out of focus.

    python benchmarks/bench_time.py --flicker --write       # three movies, about ten minutes
    python benchmarks/bench_time.py --faults --write        # two movies, twice each: 15 minutes
    python benchmarks/bench_time.py --faults --row psc --steps 200 --seeds 1

*Flicker* is what ``evaluate`` says of frames in a row, none of them within 20 frames of one that
was learned from, labels as the command line makes them, without links. *Faults* are put into frames
held out, in raw pixels: each point becomes a disc, or light fades while the camera's noise stays.
Networks with and without augmentation for them learn the same steps from the same seeds. Real
movies lie in ../shared/data (or NAPARI_UNET_DATA).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from _page import DATA, HELA, markdown, write_row
from bench_kinds import DIC, PSC, cli, some_of
from bench_training import _last
from napari_unet.cli.heap import keep_heap
from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.labels.scores import frame_scores, pool
from napari_unet.engine.network.network import network_codes
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.settings import Augmentation, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.augmentation.faults import noise_of, spread
from napari_unet.engine.training.training import train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.engine.labels.scores import Scores
    from napari_unet.engine.network.model import Model

ROW_OF_HELA = DATA / "Fluo-N2DL-HeLa-in-a-row"
FLICKER_HEAD = ("frames in a row", "SEG", "F1@0.5", "flicker, %", "cells followed")
FAULTS: dict[str, tuple[float, float]] = {  # radius in cell diameters, share of light left
    "as they are": (0, 1),
    "out of focus, 1/8": (1 / 8, 1),
    "out of focus, 1/4": (1 / 4, 1),
    "a third of the light": (0, 1 / 3),
    "a tenth of the light": (0, 1 / 10),
}
FAULT_HEAD = ("frames held out", "SEG", "with it", "F1@0.5", "with it")


@dataclass(frozen=True)
class Movie:
    """A movie with dense truth, what is learned from it, and what is scored in a row."""

    words: str
    folder: Path
    learn: tuple[int, ...]
    row: range
    border: int = 0
    of: Path | None = None  # where the frames to learn from lie, if elsewhere


def movies() -> dict[str, Movie]:
    """Return the movies by their short names."""
    five = tuple(range(0, 21, 5))
    return {
        "hela": Movie("HeLa 01", ROW_OF_HELA, (0, 1), range(30), 25, HELA),
        "psc": Movie("PSC 01", PSC, five, range(45, 101)),
        "dic": Movie("DIC 01", DIC, five, range(40, 84)),
    }


def flicker(movie: Movie, options: argparse.Namespace) -> tuple[str, ...]:
    """Train, segment frames in a row and evaluate them, by the command line; a row."""
    found, learned = [], movie.of or movie.folder
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            model, out = work / "model.safetensors", work / "found"
            taught = [
                some_of(part, movie.learn, work / name)
                for part, name in ((learned / "01", "a"), (learned / "01_ST" / "SEG", "b"))
            ]
            length = ("--steps", options.steps, "--seed", seed)
            cli("train", *taught, "--out", model, *length)
            frames = some_of(movie.folder / "01", movie.row, work / "movie")
            truth = some_of(movie.folder / "01_ST" / "SEG", movie.row, work / "truth")
            cli("segment", frames, "--out", out, "--model", model, "--no-movie")
            how = ("--border", movie.border, "--json")
            found.append(json.loads(cli("evaluate", out / "labels.tif", truth, *how)))

    def middle(name: str) -> float:
        return float(statistics.median(scores[name] for scores in found))

    words = f"{movie.words}, {len(movie.learn)} frames, {options.steps} steps"
    shares = (f"{middle(name):.3f}" for name in ("seg", "f1"))
    return words, *shares, f"{middle('flicker'):.1f}", f"{middle('n_followed'):.0f}"


def faults(movie: Movie, options: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """Train with and without augmentation for faults; rows of scores on frames that have them."""
    learned = movie.of or movie.folder
    held = movie.row[:: max(1, len(movie.row) // 6)]
    usual, plain = Augmentation(), Augmentation(defocus=0, bleach=0)
    on = usual if usual != plain else Augmentation(defocus=options.defocus, bleach=options.bleach)
    scores: dict[tuple[str, bool], list[Scores]] = {}
    with Stack.open(learned / "01") as frames, Stack.open(learned / "01_ST" / "SEG") as truth:
        known = Annotations.from_labels(frames, truth, movie.learn)
        models = [
            (with_it, _last(train(frames, known, _settings(seed, augmentation, options))))
            for seed in range(options.seeds)
            for with_it, augmentation in ((False, plain), (True, on))
        ]
    for with_it, model in models:
        for name, fault in FAULTS.items():
            scores.setdefault((name, with_it), []).append(scored(model, movie, held, *fault))
    for name in FAULTS:
        cells = []
        for score in ("seg", "f1"):
            for with_it in (False, True):
                values = [getattr(one, score) for one in scores[name, with_it]]
                cells.append(f"{statistics.median(values):.3f}")
        yield f"{movie.words}, {name}", *cells


def _settings(seed: int, augmentation: Augmentation, options: argparse.Namespace) -> TrainSettings:
    return TrainSettings(
        minutes=None, steps=options.steps, seed=seed, threads=options.threads,
        augmentation=augmentation,
    )  # fmt: skip


def scored(model: Model, movie: Movie, held: range, radius: float, light: float) -> Scores:
    """Score a model on frames with a fault: ``radius`` in diameters of a cell, ``light`` left."""
    found = []
    with Stack.open(movie.folder / "01") as stack, Stack.open(movie.folder / "01_ST/SEG") as truth:
        normaliser = Normaliser(model.normalisation, stack)
        for t in held:
            frame = faulty(np.asarray(stack[t]), radius * (model.diameter or 30), light, t)
            codes = network_codes(model.network, normaliser(frame))
            labels = labels_of(codes, model.config.outputs, model.label_settings)
            found.append(frame_scores(labels, np.asarray(truth[t]).astype(np.int32), movie.border))
    return pool(found)


def faulty(frame: np.ndarray, radius: float, light: float, seed: int) -> np.ndarray:
    """Return a raw frame ``(Y, X)`` out of focus by ``radius`` px, with a share of its light."""
    image = torch.from_numpy(frame.astype(np.float32))[None, None]
    noise = float(noise_of(image))
    image = spread(image, radius)
    if light < 1:  # what the camera adds stays as it was
        dark = image.quantile(0.01) if image.numel() < 1 << 24 else image.min()
        generator = torch.Generator().manual_seed(seed)
        added = torch.randn(image.shape, generator=generator) * noise * (1 - light**2) ** 0.5
        image = dark + (image - dark) * light + added
    return image[0, 0].numpy()


def main() -> None:
    """Run what was asked for, print it, and write docs/benchmarks.md where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flicker", action="store_true")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--row", action="append", choices=tuple(movies()))
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--defocus", type=float, default=3.0, help="px, while it is not the usual")
    parser.add_argument("--bleach", type=float, default=0.8, help="likewise, a share of the light")
    parser.add_argument("--write", action="store_true", help="put the rows into the docs")
    options = parser.parse_args()
    keep_heap()
    tables = []
    if options.flicker:
        tables.append(("bench:flicker", FLICKER_HEAD, lambda movie: [flicker(movie, options)]))
    if options.faults:
        tables.append(("bench:faults", FAULT_HEAD, lambda movie: faults(movie, options)))
    for marker, head, made in tables:
        print(markdown(head, []), flush=True)
        for name in options.row or movies():
            for row in made(movies()[name]):
                print(markdown(head, [row]).splitlines()[-1], flush=True)
                if options.write:
                    write_row(marker, head, row)


if __name__ == "__main__":
    main()
