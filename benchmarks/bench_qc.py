"""What `napari-unet qc` finds: defects put into the sample movie, and what it says of real movies.

    python benchmarks/bench_qc.py --write               # seeds 0 to 9
    python benchmarks/bench_qc.py --seeds 2 --no-real

Limits were chosen on seeds from 100 on. A defect is found where a frame that has it is named with
the right reason; every other frame that is named is a false alarm. The movies have 48 frames of
256 x 320, and are counted with their true labels. Real movies lie in ../shared/data (or
NAPARI_UNET_DATA); nobody has said which of their frames are bad, so that what is flagged is listed.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from _page import DATA, markdown, write_between_markers
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.quality import Quality, check_quality
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.defects import DEFECTS, damaged_sample
from napari_unet.sample.movie import sample_movie

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REAL = {
    "HeLa 01, frames 30 to 59": "Fluo-N2DL-HeLa-in-a-row/01",
    "DIC 01": "DIC-C2DH-HeLa/01",
    "PSC 01": "PhC-C2DL-PSC/01",
}
# Of these other cells are seen: the true number of cells jumps, too.
OTHER_CELLS = ("stage jumps", "stage jumps for a frame", "no cells")


def generated(seeds: Sequence[int]) -> list[tuple[str, ...]]:
    """Return a row for the movie as it is, and for each defect."""
    rows = []
    for defect in (None, *DEFECTS):
        found, frames, false = 0, 0, 0
        for seed in seeds:
            movie, labels, where = _made(defect, seed)
            quality, _ = look(movie, None if defect in OTHER_CELLS else labels)
            reasons = {(f.frame, f.reason) for f in quality.findings}
            found += any(t in where and reason == DEFECTS.get(defect) for t, reason in reasons)
            false += len({t for t, _ in reasons} - set(where))
            frames += len(movie) - len(where)
        share = f"{found} of {len(seeds)}" if defect else "-"
        rows.append((defect or "nothing", share, f"{100 * false / frames:.2f}"))
        print(rows[-1], flush=True)
    return rows


def _made(defect: Any, seed: int) -> tuple[Any, Any, tuple[int, ...]]:
    if defect is None:
        return *sample_movie(seed=seed), ()
    made = damaged_sample(defect, seed=seed)
    return made.movie, made.labels, made.frames


def look(movie: Any, labels: Any) -> tuple[Quality, float]:
    """Look at a movie; returns also the ms of processor time a frame, reading included."""
    stack = movie if isinstance(movie, Stack) else Stack.from_array(movie, axes="TYX")
    begin = time.process_time()
    quality = run(check_quality(stack, labels), quiet=True)
    return quality, 1000 * (time.process_time() - begin) / len(stack)


def real() -> list[tuple[str, ...]]:
    """Return a row for each real movie that is there, with its silver truth as labels."""
    rows = []
    for words, folder in REAL.items():
        if not (DATA / folder).is_dir():
            continue
        movie, truth = Stack.open(DATA / folder), Stack.open(DATA / f"{folder}_ST" / "SEG")
        quality, spent = look(movie, truth if len(truth) == len(movie) else None)
        flagged = {f.frame for f in quality.findings}
        said = str(quality).partition("; ")[2] or "nothing"
        size = f"{len(movie)} of {movie.shape[1]} x {movie.shape[2]}"
        rows.append((words, size, f"{len(flagged)}", said, f"{spent:.1f}"))
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, print, and write docs/benchmarks.md where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--no-real", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    options = parser.parse_args()
    tables: list[str] = []
    parts: list[tuple[tuple[str, ...], Callable[[], list[tuple[str, ...]]]]] = [
        (
            (f"in the sample movie, seeds 0 to {options.seeds - 1}", "found", "false / 100 frames"),
            lambda: generated(range(options.seeds)),
        )
    ]
    if not options.no_real:
        head = ("real movie, silver truth as labels", "frames", "flagged", "as", "ms a frame")
        parts.append((head, real))
    for head, measure in parts:
        if rows := measure():
            tables.append(markdown(head, rows))
    print("\n\n".join(tables))
    if options.write:
        write_between_markers("bench:qc", "\n\n".join(tables))


if __name__ == "__main__":
    main()
