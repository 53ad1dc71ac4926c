"""Cells of every kind: what some annotated frames and minutes give on other frames.

    python benchmarks/bench_kinds.py                          # says which rows there are
    python benchmarks/bench_kinds.py --row all --write        # three seeds of each: hours
    python benchmarks/bench_kinds.py --row colour --seeds 1 --steps 300
    python benchmarks/bench_kinds.py --row colour --inside 0 --set border_weight=2

Each row runs the command line as a user would: train, segment, evaluate. Frames that are scored are
never looked at to choose anything: ``--inside K`` learns from two thirds of the frames that a row
learns from and scores the K-th third of them, and that is what settings are compared on. Generated
movies have other frames to compare on (``--inside``), and are scored on another seed's.

Real movies lie in ../shared/data (or NAPARI_UNET_DATA). Frames scored are 20 and more away from
those learned from, images of another specimen.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import tifffile

from _page import DATA, markdown, write_row
from napari_unet.sample.kinds import KINDS, sample_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.sample.kinds import KindName

DIC, PSC, COLOUR = (DATA / name for name in ("DIC-C2DH-HeLa", "PhC-C2DL-PSC", "dsb2018_colour"))
NUCLEOLI = DATA.parent / "cases" / "nucleoli.py"
SCORES = ("seg", "f1", "f1_75", "f1_90", "area_error")
ERRORS = ("missed", "invented", "merged", "split")  # per 100 cells
HEAD = ("cells", "SEG", "F1@0.5", "0.75", "0.9", "area, %", *ERRORS)
MARKER = "bench:kinds"


@dataclass(frozen=True)
class Row:
    """What is learned from and scored: a folder or file of frames and one of labels."""

    words: str
    movie: Path  # scored
    truth: Path
    learn: tuple[int, ...]  # frames; none for the bundled model as it is
    score: tuple[int, ...]
    minutes: float = 5.0
    train: tuple[str, ...] = ()
    segment: tuple[str, ...] = ()
    taught: tuple[Path, Path] | None = None
    """Another movie and its labels to learn from; that which is scored where None."""


def generated(kind: KindName, work: Path, *, inside: int | None) -> Row:
    """Make a movie to learn from and another, of another seed, to score on."""
    made = []
    for name, seed in (("taught", 0), ("scored", 1 if inside is None else 2 + inside)):
        folders = work / kind / name / "movie", work / kind / name / "truth"
        for folder, frames in zip(folders, sample_kind(kind, seed=seed, frames=9), strict=True):
            folder.mkdir(parents=True)
            for t, frame in enumerate(frames):
                tifffile.imwrite(folder / f"t{t}.tif", frame)
        made.append(folders)
    words = f"{kind}, generated, 5 frames"
    return Row(words, *made[1], tuple(range(0, 9, 2)), (0, 4, 8), taught=made[0])


def nucleoli(holes: int, work: Path) -> Row:
    """Make nuclei with dark nucleoli, to segment untouched."""
    if not (work / "h0.tif").exists():
        subprocess.run([sys.executable, NUCLEOLI, work], check=True)
    found = []
    for name in (f"h{holes}", f"t{holes}"):
        (work / name).mkdir()
        for t, frame in enumerate(tifffile.imread(work / f"{name}.tif")):
            tifffile.imwrite(work / name / f"t{t}.tif", frame)
        found.append(work / name)
    words = f"nuclei with {holes} nucleoli, bundled model, --diameter 60"
    return Row(words, *found, (), (0, 1), segment=("--diameter", "60"))


def rows() -> dict[str, Row]:
    """Return the rows of real movies."""
    dic, psc = (DIC / "01", DIC / "01_ST" / "SEG"), (PSC / "01", PSC / "01_ST" / "SEG")
    far, other = tuple(range(40, 84, 4)), tuple(range(45, 101, 5))
    images = range(53)
    learned = tuple(n for n in images if n % 3 != 2)
    five = tuple(range(0, 21, 5))
    colour = (COLOUR / "images", COLOUR / "masks")
    return {
        "dic-5": Row("DIC 01, 5 frames", *dic, five, far),
        "dic-1": Row("DIC 01, 1 frame", *dic, (0,), far, 1),
        "psc-5": Row("PSC 01, 5 frames", *psc, five, other),
        "psc-1": Row("PSC 01, 1 frame", *psc, (0,), other, 1),
        "colour": Row("DSB 2018, colour, 36 images", *colour, learned, images[2::3]),
        "colour-base": Row(
            "DSB 2018, colour, 36 images, from nuclei-fluorescence", *colour, learned, images[2::3],
            train=("--base", "nuclei-fluorescence"),
        ),
    }  # fmt: skip


def scores(row: Row, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Train, segment and evaluate by the command line; return what ``evaluate`` says."""
    learn, score = row.learn, row.score
    movies = row.taught or (row.movie, row.truth)
    if options.inside is not None and not row.taught and learn:
        learn, score = inside(row.learn, options.inside)
    with tempfile.TemporaryDirectory() as work:
        model, labels = "nuclei-fluorescence", Path(work) / "found"
        movie = some_of(row.movie, score, Path(work) / "movie")
        truth = some_of(row.truth, score, Path(work) / "truth")
        if learn:
            model = str(options.keep or Path(work)) + f"/{options.name}-{seed}.safetensors"
            length = ("--steps", options.steps) if options.steps else ()
            length = length or ("--minutes", options.minutes or row.minutes)
            changes = [part for change in options.set for part in ("--set", change)]
            threads = ("--threads", options.threads) if options.threads else ()
            taught = (
                some_of(movies[0], learn, Path(work) / "learned"),
                some_of(movies[1], learn, Path(work) / "outlines"),
            )
            how = ("--out", model, "--seed", seed, "--overwrite")
            cli("train", *taught, *how, *length, *threads, *changes, *row.train)
        cli("segment", movie, "--out", labels, "--model", model, "--no-movie", *row.segment)
        found: dict[str, float] = json.loads(
            cli("evaluate", labels / "labels.tif", truth, "--json")
        )
        return found


