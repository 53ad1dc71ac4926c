"""Which movies there are in a folder or file, and what an earlier run left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.jobs.queue.queue_file import QueueState
    from napari_unet.engine.settings import Selection


def proposed_folder(source: Path) -> Path:
    """Return the folder beside the movies for their results."""
    from napari_unet.engine.jobs.queue.movies import stem

    return source.parent / f"{stem(source)} results"


def listing(
    source: Path, selection: Selection | None
) -> Generator[None, None, tuple[list[Movie], QueueState | None]]:
    """Find the movies, and what an earlier run left."""
    from napari_unet.engine.jobs.queue.movies import find_movies, list_movies
    from napari_unet.engine.jobs.queue.queue_file import QueueState
    from napari_unet.engine.settings import Selection

    yield
    if not source.exists():
        raise BadInput(f"there is no {source}", "", "choose a folder of movies, or a file")
    chosen = {} if selection is None else {"channel": selection.channel, "z": selection.z}
    movies = find_movies(list_movies([str(source)]), Selection(**chosen), every_position=True)
    return movies, QueueState.load(proposed_folder(source))
