"""Users who do anything at any moment, each in a process of its own: what raises, dies, is lost?

Opens, paints, renames, deletes, hides and transposes layers, changes frame, threshold, model,
order of axes and theme, starts and stops jobs, closes docks and at last the window, whatever runs;
then opens the movie again and looks for every stroke. Prints a table; ends with 1 where a process
died, something was raised or a stroke was lost. Where vispy died as napari drew its layers, that is
counted apart: napari 0.9.2 alone, without the plugin, dies in the same calls after layers were
added, removed and turned like that. So is a process that died at its exit, all done and found.

    xvfb-run -a python -m benchmarks.fuzz_gui --sequences 500 --seed 0
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks._page import ROOT, markdown, write_row


def small_model(place: Path) -> Path:
    """Train a small model, so that a movie is segmented in a moment."""
    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.training.training import train
    from napari_unet.sample.movie import sample_movie
    from napari_unet.sample.world import SMALL

    stack, truth = (Stack.from_array(part, axes="TYX") for part in sample_movie(SMALL))
    settings = TrainSettings(minutes=None, steps=60, filters=(8, 16), crop=64, batch=4, threads=1)
    steps = train(stack, Annotations.from_labels(stack, truth, (0, 3)), settings, name="tiny")
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value.save(place / "tiny.safetensors")


def in_drawing(died: str) -> bool:
    """Whether a process died in a call of OpenGL that vispy made."""
    frames = died.partition("Current thread")[2].splitlines()[1:2]
    return any("/vispy/gloo/" in frame or "/OpenGL/" in frame for frame in frames)


class Forks:
    """Does sequences, each in a process of its own that has everything imported already."""

    def __init__(self, steps: int, model: Path, place: Path) -> None:
        command = [sys.executable, "-m", "tests.gui.sequence", "-", str(steps), str(model)]
        self._server = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._place = place

    def run(self, seed: int) -> dict[str, Any]:
        """Do one sequence: what was done, raised and lost, or how the process died."""
        server, folder = self._server, self._place / f"{seed}"
        assert server.stdin is not None and server.stdout is not None
        folder.mkdir()
        server.stdin.write(f"{seed} {folder}\n")
        server.stdin.flush()
        code = server.stdout.readline().strip()
        out, err = ((folder / name).read_text(errors="replace") for name in ("out", "err"))
        if code != "0":
            if out.endswith("}\n"):  # all was done, closed and found again: Python's own end died
                return {**json.loads(out.splitlines()[-1]), "died": code, "at exit": True}
            said = err.partition("Extension modules:")[0].splitlines()
            told = "\n".join(line for line in said if "Cannot open file" not in line)
            return {"hang": code == "None", "died": f"{code}\n{told[-6000:]}"}
        return dict(json.loads(out.strip().splitlines()[-1]))

    def close(self) -> None:
        """Let the server end."""
        self._server.communicate()


def main() -> int:
    """Run the sequences and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=500)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=None, help="begin none after so long")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    chosen = parser.parse_args()
    found: Counter[str] = Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        forks = Forks(chosen.steps, small_model(Path(place)), Path(place))
        for seed in range(chosen.seed, chosen.seed + chosen.sequences):
            if chosen.minutes and time.monotonic() - began > 60 * chosen.minutes:
                break
            told = forks.run(seed)
            found["sequences"] += 1
            found["actions"] += len(told.get("done", ()))
            found["strokes"] += told.get("strokes", 0)
            found["closed in a job"] += bool(told.get("closed in"))
            found["hangs"] += bool(told.get("hang"))
            drawing = in_drawing(told.get("died", ""))
            found["napari's drawing"] += drawing
            found["at exit"] += told.get("at exit", False)
            apart = told.get("hang") or told.get("at exit") or drawing
            found["aborts"] += bool(told.get("died")) and not apart
            found["exceptions"] += len(told.get("raised", ()))
            found["lost strokes"] += len(told.get("lost", ()))
            for what in ("died", "raised", "lost"):
                if told.get(what):
                    print(f"seed {seed}, {what}:", told[what], told.get("done"), sep="\n")
            print(seed, dict(found), flush=True)
        forks.close()
    columns = ("seeds", "sequences", "actions", "strokes", "closed in a job")
    elsewhere = ("napari's drawing", "at exit")
    faults = ("hangs", "aborts", "exceptions", "lost strokes")
    head = (*columns, *elsewhere, *faults)
    seeds = f"{chosen.seed}-{chosen.seed + found['sequences'] - 1}"
    row = (seeds, *(str(found[name]) for name in head[1:]))
    print(markdown(head, [row]))
    if chosen.write:
        write_row("bench:fuzz-gui", head, row)
    return int(any(found[name] for name in faults))


if __name__ == "__main__":
    sys.exit(main())
