"""Docks: time until each is open, in a napari that is up, and main-thread time of a slider tick.

``python benchmarks/bench_docks.py [--times 3] [--quick]``; needs a display (``xvfb-run -a`` where
there is none). Each dock is opened in fresh processes, since what it imports is part of what a
user waits for. A tick is the slider of the real dock moved, splitting and the size filter
included, in turn with what plugins do that have no live labels: the probabilities of a whole stack
of 60 frames above the threshold, given to a plain labels layer. The table goes into
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from _page import markdown, write_between_markers

STACK = 60
OPEN = """
import sys, time, napari
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer(show=True)
QApplication.processEvents()
start = time.perf_counter()
viewer.window.add_plugin_dock_widget("napari-unet-live", sys.argv[1])
print(1000 * (time.perf_counter() - start), "torch" in sys.modules)
viewer.close()
"""


def opening(name: str, times: int) -> tuple[float, bool]:
    """Median milliseconds to open a dock, and whether torch came with it."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", OPEN, name], capture_output=True, text=True, check=True
        )
        for _ in range(times)
    ]
    found = [run.stdout.split() for run in runs]
    return statistics.median(float(ms) for ms, _ in found), any(t == "True" for _, t in found)


def slider(shape: tuple[int, int], ticks: int, frames: int) -> tuple[float, float]:
    """Median main-thread milliseconds of a tick on a frame of this size, and of a whole stack."""
    import napari
    import numpy as np
    from qtpy.QtWidgets import QApplication

    from napari_unet.engine.labels.codes import decode, encode
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.gui.session.session import Session
    from napari_unet.sample.movie import sample_movie

    movie, truth = sample_movie(frames=1, shape=shape)
    noise = np.random.default_rng(0).normal(0, 0.05, truth.shape)
    codes = encode(np.clip((truth > 0) * 0.8 + 0.1 + noise, 0, 1))
    stack = np.repeat(decode(codes).astype(np.float32), frames, axis=0)
    viewer = napari.Viewer(show=True)
    viewer.add_image(movie)
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment")
    labels = Session.of(viewer).labels
    live, _ = Session.of(viewer).labels.show()
    assert labels.settings.split and labels.settings.min_size > 1
    probabilities = Probabilities.in_memory((1, 1, *shape))
    probabilities.write(0, codes[0][None])
    live.probabilities = probabilities
    live.prepare(0)
    QApplication.processEvents()
    other = napari.Viewer(show=True)
    plain = other.add_labels(np.zeros(stack.shape, np.uint8))
    taken, naive = [], []
    for threshold in np.linspace(0.3, 0.7, ticks):
        start = time.perf_counter()
        dock.threshold.setValue(float(threshold))
        taken.append(1000 * (time.perf_counter() - start))
        QApplication.processEvents()
        start = time.perf_counter()
        plain.data = stack > threshold
        naive.append(1000 * (time.perf_counter() - start))
        QApplication.processEvents()
    assert labels.settings.threshold == 0.7
    for each in (viewer, other):
        each.close()
    return statistics.median(taken), statistics.median(naive)


def main() -> None:
    """Measure, print and keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=3, help="that each dock is opened")
    parser.add_argument("--quick", action="store_true", help="once, few ticks; no table is kept")
    options = parser.parse_args()
    docks = []
    for name in ("Segment", "Review", "Train", "Export"):
        ms, torch = opening(name, 1 if options.quick else options.times)
        docks.append((name, f"{ms:.0f}", "300", "yes" if torch else "no"))
        print(docks[-1], flush=True)
    ticks = []
    for shape, aim, frames in (
        ((700, 1100), 16, STACK),
        ((2048, 2048), 50, STACK),
        ((3200, 3200), 50, 1),  # an image first, labels once the hand rests
    ):
        tick, naive = slider(shape, 9 if options.quick else 40, frames)
        size = f"{shape[0]}x{shape[1]}"
        faster = f"{naive / tick:.1f}" if frames == STACK else ""
        ticks.append((size, f"{tick:.1f}", str(aim), faster))
    text = [
        markdown(("dock", "opens in, ms", "aim, ms", "imports torch"), docks),
        markdown(
            (
                "slider tick at",
                "GUI thread, ms",
                "aim, ms",
                f"times faster than the stack of {STACK} frames",
            ),
            ticks,
        ),
    ]
    result = "### Docks\n\n" + "\n\n".join(text)
    print(result)
    if not options.quick:
        write_between_markers("bench:docks", result)


if __name__ == "__main__":
    main()
