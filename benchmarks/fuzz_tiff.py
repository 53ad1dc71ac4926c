"""Damaged TIFFs, thousands of them: is any read short without a word, does any crash or hang?

Cuts, flipped bits, zeroed runs and insertions over the eight writers of the tests, each file read
from beginning to end as a user would. Prints a table; ends with 1 where a file was read short
in silence, raised what is no plain line, or took longer than 5 s.

    python -m benchmarks.fuzz_tiff --files 4096 --seed 0
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tests.engine.stack.damage import DAMAGES, outcome
from tests.engine.stack.tiff_writers import WRITERS

_SLOW, _HANG = 5, 30  # seconds: too long; given up
_BAD = ("short", "crash", "hang")
_KINDS = ("refused", "right", "other pixels", "said", *_BAD)


class _Hangs(BaseException):
    """Not an Exception, so that nothing on the way takes it for an error of a file."""


def _give_up(*_: Any) -> None:
    raise _Hangs


def main() -> None:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that went wrong")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _give_up)
    movie = np.random.default_rng(0).integers(0, 4000, (6, 40, 48)).astype(np.uint16)
    each = -(-options.files // (len(WRITERS) * len(DAMAGES)))
    found: dict[str, Counter[str]] = {}
    slowest, begin = 0.0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        for name, write in WRITERS.items():
            write(path, movie)
            whole = path.read_bytes()
            for kind, damage in DAMAGES.items():
                chance = random.Random(f"{options.seed} {name} {kind}")
                for number in range(each):
                    content = bytearray(whole)
                    damage(content, chance)
                    path.write_bytes(content)
                    result, seconds = _read(path, movie)
                    slowest = max(slowest, seconds)
                    found.setdefault(kind, Counter())[result] += 1
                    if result in _BAD and options.keep:
                        options.keep.mkdir(exist_ok=True)
                        label = f"{result}_{name}_{kind}_{number}.tif".replace(" ", "-")
                        (options.keep / label).write_bytes(content)
    _report(found, slowest, time.perf_counter() - begin)
    sys.exit(any(counts[kind] for counts in found.values() for kind in _BAD))


def _read(path: Path, movie: np.ndarray) -> tuple[str, float]:
    start = time.perf_counter()
    signal.alarm(_HANG)
    try:
        result = outcome(path, movie)
    except _Hangs:
        result = "hang"
    except BaseException:  # noqa: BLE001 - whatever it is, it is counted
        traceback.print_exc(limit=-3)
        result = "crash"
    finally:
        signal.alarm(0)
    seconds = time.perf_counter() - start
    return ("hang" if seconds > _SLOW else result), seconds


def _report(found: dict[str, Counter[str]], slowest: float, seconds: float) -> None:
    total = sum(sum(counts.values()) for counts in found.values())
    print(f"{total} files, {len(WRITERS)} writers; slowest {slowest:.2f} s; {seconds:.0f} s in all")
    print(f"{'':8s}" + "".join(f"{kind:>14s}" for kind in _KINDS))
    for name, counts in found.items():
        print(f"{name:8s}" + "".join(f"{counts[kind]:14d}" for kind in _KINDS))


if __name__ == "__main__":
    main()
