"""One movie from its frames to labels, table and overlay movie: what segment and demo run."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.cli.movies import stem
from napari_unet.cli.outputs import prepare_folder
from napari_unet.cli.progress import follow, say
from napari_unet.cli.results import LABELS, TABLE, Job, Results

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.stack import Stack

    Foresee = Callable[[Stack, Predictor, Probabilities, Sequence[int]], None]

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


@dataclass(frozen=True)
class _Written:
    """Written labels by position in the movie, for the ``positions`` in order that are there."""

    labels: Stack
    positions: Sequence[int]
    n: int

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, position: int) -> NDArray[Any]:
        return self.labels[bisect_left(self.positions, position)]


def say_cost(
    stack: Stack, predictor: Predictor, probabilities: Probabilities, positions: Sequence[int]
) -> None:
    """Say what the run will cost: frames, time, memory, disk and the folder."""
    from napari_unet.engine.prediction.cost import estimate

    cost = estimate(stack, predictor, probabilities, positions)
    if cost.frames:
        say(str(cost))


def segment_stack(
    stack: Stack,
    results: Results,
    job: Job,
    parts: Sequence[str] | None = None,
    *,
    foresee: Foresee = say_cost,
    kept: KeptPredictor | None = None,
) -> list[Path]:
    """Predict, label and export the job's frames of a stack: ``parts`` of its results, or all.

    A predictor that is ``kept`` is left open.
    """
    from napari_unet.engine.stack.stack import Stack

    parts = job.parts if parts is None else parts
    positions = job.positions(len(stack))
    if LABELS in parts:
        with predict_stack(stack, results, job, positions, foresee, kept) as probabilities:
            frames = label_frames(probabilities, job.labels, positions)
            _write_labels(stack, results, job, positions, frames)
    others = [part for part in parts if part != LABELS]
    if others:
        with Stack.open(results.path(LABELS)) as labels:
            written = _Written(labels, positions, len(stack))
            for part in others:
                steps = _writer(part, stack, written, results, job)
                stays = "What is written stays; the same command goes on there."
                follow(steps, results.path(part).name, len(positions), kept=stays)
    return [results.path(part) for part in parts]


def predict_stack(
    stack: Stack,
    results: Results,
    job: Job,
    positions: Sequence[int],
    foresee: Foresee,
    kept: KeptPredictor | None,
) -> Probabilities:
    """Run the network over those frames that the folder of the results does not hold yet."""
    from napari_unet.engine.network.cell_size import pixel_doubt
    from napari_unet.engine.prediction.prediction import (
        predict,
        prediction_key,
        probabilities_shape,
    )
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.session.session_folder import SessionFolder

    name = stem(stack.path) if stack.path else stack.name
    folder = prepare_folder(results.folder / f"{name}.unet", (), overwrite=True)
    key, shape = (
        prediction_key(stack, job.model, job.predict),
        probabilities_shape(stack, job.model),
    )
    path = SessionFolder(folder, stack).probabilities_path(key)
    predictor = (kept or KeptPredictor()).open(job)
    try:
        probabilities = Probabilities.create(path, shape, key)
        done = int(probabilities.computed[list(positions)].sum())
        steps = predict(stack, predictor, probabilities, positions)
        say(f"{job.model.name} on {predictor.device}")
        if predictor.notice:
            say(predictor.notice)
        if doubt := pixel_doubt(job.model, stack, job.predict):
            say(f"{doubt}; --diameter brings them to its size.")
        foresee(stack, predictor, probabilities, positions)
        stays = f"Frames done so far are kept in {folder}; the same command goes on there."
        follow(steps, "Predict", len(positions), done=done, kept=stays)
    finally:
        if kept is None:
            predictor.close()
    return probabilities


def label_frames(
    probabilities: Probabilities, settings: LabelSettings, positions: Iterable[int]
) -> Iterator[NDArray[np.uint16]]:
    """Labels (Y, X) of each of these frames, made as they are asked for."""
    from napari_unet.engine.labels.class_labels import labels_of

    for t in positions:
        yield labels_of(probabilities[t], probabilities.outputs, settings)


def _write_labels(
    stack: Stack,
    results: Results,
    job: Job,
    positions: Sequence[int],
    frames: Iterator[NDArray[np.uint16]],
) -> None:
    from napari_unet.engine.export.formats.write_labels import write_labels

    made_by = job.provenance
    path = results.announce(LABELS, stack, made_by)
    steps = write_labels(
        path, frames, stack, positions=positions, overwrite=True, provenance=made_by
    )
    follow(steps, path.name, len(positions), kept="The same command goes on there.")
    _say_size(path, job)


def _say_size(path: Path, job: Job) -> None:
    """Say where the cells that were found are not of the size that the model knows."""
    import numpy as np

    from napari_unet.engine.labels.objects import areas_of
    from napari_unet.engine.network.cell_size import found_doubt, scale_of
    from napari_unet.engine.stack.stack import Stack

    with Stack.open(path) as labels:
        looked_at = range(0, len(labels), max(1, len(labels) // _LOOKED_AT))
        areas = np.concatenate([areas_of(labels[t]) for t in looked_at])
    if doubt := found_doubt(job.model, scale_of(job.model, job.predict), areas):
        say(f"{doubt}: where they are not outlined well, try --diameter {doubt.found}.")


def _writer(
    part: str, stack: Stack, labels: _Written, results: Results, job: Job
) -> Generator[int, None, Path]:
    from napari_unet.engine.export.formats.table import write_table
    from napari_unet.engine.export.overlay.write_movie import write_movie

    made_by = job.provenance
    path = results.announce(part, stack, made_by)
    if part == TABLE:
        return write_table(
            path,
            (labels[t] for t in labels.positions),
            stack,
            positions=labels.positions,
            threshold=job.labels.threshold,
            overwrite=True,
            provenance=made_by,
        )
    return write_movie(
        path,
        stack,
        labels,
        job.overlay,
        positions=labels.positions,
        overwrite=True,
        provenance=made_by,
    )
