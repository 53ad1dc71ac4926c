"""Writes a movie's session as things happen, and goes on there when the movie is opened again.

Corrections are written stroke by stroke; threshold, model and frame a moment after they change.
Disk is read and written in workers.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted
from napari_unet.gui.session.job import describe_error
from napari_unet.gui.session.models import reference
from napari_unet.gui.session.place import author
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.look_at import show_section

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.session.session_folder import SessionFolder
    from napari_unet.engine.settings import Selection
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.lifetime import Lifetime
    from napari_unet.gui.session.models import ModelList
    from napari_unet.gui.session.movie_choice import MovieChoice
    from napari_unet.gui.session.movie_labels import MovieLabels
    from napari_unet.gui.session.place import Place
    from napari_unet.gui.session.training import Training

logger = logging.getLogger(__name__)
_WAIT_MS = 300  # after the last change, before it is written


@dataclass(frozen=True)
class _Found:
    """What a worker read of an earlier session."""

    stack: Stack
    folder: SessionFolder | None = None
    corrections: Corrections | None = None
    probabilities: Probabilities | None = None
    z: int | str | None = None  # that a user was at last


class _Unwritten:
    """The newest state that is not on disk yet; whoever comes first writes it, once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: deque[tuple[SessionFolder, dict[str, Any], Model | None]] = deque(maxlen=1)

    def hold(self, folder: SessionFolder, changes: dict[str, Any], model: Model | None) -> None:
        self._newest.append((folder, changes, model))  # never waits for a write

    def write(self) -> None:
        with self._lock:  # a second writer waits until the first is done
            if self._newest:
                _save(*self._newest.pop())

    def write_or_log(self) -> None:
        """Write where nobody is to be told that it failed."""
        try:
            self.write()
        except (BadInput, OSError) as error:
            logger.warning("the last changes are not kept: %s", error)


