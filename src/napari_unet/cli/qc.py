"""napari-unet qc: frames of movies with which something is wrong, worst first."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unet.cli import options as o
from napari_unet.cli.assignment import assigned
from napari_unet.cli.notices import Noticed
from napari_unet.cli.outputs import prepare_folder
from napari_unet.cli.progress import follow, say
from napari_unet.cli.words import in_words
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.queue.movies import find_movies, list_movies
from napari_unet.engine.settings import QualitySettings
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from napari_unet.engine.jobs.quality import Quality
    from napari_unet.engine.jobs.queue.movies import Movie

TABLE = "qc.csv"


def qc(
    movies: Annotated[
        list[str],
        typer.Argument(
            metavar="FOLDER|FILE...",
            help="Movies: files, folders with one TIFF a frame, folders of movies, or patterns.",
        ),
    ],
    out: Annotated[
        Path,
        o.path_option("--out", metavar="DIR", help=f"Folder for {TABLE}.", show_default="here"),
    ] = Path(),
    labels: Annotated[
        Path | None,
        o.path_option(
            metavar="LABELS",
            help="Labels of the movie: jumps of the cell count are found, too.",
        ),
    ] = None,
    session: Annotated[
        bool,
        typer.Option("--session", help="Take the labels that napari keeps beside each movie."),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="With labels: say where cells are of another size than this model knows.",
        ),
    ] = None,
    others: o.Others = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    offset: o.Offset = None,
    as_json: o.AsJson = False,
    overwrite: o.Overwrite = False,
) -> None:
    """Find frames with which something is wrong: write qc.csv, worst first.

    Out of focus, stage jumped, brightness fell, empty; with labels also jumps of the cell count,
    with a model cells of another size. Each frame is read once.
    """
    from napari_unet.engine.jobs.quality import write_quality

    wanted = o.selection(axes, channel, z, position, volumes=False)
    (settings,) = assigned(others, QualitySettings())
    if model and not (labels or session):
        raise typer.BadParameter("--model: give the labels, too, with --labels or --session")
    found = find_movies(list_movies(movies), wanted, every_position=position is None)
    if labels and (session or len(found) > 1):
        raise typer.BadParameter("--labels: it is for one movie; of several take --session")
    looker = _Looker(labels, session, _diameter(model), settings, offset)
    prepare_folder(out, [TABLE], overwrite=overwrite)
    done: list[Quality] = []
    failed = 0
    with Noticed() as noticed:
        for movie in found:
            try:
                done.append(looker.look(movie, noticed))
            except BadInput as error:
                if len(found) == 1:
                    raise
                failed += 1
                say(f"Error: {in_words(error)}")
    write_quality(out / TABLE, done)
    if as_json:
        values = [row for quality in done for row in quality.rows()]
        typer.echo(json.dumps({"findings": values, **noticed.as_values()}, indent=2))
    else:
        for quality in done:
            typer.echo(str(quality))
        typer.echo(out / TABLE)
    if failed:
        say(f"{counted(len(found), 'movie')}: {failed} failed.")
        raise typer.Exit(1)


class _Looker:
    """How every movie is looked at."""

    def __init__(
        self,
        labels: Path | None,
        session: bool,
        diameter: float | None,
        settings: QualitySettings,
        offset: int | None,
    ) -> None:
        self._labels, self._session, self._offset = labels, session, offset
        self._diameter, self._settings = diameter, settings

    def look(self, movie: Movie, noticed: Noticed) -> Quality:
        """Look at a movie with a progress bar."""
        from napari_unet.cli.labels import open_labels
        from napari_unet.engine.jobs.quality import check_quality
        from napari_unet.engine.stack.stack import Stack

        with ExitStack() as files:
            stack = files.enter_context(Stack.open(movie.path, movie.selection))
            noticed.of(stack.name, (*stack.notices, *stack.taken))
            frames, known = None, None
            if self._labels or self._session:
                given = files.enter_context(open_labels(stack, self._labels, self._offset))
                noticed.of(stack.name, given.notices)
                stack, frames, known = given.stack, given.frames, given.labelled
            steps = check_quality(
                stack, frames, self._settings, labelled=known, known_diameter=self._diameter
            )
            return follow(steps, movie.name, len(stack))


def _diameter(name: str | None) -> float | None:
    """Return the size of the cells that a model knows, px."""
    if name is None:
        return None
    from napari_unet.engine.network.model import Model

    model = Model.load(name)
    if not model.diameter:
        raise BadInput(
            f"the model {model.name} does not know how large its cells are",
            "a model with a diameter in its card",
            "choose another model, or leave --model out",
        )
    return model.diameter
