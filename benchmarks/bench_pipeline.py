"""The whole of ``napari-unet segment`` against its network alone, and on one core against two.

    python benchmarks/bench_pipeline.py                    # a few minutes
    python benchmarks/bench_pipeline.py --memory           # the memory at ten times the frames, too
    python benchmarks/bench_pipeline.py --before SRC       # and against the version in SRC
    python benchmarks/bench_pipeline.py --only codes --frames 340

Variants run in turn, A B A B, each in a process of its own; only ratios and the milliseconds of one
core are kept. Seconds a frame leave the start out, which has a row of its own. Parts: *whole*
(network, labels, table, movie), *codes* (a network that costs nothing), *labels* (of one frame, on
one core), *start* (four small frames). The table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

from _page import markdown, write_between_markers
from _peers import eager
from _world import bench_frames, bench_model, describe_machine
from bench_labels import noisy_codes
from napari_unet.engine.labels.basins import REFERENCE
from napari_unet.engine.network.network import pad_to_multiple
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.sample.movie import sample_movie

HERE = Path(__file__).parent
FILES = ("labels.tif", "objects.csv", "overlay.mp4")
BOTH, ALL = ("labels", "table"), ("labels", "table", "movie")
NETWORK_FRAMES = 4
RADIUS = 12.7  # px: 510 px of area
Row = tuple[str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=34)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--before", type=Path, help="the folder src of an older version")
    parser.add_argument("--only", nargs="+", choices=("whole", "codes", "labels", "start"))
    parser.add_argument("--quick", action="store_true", help="one round; the table is not kept")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    parts = options.only or ("whole", "codes", "labels", "start")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.frames)
        for part in parts:
            found = getattr(bench, part)(rounds, options.before)
            print(markdown(("", "", ""), found), flush=True)
            rows += found
        if options.memory:
            rows += bench.memory()
    text = f"{describe_machine(torch.device('cpu'))}. {options.frames} frames of {bench.size}.\n\n"
    text += markdown(("", "found", "what was measured"), rows)
    print(text)
    if not options.quick and not options.only:
        write_between_markers("bench:pipeline", text)


class Bench:
    """A movie of n frames, and folders with and without its probabilities."""

    def __init__(self, folder: Path, n: int) -> None:
        self.folder, self.n = folder, n
        self.frames, _ = bench_frames()
        self.size = "x".join(map(str, self.frames.shape[1:]))

    def whole(self, rounds: int, before: Path | None) -> list[Row]:
        """File to labels, table and movie, with the network."""
        found = _in_turn(
            {
                "network": self.network,
                "whole": lambda: self.per_frame(2, *BOTH),
                "movie": lambda: self.per_frame(2, *ALL),
            },
            rounds,
        )
        rows = [
            _ratio(
                "plain eager network ÷ whole segment (labels and table)", found, "network", "whole"
            ),
            _ratio("with the overlay movie ÷ without", found, "movie", "whole"),
        ]
        if before:
            movie = self._movie(self.n)
            commands = {
                name: lambda src=src: self.command(movie, src, "--no-movie")
                for name, src in (("before", before), ("now", None))
            }
            words = f"the command for {self.n} frames, before ÷ now"
            rows.append(_ratio(words, _in_turn(commands, rounds), "before", "now", unit="s"))
        return rows

    def codes(self, rounds: int, _: Path | None) -> list[Row]:
        """One core against two where the network costs nothing, and what they write."""
        ways = {
            "one core": (1, "threads"),
            "two threads": (2, "threads"),
            "two processes": (2, "processes"),
        }
        found = _in_turn(
            {
                name: lambda way=way: self.per_frame(way[0], *BOTH, codes=True, workers=way[1])
                for name, way in ways.items()
            },
            rounds,
        )
        written = [self.digests(*way) for way in ways.values()]
        rows = [
            _ratio(f"no network, one core ÷ {name}", found, "one core", name)
            for name in ("two threads", "two processes")
        ]
        for i, file in enumerate(FILES):
            alike = len({digests[i] for digests in written}) == 1
            rows.append(
                (
                    f"{file} of one core, two threads, two processes",
                    "equal" if alike else "DIFFER",
                    "",
                )
            )
        return rows

    def labels(self, rounds: int, before: Path | None) -> list[Row]:
        """Labels and table of one frame on one core."""
        rows = []
        for made in (
            crowded((700, 1100), 345),
            crowded((2048, 2048), 1000),
            confluent((700, 1100), 700),
        ):
            paths = [str(self.folder / f"labelled_{name}.npy") for name in ("codes", "frame")]
            for path, array in zip(paths, made, strict=True):
                np.save(path, array)
            best: dict[str, dict[str, float]] = {}
            for _ in range(rounds):
                for name, src in (("before", before), ("now", None)):
                    if name == "now" or src:
                        script = str(HERE / "_labelled.py")
                        one = json.loads(_python([script, *paths, "5"], src).splitlines()[-1])
                        kept = best.setdefault(name, one)
                        best[name] = {key: min(kept[key], one[key]) for key in one}
            size = "x".join(map(str, made[1].shape))
            share = np.mean(made[0][0] >= REFERENCE)
            what = f"{size}, {best['now']['cells']} cells on {share:.0%} of it, one core: "
            for key, words in (("labels", "basins and labels"), ("both", "labels and table")):
                was = f"before {best['before'][key] * 1e3:.0f} ms" if before else ""
                rows.append((what + words, f"{best['now'][key] * 1e3:.0f} ms", was))
        return rows

    def start(self, rounds: int, before: Path | None) -> list[Row]:
        """The command for four small frames, labels, table and movie."""
        movie = self.folder / "small.tif"
        tifffile.imwrite(
            movie, sample_movie(frames=4, shape=(256, 256))[0], metadata={"axes": "TYX"}
        )
        versions = {"now": None} | ({"before": before} if before else {})
        found = _in_turn(
            {name: lambda src=src: self.command(movie, src) for name, src in versions.items()},
            rounds + 1,
        )
        was = f"before {min(found['before']):.2f} s" if before else ""
        return [
            ("napari-unet segment of four frames of 256x256", f"{min(found['now']):.2f} s", was)
        ]

    def memory(self) -> list[Row]:
        """Peak memory at ten times the frames, codes from a file; ffmpeg is not counted."""
        few, many = (
            self.run(self._movie(m), 2, *ALL, codes=True)["bytes"] for m in (self.n, 10 * self.n)
        )
        words = f"memory at {10 * self.n} frames ÷ {self.n}: labels, table and movie"
        return [(words, f"{many / few:.3f}", f"{few / 1e6:.0f} MB")]

    def network(self) -> float:
        """Seconds a frame of the network alone, eager, as a notebook runs it."""
        model, _ = bench_model(None)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network, normalise = model.network.to(device), Normaliser(model.normalisation)
        inputs = [
            pad_to_multiple(torch.from_numpy(normalise(f))[None], model.config.multiple)[0]
            for f in self.frames[:NETWORK_FRAMES]
        ]
        eager(network, inputs[0].to(device))
        began = time.perf_counter()
        for one in inputs:
            eager(network, one.to(device)).cpu()
        return (time.perf_counter() - began) / len(inputs)

    def command(self, movie: Path, src: Path | None, *options: str) -> float:
        """Seconds of the command itself, its start included; of the version in ``src``."""
        out = self.folder / "command"
        shutil.rmtree(out, ignore_errors=True)
        began = time.perf_counter()
        _python(["-m", "napari_unet.cli", "segment", str(movie), "--out", str(out), *options], src)
        return time.perf_counter() - began

    def per_frame(
        self, cores: int, *parts: str, codes: bool = False, workers: str = "auto"
    ) -> float:
        """Seconds a frame, without the start."""
        found = self.run(self._movie(self.n), cores, *parts, codes=codes, workers=workers)
        return found["seconds"]

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

    def digests(self, cores: int, workers: str) -> tuple[str, ...]:
        """Hashes of labels, table and movie."""
        movie = self._movie(self.n)
        self.run(movie, cores, *ALL, codes=True, workers=workers)
        folder = self.folder / f"{movie.stem}-codes"
        return tuple(hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES)

    def _child(
        self, movie: Path, out: Path, cores: int, workers: str, *parts: str
    ) -> dict[str, float]:
        script = str(HERE / "_pipelined.py")
        said = _python([script, str(movie), str(out), str(cores), workers, *parts], None)
        found: dict[str, float] = json.loads(said.splitlines()[-1])
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


def crowded(shape: tuple[int, int], cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Make codes (2, Y, X) and a frame (Y, X) of so many nuclei as large as HeLa's; many touch."""
    rng = np.random.default_rng(0)
    centres = np.zeros((0, 2))
    while len(centres) < cells:
        one = rng.uniform(0, shape, 2)
        if not len(centres) or np.hypot(*(centres - one).T).min() > 2 * RADIUS * 0.75:
            centres = np.vstack([centres, one])
    radii = RADIUS * rng.uniform(0.8, 1.2, cells)
    pixels = np.stack(np.mgrid[: shape[0], : shape[1]], -1).reshape(-1, 2)
    away, nearest = cKDTree(centres).query(pixels)
    truth = np.where(away < radii[nearest], nearest + 1, 0).reshape(shape).astype(np.uint16)
    frame = 300 + 900 * (truth > 0) + rng.normal(0, 40, shape)
    return noisy_codes(truth, 0), frame.astype(np.uint16)


