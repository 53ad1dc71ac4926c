"""One movie from its frames to labels, table and overlay movie: what segment and demo run."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from napari_unet.cli.movies import stem
from napari_unet.cli.outputs import prepare_folder
from napari_unet.cli.progress import follow, say
from napari_unet.cli.results import LABELS, MOVIE, TABLE, Job, Results
from napari_unet.engine.errors import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.export.formats.measuring import Measured
    from napari_unet.engine.export.target.writing import Labelled, Writer
    from napari_unet.engine.jobs.segment import SegmentedFrame
    from napari_unet.engine.jobs.stages.spent import Spent
    from napari_unet.engine.prediction.cost import Rest
    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.settings import TableSettings
    from napari_unet.engine.stack.stack import Stack

    Foresee = Callable[[Stack, Predictor, Probabilities, Sequence[int], Rest], None]

OPENING, LABELLING, WRITING = "opening", "labels", "files"  # what time is spent on
_LOOKED_AT = 5  # frames whose cells are measured


class KeptPredictor:
    """The predictor of a command with many movies: opened once, new to each movie."""

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


def say_cost(
    stack: Stack,
    predictor: Predictor,
    probabilities: Probabilities,
    frames: Sequence[int],
    rest: Rest,
) -> None:
    """Say what the run will cost: frames, time, memory, disk and the folder."""
    from napari_unet.engine.prediction.cost import estimate

    cost = estimate(stack, predictor, probabilities, frames, rest)
    if cost.frames:
        say(str(cost))


def segment_stack(
    stack: Stack,
    results: Results,
    job: Job,
    parts: Sequence[str] | None = None,
    found: list[Notice] | None = None,
    *,
    foresee: Foresee = say_cost,
    kept: KeptPredictor | None = None,
    spent: Spent | None = None,
) -> list[Path]:
    """Predict, label and export the job's frames of a stack: ``parts`` of its results, or all.

    All parts are made in one pass over the frames. Labels that an earlier run wrote are read
    instead of made again. A predictor that is ``kept`` is left open. What is odd about the cells
    joins the notices ``found``, and where the time went what was ``spent``.
    """
    from napari_unet.engine.jobs.stages.spent import Spent

    spent = spent or Spent()
    parts = job.parts if parts is None else parts
    found = [] if found is None else found
    if LABELS in parts:
        _from_the_movie(stack, results, job, parts, found, foresee, kept, spent)
    elif parts:
        spent.add(OPENING)
        _from_the_labels(stack, results, job, parts, found)
    spent.add(WRITING)  # what is left to do when the last frame has passed
    return [results.path(part) for part in parts]


def _from_the_movie(
    stack: Stack,
    results: Results,
    job: Job,
    parts: Sequence[str],
    found: list[Notice],
    foresee: Foresee,
    kept: KeptPredictor | None,
    spent: Spent,
) -> None:
    from napari_unet.engine.export.target.writing import write_all
    from napari_unet.engine.jobs.segment import segment
    from napari_unet.engine.network.cell_size import pixel_doubt
    from napari_unet.engine.prediction.channel_doubt import channel_doubt

    frames = job.chosen(len(stack))
    predictor = (kept or KeptPredictor()).open(job)
    try:
        with _probabilities(stack, results, job) as probabilities:
            steps = segment(
                stack, job.model, job.predict, job.labels,
                frames=frames, probabilities=probabilities, predictor=predictor,
                keep=False, table=_table(parts),
            )  # fmt: skip
            say(f"{job.model.name} on {predictor.device}")
            if predictor.notice:
                found.append(Notice("noted", predictor.notice.rstrip(".")))
            if (other := channel_doubt(job.model, stack)) is not None:
                found.append(other)
            if doubt := pixel_doubt(job.model, stack, job.predict):
                found.append(Notice("check", f"{doubt}; --diameter brings them to its size"))
                say(f"{found[-1]}.")
            foresee(stack, predictor, probabilities, frames, _rest(stack, job, parts))
            sizes = _Sizes(stack, job, predictor, len(frames), found)
            with closing(steps):
                measured: dict[int, Measured | None] = {}
                writers = _writers(stack, results, job, parts, found, measured)
                writing = write_all(writers, sizes.passing(steps, measured, spent))
                place = results.folder / f"{_name(stack)}.unet"
                stays = f"Frames done so far are kept in {place}; the same command goes on there."
                follow(writing, "Segment", len(frames), kept=stays)
    finally:
        if kept is None:
            predictor.close()


def _table(parts: Sequence[str]) -> TableSettings | None:
    from napari_unet.engine.settings import TableSettings

    return TableSettings() if TABLE in parts else None


def _rest(stack: Stack, job: Job, parts: Sequence[str]) -> Rest:
    """Return what is done with each frame that is predicted, to be measured on one."""
    from napari_unet.engine.jobs.stages.frame_work import FrameWork
    from napari_unet.engine.jobs.stages.rest import RestOfFrame

    work = FrameWork(tuple(job.model.config.outputs), job.labels, _table(parts))
    return RestOfFrame(stack, work, job.overlay if MOVIE in parts else None)


def _from_the_labels(
    stack: Stack, results: Results, job: Job, parts: Sequence[str], found: list[Notice]
) -> None:
    from napari_unet.engine.export.target.writing import write_all
    from napari_unet.engine.stack.stack import Stack

    with Stack.open(results.path(LABELS)) as labels:
        frames = job.chosen(len(stack))
        labelled = ((t, labels[i]) for i, t in enumerate(frames))
        writing = write_all(_writers(stack, results, job, parts, found), labelled)
        what = ", ".join(results.path(part).name for part in parts)
        stays = "What is written stays; the same command goes on there."
        follow(writing, what, len(frames), kept=stays)


def _writers(
    stack: Stack,
    results: Results,
    job: Job,
    parts: Sequence[str],
    found: list[Notice],
    measured: dict[int, Measured | None] | None = None,
) -> list[Writer]:
    """Return a writer for each part, each announced in its sidecar.

    Of the ``measured`` frames that are there the table takes what it needs, once.
    """
    from napari_unet.engine.export.overlay.look import PlainLook
    from napari_unet.engine.export.target.writing import WriteOptions
    from napari_unet.engine.jobs.export import Export

    made_by = replace(job.provenance, notices=found)
    options = WriteOptions(job.chosen(len(stack)), True, made_by, found)
    # The labels come frame by frame: the export holds none of its own.
    export = Export(stack, (), results.folder, options, threshold=job.labels.threshold)
    known = (lambda t: measured.pop(t, None)) if measured is not None else None
    make: dict[str, Callable[[Path], Writer]] = {
        LABELS: lambda path: export.labels_writer("ome-tiff", path),
        TABLE: lambda path: export.table_writer(path=path, measured=known),
        MOVIE: lambda path: export.movie_writer(job.overlay, PlainLook(), path=path),
    }
    results.announce(parts, stack, job)
    return [
        _looked_at_again(
            make[part](results.path(part)),
            partial(results.require_free, part, stack, job, done=True),
        )
        for part in parts
    ]


def _looked_at_again(writer: Writer, look: Callable[[], None]) -> Writer:
    """Look once more whether a file is still this program's before it gets its name."""
    with closing(writer):
        next(writer)
        while (given := (yield)) is not None:
            writer.send(given)
        look()
        try:
            writer.send(None)
        except StopIteration as end:
            path: Path = end.value
            return path
    raise AssertionError("a writer ends when it is told that there are no more frames")


