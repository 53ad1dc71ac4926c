"""Labels and table of one frame, made again and again in a process of its own; prints JSON.

``python benchmarks/_labelled.py CODES.npy FRAME.npy TIMES``, on one core; with an older version on
PYTHONPATH it measures that one. Seconds are of processor time: those of a quiet machine.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np


def either(*names: str) -> Any:
    """Return the module by its name of now, or of version 0.1.0."""
    for name in names:
        try:
            return importlib.import_module(f"napari_unet.engine.{name}")
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(names[0])


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    codes, frame, times = np.load(sys.argv[1]), np.load(sys.argv[2]), int(sys.argv[3])
    label_frame = either("labels.labels", "labels").label_frame
    write_table = either("export.formats.table", "table").write_table
    settings = either("settings").LabelSettings()
    stack = either("stack.stack", "stack").Stack
    cells = int(np.count_nonzero(np.unique(label_frame(codes, settings))))
    seconds = []
    for _ in range(times):
        began = time.process_time()
        label_frame(codes, settings)
        seconds.append(time.process_time() - began)
    movie = stack.from_array(np.broadcast_to(frame, (times, *frame.shape)), axes="TYX")
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "objects.csv"
        each = []
        began = time.process_time()
        for _ in write_table(table, (label_frame(codes, settings) for _ in range(times)), movie):
            each.append(time.process_time() - began)
            began = time.process_time()
    print(json.dumps({"labels": min(seconds), "both": min(each), "cells": cells}))


if __name__ == "__main__":
    main()
