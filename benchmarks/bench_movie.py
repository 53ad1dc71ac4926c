"""How close the overlay movie comes to its encoder, whether its memory stays flat, and a peer.

    python benchmarks/bench_movie.py [--frames 1000] [--style contours] [--peer-python PYTHON]

Runs are interleaved: the encoder alone on pictures that are ready, then the whole movie (read from
memory, composed, encoded), so that other work on the machine slows both. Memory is the peak of a
fresh process at a tenth of the frames and at all; ffmpeg's own, in a process beside it, is noted.
PYTHON is of an environment with napari-animation (``pip install napari[pyqt6] napari-animation``),
which makes a few of the same frames, on a screen or under xvfb-run; without one that row says so.
Where every frame is a key frame its time grows with their number: give --peer-frames 1000 time.
The table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import torch

from _interleave import interleave, ratio
from _memory import peak
from _page import markdown, write_between_markers
from _world import describe_machine
from napari_unet.engine.export.overlay.encoder import FfmpegEncoder
from napari_unet.engine.export.overlay.overlay import Picture, compose, picture_shape
from napari_unet.engine.export.overlay.write_movie import movie_look, write_movie
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.settings import OverlaySettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie

if TYPE_CHECKING:
    from collections.abc import Callable

PEER = Path(__file__).with_name("_peer_animation.py")
SHAPE = (700, 1100)
READY = 24  # different frames, shown again and again
ENCODER, WHOLE = "encoder alone, frames ready", "overlay movie"


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--style", default="contours")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", help="of an environment with napari-animation")
    parser.add_argument("--peer-frames", type=int, default=READY)
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    settings = OverlaySettings(style=options.style)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if options.memory_of:
            print(*peaks(options.memory_of, settings, folder))
            return
        work: dict[str, list[float]] = {ENCODER: [], WHOLE: []}
        variants = {
            ENCODER: lambda: _timed(
                encoder_seconds, work[ENCODER], options.frames, settings, folder
            ),
            WHOLE: lambda: _timed(movie_seconds, work[WHOLE], options.frames, settings, folder),
        }
        seconds = interleave(variants, options.rounds)
        rows = [
            _speed_row(seconds, options.frames),
            _work_row(work, options.frames),
            _memory_row(options.frames, options.style),
        ]
        fastest = min(seconds[WHOLE]) / options.frames
        rows += _peer_rows(options.peer_python, options.peer_frames, fastest, folder)
    height, width = SHAPE
    text = (
        f"{describe_machine(torch.device('cpu'))}; {len(os.sched_getaffinity(0))} to be used. "
        f"{options.frames:,} frames of {height}x{width}, style {options.style}, H.264. "
        f"{options.rounds} interleaved rounds (quartiles).\n\n"
    ) + markdown(("overlay movie", "ratio", "what was measured"), rows)
    print(text)
    write_between_markers("bench:movie", text)


@cache
def sample() -> tuple[np.ndarray, np.ndarray]:
    """Make the frames once: their making is nobody's time."""
    return sample_movie(frames=READY, shape=SHAPE, density=1.2)


@cache
def ready_pictures(settings: OverlaySettings) -> list[np.ndarray]:
    """Compose what the encoder alone is given."""
    stack, labels = world(READY)
    look = movie_look(stack, settings)
    return [
        compose(Picture(stack[t], labels[t], time=t * 300.0), settings, look) for t in range(READY)
    ]


def world(n: int) -> tuple[Stack, Repeated]:
    """Return a movie of n frames and its labels."""
    movie, labels = sample()
    stack = Stack.from_array(Repeated(movie, n), axes="TYX", pixel_size=0.65, frame_interval=300.0)
    return stack, Repeated(labels, n)


def encoder_seconds(n: int, settings: OverlaySettings, folder: Path) -> float:
    """Time of the encoder alone: its pictures were composed before."""
    ready = ready_pictures(settings)
    shape = picture_shape(SHAPE, settings)
    start = time.perf_counter()
    with FfmpegEncoder(folder / "ready.mp4", shape, settings.fps, settings.quality) as encoder:
        for t in range(n):
            encoder.write(ready[t % READY])
    return time.perf_counter() - start