def _name(stack: Stack) -> str:
    return stem(stack.path) if stack.path else stack.name


def _probabilities(stack: Stack, results: Results, job: Job) -> Probabilities:
    """Open the probabilities in the folder of the results, or make room for them there."""
    from napari_unet.engine.prediction.prediction import prediction_key, probabilities_shape
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.session.session_folder import SessionFolder

    folder = prepare_folder(results.folder / f"{_name(stack)}.unet", (), overwrite=True)
    key = prediction_key(stack, job.model, job.predict)
    path = SessionFolder(folder, stack).probabilities_path(key)
    probabilities = Probabilities.create(path, probabilities_shape(stack, job.model), key)
    before = results.before(stack, job)
    if before is not None and job.model.normalisation.scope == "frame":
        key = prediction_key(before, job.model, job.predict)
        _take_over(SessionFolder(folder, before).probabilities_path(key), probabilities)
    return probabilities


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


class _Sizes:
    """How large the cells are in a few of the ``n`` frames, taken as the frames pass by.

    And at the end, what the predictor had to do otherwise, and which frames held nothing.
    """

    def __init__(
        self, stack: Stack, job: Job, predictor: Predictor, n: int, found: list[Notice]
    ) -> None:
        from napari_unet.engine.stack.missing_pixels import FramesWithoutValue

        self._stack, self._without_value = stack, FramesWithoutValue(stack)
        self._job, self._predictor, self._found = job, predictor, found
        self._looked_at = range(0, n, max(1, n // _LOOKED_AT))
        self._areas: list[NDArray[np.int64]] = []

    def passing(
        self, steps: Iterable[SegmentedFrame], measured: dict[int, Measured | None], spent: Spent
    ) -> Iterator[Labelled]:
        """Return each frame with its labels; at the end what is odd joins the notices.

        What was measured of it goes into ``measured``.
        """
        from napari_unet.engine.labels.objects import areas_of

        spent.add(OPENING)
        for i, step in enumerate(steps):
            if i in self._looked_at:
                self._areas.append(areas_of(step.labels))
            measured.clear()  # of this frame alone: a table that failed takes nothing
            measured[step.frame] = step.measured
            self._without_value.look(step.frame)
            labels = step.labels
            spent.add(LABELLING)
            yield step.frame, labels
            spent.add(WRITING)
        self._found += self._without_value.notices()
        if self._predictor.notice:  # it may have gone on otherwise meanwhile
            self._found.append(Notice("noted", self._predictor.notice.rstrip(".")))
        self._doubt()

    def _doubt(self) -> None:
        """Notice where the cells that were found are not of the size that the model knows."""
        import numpy as np

        from napari_unet.engine.network.cell_size import found_doubt, scale_of

        job, areas = self._job, np.concatenate(self._areas)
        scale, smallest = scale_of(job.model, job.predict), job.labels.min_size
        if doubt := found_doubt(job.model, scale, areas, smallest):
            way = f": where they are not outlined well, try --diameter {doubt.found}"
            self._found.append(Notice("check", f"{doubt}{'' if doubt.debris else way}"))
