"""Quality of many movies: frames with which something is wrong, in one table for all."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from napari_unet.engine.jobs.quality import check_quality, write_quality
from napari_unet.engine.jobs.queue.look import exported_frames
from napari_unet.engine.jobs.queue.results import LABELS, Results
from napari_unet.engine.jobs.queue.run_queue import MovieFailed, MovieFrame
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_unet.engine.jobs.quality import Quality
    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.jobs.queue.queue_file import QueueState

TABLE = "qc.csv"


def check_movies(
    movies: Sequence[Movie], out: Path, state: QueueState
) -> Generator[MovieFrame | MovieFailed, None, QueueState]:
    """Look at each frame of all movies once, with its labels where they were exported.

    Writes ``qc.csv`` and the state with what is odd of each row into ``out``; returns the state.
    """
    found: list[Quality] = []
    for movie in movies:
        try:
            quality = yield from _check(movie, Results(out, movie.name))
        except Exception as error:  # noqa: BLE001 - said in the movie's row
            yield MovieFailed(movie, error)
            continue
        found.append(quality)
        odd: dict[str, list[int]] = {}
        for finding in quality.findings:
            odd.setdefault(finding.reason, []).append(finding.frame)
        said = {reason: tuple(sorted(frames)) for reason, frames in odd.items()}
        state = state.with_row(movie.name, odd=said, looked_at=True)
        state.save(out)
    if found:
        write_quality(out / TABLE, found)
    return state


def _check(movie: Movie, results: Results) -> Generator[MovieFrame, None, Quality]:
    with ExitStack() as files:
        stack = files.enter_context(Stack.open(movie.path, movie.selection))
        labels = None
        if exported_frames(results) == tuple(range(len(stack))):
            labels = files.enter_context(Stack.open(results.path(LABELS)))
        steps = check_quality(stack, labels)
        while True:
            try:
                frame = next(steps)
            except StopIteration as end:
                quality: Quality = end.value
                return quality
            yield MovieFrame(movie, frame + 1, len(stack))
