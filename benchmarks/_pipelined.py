"""One movie through what ``napari-unet segment`` runs, in a process of its own; prints JSON.

``python benchmarks/_pipelined.py MOVIE OUT CORES WORKERS PARTS``; WORKERS are threads, processes
or auto, and PARTS labels, table and movie.
Probabilities that are in OUT already are read: then the network costs nothing. Seconds a frame are
those of the last two thirds of the frames, to the end of the last file: the start is left out.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _memory import peak
from napari_unet.cli import pipeline
from napari_unet.cli.heap import keep_heap
from napari_unet.engine.jobs.queue.results import LABELS, MOVIE, TABLE, Job, Results
from napari_unet.engine.jobs.stages import frame_pool
from napari_unet.engine.network.cell_size import recommended_for
from napari_unet.engine.network.model import Model
from napari_unet.engine.settings import PredictSettings
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    done: list[float] = []

    def follow(steps: Iterable[object], *_: Any, **__: Any) -> None:
        done.extend(time.perf_counter() for _ in steps)

    pipeline.follow = follow
    with Stack.open(movie) as stack:
        pipeline.segment_stack(stack, Results(Path(out)), job, foresee=lambda *_: None)
    first = len(done) // 3
    seconds = (time.perf_counter() - done[first - 1]) / (len(done) - first)
    print(json.dumps({"seconds": seconds, "bytes": peak()}))


if __name__ == "__main__":
    main()
