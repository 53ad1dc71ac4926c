"""Kill predictions, trainings and painting again and again: nothing that was done is lost.

``python benchmarks/bench_kill.py [prediction|training|strokes …] [--kills 50]``; the table goes
into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import _killed_prediction
import _killed_strokes
import _killed_training
from _interleave import markdown, write_between_markers
from _kill import HEAD

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
WORK = {
    "prediction": _killed_prediction.killed,
    "training": _killed_training.killed,
    "strokes": _killed_strokes.killed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", choices=[[], *WORK], help="all where not given")
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    good = True
    for what in options.what or WORK:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = WORK[what](Path(folder), options.kills, random.Random(0))
        print(f"{what}, {time.monotonic() - began:.0f} s: {found}", flush=True)
        record((what, *found.row()))
        good &= found.good
    sys.exit(not good)


def record(row: tuple[str, ...]) -> None:
    """Put a row into the page's table, in place of an older one of the same work."""
    text = PAGE.read_text()
    block = text.partition("<!-- bench:kill -->")[2].partition("<!-- /bench:kill -->")[0]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()[3:]
    ]
    rows = {line[0]: tuple(line) for line in lines if line[0]} | {row[0]: row}
    write_between_markers(
        PAGE, "bench:kill", markdown(HEAD, [rows[what] for what in WORK if what in rows])
    )


if __name__ == "__main__":
    main()