def confluent(shape: tuple[int, int], cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Make codes (2, Y, X) and a frame (Y, X) of a layer of cells with gaps, nearly one region."""
    rng = np.random.default_rng(0)
    pixels = np.stack(np.mgrid[: shape[0], : shape[1]], -1).reshape(-1, 2)
    nearest = cKDTree(rng.uniform(0, shape, (cells, 2))).query(pixels)[1].reshape(shape)
    field = ndi.gaussian_filter(rng.normal(size=shape), 25)
    truth = np.where(field < np.quantile(field, 0.56), nearest + 1, 0).astype(np.uint16)
    frame = 300 + 900 * (truth > 0) + rng.normal(0, 40, shape)
    return noisy_codes(truth, 0), frame.astype(np.uint16)


def _in_turn(variants: dict, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            found[name].append(variant())
    return found


def _ratio(
    what: str, found: dict[str, list[float]], over: str, under: str, unit: str = "ms"
) -> Row:
    ratios = [a / b for a, b in zip(found[over], found[under], strict=True)]
    factor, digits = (1e3, 0) if unit == "ms" else (1, 2)
    pair = [
        f"{name} {statistics.median(found[name]) * factor:.{digits}f} {unit}"
        for name in (over, under)
    ]
    spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
    return what, f"{statistics.median(ratios):.2f}{spread}", ", ".join(pair)


def _python(arguments: list[str], src: Path | None) -> str:
    """Run this Python, with the version in ``src`` where that is given; return what it prints."""
    paths = [str(src.resolve())] if src else [os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
