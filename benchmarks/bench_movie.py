"""How close the overlay movie comes to its encoder, and whether its memory stays flat.

    python benchmarks/bench_movie.py [--frames 300] [--style contours]

Runs are interleaved: the encoder alone on pictures that are ready, then the whole movie (read
from memory, composed, encoded), three times each. The figure is the ratio of their speeds.
Memory is the peak of a fresh process at n and at 10 n frames.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np  # noqa: TC002

from napari_unet.engine.encoder import FfmpegEncoder
from napari_unet.engine.movie import movie_look, write_movie
from napari_unet.engine.overlay import Picture, compose, picture_shape
from napari_unet.engine.settings import OverlaySettings
from napari_unet.engine.stack import Stack
from napari_unet.sample_data import sample_movie

SHAPE = (700, 1100)
READY = 24  # different frames, shown again and again


class Repeated:
    """An array-like (n, Y, X) that shows a few frames again and again."""

    def __init__(self, frames: np.ndarray, n: int) -> None:
        self.frames, self.shape, self.dtype = frames, (n, *frames.shape[1:]), frames.dtype
        self.ndim, self.size = 3, n * frames[0].size

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key):
        if isinstance(key, tuple):
            return self[key[0]][key[1:]]
        return self.frames[key % len(self.frames)]

    def __array__(self, dtype=None, copy=None):
        raise MemoryError("nothing may read the whole movie")


def world(n: int) -> tuple[Stack, Repeated]:
    movie, labels = sample_movie(frames=READY, shape=SHAPE, density=1.2)
    stack = Stack.from_array(Repeated(movie, n), axes="TYX", pixel_size=0.65, frame_interval=300.0)
    return stack, Repeated(labels, n)


def encoder_seconds(n: int, settings: OverlaySettings, folder: Path) -> float:
    stack, labels = world(READY)
    look = movie_look(stack, settings)
    ready = [
        compose(Picture(stack[t], labels[t], time=t * 300.0), settings, look) for t in range(READY)
    ]
    start = time.perf_counter()
    shape = picture_shape(SHAPE, settings)
    with FfmpegEncoder(folder / "ready.mp4", shape, settings.fps, settings.quality) as encoder:
        for t in range(n):
            encoder.write(ready[t % READY])
    return time.perf_counter() - start


def movie_seconds(n: int, settings: OverlaySettings, folder: Path) -> float:
    stack, labels = world(n)
    start = time.perf_counter()
    for _ in write_movie(folder / "movie.mp4", stack, labels, settings, overwrite=True):
        pass
    return time.perf_counter() - start


def peak_megabytes(n: int, style: str) -> float:
    command = [sys.executable, __file__, "--style", style, "--memory-of", str(n)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--style", default="contours")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    settings = OverlaySettings(style=options.style)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if options.memory_of:
            movie_seconds(options.memory_of, settings, folder)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            return
        ratios = []
        for _ in range(options.rounds):
            alone = encoder_seconds(options.frames, settings, folder)
            whole = movie_seconds(options.frames, settings, folder)
            ratios.append(alone / whole)
            print(
                f"encoder {options.frames / alone:.1f} fps, movie {options.frames / whole:.1f} fps"
            )
        print(f"movie / encoder: {statistics.median(ratios):.2f}")
        few, many = (
            peak_megabytes(n, options.style) for n in (options.frames // 10, options.frames)
        )
        print(
            f"peak memory: {few:.0f} MB at {options.frames // 10} frames, {many / few:.3f} x at "
            f"{options.frames}"
        )


if __name__ == "__main__":
    main()
