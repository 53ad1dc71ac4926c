"""What ``--cluster`` asks for: a folder that nobody else writes, workers once they are needed."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from napari_unet.cli.progress import say
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.cluster.cluster_settings import QUEUES
from napari_unet.engine.jobs.queue.results import LABELS, Job, Results
from napari_unet.engine.jobs.queue.segment_movie import work_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from napari_unet.engine.jobs.cluster.cluster_run import ClusterRun
    from napari_unet.engine.jobs.cluster.cluster_settings import ClusterSettings
    from napari_unet.engine.jobs.queue.do_movie import Manners
    from napari_unet.engine.jobs.queue.movies import Movie


def begin_workers(cluster: ClusterSettings | None, results: Iterable[Results]) -> None:
    """Begin to start workers here, while all else is read, where some results are not there."""
    if cluster and any(not one.path(LABELS).exists() for one in results):
        _begin_here(cluster)


def _begin_here(cluster: ClusterSettings) -> None:
    if cluster.type == "local":
        from napari_unet.engine.jobs.cluster import own_process

        own_process.begin()


class OnCluster:
    """The cluster of a command: started with the first movie that has something to do.

    While it is entered, the folder of the results is this command's alone.
    """

    def __init__(self, cluster: ClusterSettings, job: Job, out: Path) -> None:
        self._cluster, self._job, self._out = cluster, job, out
        self._running = ExitStack()
        self._run: ClusterRun | None = None
        self._looked_at: set[str] = set()

    def __enter__(self) -> Self:
        from napari_unet.engine.files.atomic import make_folder
        from napari_unet.engine.jobs.cluster.claim import claimed

        self._running.enter_context(claimed(make_folder(self._out)))
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def close(self) -> None:
        """Do nothing: it ends with the command."""

    def open(self, job: Job) -> ClusterRun:
        """Return the cluster, which is started the first time."""
        from napari_unet.engine.jobs.cluster.cluster_run import ClusterRun

        if self._run is None:
            _begin_here(self._cluster)
            if self._cluster.type in QUEUES:
                say(f"Waiting for a worker of {self._cluster.name}; Ctrl-C gives up.")
            opened = ClusterRun.open(self._cluster, job.model, job.predict)
            self._run = self._running.enter_context(opened)
            for notice in self._run.notices:
                say(f"{notice.line}.")
        return self._run

    def look_ahead(self, movies: Sequence[Movie], manners: Manners) -> None:
        """Begin with the next movies where workers would wait for something to do."""
        if self._run is None:
            return
        for movie in movies:
            if not self._run.has_room:
                return
            if movie.name not in self._looked_at:
                self._looked_at.add(movie.name)
                with contextlib.suppress(BadInput, OSError):  # said when it is its turn
                    self._begin(movie, self._run, manners)

    def _begin(self, movie: Movie, run: ClusterRun, manners: Manners) -> None:
        from napari_unet.engine.jobs.queue.places import ResultsPlace
        from napari_unet.engine.jobs.stages.frame_request import FrameRequest
        from napari_unet.engine.stack.stack import Stack

        job, results = self._job, Results(self._out, movie.name)
        stack = Stack.open(movie.path, movie.selection)
        shown = job.shown(stack)
        parts = results.missing(shown, job, overwrite=manners.overwrite, since=manners.since)
        if LABELS in parts:
            with ResultsPlace(results, stack).open(stack, job) as probabilities:
                frames = job.predicted(stack)
                work = work_of(job, parts)
                run.begin(FrameRequest(stack, job.model, work, frames, probabilities))
