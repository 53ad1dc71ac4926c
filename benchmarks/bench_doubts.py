"""Doubts about slips put into right labels, and about a long movie.

    python benchmarks/bench_doubts.py [--write]            # needs a display, or xvfb-run -a
    python benchmarks/bench_doubts.py --volumes [--write]  # of volumes alone; needs none

*Slips*: cells of generated movies merged, cut in two, left out or invented, one on each of 20
frames; the right repair is offered where a doubt at the place has the verb that mends it. *A long
movie*: 10,000 frames of about 100 cells, with labels and probabilities at hand: a generated movie
that runs to and fro, a slip on every tenth frame. Its doubts are found in a worker by the search
of the Review dock and shown in its list and timeline, while a timer in the GUI thread beats every
5 ms. Garbage of what was done before is collected first: that holds all threads, too.
"""

from __future__ import annotations

import argparse
import gc
import time

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QWidget

from _page import markdown, write_between_markers
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.labels.space.neighbours import steps_of
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.reviewing.live_doubts import LiveDoubts
from napari_unet.engine.tracks.doubts.finder import DoubtFinder, find_doubts
from napari_unet.gui.review.doubt_list import ROWS, DoubtList, likely_frames
from napari_unet.gui.review.doubt_search import DoubtSearch
from napari_unet.gui.widgets.parts import Column
from napari_unet.gui.widgets.timeline import Tick, Timeline
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.slips import labels_with_slips, offered
from napari_unet.sample.volumes import VolumeWorld, sample_volumes

SEEDS = range(100, 110)  # none of which a limit was chosen on
BEAT_MS, DISTINCT = 5, 40


def of_volumes(seed: int) -> tuple[str, ...]:
    """Return the same of generated volumes, and the doubts about their right labels, as a row."""
    world = VolumeWorld(frames=14, seed=seed)
    truth, steps = sample_volumes(world)[1], steps_of(world.spacing, 3)
    damaged, put = labels_with_slips(truth, 12, seed=seed, steps=steps)
    found = run(find_doubts(damaged, steps=steps), quiet=True)
    right = run(find_doubts(truth, steps=steps), quiet=True)
    cells = sum(len(np.unique(one)) - 1 for one in truth)
    hits = f"{sum(offered(found, put))} of {len(put)}"
    offers = sum(one.repair is not None for one in right)
    return f"{seed}", f"{cells}", hits, f"{len(found)}", f"{len(right)}", f"{offers}"


def slips(seed: int) -> tuple[int, int, int]:
    """Return how many of the slips of a movie are offered with the right repair, of how many."""
    truth = sample_movie(frames=22, shape=(208, 256), seed=seed)[1]
    damaged, put = labels_with_slips(truth, 20, seed=seed)
    found = run(find_doubts(damaged), quiet=True)
    return sum(offered(found, put)), len(put), len(found)


class ToAndFro(LiveDoubts):
    """Doubts about a movie whose labels and probabilities are at hand, forwards and backwards."""

    def __init__(self, live: LiveLabels, labels: np.ndarray, codes: np.ndarray) -> None:
        super().__init__(live)
        period = 2 * len(labels) - 2

        def at(t: int) -> int:
            return min(t % period, period - t % period)

        self._finder = DoubtFinder(len(live), lambda t: labels[at(t)], lambda t: codes[at(t)])


def long_movie(frames: int) -> tuple[str, ...]:
    """Return what a long movie costs, as a row."""
    truth = sample_movie(frames=DISTINCT, shape=(480, 480), density=4.2, seed=7)[1]
    damaged, _ = labels_with_slips(truth, DISTINCT // 10, seed=7)
    labels = np.ascontiguousarray(damaged[:, ::2, ::2])
    chance = np.random.default_rng(0)
    sure = chance.normal(0, 0.02, labels.shape)
    codes = encode(np.clip(np.where(labels > 0, 0.95, 0.03) + sure, 0.001, 0.999))
    cells = np.mean([len(np.unique(one)) - 1 for one in labels])
    application = QApplication.instance() or QApplication([])
    live = LiveLabels((frames, *labels.shape[1:]))
    shown, timeline, listed = QWidget(), Timeline("timeline"), DoubtList()
    Column(shown).add(timeline, listed)
    timeline.show_frames([Tick.SEGMENTED] * frames, 0)
    shown.show()
    search = DoubtSearch(shown)
    search.found.connect(lambda: listed.show_doubts(search.doubts[:ROWS], -1))
    search.found.connect(lambda: timeline.show_doubts(*likely_frames(search.doubts)))
    of = ToAndFro(live, labels, codes)
    gaps: list[float] = []
    beat = QTimer(interval=BEAT_MS)
    last = time.perf_counter()

    def on_beat() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(1000 * (now - last))
        last = now

    beat.timeout.connect(on_beat)
    gc.collect()
    beat.start()
    began = last = time.perf_counter()
    search._begin(live, of)  # noqa: SLF001
    while not search.done:
        application.processEvents()
        time.sleep(0.001)
    spent = time.perf_counter() - began
    beat.stop()
    return (
        f"{frames} frames of {cells:.0f} cells, {labels.shape[1]} x {labels.shape[2]} px",
        f"{len(search.doubts)}",
        f"{spent:.0f}",
        f"{1000 * spent / frames:.1f}",
        f"{max(gaps):.0f}",
        f"{np.quantile(gaps, 0.99):.0f}",
    )


def main() -> None:
    """Measure, print, and write docs/benchmarks.md where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000, help="of the long movie; 0: none")
    parser.add_argument("--volumes", action="store_true", help="look at volumes, and nothing else")
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    options = parser.parse_args()
    if options.volumes:
        head = (
            "volumes", "cells", "slips with the right repair", "doubts", "of right labels",
            "with a repair",
        )  # fmt: skip
        text = markdown(head, [of_volumes(seed) for seed in SEEDS[:6]])
        print(text)
        if options.write:
            write_between_markers("bench:doubts of volumes", text)
        return
    rows = []
    for seed in SEEDS:
        right, n, doubts = slips(seed)
        rows.append((f"{seed}", f"{right} of {n}", f"{doubts}"))
        print(rows[-1], flush=True)
    tables = [markdown(("movie", "slips with the right repair", "doubts"), rows)]
    if options.frames:
        head = ("long movie", "doubts", "s", "ms a frame", "longest gap, ms", "99 % of gaps, ms")
        tables.append(markdown(head, [long_movie(options.frames)]))
    text = "\n\n".join(tables)
    print(text)
    if options.write:
        write_between_markers("bench:doubts", text)


if __name__ == "__main__":
    main()