def some_of(folder: Path, frames: Sequence[int], out: Path) -> Path:
    """Return a folder with links to some of the files of another, by the order of their names."""
    files = sorted(folder.glob("*.tif"))
    out.mkdir()
    for t in frames:
        (out / files[t].name).symlink_to(files[t])
    return out


def inside(learned: Sequence[int], third: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return frames to learn from and to compare settings on, both of those ``learned`` from."""
    return (
        tuple(t for n, t in enumerate(learned) if n % 3 != third),
        tuple(t for n, t in enumerate(learned) if n % 3 == third),
    )


def cells(
    found: Sequence[dict[str, Any]], names: Sequence[str] = (*SCORES, *ERRORS)
) -> Iterator[str]:
    """Return the cells of a row: medians of the seeds, and their range where they are several."""
    for name in names:
        values = [float(scores[name]) for scores in found]
        form = ".1f" if name in (*ERRORS, "area_error") else ".3f"
        middle = format(statistics.median(values), form)
        ends = f" ({min(values):{form}} to {max(values):{form}})" if len(values) > 1 else ""
        yield middle + ends


def cli(*arguments: object) -> str:
    """Run the command line; return what it prints."""
    command = [sys.executable, "-m", "napari_unet.cli", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def row_of(name: str, work: Path, inside: int | None) -> Row:
    """Return a row by its name; what is generated goes into ``work``."""
    if name in KINDS:
        return generated(cast("KindName", name), work, inside=inside)
    if name.startswith("nucleoli-"):
        return nucleoli(int(name[-1]), work)
    return rows()[name]


def measure(name: str, row: Row, options: argparse.Namespace) -> None:
    """Score a row with each seed, print it, and put it into the docs where asked to."""
    options.name = name
    seeds = range(options.first_seed, options.first_seed + (options.seeds if row.learn else 1))
    found = [scores(row, seed, options) for seed in seeds]
    minutes = f"{options.minutes or row.minutes:g} min"
    length = f", {options.steps} steps" if options.steps else f", {minutes}"
    line = (row.words + length * bool(row.learn), *cells(found))
    print(markdown(HEAD, [line]).splitlines()[-1], flush=True)
    if options.write:
        write_row(MARKER, HEAD, line)


def main() -> None:
    """Run the rows asked for, print them, and write docs/benchmarks.md where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", action="append", help="a row, or all; may be given several times")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--steps", type=int, help="in place of minutes: a busy machine gives the same"
    )
    length.add_argument("--minutes", type=float, help="in place of the row's own")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--inside", type=int, choices=(0, 1, 2), help="compare settings so")
    parser.add_argument("--keep", type=Path, help="folder for the models")
    parser.add_argument("--write", action="store_true", help="put the rows into the docs")
    options = parser.parse_args()
    names = [*(f"nucleoli-{n}" for n in (0, 1, 2, 4)), *rows(), *KINDS]
    if not options.row:
        print("\n".join(names))
        return
    print(markdown(HEAD, []), flush=True)
    with tempfile.TemporaryDirectory() as work:
        for name in names if "all" in options.row else options.row:
            measure(name, row_of(name, Path(work), options.inside), options)


if __name__ == "__main__":
    main()
