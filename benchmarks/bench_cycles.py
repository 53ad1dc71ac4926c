"""200 trainings and predictions in one process: do memory, threads or open files grow?

The first tenth warms up. Prints a table; ends with 1 where more than 50 MB were added, or a thread
or an open file was left.

    python -m benchmarks.bench_cycles --cycles 200
"""

from __future__ import annotations

import argparse
import gc
import sys
from functools import partial

import psutil

import napari_unet as nu
from benchmarks._page import markdown, write_between_markers
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL

_MOST_MB = 50


last = partial(nu.run, quiet=True)


def cycle(movie: nu.Stack, annotations: nu.Annotations) -> None:
    """Train a small model, segment the movie with it, and let both go."""
    settings = nu.TrainSettings(minutes=None, steps=4, filters=(8, 16), crop=64, batch=2, threads=1)
    model = last(nu.train(movie, annotations, settings))
    labels = last(nu.segment(movie, model))
    assert labels[0].shape == movie.frame_shape


def now() -> tuple[float, int, int]:
    """Return MB of memory, threads and open files of this process."""
    gc.collect()
    process = psutil.Process()
    return process.memory_info().rss / 2**20, process.num_threads(), process.num_fds()


def main() -> int:
    """Do the cycles and say what grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    chosen = parser.parse_args()
    data, truth = sample_movie(SMALL)
    movie, labels = (nu.Stack.from_array(part, axes="TYX") for part in (data, truth))
    annotations = nu.Annotations.from_labels(movie, labels, (0, 3))
    warm = max(1, chosen.cycles // 10)
    before = now()
    for done in range(chosen.cycles):
        cycle(movie, annotations)
        if done + 1 == warm:
            before = now()
        if (done + 1) % warm == 0:
            print(done + 1, *(f"{n:.0f}" for n in now()), flush=True)
    after = now()
    rows = [
        (what, *(f"{n:.0f}" for n in (a, b, b - a)))
        for what, a, b in zip(("memory, MB", "threads", "open files"), before, after, strict=True)
    ]
    table = markdown(("", f"after {warm} cycles", f"after {chosen.cycles}", "more"), rows)
    print(table)
    if chosen.write:
        write_between_markers("bench:cycles", table)
    grown = [b - a for a, b in zip(before, after, strict=True)]
    return int(grown[0] > _MOST_MB or grown[1] > 0 or grown[2] > 0)


if __name__ == "__main__":
    sys.exit(main())