def movie_seconds(n: int, settings: OverlaySettings, folder: Path) -> float:
    """Time of everything: contrast measured, frames read, composed, encoded, renamed."""
    stack, labels = world(n)
    start = time.perf_counter()
    for _ in write_movie(
        folder / "movie.mp4", stack, labels, settings, WriteOptions(overwrite=True)
    ):
        pass
    return time.perf_counter() - start


def _timed(run: Callable[..., float], work: list[float], *options: object) -> float:
    """Return the seconds of a run; its processor time, ffmpeg's too, is appended to ``work``."""
    before = _processor_seconds()
    seconds = run(*options)
    work.append(_processor_seconds() - before)
    return seconds


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _speed_row(seconds: dict[str, list[float]], n: int) -> tuple[str, str, str]:
    middle, low, high = ratio(seconds, ENCODER, WHOLE)
    alone, whole = (n / min(seconds[name]) for name in (ENCODER, WHOLE))
    return (
        "speed ÷ encoder on ready frames",
        f"{middle:.2f} ({low:.2f} to {high:.2f})",
        f"best {whole:.1f} and {alone:.1f} frames/s",
    )


def _work_row(work: dict[str, list[float]], n: int) -> tuple[str, str, str]:
    """Compare processor time, which other work on the machine does not change much."""
    alone, whole = (1000 * min(work[name]) / n for name in (ENCODER, WHOLE))
    return "processor time ÷ encoder's", f"{whole / alone:.2f}", f"{whole:.1f} and {alone:.1f} ms"


def _memory_row(n: int, style: str) -> tuple[str, str, str]:
    """Compare peaks of fresh processes; ffmpeg's is bounded by its own look-ahead."""
    (few, few_ffmpeg), (many, many_ffmpeg) = (_memory(m, style) for m in (n // 10, n))
    return (
        f"memory at {n:,} ÷ at {n // 10:,} frames",
        f"{many / few:.3f}",
        f"{few:.0f} and {many:.0f} MB; ffmpeg {few_ffmpeg:.0f} and {many_ffmpeg:.0f} MB",
    )


def _memory(n: int, style: str) -> tuple[float, float]:
    command = [sys.executable, __file__, "--style", style, "--memory-of", str(n)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    own, children = said.split()
    return float(own), float(children)


def peaks(n: int, settings: OverlaySettings, folder: Path) -> tuple[float, float]:
    """Return the most memory in MB of this process, and of ffmpeg at its last frame."""
    stack, labels = world(n)
    ffmpeg = 0
    for t in write_movie(
        folder / "movie.mp4", stack, labels, settings, WriteOptions(overwrite=True)
    ):
        if t % 50 == 0 or t == n - 1:
            ffmpeg = max([ffmpeg, *map(peak, psutil.Process().children())])
    return peak() / 2**20, ffmpeg / 2**20


def _peer_rows(python: str | None, n: int, ours: float, folder: Path) -> list[tuple[str, str, str]]:
    """Compare with napari-animation: key frames at both ends, and one at every frame."""
    name = "speed ÷ napari-animation"
    if not python:
        return [(name, "", "not measured: no --peer-python")]
    movie, labels = sample()
    shown = np.arange(n) % READY
    np.savez(folder / "frames.npz", frames=movie[shown], labels=labels[shown])
    screen = (
        ["xvfb-run", "-a"] if not os.environ.get("DISPLAY") and shutil.which("xvfb-run") else []
    )
    rows = []
    for keys in ("two", "each"):
        command = [*screen, python, PEER, folder / "frames.npz", folder / "peer.mp4", keys]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"napari-animation failed:\n{done.stderr[-2000:]}")
        theirs = float(done.stdout.split()[-1])
        words = "two key frames" if keys == "two" else "a key frame for each"
        rows.append(
            (f"{name}, {words}", f"{theirs / ours:.1f}", f"{theirs:.2f} s a frame, {n} frames")
        )
    return rows


if __name__ == "__main__":
    main()
