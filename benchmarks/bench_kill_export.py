"""Kill every exporter again and again while it replaces an earlier export.

``python benchmarks/bench_kill_export.py [--kills 30] [--only mp4,ctc]``

A child is forked, exports over what is there, and gets a SIGKILL at a random moment between its
start and a little after its usual end. Then the older export is there, every byte of it, or the
new one; the next export clears whatever the dead one left. The table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path

from _page import ROOT, markdown, write_between_markers

sys.path.insert(0, str(ROOT / "tests" / "engine"))
from exporters import EXPORTERS, FRAMES, target, world

PICTURES = ("mp4", "avi", "movie-pngs", "still", "probabilities")
NEEDS = {"zarr": "zarr", "geff": "zarr", "rois": "roifile"}
LATER = 1.15  # of the usual time: some kills come after the end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--only", default=",".join(EXPORTERS), help="names of exporters")
    options = parser.parse_args()
    names = [n for n in options.only.split(",") if n not in NEEDS or find_spec(NEEDS[n])]
    rows, broken = [], []
    for name in names:
        found = kill(name, options.kills)
        rows.append((name, *(str(n) for n in found.values())))
        print(*rows[-1], flush=True)
        broken += [name] if found["neither"] or found["left behind"] else []
    head = ("exporter", "killed, the older one is there", "the new one", "neither", "left behind")
    text = f"Each exporter killed {options.kills} times.\n\n{markdown(head, rows)}"
    if options.only == parser.get_default("only"):
        write_between_markers("bench:kill export", text)
    sys.exit(f"broken: {', '.join(broken)}" if broken else 0)


def kill(name: str, kills: int) -> dict[str, int]:
    """Count what was there after each kill, and what the next export left behind."""
    stack, labels = world()
    chance = random.Random(name)
    counts = {"older": 0, "new": 0, "neither": 0, "left behind": 0}

    def export(path: Path, n: int) -> None:
        options = {} if name == "still" else {"frames": range(n)}
        shown = labels if n == FRAMES else labels[::-1]  # read by number, or one by one
        shown = shown if name in PICTURES else shown[:n]
        list(EXPORTERS[name](path, stack, shown, overwrite=True, **options))

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = target(folder, name)
        export(path, FRAMES)
        new = content(path)
        usual = min(run(export, path, None) for _ in range(3))
        for _ in range(kills):
            export(path, FRAMES - 1)
            older = content(path)
            run(export, path, chance.uniform(0, LATER * usual))
            time.sleep(0.1)  # ffmpeg sees the end of its input and stops
            found = content(path)
            word = "older" if found == older else "new" if found == new else "neither"
            counts[word] += 1
            export(path, FRAMES - 1)
            others = {p for p in folder.iterdir() if p.name not in (path.name, f"{path.name}.json")}
            counts["left behind"] += len(others)
    return counts


def run(export: object, path: Path, seconds: float | None) -> float:
    """Export in a child, killed after some seconds where they are given; gives how long it took."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        export(path, FRAMES)  # type: ignore[operator]
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return time.perf_counter() - began


def content(path: Path) -> dict[str, bytes]:
    """Every file of an export; of a zip what is in it, since its entries have times."""
    if not path.exists():
        return {}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


if __name__ == "__main__":
    main()
