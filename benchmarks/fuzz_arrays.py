"""Arrays of every kind of pixel, axes and holder: does each give labels, or one plain line?

Combinations of type × NaN, infinite, constant, negative, 1 px, empty … × YX, TYX, TCYX, TZYX, RGB ×
numpy, dask, zarr, memmap, multiscale layer are opened, segmented with a tiny network and measured;
labels must be those of the same numpy array. Ends with 1 where one crashed, warned or differed.

    python -m benchmarks.fuzz_arrays --cases 2000 --seed 1 --write
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import torch

from benchmarks._page import markdown, write_between_markers
from tests.engine.jobs.odd_arrays import BAD, RESULTS, all_cases, missing_holders, outcome


def main() -> None:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for holder in missing_holders():
        print(f"{holder}: left out, not installed")
    cases, began = all_cases(), time.perf_counter()
    chosen = random.Random(options.seed).sample(cases, min(options.cases, len(cases)))
    found: dict[str, Counter[str]] = {case.holder: Counter() for case in cases}
    with tempfile.TemporaryDirectory() as folder:
        for case in chosen:
            try:
                result = outcome(case, Path(folder))
            except Exception:  # noqa: BLE001 - whatever it is, it is counted
                traceback.print_exc(limit=-3)
                result = "crash"
            found[case.holder][result] += 1
            if result in BAD:
                print(f"{result}: {case}", flush=True)
    rows = [
        (holder, str(counts.total()), *(str(counts[result]) for result in RESULTS))
        for holder, counts in found.items()
    ]
    print(table := markdown(("array", "tried", *RESULTS), rows))
    print(f"{len(chosen)} of {len(cases)} in {time.perf_counter() - began:.0f} s")
    if options.write:
        write_between_markers("fuzz:arrays", table)
    sys.exit(any(counts[result] for counts in found.values() for result in BAD))


if __name__ == "__main__":
    main()
