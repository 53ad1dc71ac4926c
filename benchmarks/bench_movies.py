"""One model from two positions of the sample world, scored on a third, beside one from one.

Positions differ by seed and brightness. Steps are given, so a busy machine changes only the time.
"""

from __future__ import annotations

import argparse
import statistics

from _page import SCORE_HEAD, markdown, write_between_markers
from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.scoring import score
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.settings import PredictSettings, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training import train
from napari_unet.sample.movie import sample_movie

FRAMES = (0, 15, 30, 45)  # of a position: what is learned from, or every second of them
SCORED = (5, 20, 35)
WORLDS = {"A": (101, 1.0), "B": (102, 0.4), "C": (103, 0.15)}  # seed, light of the nuclei
ROWS = {
    "A, 4 frames": {"A": FRAMES},
    "B, 4 frames": {"B": FRAMES},
    "A and B, 2 frames each": {"A": FRAMES[::2], "B": FRAMES[1::2]},
}


def position(name: str) -> tuple[Stack, Stack]:
    """Return a position of the world and its truth."""
    seed, contrast = WORLDS[name]
    movie, truth = sample_movie(seed=seed, contrast=contrast)
    named = (Stack.from_array(array, axes="TYX", name=name) for array in (movie, truth))
    movie_, truth_ = named
    return movie_, truth_


def scores(taught: dict[str, tuple[int, ...]], settings: TrainSettings) -> tuple[float, ...]:
    """Learn from frames of positions; return the scores on the third one."""
    pairs = []
    for name, frames in taught.items():
        movie, truth = position(name)
        pairs.append((movie, Annotations.from_labels(movie, truth, frames)))
    model = run(train(pairs, settings=settings), quiet=True)
    movie, truth = position("C")
    how = PredictSettings(device=settings.device, threads=settings.threads)
    labels = run(segment(movie, model, how, frames=SCORED), quiet=True)
    found = score(labels, truth, frames=SCORED)
    return tuple(
        getattr(found, name)
        for name in ("seg", "iou", "f1", "missed", "invented", "merged", "split")
    )


def main() -> None:
    """Measure, print, and write docs/benchmarks.md where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    rows = []
    for words, taught in ROWS.items():
        found = []
        for seed in range(options.seeds):
            settings = TrainSettings(
                minutes=None, steps=options.steps, seed=seed, threads=options.threads, device="cpu"
            )
            found.append(scores(taught, settings))
            print(words, seed, *(f"{value:.3f}" for value in found[-1]), flush=True)
        middle = [statistics.median(values) for values in zip(*found, strict=True)]
        seg = [values[0] for values in found]
        cells = [f"{value:.3f}" for value in middle[:3]] + [f"{value:.1f}" for value in middle[3:]]
        rows.append((words, *cells, f"{min(seg):.3f} to {max(seg):.3f}"))
    table = markdown(("learned from", *SCORE_HEAD, "SEG of the seeds"), rows)
    print(table)
    if options.write:
        write_between_markers("bench:movies", table)


if __name__ == "__main__":
    main()
