"""Damaged and hostile files of every kind that is read back: is any taken for whole, or run?

Models, checkpoints, sessions, probabilities, recipes, sidecars and labels are cut, flipped, zeroed
and inserted into, and opened as a user would; then those made to do harm (code in pickles, zips
that climb, sizes beyond memory, JSON without end, NaN weights, pipes …). Ends with 1 where one was
taken for another without a word, ran code, crashed, took longer than 5 s or more than 400 MB.

    python -m benchmarks.fuzz_files --files 4000 --seed 1 --write
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import torch

from benchmarks._page import markdown, write_between_markers
from tests.engine.files.hostile_files import HOSTILE
from tests.engine.files.kept_files import BAD, KEPT, RESULTS, outcome
from tests.engine.stack.damage import DAMAGES

TITLES = {"short": "short, unsaid", "hang": "above 5 s", "memory": "above 400 MB", "ran": "run"}


def main() -> None:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    parser.add_argument("--keep", type=Path, help="folder for the files that went wrong")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    each = -(-options.files // (len(KEPT) * len(DAMAGES)))
    began = time.perf_counter()
    found = {name: _damaged(name, each, options.seed, options.keep) for name in KEPT}
    found["hostile"] = _hostile()
    rows = [
        (name, str(counts.total()), *(str(counts[result]) for result in RESULTS))
        for name, counts in found.items()
    ]
    head = ("file", "tried", *(TITLES.get(result, result) for result in RESULTS))
    print(table := markdown(head, rows))
    print(f"{time.perf_counter() - began:.0f} s")
    if options.write:
        write_between_markers("fuzz:files", table)
    sys.exit(any(counts[result] for counts in found.values() for result in BAD))


def _damaged(name: str, each: int, seed: int, keep: Path | None) -> Counter[str]:
    kept, found = KEPT[name], Counter[str]()
    for kind, damage in DAMAGES.items():
        chance = random.Random(f"{seed} {name} {kind}")
        for number in range(each):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                path = kept.write(Path(folder))
                whole, content = kept.read(path), bytearray(path.read_bytes())
                damage(content, chance)
                path.write_bytes(content)
                try:
                    result = outcome(kept, path, whole)
                except Exception:  # noqa: BLE001 - whatever it is, it is counted
                    traceback.print_exc(limit=-4)
                    result = "crash"
                found[result] += 1
            if result in BAD:
                print(f"{name}: {result} ({kind}, {number})", flush=True)
                if keep:
                    keep.mkdir(exist_ok=True)
                    label = f"{result}_{name}_{kind}_{number}".replace(" ", "-")
                    (keep / label).write_bytes(content)
    return found


def _hostile() -> Counter[str]:
    found = Counter[str]()
    for name, (kind, make) in HOSTILE.items():
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as good:
            marker = Path(folder) / "ran"
            whole = KEPT[kind].read(KEPT[kind].write(Path(good)))
            path = make(Path(folder), marker)
            try:
                result = outcome(KEPT[kind], path, whole, marker)
            except Exception:  # noqa: BLE001 - whatever it is, it is counted
                traceback.print_exc(limit=-4)
                result = "crash"
            found[result] += 1
            if result in BAD:
                print(f"{name}: {result}", flush=True)
    return found


if __name__ == "__main__":
    main()
