"""One movie through what ``napari-unet segment`` runs, in a process of its own; prints JSON.

``python benchmarks/_pipelined.py MOVIE OUT CORES WORKERS PARTS``; WORKERS are threads, processes
or auto, and PARTS labels, table and movie.
Probabilities that are in OUT already are read: then the network costs nothing.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

from napari_unet.cli.heap import keep_heap
from napari_unet.cli.pipeline import segment_stack
from napari_unet.cli.results import LABELS, MOVIE, TABLE, Job, Results
from napari_unet.engine.jobs.stages import frame_pool
from napari_unet.engine.network.cell_size import recommended_for
from napari_unet.engine.network.model import Model
from napari_unet.engine.settings import PredictSettings
from napari_unet.engine.stack.stack import Stack

PARTS = {"labels": LABELS, "table": TABLE, "movie": MOVIE}


def main() -> None:
    movie, out, cores, workers, *parts = sys.argv[1:]
    if workers != "auto":
        worth = float("inf") if workers == "threads" else 0.0
        frame_pool._WORTH_IT = worth  # noqa: SLF001 - to compare the two
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    keep_heap()
    model, settings = Model.load(Model.bundled()[0]), PredictSettings(threads=int(cores))
    files = tuple(PARTS[part] for part in parts)
    job = Job(model, settings, recommended_for(model, settings), files)
    with Stack.open(movie) as stack:
        began = time.perf_counter()
        segment_stack(stack, Results(Path(out)), job, foresee=lambda *_: None)
        seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "kilobytes": memory}))


if __name__ == "__main__":
    main()
