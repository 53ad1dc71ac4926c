"""``napari-unet segment --cluster`` against one process on one core, and what a scheduler holds.

    python benchmarks/bench_cluster.py                     # 400 frames, 4 processes; some minutes
    python benchmarks/bench_cluster.py --frames 80 --processes 2 --only speed

*speed*: frames of HeLa 01 (Cell Tracking Challenge) over and over, by one process of one thread on
one core, and by ``--cluster local:N`` with one thread each on all cores; in turn, each in a
process of its own, the start included. Labels and table have to be of the same bytes. What more
cores would give is planned by the processor time of client and workers: a run of one block is the
start; each frame after it costs the workers a share of all cores, and the client one of its own.
*scheduler*: 20,000 frames of 64 x 64 with a scheduler and two workers of their own; its memory is
looked at five times a second. The rows go into docs/benchmarks.md, unless frames or processes are
others than those.
"""

from __future__ import annotations

import argparse
import contextlib
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
from typing import NamedTuple

import numpy as np
import psutil
import tifffile
import torch

from _memory import resident
from _page import markdown, write_row
from _world import bench_frames, describe_machine
from napari_unet.engine.jobs.cluster.block import frames_of_a_block
from napari_unet.engine.text import say_bytes

FRAMES, PROCESSES = 400, 4
SMALL, EDGE = 20_000, 64
PLANNED = 2, 4, 8, 16  # cores
FILES = ("labels.tif", "objects.csv")
HEAD = ("", "found", "what was measured")
Row = tuple[str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--processes", type=int, default=PROCESSES)
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
    processor, _, library = describe_machine(torch.device("cpu")).rsplit(", ", 2)
    rows.insert(0, ("machine", f"{cores} cores", f"{processor}, {library}"))
    print(markdown(HEAD, rows))
    if (options.frames, options.processes) == (FRAMES, PROCESSES):  # a trial is not for the page
        for row in rows:
            write_row("bench:cluster", HEAD, row)


class Spent(NamedTuple):
    """Seconds of a run, and of the processors: by the client, and by all that it started."""

    wall: float
    client: float
    workers: float


def speed(folder: Path, n: int, processes: int, rounds: int) -> list[Row]:
    """One process on one core against processes on all."""
    frames, _ = bench_frames()
    block = frames_of_a_block(frames.shape[1:])
    movie, short = folder / "movie.tif", folder / "short.tif"
    for path, length in ((movie, n), (short, block)):
        with tifffile.TiffWriter(path) as file:
            for t in range(length):
                frame = np.roll(frames[t % len(frames)], 5 * (t // len(frames)), 1)
                file.write(frame, contiguous=True)
    words = {"one": (), "cluster": ("--cluster", f"local:{processes}")}
    found: dict[str, list[Spent]] = {name: [] for name in words}
    digests = set()
    for i in range(rounds):
        for name in words:
            out = folder / f"{name}{i}"
            found[name].append(spent(movie, out, *words[name], one_core=name == "one"))
            digests.add(tuple(hashlib.sha256((out / f).read_bytes()).hexdigest() for f in FILES))
    start = spent(short, folder / "short", *words["cluster"])
    ratios = [a.wall / b.wall for a, b in zip(found["one"], found["cluster"], strict=True)]
    size = "x".join(map(str, frames.shape[1:]))
    what = f"{n} frames of {size} in {-(-n // block)} blocks; {rounds} rounds in turn, with start"
    middle = [statistics.median(run.wall for run in found[name]) for name in words]
    seconds = "; {:.0f} s against {:.0f} s".format(*middle)
    span = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return [
        (
            f"one process on one core ÷ {processes} processes on all",
            f"{statistics.median(ratios):.2f} ({span})",
            what + seconds,
        ),
        ("labels.tif and objects.csv", "equal" if len(digests) == 1 else "DIFFER", "their bytes"),
        plan(middle[0], start, found["cluster"], n, block),
    ]


def plan(one: float, start: Spent, runs: list[Spent], n: int, block: int) -> Row:
    """What so many cores, with a worker on each, would make of it."""
    more = n - block
    workers = (statistics.median(run.workers for run in runs) - start.workers) / more
    client = (statistics.median(run.client for run in runs) - start.client) / more
    ratios = {c: one / (start.wall + more * max((workers + client) / c, client)) for c in PLANNED}
    text = "; ".join(f"{cores} cores {ratio:.1f}" for cores, ratio in ratios.items())
    what = (
        f"start and one block {start.wall:.1f} s, then of a frame {1000 * workers:.0f} ms of the "
        f"workers and {1000 * client:.0f} ms of the client, which is one process"
    )
    return "planned in the same way, nothing lost by sharing memory", text, what


def spent(movie: Path, out: Path, *words: str, one_core: bool = False) -> Spent:
    """Run the program with one thread, and look at what its processes take."""
    began = time.perf_counter()
    run = start_program(movie, out, *words, "--threads", "1", one_core=one_core)
    client, taken = psutil.Process(run.pid), dict[int, float]()
    while run.poll() is None:
        with contextlib.suppress(psutil.Error):
            for process in (client, *client.children(recursive=True)):
                times = process.cpu_times()
                taken[process.pid] = times.user + times.system
        time.sleep(0.1)
    if run.returncode:
        raise SystemExit("segment failed")
    mine = taken.pop(run.pid)
    return Spent(time.perf_counter() - began, mine, sum(taken.values()))


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
        run = start_program(movie, folder / "small", "--cluster", address, "--threads", "1")
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


def start_program(
    movie: Path, out: Path, *words: str, one_core: bool = False
) -> subprocess.Popen[bytes]:
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
