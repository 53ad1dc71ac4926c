"""Frames of one movie from a cluster, taken up again where the connection is lost."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from napari_unet.engine.jobs.cluster.cluster_run import ClusterRun
from napari_unet.engine.jobs.cluster.lost import Lost
from napari_unet.engine.jobs.cluster.watched import Joined, watched
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.prediction.prediction import missing_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from napari_unet.engine.errors import Notice
    from napari_unet.engine.jobs.cluster.cluster_settings import ClusterSettings
    from napari_unet.engine.jobs.cluster.watched import Waiting
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.settings import LabelSettings, PredictSettings
    from napari_unet.engine.stack.stack import Stack

    _Steps = Generator[Joined | int, None, tuple[Notice, ...]]

_PATIENCE = 600.0  # s, until a cluster that was lost is given up
_AGAIN = 2.0  # s from one try to the next


def segment_lasting(
    cluster: ClusterSettings,
    stack: Stack,
    model: Model,
    settings: PredictSettings,
    labels: LabelSettings,
    frames: Sequence[int],
    probabilities: Probabilities,
) -> Generator[Joined | Waiting | int, None, tuple[Notice, ...]]:
    """Yield each of the ``frames`` once its codes are stored, and return what to know.

    Before them `Joined`, and again where a cluster was lost and came back; `Waiting` now and then,
    so that it may be closed at any moment.

    Raises
    ------
    BadInput
        Where the cluster cannot be had, or stays away for ten minutes: what is done stays.

    """

    def once(waiting: Callable[[str], None]) -> _Steps:
        with ClusterRun.open(cluster, model, settings, waiting) as run:
            yield Joined(run.device)
            missing = missing_frames(stack, probabilities, frames)
            steps = segment(
                stack, model, settings, labels,
                frames=missing, probabilities=probabilities, elsewhere=run, keep=False,
            )  # fmt: skip
            with closing(steps):
                for done in steps:
                    yield done.frame
            return tuple(run.notices)

    return watched(partial(_taken_up_again, cluster.name, once))


def _taken_up_again(
    name: str, once: Callable[[Callable[[str], None]], _Steps], waiting: Callable[[str], None]
) -> _Steps:
    """Do it, and do it again where the cluster was lost; not for ever."""
    last_seen: float | None = None
    while True:
        waiting(f"Connecting to {name}…")
        try:
            with closing(once(waiting)) as steps:
                while True:
                    try:
                        item = next(steps)
                    except StopIteration as end:
                        notices: tuple[Notice, ...] = end.value
                        return notices
                    if not isinstance(item, Joined):
                        last_seen = time.monotonic()
                    yield item
        except Lost as lost:
            if last_seen is None or time.monotonic() - last_seen > _PATIENCE:
                raise
            line = f"{lost.found[:1].upper()}{lost.found[1:]}: trying again…"
        until = time.monotonic() + _AGAIN
        while time.monotonic() < until:
            waiting(line)
            time.sleep(0.1)
