"""Layers added, painted, removed, duplicated and turned in napari alone: how often does it die?

Without the plugin. What `benchmarks.fuzz_gui` counts as *napari's drawing* is what is found here.

    xvfb-run -a python -m benchmarks.fuzz_napari --sequences 20 --seed 0
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import sys
import time
from typing import Any

import numpy as np

_IMPORTED = ("napari.viewer", "napari._qt.qt_viewer", "napari._vispy.canvas")
_SHAPE = (6, 96, 128)


class Layers:
    """A viewer and what is done to its layers."""

    def __init__(self, seed: int) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        self.random = random.Random(seed)
        self.viewer = napari.Viewer(show=True)
        self.app = QApplication.instance() or QApplication([])
        self.array = np.random.default_rng(0).integers(0, 4000, _SHAPE).astype(np.uint16)
        self.add()

    def chosen(self) -> Any:
        here = list(self.viewer.layers)
        return self.random.choice(here) if here else None

    def add(self) -> None:
        self.viewer.add_image(self.array)

    def paint(self) -> None:
        layer = self.viewer.add_labels(np.zeros(_SHAPE, np.uint16))
        layer.mode = "paint"
        layer.paint((0, 50, 50), 3)

    def remove(self) -> None:
        if (layer := self.chosen()) is not None:
            self.viewer.layers.remove(layer)

    def hide(self) -> None:
        if (layer := self.chosen()) is not None:
            layer.visible = not layer.visible

    def duplicate(self) -> None:
        from napari.layers._layer_actions import _duplicate_layer

        if (layer := self.chosen()) is not None:
            self.viewer.layers.selection = {layer}
            _duplicate_layer(self.viewer.layers)

    def turn(self) -> None:
        self.random.choice((self.viewer.dims.transpose, self.viewer.dims.roll))()

    def act(self) -> None:
        """Do one thing and let it be drawn."""
        often = (self.paint, self.remove)
        once = (self.add, self.hide, self.duplicate, self.turn)
        self.random.choice([*often * 2, *once])()
        end = time.monotonic() + self.random.choice((0.0, 0.02, 0.1))
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.002)


def main() -> int:
    """Do the sequences, each in a fork, and say how many died."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=20)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for name in _IMPORTED:
        importlib.import_module(name)
    died = 0
    for seed in range(chosen.seed, chosen.seed + chosen.sequences):
        child = os.fork()
        if not child:
            layers = Layers(seed)
            for _ in range(chosen.steps):
                layers.act()
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        died += code < 0
        print(seed, code, flush=True)
    print(f"{died} of {chosen.sequences} sequences died")
    return 0


if __name__ == "__main__":
    sys.exit(main())
