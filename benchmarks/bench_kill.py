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
from _kill import HEAD
from _page import write_row

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
        write_row("bench:kill", HEAD, (what, *found.row()))
        good &= found.good
    sys.exit(not good)


if __name__ == "__main__":
    main()
