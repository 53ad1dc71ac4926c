"""ClusterRun: what segments movies on a cluster, whoever asks for them."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from napari_unet import __version__
from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.jobs.cluster.block import frames_of_a_block
from napari_unet.engine.jobs.cluster.block_folder import BlockFolder
from napari_unet.engine.jobs.cluster.connection import connected, patience_of
from napari_unet.engine.jobs.cluster.dispatch import PATIENCE, Dispatch
from napari_unet.engine.jobs.cluster.movie_run import MovieRun
from napari_unet.engine.jobs.cluster.worker import (
    Ability,
    SettledMovie,
    differs,
    examine,
    shaping_versions,
)
from napari_unet.engine.network.devices import physical_cores
from napari_unet.engine.prediction.ensemble import Ensemble
from napari_unet.engine.prediction.prediction import prediction_key
from napari_unet.engine.text import counted, say_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from distributed import Client

    from napari_unet.engine.jobs.cluster.cluster_settings import ClusterSettings
    from napari_unet.engine.jobs.cluster.movie_run import Here, Made
    from napari_unet.engine.jobs.stages.frame_request import FrameRequest
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.settings import PredictSettings

_EXAMINED = 300.0  # s, that workers have to say what they compute with: torch is imported first
_MOST_BEGUN = 64  # movies that are open at once
_DEVICES = ("cuda", "mps", "cpu")  # the first that a worker has is computed on


class ClusterRun:
    """A model on the workers of a cluster: `segment` takes it as what computes ``elsewhere``.

    ``device`` says what computes, ``notices`` what a user should know about it.
    """

    def __init__(
        self,
        client: Client,
        cluster: ClusterSettings,
        settings: PredictSettings,
        able: dict[str, Ability],
        scratch: Path,
        waiting: Callable[[str], None] = lambda _: None,
    ) -> None:
        here = shaping_versions()
        others = {w: differs(here, one.versions) for w, one in able.items()}
        fit = {w: one for w, one in able.items() if others[w] is None}
        devices = {one.device for one in fit.values()} or {"cpu"}
        wanted: Any = settings.device
        if wanted == "auto":
            wanted = next(device for device in _DEVICES if device in devices)
        threads = settings.threads or cluster.threads or _threads(client, cluster)
        self.settings = settings.replace(device=wanted, threads=threads)
        patience = patience_of(cluster, PATIENCE)
        told = _resources(client, wanted), patience, waiting
        self._dispatch = Dispatch(client, cluster.name, *told)
        for worker, reason in others.items():
            if reason is None and wanted == "cuda" and able[worker].device != "cuda":
                reason = "it has no GPU that torch can use, others have"
            if reason is not None:
                self._dispatch.refuse(worker, reason)
        used = [one for w, one in able.items() if w not in self._dispatch.refused]
        self.device = _said(cluster, used, threads)
        self._kinds = {one.processor for one in used if one.device == "cpu"}
        self._settled: dict[str, SettledMovie] = {}
        self._begun: dict[str, MovieRun] = {}
        self._scratch = scratch  # for blocks of movies whose probabilities are in memory

    @classmethod
    @contextmanager
    def open(
        cls,
        cluster: ClusterSettings,
        model: Model,
        settings: PredictSettings,
        waiting: Callable[[str], None] = lambda _: None,
    ) -> Iterator[Self]:
        """Yield a cluster that has the model; what was started for it ends with the block.

        ``waiting`` is called now and then while there is nothing to do but to wait, with what for
        where that is out of the ordinary.

        Raises
        ------
        BadInput
            Where it does not answer or cannot be started.

        """
        from napari_unet.engine.jobs.cluster.model_plugin import ModelPlugin

        with ExitStack() as running:
            scratch = running.enter_context(tempfile.TemporaryDirectory(prefix="napari-unet-"))
            client = running.enter_context(connected(cluster, waiting))
            plugin = ModelPlugin(model.sha256, _files_of(model))
            client.register_plugin(plugin)
            able, unable = _examined(client, cluster)
            run = cls(client, cluster, settings, able, Path(scratch), waiting)
            for worker, reason in unable.items():
                run._dispatch.refuse(worker, reason)
            yield run
            if client.status == "running" and cluster.type == "address":  # others end now
                client.unregister_worker_plugin(plugin.name)

    @property
    def notices(self) -> list[Notice]:
        """What a user should know: workers that are refused, processors that differ."""
        found = list(self._dispatch.notices)
        if len(self._kinds) > 1:
            kinds = " and ".join(sorted(self._kinds))
            line = f"workers have processors of several kinds ({kinds}): single pixels may differ"
            found.append(Notice("noted", line))
        found += [Notice("noted", n) for n in {s.notice for s in self._settled.values()} if n]
        return found

    @property
    def notice(self) -> str | None:
        """All of these in one line."""
        return "; ".join(notice.line for notice in self.notices) or None

    @property
    def has_room(self) -> bool:
        """Whether workers could take more than what is asked for so far."""
        room = self._dispatch.room
        return self._dispatch.waiting < room and len(self._begun) < min(room, _MOST_BEGUN)

    def begin(self, request: FrameRequest) -> None:
        """Begin with a movie whose frames are asked for later."""
        if (place := _place(request.probabilities)) not in self._begun:
            self._begun[place] = self._begin(request)

    def frames(self, request: FrameRequest, here: Here) -> Generator[Made, None, None]:
        """Yield each frame with its codes and labels, in order, as the cluster makes them.

        Frames whose codes are there already are labelled ``here``.
        """
        probabilities = request.probabilities
        run = self._begun.pop(_place(probabilities), None)
        if run is None:
            run = self._begin(request)
        done = False
        try:
            with closing(run.frames(request.frames, probabilities, here)) as frames:
                yield from frames
            probabilities.flush()
            done = True
        finally:
            self._keep_settled(run)
            run.close(done=done)

    def _begin(self, request: FrameRequest) -> MovieRun:
        stack, model, work, wanted, probabilities = request
        key = {
            "prediction": prediction_key(stack, model, self.settings),
            "labels": work.settings.model_dump(mode="json"),
            "table": None if work.table is None else work.table.model_dump(mode="json"),
            "frames": frames_of_a_block(stack.frame_shape),
            "version": __version__,
        }
        beside = probabilities.path.parent if probabilities.path else self._scratch
        folder = BlockFolder(beside, key)
        run = MovieRun(self._dispatch, stack, model, self.settings, work, folder)
        run.begin(wanted, probabilities, self._settled.get(model.sha256))
        return run

    def _keep_settled(self, run: MovieRun) -> None:
        if run.settled is not None and run.settled.settled.of_any_movie:
            self._settled[run.job.model] = run.settled


def _examined(
    client: Client, cluster: ClusterSettings
) -> tuple[dict[str, Ability], dict[str, str]]:
    """Return what each worker computes with, and why others cannot; the lost are in neither."""
    try:
        found = client.run(examine, on_error="return", callback_timeout=_EXAMINED)
    except TimeoutError:
        found = {"": TimeoutError(f"they do not answer in {say_duration(_EXAMINED, exact=True)}")}
    able = {w: one for w, one in found.items() if isinstance(one, Ability)}
    if able:
        wrong = {w: e for w, e in found.items() if w not in able and not isinstance(e, OSError)}
        return able, {w: str(e) or type(e).__name__ for w, e in wrong.items()}
    why = next((str(e) or type(e).__name__ for e in found.values()), "they are gone")
    raise BadInput(
        f"no worker of {cluster.name} can compute ({why})",
        "workers with napari-unet",
        "install the same on all of them, or start others",
    )


def _threads(client: Client, cluster: ClusterSettings) -> int:
    """Return how many threads each worker's network takes where nobody says so."""
    if cluster.type == "local":
        return max(1, physical_cores() // cluster.workers)
    return max(1, min(client.nthreads().values(), default=1))


def _place(probabilities: Probabilities) -> str:
    return str(probabilities.path or id(probabilities))


def _resources(client: Client, device: str) -> dict[str, float] | None:
    """One GPU for each task, where all workers announce theirs as a resource of dask."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    announced = all(worker.get("resources", {}).get("GPU", 0) >= 1 for worker in workers)
    return {"GPU": 1.0} if device == "cuda" and announced else None


def _said(cluster: ClusterSettings, able: Sequence[Ability], threads: int) -> str:
    names = ", ".join(sorted({one.name for one in able}))
    what = f"{counted(len(able), 'worker')} of {cluster.name}"
    return f"{what} ({names}, {counted(threads, 'thread')} each)"


def _files_of(model: Model) -> list[bytes]:
    """Return the model, or each that it averages, as the bytes of its file."""
    members = model.members if isinstance(model, Ensemble) else (model,)
    with tempfile.TemporaryDirectory() as folder:
        paths = [member.save(Path(folder, str(i))) for i, member in enumerate(members)]
        return [path.read_bytes() for path in paths]
