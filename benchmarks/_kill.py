"""Children that are killed -9 while they work, and what they had said until then."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS = multiprocessing.get_all_start_methods()
_CONTEXT = multiprocessing.get_context("forkserver" if "forkserver" in _KINDS else "spawn")
if "forkserver" in _KINDS:  # torch is imported once, and has computed nothing when it forks
    _CONTEXT.set_forkserver_preload(
        [
            "napari_unet.engine.training.training",
            "napari_unet.engine.prediction.predictor",
            "napari_unet.sample.movie",
        ]
    )

_FIRST_BEAT = 0.05  # s


@dataclass(frozen=True)
class Killed:
    """What became of one kind of work; ``caught`` counts kills in the middle of a write."""

    kills: int
    caught: str
    lost: str
    broken: int
    end: str
    good: bool

    def row(self) -> tuple[str, ...]:
        """Columns of `HEAD` after the first."""
        return str(self.kills), self.caught, self.lost, str(self.broken), self.end


HEAD = ("killed -9, then started again", "kills", "while writing", "lost", "broken", "in the end")


def run(work: Callable[..., None], *arguments: Any) -> list[Any]:
    """Let ``work(say, *arguments)`` run to its end in a child; all it said."""
    said, code = _listen(work, arguments, None, 0.0, 0.0)
    assert code == 0, f"the child ended with {code}"
    return said


def kill(
    work: Callable[..., None],
    *arguments: Any,
    after: int,
    delay: float = 0.0,
    beats: float = 0.0,
    when: Callable[[], bool] = lambda: True,
) -> tuple[list[Any], bool]:
    """Kill a child some time after it has said ``after`` things; all it said, and whether it lived.

    That time is ``delay`` s and ``beats`` times what passed between the last two things, and on
    until ``when`` holds.
    """
    said, code = _listen(work, arguments, after, delay, beats, when)
    return said, code != 0


def _listen(
    work: Callable[..., None],
    arguments: tuple[Any, ...],
    after: int | None,
    delay: float,
    beats: float,
    when: Callable[[], bool] = lambda: True,
) -> tuple[list[Any], int | None]:
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    child = _CONTEXT.Process(target=_work, args=(theirs, work, *arguments))
    child.start()
    theirs.close()  # so that the pipe ends with the child
    said: list[Any] = []
    heard = [time.monotonic()]
    try:
        while after is None or len(said) < after:
            said.append(ours.recv())
            heard.append(time.monotonic())
        time.sleep(delay + beats * (heard[-1] - heard[-2] if len(said) > 1 else _FIRST_BEAT))
        while child.is_alive() and not when():
            time.sleep(0.0005)
        child.kill()
        while True:
            said.append(ours.recv())
    except EOFError:
        pass
    child.join()
    return said, child.exitcode


def _work(pipe: Any, work: Callable[..., None], *arguments: Any) -> None:
    work(pipe.send, *arguments)
