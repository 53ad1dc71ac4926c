"""What segment and train did, as one JSON document for programs."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import typer

from napari_unet.cli.notices import by_level
from napari_unet.engine.jobs.queue.results import LABELS, MOVIE, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_unet.engine.errors import Notice
    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.jobs.queue.results import Job, Results
    from napari_unet.engine.jobs.stages.spent import Spent
    from napari_unet.engine.network.model import Model

_NAMES = {LABELS: "labels", TABLE: "table", MOVIE: "movie"}


class SegmentReport:
    """The movies of a run of segment, as they are done."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._movies: list[dict[str, Any]] = []

    def done(
        self,
        movie: Movie,
        results: Results,
        frames: int,
        made: Sequence[str],
        found: Iterable[Notice],
        spent: Spent,
    ) -> None:
        """Add a movie of which ``made`` were written now, the others before."""
        parts = self._job.parts
        self._movies.append(
            {
                **_of(movie),
                "outputs": {_NAMES[part]: str(results.path(part)) for part in parts},
                "written_now": [_NAMES[part] for part in made],
                "frames": frames,
                "objects": _rows(results.path(TABLE)) if TABLE in parts else None,
                **by_level(found),
                "seconds": spent.seconds,
            }
        )

    def failed(self, movie: Movie, line: str) -> None:
        """Add a movie with which something was wrong."""
        self._movies.append({**_of(movie), "error": line})

    def print(self) -> None:
        """Print the document."""
        job = self._job
        settings = {
            "prediction": job.predict.model_dump(mode="json"),
            "labels": job.labels.model_dump(mode="json"),
        }
        model = about_model(job.model)
        values = {"model": model, "settings": settings, "movies": self._movies}
        print_document("segment", values)


def about_model(model: Model) -> dict[str, Any]:
    """Return what tells a model from others."""
    path = model.path
    return {"name": model.name, "sha256": model.sha256, "file": None if path is None else str(path)}


def print_document(command: str, values: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout: what a command did, by which version of the program."""
    from napari_unet import __version__

    typer.echo(json.dumps({"command": command, "version": __version__, **values}, indent=2))


def _of(movie: Movie) -> dict[str, Any]:
    return {"movie": str(movie.path), "position": movie.selection.position, "name": movie.name}


def _rows(table: Path) -> int:
    """Count the objects of a table."""
    with table.open(encoding="utf-8", newline="") as file:
        return max(0, sum(1 for _ in csv.reader(file)) - 1)
