"""``napari-unet segment --cluster`` against one process on one core, and what a scheduler holds.

    python benchmarks/bench_cluster.py                     # 400 frames, 4 processes; some minutes
    python benchmarks/bench_cluster.py --frames 80 --processes 2 --only speed

*speed*: frames of HeLa 01 (Cell Tracking Challenge) over and over, by one process of one thread on
one core, and by ``--cluster local:N`` with one thread each on all cores; in turn, each in a
process of its own, the start included. Labels and table have to be of the same bytes. *scheduler*:
20,000 frames of 64 x 64 with a scheduler and two workers of their own; its memory is looked at five
times a second. The table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import tifffile
import torch

from _memory import resident
from _page import markdown, write_between_markers
from _world import bench_frames, describe_machine
from napari_unet.engine.jobs.cluster.block import frames_of_a_block
from napari_unet.engine.text import say_bytes

SMALL, EDGE = 20_000, 64
FILES = ("labels.tif", "objects.csv")
Row = tuple[str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=("speed", "scheduler"))
    options = parser.parse_args()
    parts = options.only or ("speed", "scheduler")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "speed" in parts:
            rows += speed(folder, options.frames, options.processes, options.rounds)
        if "scheduler" in parts:
            rows += scheduler(folder)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{describe_machine(torch.device('cpu'))}, {cores} cores in all.\n\n"
    text += markdown(("", "found", "what was measured"), rows)
    print(text)
    if not options.only:
        write_between_markers("bench:cluster", text)


def speed(folder: Path, n: int, processes: int, rounds: int) -> list[Row]:
    """One process on one core against processes on all."""
    frames, _ = bench_frames()
    movie = folder / "movie.tif"
    with tifffile.TiffWriter(movie) as file:
        for t in range(n):
            file.write(np.roll(frames[t % len(frames)], 5 * (t // len(frames)), 1), contiguous=True)
    seconds: dict[str, list[float]] = {"one": [], "cluster": []}
    digests = set()
    for i in range(rounds):
        for name, words in (("one", ()), ("cluster", ("--cluster", f"local:{processes}"))):
            out = folder / f"{name}{i}"
            began = time.perf_counter()
            command(movie, out, *words, "--threads", "1", one_core=name == "one")
            seconds[name].append(time.perf_counter() - began)
            digests.add(tuple(hashlib.sha256((out / f).read_bytes()).hexdigest() for f in FILES))
    ratios = [a / b for a, b in zip(seconds["one"], seconds["cluster"], strict=True)]
    size = "x".join(map(str, frames.shape[1:]))
    blocks = -(-n // frames_of_a_block(frames.shape[1:]))
    what = f"{n} frames of {size} in {blocks} blocks; {rounds} rounds in turn, start included"
    span = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return [
        (
            f"one process on one core ÷ {processes} processes on all",
            f"{statistics.median(ratios):.2f} ({span})",
            what,
        ),
        ("labels.tif and objects.csv", "equal" if len(digests) == 1 else "DIFFER", "their bytes"),
    ]


def scheduler(folder: Path) -> list[Row]:
    """What a scheduler holds above idle, for many small frames."""
    rng = np.random.default_rng(0)
    movie = folder / "small.tif"
    with tifffile.TiffWriter(movie) as file:
        for _ in range(SMALL):
            file.write(rng.integers(100, 900, (EDGE, EDGE), np.uint16), contiguous=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    host = ("--host", "127.0.0.1", "--no-dashboard")
    started = [dask("scheduler", "--port", address.rsplit(":", 1)[1], *host)]
    started += [dask("worker", address, "--nthreads", "1", *host) for _ in range(2)]
    try:
        time.sleep(15)
        watched = psutil.Process(started[0].pid)
        idle, most = resident(watched), 0
        run = start(movie, folder / "small", "--cluster", address, "--threads", "1")
        while run.poll() is None:
            most = max(most, resident(watched))
            time.sleep(0.2)
        if run.returncode:
            raise SystemExit("segment failed")
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    n = frames_of_a_block((EDGE, EDGE))
    what = f"{SMALL:,} frames of {EDGE}x{EDGE}, {n:,} a block, 2 workers; idle {say_bytes(idle)}"
    return [("memory of the scheduler above idle", say_bytes(max(0, most - idle)), what)]


def command(movie: Path, out: Path, *words: str, one_core: bool = False) -> None:
    run = start(movie, out, *words, one_core=one_core)
    if run.wait():
        raise SystemExit("segment failed")


def start(movie: Path, out: Path, *words: str, one_core: bool = False) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", "napari_unet.cli", "segment", str(movie), "--out", str(out)]
    cores = sorted(os.sched_getaffinity(0))[:1] if one_core else None
    return subprocess.Popen(
        [*program, "--no-movie", "--device", "cpu", *words],
        stdout=subprocess.DEVNULL,
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
    )


def dask(kind: str, *words: str) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words]
    return subprocess.Popen(
        program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


if __name__ == "__main__":
    main()
