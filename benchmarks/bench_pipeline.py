"""The whole of ``napari-unet segment`` against its network alone, and on one core against two.

``python benchmarks/bench_pipeline.py [--frames 34] [--rounds 3] [--memory]``

Seconds a frame are those of twice as many frames less those of as many: the start is left out.
Variants run in turn, A B A B, each in a process of its own; only ratios are kept. ``--memory``
compares the peak at ten times the frames. The table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tifffile
import torch

from _page import markdown, write_between_markers
from _peers import eager
from _world import bench_frames, bench_model, describe_machine
from napari_unet.engine.network.network import pad_to_multiple
from napari_unet.engine.network.normalisation import Normaliser

CHILD = Path(__file__).with_name("_pipelined.py")
FILES = ("labels.tif", "objects.csv")
BOTH = ("labels", "table")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=34)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one round; the table is not kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.frames)
        rows = bench.rows(1 if options.quick else options.rounds)
        if options.memory:
            rows += bench.memory()
    text = f"{describe_machine(torch.device('cpu'))}. {options.frames} frames of {bench.size}.\n\n"
    text += markdown(("", "ratio", "what was measured"), rows)
    print(text)
    if not options.quick:
        write_between_markers("bench:pipeline", text)


class Bench:
    """Movies of n and 2 n frames, and folders with and without their probabilities."""

    def __init__(self, folder: Path, n: int) -> None:
        self.folder, self.n = folder, n
        self.frames, _ = bench_frames()
        self.size = "x".join(map(str, self.frames.shape[1:]))
        self.movies = {m: self._movie(m) for m in (n, 2 * n)}

    def rows(self, rounds: int) -> list[tuple[str, str, str]]:
        """Run all variants in turn and compare them."""
        found: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, seconds in (
                ("network", self.network()),
                ("whole", self.per_frame(2, *BOTH)),
                ("movie", self.per_frame(2, *BOTH, "movie")),
                ("one core", self.per_frame(1, *BOTH, codes=True)),
                ("two threads", self.per_frame(2, *BOTH, codes=True, workers="threads")),
                ("two processes", self.per_frame(2, *BOTH, codes=True, workers="processes")),
            ):
                found.setdefault(name, []).append(seconds)
        ways = ((1, "threads"), (2, "threads"), (2, "processes"))
        bytes_of = {self.digest(cores, workers) for cores, workers in ways}

        def row(what: str, over: str, under: str) -> tuple[str, str, str]:
            ratios = [a / b for a, b in zip(found[over], found[under], strict=True)]
            pair = [
                f"{name} {statistics.median(found[name]) * 1e3:.0f} ms" for name in (over, under)
            ]
            return what, f"{statistics.median(ratios):.2f}", ", ".join(pair)

        return [
            row("plain eager network ÷ whole segment (labels and table)", "network", "whole"),
            row("with the overlay movie ÷ without", "movie", "whole"),
            row("network that costs nothing, one core ÷ two threads", "one core", "two threads"),
            row("the same ÷ two processes", "one core", "two processes"),
            (
                "labels and table of one core and two",
                "",
                "equal" if len(bytes_of) == 1 else "DIFFER",
            ),
        ]

    def memory(self) -> list[tuple[str, str, str]]:
        """Peak memory at ten times the frames, codes from a file."""
        few, many = (
            self.run(self._movie(m), 2, *BOTH, codes=True)["kilobytes"]
            for m in (self.n, 10 * self.n)
        )
        return [
            ("memory at 10 times the frames ÷ at once", f"{many / few:.3f}", f"{few / 1e3:.0f} MB")
        ]

    def network(self) -> float:
        """Seconds a frame of the network alone, eager, as a notebook runs it."""
        model, _ = bench_model(None)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network, normalise = model.network.to(device), Normaliser(model.normalisation)
        inputs = [
            pad_to_multiple(torch.from_numpy(normalise(f))[None], model.config.multiple)[0]
            for f in self.frames[:6]
        ]
        eager(network, inputs[0].to(device))
        began = time.perf_counter()
        for one in inputs:
            eager(network, one.to(device)).cpu()
        return (time.perf_counter() - began) / len(inputs)

    def per_frame(
        self, cores: int, *parts: str, codes: bool = False, workers: str = "auto"
    ) -> float:
        """Seconds a frame, without the start."""
        few, many = (
            self.run(movie, cores, *parts, codes=codes, workers=workers)["seconds"]
            for movie in self.movies.values()
        )
        return (many - few) / self.n

    def run(
        self, movie: Path, cores: int, *parts: str, codes: bool = False, workers: str = "auto"
    ) -> dict[str, float]:
        """Segment a movie in a process of its own; with ``codes`` they are there already."""
        out = self.folder / f"{movie.stem}-{'codes' if codes else 'new'}"
        if codes and not out.exists():
            self._child(movie, out, 2, "auto", "labels")
        for path in out.glob("*"):
            if path.is_file():
                path.unlink()
            elif not codes:
                shutil.rmtree(path)
        return self._child(movie, out, cores, workers, *parts)

    def digest(self, cores: int, workers: str) -> str:
        """Hash of labels and table."""
        movie = self.movies[self.n]
        self.run(movie, cores, *BOTH, codes=True, workers=workers)
        whole = b"".join(
            (self.folder / f"{movie.stem}-codes" / name).read_bytes() for name in FILES
        )
        return hashlib.sha256(whole).hexdigest()

    def _child(
        self, movie: Path, out: Path, cores: int, workers: str, *parts: str
    ) -> dict[str, float]:
        command = [sys.executable, str(CHILD), str(movie), str(out), str(cores), workers, *parts]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found

    def _movie(self, n: int) -> Path:
        path = self.folder / f"movie{n}.tif"
        if not path.exists():
            there = len(self.frames)
            with tifffile.TiffWriter(path, bigtiff=True) as file:
                for i in range(n):  # there and back again, as a movie has no cuts
                    k = i % (2 * there)
                    file.write(self.frames[k if k < there else 2 * there - 1 - k], contiguous=True)
        return path


if __name__ == "__main__":
    main()
