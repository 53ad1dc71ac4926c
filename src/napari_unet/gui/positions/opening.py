"""Opens one of many movies in the place of the one that the table opened before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput
from napari_unet.gui.session.job import Task
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.levels import read_ahead
from napari_unet.gui.viewer.ours import note_export

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_unet.engine.jobs.queue.look import Look
    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.gui.session.session import Session

OWNER = "positions"


def open_position(
    session: Session, movie: Movie, look: Look | None, out: Path, frame: int | None = None
) -> None:
    """Make a movie the one on screen; its session goes on there, or at a ``frame`` of it.

    Labels that were exported are shown where their probabilities are gone.
    """
    stack, position = session.movie.stack, movie.selection.position
    if frame is not None:
        if stack is not None and (stack.path, stack.selection.position) == (movie.path, position):
            layers.go_to_frame(session.viewer, session.movie.require_layer(), frame)
            return
        session.autosave.go_on_at(movie.path, position, frame)
    exported = look is not None and look.exported and not look.segmented
    if stack is not None and stack.path == movie.path and not exported:
        session.movie.select(position=position)
        return

    labels = (out, movie.name) if exported else None

    def opened(found: tuple[list[Any], list[Any]]) -> str:
        _close(session)
        session.movie.choose_image(layers.add_movie(session.viewer, found[0])[0])
        for data, how, _ in found[1]:
            layer = session.viewer.add_labels(data, **how)
            if labels is not None and session.movie.stack is not None:
                note_export(layer, session.movie.stack, _file_of(*labels))
        if found[1]:
            return "Labels as they were exported. To correct them, press Segment movie first."
        return session.movie.view.summary

    title = f"Opening {movie.name}"
    session.job.start(Task(OWNER, title, lambda: _opening(movie, labels), on_done=opened))


def _close(session: Session) -> None:
    """Take the movie on screen away, and its labels: what was done to it is kept in its session."""
    stack, viewer = session.movie.stack, session.viewer
    if stack is None or stack.path is None:
        return
    mine = session.labels.layers_of_file()
    path = str(stack.path)
    shown = [x for x in layers.images(viewer) if (layers.source_of(x) or ("",))[0] == path]
    for layer in (*mine, *shown):
        if layer in viewer.layers:
            viewer.layers.remove(layer)


def _file_of(out: Path, name: str) -> Path:
    from napari_unet.engine.jobs.queue.results import LABELS, Results

    return Results(out, name).path(LABELS)


def _opening(
    movie: Movie, labels: tuple[Path, str] | None
) -> Generator[None, None, tuple[list[Any], list[Any]]]:
    """Make the layers as far as that reads files; the rest is the GUI thread's."""
    from napari_unet.engine.labels.given.open_labels import open_labels
    from napari_unet.engine.stack.stack import Stack

    yield
    chosen = movie.selection.replace(channel=None)
    stack = Stack.open(movie.path, chosen)
    stack.fingerprint  # noqa: B018 - reads here the files that it samples
    stack.content  # noqa: B018 - and what tells whether it was saved again
    made = layers.movie_layers(stack)
    for data, _, _ in made:
        read_ahead(data)
    found: list[Any] = []
    if labels is not None:
        try:
            found = layers.labels_layers(open_labels(_file_of(*labels)), stack)
        except BadInput:  # the movie opens all the same
            found = []
    return made, found
