"""The window while a movie is predicted: the longest the event loop waits for anything.

``python benchmarks/bench_responsive.py [--frames 102] [--quick]``; needs a display (``xvfb-run -a``
where there is none). A real napari with the Segment dock, *Whole movie* pressed, and a timer in
the GUI thread that beats every 5 ms. Each way runs in a process of its own. The table goes into
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from _page import markdown, write_between_markers

if TYPE_CHECKING:
    from collections.abc import Callable

BEAT_MS, STEP_MS = 5, 100
STILL, STEPS, PLAYS = "hands off", "the time slider moves", "the movie plays"
WAYS = {
    "idle": ("nothing runs", STEPS),
    "still": ("movie predicted", STILL),
    "steps": ("movie predicted", STEPS),
    "plays": ("movie predicted", PLAYS),
    "again": ("all frames segmented", STEPS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=102)
    parser.add_argument("--edge", type=int, default=None, help="crop the frames: a quick look")
    parser.add_argument("--quick", action="store_true", help="24 frames; the table is not kept")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--child", nargs=2, metavar=("WAY", "MOVIE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(watch(options.child[0], Path(options.child[1]))), flush=True)
        os._exit(0)  # what still runs in threads is of no interest
    n = 24 if options.quick else options.frames
    with tempfile.TemporaryDirectory() as name:
        size = write_movie(Path(name) / "movie.tif", n, options.edge)
        found = [run(way, Path(name)) for way in options.ways]
    text = [
        f"{found[0]['napari']}, {os.cpu_count()} cores, {n} frames of {size}, "
        f"{found[0]['platform']}. A beat is due every {BEAT_MS} ms; aim: no gap above 100 ms.",
        markdown(
            (
                "",
                "a user",
                "largest gap, ms",
                "its own work, ms",
                "garbage collector, ms",
                "99 % of gaps, ms",
                "until frame 1, ms",
                "frames/s",
            ),
            [row(way, result) for way, result in zip(options.ways, found, strict=True)],
        ),
    ]
    result = "### The window while a movie is predicted\n\n" + "\n\n".join(text)
    print(result)
    if not options.quick:
        write_between_markers("bench:responsive", result)


def write_movie(path: Path, n: int, edge: int | None) -> str:
    """Write the HeLa frames again and again, ``n`` in all; gives their size in words."""
    from _world import bench_frames

    frames, _ = bench_frames(edge)
    tifffile.imwrite(path, frames[np.arange(n) % len(frames)], metadata={"axes": "TYX"})
    return "x".join(map(str, frames.shape[1:]))


def run(way: str, folder: Path) -> dict[str, Any]:
    """Watch one way in a fresh process, with settings and probabilities of its own."""
    home = folder / way
    home.mkdir()
    movie = home / "movie.tif"
    os.link(folder / "movie.tif", movie)
    places = {f"XDG_{kind}_HOME": str(home / kind) for kind in ("CONFIG", "CACHE", "DATA")}
    child = subprocess.run(
        [sys.executable, __file__, "--child", way, str(movie)],
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    print(way, {key: value for key, value in found.items() if key not in ("napari", "platform")})
    return found


def row(way: str, found: dict[str, Any]) -> tuple[str, ...]:
    what, user = WAYS[way]
    pace = f"{found['pace']:.1f}" if found["pace"] else ""
    starting = f"{found['starting']:.0f}" if found["pace"] else ""
    gaps = (f"{found[key]:.0f}" for key in ("largest", "own", "garbage", "usual"))
    return (what, user, *gaps, starting, pace)


def watch(way: str, movie: Path) -> dict[str, Any]:
    """Open the movie, press *Whole movie*, and watch the event loop until it is done."""
    import napari
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    from napari_unet.gui.session.session import Session

    viewer = napari.Viewer(show=True)
    viewer.open(movie, plugin="napari-unet-live")
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment")
    session = Session.of(viewer)
    wait(lambda: dock.run_movie.isEnabled())
    if way == "again":
        dock.run_movie.click()
        wait(lambda: not session.job.running)
    settle()
    steps, player = Steps(viewer), viewer.window._qt_viewer.dims  # noqa: SLF001 - to play it
    mover = QTimer(interval=STEP_MS)
    mover.timeout.connect(steps)
    beats = Beats(way not in ("idle", "again"))
    ending = time.perf_counter() + 15
    if WAYS[way][1] == STEPS:
        mover.start()
    elif WAYS[way][1] == PLAYS:
        player.play(0)
    if way in ("idle", "again"):
        wait(lambda: time.perf_counter() > ending)
    else:
        session.job.changed.connect(beats.on_job)
        dock.run_movie.click()
        wait(lambda: not session.job.running)
        assert not session.job.state.failed, session.job.state.line
    beats.stop()
    mover.stop()
    player.stop()
    settle()
    found = beats.found(len(session.movie.stack))
    viewer.close()
    return {
        **found,
        "napari": f"napari {napari.__version__}",
        "platform": QApplication.platformName(),
    }


class Steps:
    """A hand on the time slider: one frame further at each call, from the last to the first."""

    def __init__(self, viewer: Any) -> None:
        self._viewer, self._at = viewer, 0

    def __call__(self) -> None:
        self._at = (self._at + 1) % int(self._viewer.dims.nsteps[0])
        self._viewer.dims.set_current_step(0, self._at)


class Beats:
    """When the event loop came round, and when the first frame was predicted."""

    def __init__(self, job: bool) -> None:
        from qtpy.QtCore import Qt, QTimer

        self._job = job
        self._times, self._own = [time.perf_counter()], [time.thread_time()]
        self._first: float | None = None
        self._tidying, self._longest = 0.0, 0.0
        gc.callbacks.append(self._on_garbage)
        self._timer = QTimer(interval=BEAT_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        self._times.append(time.perf_counter())
        self._own.append(time.thread_time())

    def _on_garbage(self, phase: str, _: dict[str, int]) -> None:
        """Time Python's garbage collector, which stops all threads."""
        if phase == "start":
            self._tidying = time.perf_counter()
        elif self._first or not self._job:
            self._longest = max(self._longest, time.perf_counter() - self._tidying)

    def on_job(self, state: Any) -> None:
        if self._first is None and state.done:
            self._first = time.perf_counter()

    def stop(self) -> None:
        self._beat()
        self._timer.stop()

    def found(self, frames: int) -> dict[str, Any]:
        """Largest gap and 99 % of them, in ms, after the first frame; the largest before it.

        ``own`` is the most processor time that the thread itself took in a gap; the rest of a gap
        it waited, for the interpreter or for a free core. ``garbage`` is the longest time that
        Python's collector stopped all threads.
        """
        times = np.array(self._times)
        gaps, own = np.diff(times) * 1e3, np.diff(self._own) * 1e3
        first = self._first or times[0]
        late = times[1:] > first
        return {
            "largest": gaps[late].max(),
            "own": own[late].max(),
            "usual": np.percentile(gaps[late], 99),
            "starting": gaps[~late].max(initial=0),
            "own_starting": own[~late].max(initial=0),
            "garbage": self._longest * 1e3,
            "pace": frames / (times[-1] - first) if self._first else None,
        }


def wait(done: Callable[[], bool]) -> None:
    """Run the event loop until ``done()``, which is looked at every 20 ms."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop, look = QEventLoop(), QTimer(interval=20)
    look.timeout.connect(lambda: done() and loop.quit())
    look.start()
    loop.exec_()
    look.stop()


def settle(seconds: float = 1.0) -> None:
    """Let what was begun come to an end."""
    end = time.perf_counter() + seconds
    wait(lambda: time.perf_counter() > end)


if __name__ == "__main__":
    main()
