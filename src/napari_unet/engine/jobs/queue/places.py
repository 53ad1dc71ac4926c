"""Where the probabilities of a movie lie while its results are made: with those, or its session."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from napari_unet.engine.files.atomic import make_folder
from napari_unet.engine.jobs.queue.movies import stem
from napari_unet.engine.prediction.prediction import prediction_key, probabilities_shape
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.session_folder import SessionFolder

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.errors import Notice
    from napari_unet.engine.jobs.queue.results import Job, Results
    from napari_unet.engine.stack.stack import Stack


class ResultsPlace:
    """Probabilities in a folder of the movie's name among the results; nobody corrects there."""

    corrections: Corrections | None = None
    digest: str | None = None
    notices: tuple[Notice, ...] = ()

    def __init__(self, results: Results, stack: Stack) -> None:
        name = stem(stack.path) if stack.path else stack.name
        self.folder = results.folder / f"{name}.unet"

    def open(self, stack: Stack, job: Job) -> Probabilities:
        """Open the probabilities of a movie, or make room for them."""
        make_folder(self.folder)
        shape, key = probabilities_shape(stack, job.model), _key(stack, job)
        return Probabilities.create(self.path(stack, job), shape, key)

    def path(self, stack: Stack, job: Job) -> Path:
        """Return the file of the probabilities of a movie."""
        return SessionFolder(self.folder, stack).probabilities_path(_key(stack, job))

    def begin(self, stack: Stack, job: Job) -> None:
        """Note how the movie is segmented, before it is."""

    def is_done(self, stack: Stack, job: Job) -> bool:
        """Whether every frame that is asked for was segmented before."""
        path = self.path(stack, job)
        if not path.is_file():
            return False
        with Probabilities.open(path) as there:
            return bool(there.computed[list(job.chosen(len(stack)))].all())

    def delete(self, stack: Stack, job: Job) -> None:
        """Delete the probabilities, and the folder where nothing else is in it."""
        with suppress(PermissionError):  # Windows keeps what is open on screen
            self.path(stack, job).unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


class SessionPlace(ResultsPlace):
    """Probabilities in the session beside the movie, where napari finds them.

    What a user corrected there wins, and opening the movie shows what was made last.
    """

    def __init__(self, stack: Stack, model: str | None = None) -> None:
        self._session, self._model = SessionFolder.for_movie(stack), model
        self.folder = self._session.path
        found, lost = self._session.read_corrections()
        self.corrections = found if found.frames() or found.states else None
        self.notices = (*self._session.notices, *lost)

    def begin(self, stack: Stack, job: Job) -> None:
        """Note model and settings, with which the movie is shown when it is opened."""
        state, used = self._session.state, job.model.sha256
        changes = {
            "selection": stack.selection,
            "model": self._model,
            "models": (*(m for m in state.models if m != used), used),
            "labels": job.labels,
            "diameter": job.predict.diameter,
        }
        if any(getattr(state, name) != value for name, value in changes.items()):
            self._session.save(**changes)

    @cached_property
    def digest(self) -> str | None:  # type: ignore[override]
        """Return what tells these corrections from others; None where there are none."""
        if self.corrections is None:
            return None
        return hashlib.sha256(self._session.journal_path.read_bytes()).hexdigest()


def _key(stack: Stack, job: Job) -> dict[str, object]:
    return prediction_key(stack, job.model, job.predict)
