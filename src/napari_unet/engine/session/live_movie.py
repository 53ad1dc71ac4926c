"""The labels of a movie as its session has them, for scripts that correct them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.session.users.hold import open_corrections

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.stack.stack import Stack


def live_labels(movie: Stack, place: str | Path | None = None) -> LiveLabels:
    """Return a movie's labels, to be corrected: each correction is kept in its session folder.

    Model, threshold and earlier corrections are those that the docks left; the docks go on from
    here. The folder is made where there is none yet, beside the movie or in ``place``. Where
    another program has the session open, these are to be read: a correction is refused.

    Raises
    ------
    BadInput
        Where the movie is in no file, or nothing can be kept beside it and no place is given.

    """
    folder = SessionFolder.for_movie(movie, place)
    return LiveLabels(
        (len(movie), *movie.frame_shape),
        folder.probabilities(movie),
        folder.state.labels,
        open_corrections(folder),
        movie.spacing,
    )
