"""Users who correct in any order, with programs killed -9 in between: is anything lost or changed?

Sequences that hypothesis makes (tests/engine/session/edit_sequences.py): brush, bucket, verbs and
states, undo and redo, frames, thresholds, other models, training for two steps. Some acts are done
by a program of its own, which is killed at a random moment; others are followed by a torn journal.
After each act what a user said is compared with what was said before, at the end every step is
taken back and done again. Ends with 1 where something was otherwise.

    python -m benchmarks.fuzz_edits --sequences 100 --seed 0 --write
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import logging
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks._kill import kill
from benchmarks._page import write_row
from napari_unet.engine.errors import BadInput
from tests.engine.session.edit_sequences import Act, EditSequences, Sitting, carry_out

if TYPE_CHECKING:
    from collections.abc import Callable

_SHOWN = (
    "sequences", "edits", "undone and done again", "moves of frame and threshold", "other models",
    "trainings", "kills", "kills at work",
)  # fmt: skip


def edit(say: Callable[[int], None], movie: Path, acts: list[Act]) -> None:
    """Do some acts in a program of its own; says each that is done."""
    sitting = Sitting(movie)
    say(0)
    for number, act in enumerate(acts, start=1):
        with contextlib.suppress(BadInput):
            carry_out(sitting.live, act)
        say(number)


def killed(chance: Random, movie: Path, acts: list[Act]) -> int:
    """Kill that program at some moment; returns how many acts it had said."""
    said, _ = kill(edit, movie, acts, after=1 + chance.randrange(len(acts)), beats=chance.random())
    return len(said) - 1


def main() -> None:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=100)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    options = parser.parse_args()
    logging.getLogger("napari_unet").setLevel(logging.ERROR)  # torn journals are what is wanted
    counts: dict[str, int] = {}
    chance, began, failed = Random(options.seed), time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        values: dict[str, Any] = {
            "folder": Path(folder),
            "trains": True,
            "killed": staticmethod(functools.partial(killed, chance)),
            "counts": counts,
        }
        machine = seed(options.seed)(type("Killed", (EditSequences,), values))
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=options.sequences,
                    stateful_step_count=options.steps,
                    deadline=None,
                    database=None,
                    phases=(Phase.generate, Phase.shrink),
                    suppress_health_check=list(HealthCheck),
                ),
            )
        except Exception:  # noqa: BLE001 - whatever it is, it is shown
            traceback.print_exc()
            failed = 1
    took = time.perf_counter() - began
    row = (str(options.seed), *(str(counts.get(name, 0)) for name in _SHOWN), str(failed))
    head = ("seed", *_SHOWN, "changed or lost")
    print(", ".join(f"{name}: {value}" for name, value in zip(head, row, strict=True)))
    print(f"{took:.0f} s")
    if options.write and not failed:
        write_row("fuzz:edits", head, row)
    sys.exit(failed)


if __name__ == "__main__":
    main()