class SessionAutosave:
    """What is kept of the movie that is chosen now; one per viewer."""

    def __init__(
        self,
        movie: MovieChoice,
        place: Place,
        labels: MovieLabels,
        models: ModelList,
        training: Training,
        lifetime: Lifetime,
    ) -> None:
        self._movie, self._place, self._labels, self._models = movie, place, labels, models
        self._training = training
        self._went_on: dict[Path, weakref.ref[Image]] = {}
        self._opened: set[str] = set()  # files whose z is the user's choice by now
        self._asked: tuple[tuple[Path, int], int] | None = None
        self._read: weakref.WeakSet[Stack] = weakref.WeakSet()  # of which is known what was kept
        self._reader = Latest(wait_ms=0, lifetime=lifetime)
        self._opener = Latest(wait_ms=200, lifetime=lifetime)
        self._writer, self._unwritten = Latest(wait_ms=_WAIT_MS, lifetime=lifetime), _Unwritten()
        lifetime.at_end(self._unwritten.write_or_log)
        weakref.finalize(self, self._unwritten.write_or_log)  # or the program ends before
        self._reader.answered.connect(self._go_on)
        self._opener.answered.connect(labels.know_model)
        for worker in (self._reader, self._writer):
            worker.failed.connect(place.say)
        news = (labels.changed, labels.settings_changed, labels.looked, models.changed,
                movie.frame_changed, movie.section_changed, training.ticked)  # fmt: skip
        lifetime.connect_all(news, self._save_soon)
        movie.changed.connect(self._on_movie)
        movie.layers_changed.connect(self._forget_closed)

    def keep_at(self, place: str) -> None:
        """Keep this and later movies of the folder in ``place``; what there is goes there now."""
        live = self._labels.live
        self._place.give(place, live.corrections if live is not None else None)
        self._save_soon()

    def go_on_at(self, path: Path, position: int, frame: int) -> None:
        """Show a frame of a movie once that is open, in place of the one where a user left off."""
        self._asked = (path, position), frame

    # ---- going on ---------------------------------------------------------------------------

    def _on_movie(self) -> None:
        stack = self._movie.stack
        if self._labels.live is not None:
            self._labels.read_again()  # another channel may have been painted on
        if stack is not None and stack.path is not None:
            name = author()
            self._reader.ask(lambda: self._find(stack, name))

    def look_again(self) -> None:
        """Go on with what was made of the movie on screen by others: by the table of positions."""
        self._on_movie()

    def _forget_closed(self) -> None:
        """Go on again with a movie of which all layers are closed, once it is opened again."""
        here = layers.images(self._movie.viewer)
        sources = {source[0] for source in map(layers.source_of, here) if source}

        def is_open(image: Image | None) -> bool:
            source = layers.source_of(image) if image is not None else None
            return image in here or (source is not None and source[0] in sources)

        self._went_on = {path: ref for path, ref in self._went_on.items() if is_open(ref())}
        self._opened &= sources

    def _find(self, stack: Stack, name: str) -> _Found:
        """Read what is kept of a movie, once all of it is written; nothing is made."""
        from napari_unet.engine.session.session_folder import SessionFolder
        from napari_unet.engine.session.users.hold import open_corrections

        self._unwritten.write_or_log()  # it may be the same movie, opened again at once
        folder = SessionFolder.find(stack)
        if folder is None:
            return _Found(stack)
        kept = folder.journal_path.exists()
        corrections = open_corrections(folder, name) if kept else None
        return _Found(stack, folder, corrections, folder.probabilities(stack), folder.last_z)

    def _go_on(self, found: _Found) -> None:
        try:
            self._restore(found)
        except (BadInput, OSError) as error:  # the movie opens all the same
            self._place.say(describe_error(error))
        stack, image = found.stack, self._movie.image
        self._read.add(stack)
        if self._training.form.movies:  # ticked before
            self._save_soon()
        if stack is not self._movie.stack or image is None or self._asked is None:
            return
        where, frame = self._asked
        if where == (stack.path, stack.selection.position):
            self._asked = None
            layers.go_to_frame(self._movie.viewer, image, frame)

    def _restore(self, found: _Found) -> None:
        from napari_unet.engine.jobs.check.sample import Sample

        movie, labels, models = self._movie, self._labels, self._models
        image, folder = movie.image, found.folder
        if image is None or found.stack is not movie.stack:
            return
        left = self._z_left(found)
        self._opened.add(str(found.stack.path))  # from now on its z is the user's choice
        if left is not None:
            movie.select(z=left)  # which asks for what is kept of that one
            return
        if folder is None:
            return
        self._training.tick(folder.state.taught_with)
        known = folder.journal_path in self._went_on or labels.live is not None
        goes_on = not (known or folder.is_untouched)
        self._place.found(folder, found.corrections if goes_on else None)
        if not goes_on:
            return
        state = folder.state
        self._went_on[folder.journal_path] = weakref.ref(image)
        self._select(state.selection, found.stack.selection)
        labels.restore(state.labels, state.class_names)
        labels.pass_frames(*state.passed)
        models.settings = models.settings.replace(diameter=state.diameter)
        choice = models.find(state.model) if state.model else None
        models.choose(choice or models.chosen)
        if not folder.is_new:
            labels.show()
            if found.probabilities is not None:
                labels.set_probabilities(found.probabilities)
            labels.take_sample(Sample.from_values(state.sample))
            if choice is not None:
                self._opener.ask(choice.load)
        if movie.image is not None:
            layers.go_to_frame(movie.viewer, movie.image, state.frame)
            if state.section is not None:
                show_section(movie.viewer, movie.image, state.section)
        self._place.say(self._place.read_only or _went_on(folder, found.corrections))

    def _select(self, left: Selection, now: Selection) -> None:
        """Go to the channel that a user left off at, with the lengths that were said there."""
        if left == now:
            return
        lengths = ("z_step", "pixel_size")
        said = {n: v for n in lengths if (v := getattr(left, n)) is not None}
        if any(getattr(now, name) is not None for name in lengths):
            said = {}  # a user has just said other ones
        self._movie.select(channel=left.channel, **said)

    def _z_left(self, found: _Found) -> int | str | None:
        """Return the z that a user was at last, where a file that was just opened is at another."""
        stack, z = found.stack, found.z
        new = str(stack.path) not in self._opened and stack.selection.z == "max"
        there = stack.n_z > (z if isinstance(z, int) else 1)
        return z if new and there and z != "max" else None

    # ---- writing ----------------------------------------------------------------------------

    def _save_soon(self, *_: Any) -> None:
        folder, stack, image = self._place.folder, self._movie.stack, self._movie.image
        if folder is None or stack is None or image is None or self._labels.live is None:
            return
        if self._place.read_only:
            return
        self._went_on.setdefault(folder.journal_path, weakref.ref(image))  # it is ours by now
        state = {
            "selection": stack.selection,
            "model": reference(self._models.chosen),
            "labels": self._labels.settings,
            "class_names": self._labels.class_names,
            "passed": self._labels.passed,
            "sample": sample.to_values() if (sample := self._labels.sample) else {},
            "diameter": self._models.settings.diameter,
            "frame": self._movie.frame,
            "section": self._movie.section,
        }
        if stack in self._read:
            state["taught_with"] = tuple(sorted(self._training.form.movies, key=str))
        self._unwritten.hold(folder, state, self._labels.model)
        self._writer.ask(self._unwritten.write)


def _save(folder: SessionFolder, changes: dict[str, Any], model: Model | None) -> None:
    """Write what is different; the model's checksum takes its time, so it is made here."""
    if model is not None and (used := model.sha256) not in folder.state.models[-1:]:
        before = (m for m in folder.state.models if m != used)
        changes = {**changes, "models": (*before, used)}
    changed = any(getattr(folder.state, name) != value for name, value in changes.items())
    if changed or folder.last_z != folder.state.selection.z:
        folder.save(**changes)


def _went_on(folder: SessionFolder, corrections: Corrections | None) -> str:
    frames = len(corrections.frames()) if corrections is not None else 0
    what = f", with corrections on {counted(frames, 'frame')}" if frames else ""
    return f"Going on where you left off{what}. Kept in {folder.path.name}."
