"""Docks: time until each is open, in a napari that is up, and main-thread time of a slider tick.

Each dock is opened in fresh processes, since what it imports is part of what a person waits for.
Needs a display (``xvfb-run -a`` where there is none).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

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


def slider(shape: tuple[int, int], ticks: int = 40) -> float:
    """Median main-thread milliseconds of a tick, labels of a frame of this size on screen."""
    import napari
    import numpy as np
    from qtpy.QtWidgets import QApplication

    from napari_unet.engine.probabilities import Probabilities
    from napari_unet.engine.probability import encode
    from napari_unet.gui.labelling import show_labels
    from napari_unet.gui.session import Session
    from napari_unet.sample_data import sample_movie

    movie, truth = sample_movie(frames=1, shape=shape)
    noise = np.random.default_rng(0).normal(0, 0.05, truth.shape)
    codes = encode(np.clip((truth > 0) * 0.8 + 0.1 + noise, 0, 1))
    viewer = napari.Viewer(show=True)
    viewer.add_image(movie)
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment")
    labels = Session.of(viewer).labels
    live, _ = show_labels(Session.of(viewer))
    probabilities = Probabilities.in_memory((1, 1, *shape))
    probabilities.write(0, codes[0][None])
    live.probabilities = probabilities
    live.prepare(0)
    QApplication.processEvents()
    taken = []
    for threshold in np.linspace(0.3, 0.7, ticks):
        start = time.perf_counter()
        dock.threshold.setValue(float(threshold))
        taken.append(1000 * (time.perf_counter() - start))
        QApplication.processEvents()
    assert labels.settings.threshold == 0.7
    viewer.close()
    return statistics.median(taken)


def main(times: int) -> None:
    """Print a table."""
    for name in ("Segment", "Train", "Export"):
        ms, torch = opening(name, times)
        print(f"{name:8s} opens in {ms:5.0f} ms (aim 300){', with torch' if torch else ''}")
    for shape, aim in (((700, 1100), 16), ((2048, 2048), 50)):
        print(f"slider tick at {shape[0]} x {shape[1]}: {slider(shape):5.1f} ms (aim {aim})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    main(parser.parse_args().times)
