"""One movie from its frames to labels, table and overlay movie, in one pass over them.

The command line and the table of positions run the same generator: what comes of it is the same.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from napari_unet.engine.errors import Notice
from napari_unet.engine.jobs.queue.results import LABELS, MOVIE, TABLE, Job, Results
from napari_unet.engine.jobs.stages.spent import OPENING, WRITING, Spent
from napari_unet.engine.settings import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.export.formats.measuring import Measured
    from napari_unet.engine.export.target.sidecar import Provenance
    from napari_unet.engine.export.target.writing import Labelled, Writer
    from napari_unet.engine.jobs.cluster.cluster_run import ClusterRun
    from napari_unet.engine.jobs.queue.passing import Corrected, Passing
    from napari_unet.engine.jobs.queue.places import ResultsPlace
    from napari_unet.engine.jobs.stages.frame_work import FrameWork
    from napari_unet.engine.prediction.cost import Cost, Rest
    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.tracks.tracking import Linker

_GOES_ON = "the same command goes on there."


@dataclass(frozen=True)
class Said:
    """A line for whoever waits."""

    line: str


@dataclass(frozen=True)
class Foreseen:
    """The predictor is open: what the run costs can be measured now, and the run goes on after."""

    stack: Stack
    predictor: Predictor
    probabilities: Probabilities
    frames: Sequence[int]
    rest: Rest

    def cost(self) -> Cost:
        """Measure one frame and multiply."""
        from napari_unet.engine.prediction.cost import estimate

        return estimate(self.stack, self.predictor, self.probabilities, self.frames, self.rest)


@dataclass(frozen=True)
class Begins:
    """From here on come frames, as many as ``steps``; ``kept`` is what stays of a stopped run."""

    title: str
    steps: int
    kept: str


@dataclass(frozen=True)
class Made:
    """A frame that all its writers have, and its labels ``(Y, X)``."""

    frame: int
    labels: NDArray[np.integer]


Step = Said | Foreseen | Begins | Made


class Computes(Protocol):
    """What computes the movies of a run, kept open from one to the next."""

    def open(self, job: Job) -> Predictor | ClusterRun:
        """Return a predictor of this machine, or a cluster, that knows no movie yet."""


class KeptPredictor:
    """The predictor of a run of many movies: opened once, new to each movie."""

    def __init__(self) -> None:
        self._predictor: Predictor | None = None

    def open(self, job: Job) -> Predictor:
        """Return the predictor, knowing nothing of the movies before."""
        from napari_unet.engine.prediction.predictor import open_predictor

        if self._predictor is None:
            self._predictor = open_predictor(job.model, job.predict)
        else:
            self._predictor.renew()
        return self._predictor

    def close(self) -> None:
        """Release the memory of the device."""
        if self._predictor is not None:
            self._predictor.close()


def segment_movie(
    stack: Stack,
    results: Results,
    job: Job,
    parts: Sequence[str] | None = None,
    found: list[Notice] | None = None,
    *,
    place: ResultsPlace | None = None,
    corrections: Corrections | None = None,
    kept: Computes | None = None,
    spent: Spent | None = None,
) -> Generator[Step, None, list[Path]]:
    """Predict, label and export the job's frames of a stack: ``parts`` of its results, or all.

    Where the job has no parts the movie is only segmented. Labels that an earlier run wrote are
    read instead of made again; ``corrections`` win over what is made. A predictor that is ``kept``
    is left open, as is a cluster. What is odd about the cells joins the notices ``found``, and
    where the time went what was ``spent``. Returns the paths of the parts.
    """
    spent = spent or Spent()
    parts = job.parts if parts is None else parts
    found = [] if found is None else found
    run = _Run(stack, results, job, tuple(parts), found, corrections, spent)
    if LABELS in parts or not job.parts or (parts and job.linked):
        from napari_unet.engine.jobs.queue.places import ResultsPlace

        place = place or ResultsPlace(results, stack)
        yield from run.from_the_movie(place, kept)
    elif parts:
        spent.add(OPENING)
        yield from run.from_the_labels()
    spent.add(WRITING)  # what is left to do when the last frame has passed
    return [results.path(part) for part in parts]


@dataclass(frozen=True)
class _Run:
    """What the passes over a movie have in common."""

    stack: Stack
    results: Results
    job: Job
    parts: tuple[str, ...]
    found: list[Notice]
    corrections: Corrections | None
    spent: Spent

    def from_the_movie(
        self, place: ResultsPlace, kept: Computes | None
    ) -> Generator[Step, None, None]:
        """Predict what is missing, and make the labels."""
        from napari_unet.engine.export.target.writing import write_all
        from napari_unet.engine.jobs.queue.passing import Passing
        from napari_unet.engine.jobs.segment import segment
        from napari_unet.engine.jobs.stages.frame_request import FrameRequest
        from napari_unet.engine.prediction.predictor import Predictor

        stack, job = self.stack, self.job
        frames = job.predicted(stack)
        computes = (kept or KeptPredictor()).open(job)
        predictor = computes if isinstance(computes, Predictor) else None
        elsewhere = None if isinstance(computes, Predictor) else computes
        try:
            with self._probabilities(place) as probabilities:
                steps = segment(
                    stack, job.model, job.predict, job.labels,
                    frames=frames, probabilities=probabilities, predictor=predictor,
                    elsewhere=elsewhere, keep=False, table=self._work.table,
                )  # fmt: skip
                if elsewhere is not None:  # while what follows is brought in here
                    wanted = stack, job.model, self._work, frames, probabilities
                    elsewhere.begin(FrameRequest(*wanted))
                yield Said(f"{job.model.name} on {computes.device}")
                yield from self._doubts(computes.notice)
                if predictor is not None:
                    yield Foreseen(stack, predictor, probabilities, frames, self._rest())
                passing = Passing(stack, job, computes, len(frames), self.found)
                with closing(steps):
                    writers = self._writers(passing.measured)
                    stays = f"Frames done so far are kept in {place.folder}; {_GOES_ON}"
                    yield Begins("Segment", len(job.written(self.shown)), stays)
                    labelled = passing.frames(steps, self.spent, self._corrected(probabilities))
                    written = self._joined(labelled, passing)
                    with closing(write_all(writers, written)) as writing:
                        for frame in writing:
                            yield Made(frame, passing.labels)
        finally:
            if kept is None and predictor is not None:
                predictor.close()

    def _joined(self, labelled: Iterator[Labelled], passing: Passing) -> Iterator[Labelled]:
        """Yield the frames that are written: volumes, where their sections are joined."""
        if not self.job.joined:
            yield from labelled
            return
        from napari_unet.engine.labels.class_labels import classes_of
        from napari_unet.engine.labels.sections import joined_frames

        classes = bool(classes_of(self.job.model.config.outputs))
        for frame, labels in joined_frames(labelled, self.stack.n_z, classes=classes):
            passing.labels = labels
            yield frame, labels

    def from_the_labels(self) -> Generator[Step, None, None]:
        """Read the labels of an earlier run, and make what is missing beside them."""
        from napari_unet.engine.export.target.writing import write_all
        from napari_unet.engine.stack.stack import Stack

        z: Any = "volume" if self.shown.dims == 3 else "max"
        with Stack.open(self.results.path(LABELS), Selection(z=z)) as labels:
            frames = self.job.written(self.shown)
            places = {t: i for i, t in enumerate(frames)}
            what = ", ".join(self.results.path(part).name for part in self.parts)
            yield Begins(what, len(frames), f"What is written stays; {_GOES_ON}")
            labelled = ((t, labels[i]) for t, i in places.items())
            with closing(write_all(self._writers(), labelled)) as writing:
                for frame in writing:
                    yield Made(frame, labels[places[frame]])

    def _corrected(self, probabilities: Probabilities) -> Corrected | None:
        from napari_unet.engine.jobs.queue.passing import Corrected

        if self.corrections is None:
            return None
        return Corrected(self.stack, probabilities, self.job, self.corrections)

    @property
    def shown(self) -> Stack:
        """The movie that is written of."""
        return self.job.shown(self.stack)

    @property
    def _work(self) -> FrameWork:
        return work_of(self.job, self.parts)

    def _doubts(self, notice: str | None) -> Generator[Said, None, None]:
        """Notice what may be wrong with model and movie; what asks for a look is said at once."""
        from napari_unet.engine.network.cell_size import edge_said, pixel_doubt, recommended_for
        from napari_unet.engine.prediction.channel_doubt import channel_doubt

        if notice:
            self.found.append(Notice("noted", notice.rstrip(".")))
        if (other := channel_doubt(self.job.model, self.stack)) is not None:
            self.found.append(other)
        usual = recommended_for(self.job.model, self.job.predict)
        if (edge := edge_said(self.job.model.name, self.job.labels, usual)) is not None:
            self.found.append(edge)
        if doubt := pixel_doubt(self.job.model, self.stack, self.job.predict):
            self.found.append(Notice("check", f"{doubt}; --diameter brings them to its size"))
            yield Said(f"{self.found[-1]}.")

    def _rest(self) -> Rest:
        """Return what is done with each frame that is predicted, to be measured on one."""
        from napari_unet.engine.jobs.stages.rest import RestOfFrame

        overlay = self.job.overlay if MOVIE in self.parts else None
        return RestOfFrame(self.stack, self._work, overlay)

    def _writers(self, measured: dict[int, Measured | None] | None = None) -> list[Writer]:
        """Return a writer for each part, each announced in its sidecar.

        Of the ``measured`` frames that are there the table takes what it needs, once.
        """
        from napari_unet.engine.export.overlay.look import PlainLook
        from napari_unet.engine.export.target.writing import WriteOptions
        from napari_unet.engine.jobs.export import Export

        stack, job, results = self.shown, self.job, self.results
        if not self.parts:
            return []
        made_by = replace(self._provenance(), notices=self.found)
        options = WriteOptions(job.written(stack), True, made_by, self.found)
        by_hand = self.corrections
        touched = by_hand.ids if by_hand is not None else None
        stated = by_hand.states.of if by_hand is not None and by_hand.states else None
        # The labels come frame by frame: the export holds none of its own.
        export = Export(
            stack, (), results.folder, options,
            threshold=job.labels.threshold, corrected=touched, stated=stated,
        )  # fmt: skip
        known = (lambda t: measured.pop(t, None)) if measured is not None else None
        make: dict[str, Callable[[Path], Writer]] = {
            LABELS: lambda path: export.labels_writer("ome-tiff", path, self._linker()),
            TABLE: lambda path: export.table_writer(
                path=path, measured=known, linker=self._linker(table=True)
            ),
            MOVIE: lambda path: _linked(
                export.movie_writer(job.overlay, PlainLook(), path=path), self._linker()
            ),
        }
        results.announce(self.parts, stack, job)
        return [
            _looked_at_again(
                make[part](results.path(part)),
                partial(results.require_free, part, stack, job, done=True),
            )
            for part in self.parts
        ]

    def _linker(self, *, table: bool = False) -> Linker | None:
        """Return what makes ids constant through time, one for each file: they are alike."""
        if not (self.job.linked or table):
            return None
        from napari_unet.engine.tracks.by_hand import ByHand
        from napari_unet.engine.tracks.tracking import Linker

        shown = self.shown
        spacing = shown.spacing if shown.dims == 3 else None
        return Linker(spacing=spacing, by_hand=ByHand.of(self.corrections))

    def _provenance(self) -> Provenance:
        """Return what the sidecars say about it."""
        made_by = self.job.provenance
        if self.corrections is None:
            return made_by
        n = sum(len(self.corrections.ids(t)) for t in self.corrections.frames())
        return replace(made_by, n_corrected=n)

    def _probabilities(self, place: ResultsPlace) -> Probabilities:
        """Open the probabilities, or make room for them."""
        probabilities = place.open(self.stack, self.job)
        before = self.results.before(self.shown, self.job) if self.parts else None
        if before is not None and self.job.model.normalisation.scope == "frame":
            _take_over(place.path(self.job.read(before), self.job), probabilities)
        return probabilities


def work_of(job: Job, parts: Sequence[str]) -> FrameWork:
    """Return what is made of the codes of each frame."""
    from napari_unet.engine.jobs.stages.frame_work import FrameWork
    from napari_unet.engine.settings import TableSettings

    table = TableSettings() if TABLE in parts and not job.joined else None
    return FrameWork(tuple(job.model.config.outputs), job.labels, table)


def _linked(writer: Writer, linker: Linker | None) -> Writer:
    """Return a writer that gets ids constant through time."""
    if linker is None:
        return (yield from writer)
    with closing(writer):
        next(writer)
        while (given := (yield)) is not None:
            frame, labels = given
            writer.send((frame, linker(labels, frame)))
        return _ended(writer)


def _looked_at_again(writer: Writer, look: Callable[[], None]) -> Writer:
    """Look once more whether a file is still this program's before it gets its name."""
    with closing(writer):
        next(writer)
        while (given := (yield)) is not None:
            writer.send(given)
        look()
        return _ended(writer)


def _ended(writer: Writer) -> Path:
    """Tell a writer that there are no more frames; return its path."""
    try:
        writer.send(None)
    except StopIteration as end:
        path: Path = end.value
        return path
    raise AssertionError("a writer ends when it is told that there are no more frames")


def _take_over(path: Path, probabilities: Probabilities) -> None:
    """Copy what was found in a movie before it grew, whose frames are the same."""
    from napari_unet.engine.prediction.probabilities import Probabilities as Earlier

    if not path.is_file():
        return
    with closing(Earlier.open(path)) as earlier:
        for t in earlier.computed.nonzero()[0].tolist():
            if not probabilities.computed[t]:
                probabilities.write(t, earlier[t])
    probabilities.flush()
    path.unlink()
