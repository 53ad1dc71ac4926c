"""The labels that are exported: of a file, or kept in a movie's session folder by the docks."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.cli.notices import Noticed
    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.errors import Notice
    from napari_unet.engine.export.target.sidecar import Provenance
    from napari_unet.engine.labels.label_frames import LabelFrames
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.session.session_folder import SessionFolder
    from napari_unet.engine.settings import Selection
    from napari_unet.engine.stack.stack import Stack

_LARGEST_16 = 2  # bytes


@dataclass(frozen=True)
class Labels:
    """Labels by frame, the movie they are of, and what is known of where they come from."""

    stack: Stack
    frames: Any
    provenance: Provenance
    wide: bool = False  # ids may be above 65,535
    threshold: float | None = None
    corrections: Corrections | None = None
    probabilities: Probabilities | None = None
    classes: bool = False  # of pixels, not ids of cells
    known: tuple[int, ...] | None = None  # frames that have labels, where not all may
    notices: tuple[Notice, ...] = ()
    model: str | None = None  # name or file of what made them

    @property
    def segmented(self) -> tuple[int, ...]:
        """Frames that a model made labels of."""
        if self.probabilities is None:
            return self.known or ()
        return tuple(t for t, done in enumerate(self.probabilities.computed) if done)

    @property
    def labelled(self) -> tuple[int, ...]:
        """Frames that were segmented, corrected, or that a file has labels of."""
        if self.known is not None:
            return self.known
        known = set(self.corrections.frames()) if self.corrections else set()
        known |= set(self.segmented)
        return tuple(sorted(known))

    def unsegmented(self, frames: tuple[int, ...]) -> int:
        """Count the frames that nobody segmented or corrected."""
        if self.probabilities is None:
            return 0
        done = self.probabilities.computed
        known = self.corrections.frames() if self.corrections else ()
        return sum(not done[t] and t not in known for t in frames)


@contextmanager
def open_labels(movie: Stack, path: Path | None, offset: int | None = None) -> Iterator[Labels]:
    """Open labels of a movie: a file, a folder of TIFFs or of a session; else the session beside.

    Raises
    ------
    BadInput
        Where there are none, or they are of another movie.

    """
    from napari_unet.engine.session.session_folder import SessionFolder

    folder = None
    if path is None:
        folder = SessionFolder.find(movie)
        if folder is None:
            raise BadInput(
                f"{movie.name} has no session beside it",
                "labels, or a movie that was segmented in napari",
                "give a label file after the movie",
            )
    elif (path / "session.json").is_file():
        folder = SessionFolder(path, movie)
    with ExitStack() as open_files:
        if folder is not None:
            yield _of_session(folder, movie, open_files)
        elif path is not None:
            yield _of_file(path, movie, open_files, offset)


def open_with_movie(
    files: ExitStack,
    noticed: Noticed,
    movie: Path,
    wanted: Selection,
    labels: Path | None,
    offset: int | None = None,
) -> Labels:
    """Open a movie and labels of it; what is odd about either is noticed."""
    from napari_unet.engine.stack.stack import Stack

    stack = files.enter_context(Stack.open(movie, wanted))
    noticed.of(stack.name, stack.notices)
    given = files.enter_context(open_labels(stack, labels, offset))
    noticed.of(given.stack.name, given.notices)
    return given


def open_same(path: Path, movie: Stack, open_files: ExitStack, offset: int | None) -> LabelFrames:
    """Open labels of frames of ``movie``, by the movie's frames."""
    from napari_unet.engine.labels.given.open_labels import open_labels as open_given
    from napari_unet.engine.labels.label_frames import LabelFrames
    from napari_unet.engine.labels.label_stack import LabelStack

    labels = LabelStack.of(open_files.enter_context(open_given(path, movie)), movie)
    labels.part_mask()
    found = LabelFrames(labels, movie, offset=offset)
    found.notices += labels.doubts()
    return found


def _of_file(path: Path, movie: Stack, open_files: ExitStack, offset: int | None) -> Labels:
    """Open labels of a file; what made them is in the sidecar, where there is one."""
    from napari_unet.engine.export.target.sidecar import read_provenance
    from napari_unet.engine.settings import LabelSettings

    labels = open_same(path, movie, open_files, offset)
    made_by = read_provenance(path)
    settings = made_by.settings.get("labels")
    threshold = settings.threshold if isinstance(settings, LabelSettings) else None
    wide = labels[labels.frame_indices[0]].dtype.itemsize > _LARGEST_16
    damaged = made_by.notices if made_by.model_name is None else ()  # others were said before
    notices = (*damaged, *labels.notices)
    return Labels(
        movie, labels, made_by, wide, threshold, known=labels.frame_indices, notices=notices
    )


def _of_session(folder: SessionFolder, movie: Stack, open_files: ExitStack) -> Labels:
    """Make the labels on screen when the movie was left: probability, settings, corrections."""
    from napari_unet.engine.session.live_labels import LiveLabels

    state = folder.state
    if folder.is_new:
        raise BadInput(
            f"{folder.path} keeps nothing of position {movie.selection.position}, "
            f"z {movie.selection.z}",
            "a session of this movie",
            "give --position and --z as in napari, or a label file",
        )
    if movie.selection.channel is None:
        movie = open_files.enter_context(movie.select(channel=state.selection.channel))
    shape = (len(movie), *movie.frame_shape)
    probabilities = folder.probabilities(movie)
    if probabilities is not None:
        open_files.callback(probabilities.close)
    elif state.models:
        raise BadInput(
            f"the probabilities in {folder.path} are gone or of another channel",
            "those of the model used last",
            "segment the movie again, or choose the --channel that was segmented",
        )
    corrections, lost = folder.read_corrections()
    lengths = {n: getattr(state.selection, n) for n in ("z_step", "pixel_size")}
    said = {n: length for n, length in lengths.items() if length and getattr(movie, n) is None}
    if said:  # as it was said in napari
        movie = open_files.enter_context(movie.select(**said))
    live = LiveLabels(shape, probabilities, state.labels, corrections, movie.spacing)
    return Labels(
        movie,
        live,
        _provenance(folder, corrections),
        threshold=state.labels.threshold if probabilities is not None else None,
        corrections=corrections,
        probabilities=probabilities,
        classes=bool(live.classes),
        notices=lost,
        model=state.model,
    )


def _provenance(folder: SessionFolder, corrections: Corrections) -> Provenance:
    """Say which model was used last, with its training where the file is still the same."""
    from napari_unet.engine.export.target.sidecar import Provenance
    from napari_unet.engine.prediction.ensemble import load_models
    from napari_unet.engine.session.users.hold import authorship

    state = folder.state
    corrected, by = (
        sum(len(corrections.ids(t)) for t in corrections.frames()),
        authorship(corrections),
    )
    used = state.models[-1] if state.models else None
    if used and state.model:
        try:
            model = load_models(state.model)
        except BadInput:
            model = None
        if model is not None and model.sha256 == used:
            made_by = Provenance.of(model, n_corrected=corrected, labels=state.labels)
            return replace(made_by, details=by)
    settings = {"labels": state.labels} if used else {}
    return Provenance(model_sha256=used, settings=settings, n_corrected=corrected, details=by)
