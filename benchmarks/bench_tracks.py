"""Identity through time against true tracks, measured by the Cell Tracking Challenge's measures.

    python benchmarks/bench_tracks.py --row all                     # on cells that are right
    python benchmarks/bench_tracks.py --row hela --labels predicted --steps 300 --write
    python benchmarks/bench_tracks.py --row sample-4 --linker laptrack

The measures are those of py-ctcmetrics, which knows nothing of ours (extra ``[readers]``): DET, LNK
and TRA, divisions found and invented within a frame of the true one, and the share of complete
tracks. Labels are numbered anew, at random, in each frame before they are linked.

``--labels``: ``right`` takes the dense outlines that come with a movie, and where a cell has none
in a frame the one of the nearest frame, moved along with the true track's marker; ``outlines``
leaves those cells out; ``predicted`` trains on one frame by the command line and segments all.

``sample-K`` is every K-th frame of generated movies whose tracks are known. Settings of the linker
were chosen on those and on the first half of each real movie; ``--part later`` is the other half.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from _page import DATA, markdown, write_row
from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.tracks.tracking import Linker
from napari_unet.sample.movie import sample_movie, sample_parents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

MOVIES = {
    "hela": (DATA / "Fluo-N2DL-HeLa-in-a-row", "HeLa 01, 30 frames"),
    "dic": (DATA / "DIC-C2DH-HeLa", "DIC 01, 84 frames"),
    "psc": (DATA / "PhC-C2DL-PSC", "PSC 01, 101 frames"),
}
LATER = {"hela": 15, "dic": 42, "psc": 50}  # the first frame that no setting was chosen on
SEEDS = (11, 12, 13)  # of the generated movies
HEAD = (
    "cells, linked by", "DET", "LNK", "TRA", "divisions", "found", "right", "F1", "complete",
    "ms a frame",
)  # fmt: skip
MARKER = "bench:tracks"
Tracks = list[tuple[int, int, int, int]]  # id, first frame, last frame, parent or 0


@dataclass(frozen=True)
class Truth:
    """Cells (T, Y, X) to be linked, and true tracks with the pixels (T, Y, X) that tell them."""

    cells: NDArray[Any]
    markers: NDArray[Any]
    tracks: Tracks


def real(row: str, labels: str, first: int = 0) -> Truth:
    """Read a movie of the challenge from a frame on, which is counted as 0."""
    folder = MOVIES[row][0]
    files = sorted((folder / "01_ST" / "SEG").glob("*.tif"))[first:]
    numbers = [int(file.stem.removeprefix("man_seg")) for file in files]
    outlines = np.stack([tifffile.imread(file) for file in files])
    markers = np.stack(
        [tifffile.imread(folder / "01_GT" / "TRA" / f"man_track{n:03d}.tif") for n in numbers]
    )
    rows = np.loadtxt(folder / "01_GT" / "TRA" / "man_track.txt", dtype=int).tolist()
    tracks = cut(rows, numbers[0], numbers[-1])
    if labels == "right":
        outlines = completed(outlines, markers)
    return Truth(outlines, markers, tracks)


def cut(tracks: list[list[int]], first: int, last: int) -> Tracks:
    """Return the tracks of some frames, counted from the first of them."""
    inside = [row for row in tracks if row[1] <= last and row[2] >= first]
    known = {row[0] for row in inside}
    return [
        (i, max(begin, first) - first, min(end, last) - first, parent if parent in known else 0)
        for i, begin, end, parent in inside
    ]


def completed(outlines: NDArray[Any], markers: NDArray[Any]) -> NDArray[Any]:
    """Give cells (T, Y, X) the outlines that they lack: those of the nearest frame, moved along.

    Markers say where a cell is; one that never has an outline of its own is its marker.
    """
    found = outlines.copy()
    own: dict[int, dict[int, NDArray[Any]]] = {}  # by cell and frame, the pixels of its outline
    lacking: list[tuple[int, int]] = []
    for t, frame in enumerate(markers):
        for i in np.unique(frame)[1:].tolist():
            marker = frame == i
            if 2 * np.count_nonzero(outlines[t][marker] == i) > np.count_nonzero(marker):
                own.setdefault(i, {})[t] = np.argwhere(outlines[t] == i)
            else:
                lacking.append((t, i))
                found[t][found[t] == i] = 0
    for t, i in lacking:
        marker = markers[t] == i
        if shapes := own.get(i):
            nearest = min(shapes, key=lambda other: abs(other - t))
            way = np.argwhere(marker).mean(axis=0) - np.argwhere(markers[nearest] == i).mean(axis=0)
            places = shapes[nearest] + np.rint(way).astype(int)
            inside = ((places >= 0) & (places < marker.shape)).all(axis=1)
            y, x = places[inside].T
            free = found[t][y, x] == 0
            found[t][y[free], x[free]] = i
        found[t][marker] = i
    return found


def generated(step: int, seed: int) -> Truth:
    """Make a movie of which every ``step``-th frame is seen; who is born unseen has no mother."""
    world: dict[str, Any] = {"frames": 40 * step, "shape": (384, 512), "seed": seed}
    cells = sample_movie(**world)[1][::step]
    parents = sample_parents(**world)
    at = {int(i): np.flatnonzero((cells == i).any(axis=(1, 2))) for i in np.unique(cells)[1:]}
    tracks = []
    for i, frames in at.items():
        mother = parents.get(i, 0)
        seen = mother in at and at[mother][-1] == frames[0] - 1
        tracks.append((i, int(frames[0]), int(frames[-1]), mother if seen else 0))
    return Truth(cells, cells, tracks)


def predicted(folder: Path, steps: int) -> NDArray[Any]:
    """Train on the first frame by the command line and segment the movie."""
    with tempfile.TemporaryDirectory() as work:
        model = f"{work}/model.safetensors"
        movie, truth = folder / "01", folder / "01_ST" / "SEG"
        how = ("--frames", "0", "--steps", str(steps), "--seed", "0", "--validation", "none")
        cli("train", movie, truth, "--out", model, *how)
        cli("segment", movie, "--out", work, "--model", model, "--no-movie")
        return tifffile.imread(f"{work}/labels.tif")


def cli(*arguments: object) -> None:
    """Run the command line."""
    command = [sys.executable, "-m", "napari_unet.cli", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def measure(truth: Truth, linker: str) -> tuple[dict[str, Any], float]:
    """Link, write and score; return the measures, and ms a frame for linking alone."""
    cells = shuffled(truth.cells)
    began = time.perf_counter()
    links = make_linker(linker, cells)
    for t, frame in enumerate(cells):
        links(frame, t)
    spent = 1000 * (time.perf_counter() - began) / len(cells)
    with tempfile.TemporaryDirectory() as work:
        result, right = Path(work) / "01_RES", Path(work) / "01_GT"
        stack = Stack.from_array(cells, axes="TYX")
        again = make_linker(linker, cells)
        for _ in write_labels(result, iter(cells), stack, format="ctc", linker=again):
            pass
        (right / "TRA").mkdir(parents=True)
        for t, markers in enumerate(truth.markers):
            tifffile.imwrite(right / "TRA" / f"man_track{t:03d}.tif", markers)
        lines = [" ".join(map(str, row)) for row in sorted(truth.tracks)]
        (right / "TRA" / "man_track.txt").write_text("\n".join(lines) + "\n")
        return measures(result, right), spent


def make_linker(name: str, cells: NDArray[Any]) -> Linker:
    """Return a fresh linker."""
    if name == "overlap":
        return Linker()
    from napari_unet.engine.tracks.laptrack_linker import LaptrackLinker

    return LaptrackLinker.from_frames(cells, range(len(cells)))


def shuffled(cells: NDArray[Any]) -> NDArray[Any]:
    """Number the cells of each frame anew, so that nothing is told by their ids."""
    chance = np.random.default_rng(0)
    frames = []
    for labels in cells:
        ids, places = np.unique(labels, return_inverse=True)
        table = np.concatenate([[0], chance.permutation(len(ids) - 1) + 1])
        frames.append(table[places].reshape(labels.shape).astype(np.uint16))
    return np.stack(frames)


def measures(result: Path, truth: Path) -> dict[str, Any]:
    """Return what py-ctcmetrics says of a result folder."""
    from ctc_metrics.scripts.evaluate import evaluate_sequence

    wanted = ["Valid", "DET", "TRA", "LNK", "CT", "BC"]
    with contextlib.redirect_stdout(io.StringIO()):
        found = evaluate_sequence(str(result), str(truth), wanted, threads=1)
    assert found["Valid"], "the result folder is not valid"
    return found


def cells(
    words: str, linker: str, found: Sequence[tuple[dict[str, Any], float]]
) -> tuple[str, ...]:
    """Return the cells of a row; of several movies divisions are summed, the rest are means."""

    def mean(name: str) -> float:
        return float(np.mean([values[name] or 0 for values, _ in found]))

    tp, fp, fn = (
        sum(values[f"{kind}_div(1)"] for values, _ in found) for kind in ("tp", "fp", "fn")
    )
    return (
        f"{words}, {linker}",
        *(f"{mean(name):.4f}" for name in ("DET", "LNK", "TRA")),
        str(tp + fn),
        f"{tp / max(tp + fn, 1):.2f}",
        f"{tp / max(tp + fp, 1):.2f}",
        f"{2 * tp / max(2 * tp + fp + fn, 1):.3f}",
        f"{mean('CT'):.3f}",
        f"{float(np.mean([spent for _, spent in found])):.0f}",
    )


def truths(row: str, options: argparse.Namespace) -> Iterator[Truth]:
    """Return what a row is measured on."""
    if row.startswith("sample-"):
        yield from (generated(int(row.removeprefix("sample-")), seed) for seed in SEEDS)
        return
    first = LATER[row] if options.part == "later" else 0
    if options.labels != "predicted":
        yield real(row, options.labels, first)
        return
    truth = real(row, "outlines", first)
    cells = predicted(MOVIES[row][0], options.steps)[first:]
    yield Truth(cells, truth.markers, truth.tracks)


def main() -> None:
    """Run the rows asked for, print them, and write docs/benchmarks.md where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", action="append", help="hela, dic, psc, sample-K or all")
    parser.add_argument("--labels", default="right", choices=("right", "outlines", "predicted"))
    parser.add_argument("--part", default="all", choices=("all", "later"))
    parser.add_argument("--linker", action="append", help="overlap (default) or laptrack")
    parser.add_argument("--steps", type=int, default=300, help="of training, for predicted cells")
    parser.add_argument("--write", action="store_true", help="put the rows into the page")
    options = parser.parse_args()
    rows = options.row or ["all"]
    for row in MOVIES if rows == ["all"] else rows:
        words = MOVIES[row][1] if row in MOVIES else f"generated, every {row[7:]}. frame, 3 movies"
        kind = f"predicted, 1 frame, {options.steps} steps"
        kind = {"right": "right cells", "outlines": "outlines alone"}.get(options.labels, kind)
        kind += ", later half" * (options.part == "later")
        given = list(truths(row, options))
        for linker in options.linker or ["overlap"]:
            found = [measure(truth, linker) for truth in given]
            line = cells(f"{words}, {kind}" if row in MOVIES else words, linker, found)
            print(markdown(HEAD, [line]).splitlines()[-1], flush=True)
            if options.write:
                write_row(MARKER, HEAD, line)


if __name__ == "__main__":
    main()
