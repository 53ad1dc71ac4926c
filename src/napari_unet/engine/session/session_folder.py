"""What lives beside a movie: ``<movie>.unet/`` with the session, corrections and probabilities.

Everything is written as it happens: a killed process loses at most the stroke in hand. The folder
stands beside the movie, or in a place asked for once where the movie's folder is read-only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path
from pydantic import Field, ValidationError, model_validator

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.files.atomic import atomic_path, make_folder
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.files.read_json import read_json
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import (
    LabelSettings,
    Selection,
    Settings,
    parted_as_in_0_1_0,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.engine.stack.stack import Stack

logger = logging.getLogger(__name__)
FORMAT = "napari-unet session 1"
_MOST_NEW = 32  # frames that are looked for where a session does not say how many it had
_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif")
Mark = tuple[str, int, int | str]
"""What names a movie for good: its file, or its layer where it has none, position and z."""


class NeedsPlace(BadInput):
    """There is nowhere to keep the session: ask once for a folder, and pass it as ``place``."""


class SessionState(Settings):
    """Where the user is in one movie: enough to go on there."""

    movie: str = Field("", description="Fingerprint of the movie, whatever channel and z")
    selection: Selection = Selection()
    model: str | None = Field(None, description="Bundled name or file of the model in use")
    models: tuple[str, ...] = Field((), description="sha256 of the models used, the latest last")
    labels: LabelSettings = LabelSettings()
    class_names: dict[int, str] = Field({}, description="As a user called them, by number")
    passed: tuple[tuple[str, int], ...] = Field(
        (), description="Doubts about whole frames that are fine as they are: reason, frame"
    )
    diameter: float | None = Field(None, description="Of the movie's cells in px, where given")
    sample: dict[str, Any] = Field(
        {}, exclude_if=lambda value: not value, description="Random windows that are looked through"
    )
    frame: int = Field(0, ge=0, description="Frame on screen")
    section: int | None = Field(None, ge=0, exclude_if=lambda z: z is None)  # on screen
    stamp: str | None = Field(None, description="When the movie's files were last saved")
    content: str | None = Field(None, description="Digest of a closer look at the movie")
    frames: int = Field(0, ge=0, description="How many frames the movie had")
    taught_with: tuple[Mark, ...] = Field(
        (), exclude_if=lambda value: not value, description="Movies ticked to learn from beside it"
    )
    turn: int = Field(0, description="The highest is of the z that a user was at last")

    @model_validator(mode="before")
    @classmethod
    def _of_0_1_0(cls, values: Any) -> Any:
        """Part cells as 0.1.0 did, which kept no stamp: the labels stay those that were seen."""
        if not isinstance(values, dict) or "stamp" in values or "labels" not in values:
            return values
        return values | {"labels": parted_as_in_0_1_0(values["labels"])}


class SessionFolder:
    """The folder of one movie's session, for one position and z of it.

    ``state`` is what was saved last; ``save(frame=7)`` changes a part of it, at once on disk.
    """

    def __init__(self, path: Path, stack: Stack) -> None:
        self.path = path
        self._shape = (len(stack), *stack.frame_shape)
        self._movie = _movie_of(stack)
        self._view = _view_of(stack.selection)
        self.state = self._read().get(self._view) or SessionState(
            movie=self._movie, selection=stack.selection
        )
        self.notices: tuple[Notice, ...] = ()

    @classmethod
    def for_movie(cls, stack: Stack, place: str | Path | None = None) -> SessionFolder:
        """Return the folder of a movie, made where it is missing.

        ``place`` is used instead of the movie's own folder, and remembered for it. ``NeedsPlace``
        where the movie is no file, or nothing can be written there.
        """
        if place is not None and stack.path is not None:
            _remember(stack.path.parent, Path(place))
        home = Path(place) if place is not None else _home_of(stack)
        if home is None:
            raise NeedsPlace(
                f"{stack.name} is not a file",
                "a folder where its corrections can be kept",
                "choose one",
            )
        path = _folder_of(stack, home)
        _check_writable(path, home)
        folder = cls(path, stack)
        if not folder._session.exists():
            folder.save()
        folder._look_again(stack)
        return folder

    @classmethod
    def find(cls, stack: Stack) -> SessionFolder | None:
        """Return the folder of a movie that was worked on before; None where there is none."""
        home = _home_of(stack)
        path = _folder_of(stack, home) if home is not None else None
        return cls(path, stack) if path is not None and path.is_dir() else None

    def _look_again(self, stack: Stack) -> None:
        """Notice a movie that grew or was saved again: its probabilities are made anew.

        A copy has another time stamp, and the same content.
        """
        before = self.state
        if stack.stamp is None or (before.stamp, before.movie) == (stack.stamp, self._movie):
            return
        grown = before.movie != self._movie
        changed = not grown and None not in (before.content, stack.content)
        changed = changed and before.content != stack.content
        if grown:
            more = f"{len(stack) - before.frames} more frames" if before.frames else "more frames"
            line = f"{stack.name} has {more} than when it was worked on; corrections are kept"
            self.notices = (Notice("noted", line),)
        if changed:
            line = (
                f"{stack.name} was saved again with other content since it was worked on; "
                "corrections are kept, what was segmented is made anew"
            )
            self.notices = (Notice("check", line),)
            for path in self.probability_files():
                with contextlib.suppress(OSError):
                    path.unlink()
        known = {"stamp": stack.stamp, "content": stack.content, "frames": len(stack)}
        self.save(movie=self._movie, **known)

    def fits(self, stack: Stack) -> bool:
        """Whether the session is of this movie, or of fewer frames of it."""
        return self.state.movie == self._movie or _grew(stack, self.state)

    @property
    def is_new(self) -> bool:
        """Whether no model was used and nothing corrected yet."""
        return not (self.state.models or self.journal_path.exists())

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was kept since it was made: there is nothing to go on with."""
        seen = self.state.model_dump(include={"movie", "stamp", "content", "frames", "turn"})
        new = SessionState(selection=self.state.selection, **seen)
        return self.is_new and self.state == new

    @property
    def last_z(self) -> int | str:
        """The z that a user was at last in this position: a section, a volume, the maximum."""
        here, states = self.state.selection, self._read().values()
        turns = {s.turn: s.selection.z for s in states if s.selection.position == here.position}
        last = max(turns, default=0)
        return turns[last] if last else here.z  # 0: before it was kept

    @property
    def journal_path(self) -> Path:
        """The corrections of this position and z."""
        return self.path / f"corrections{self._view}.journal"

    def corrections(self) -> Corrections:
        """Return the corrections kept here; every later step is written as it happens."""
        journal = Journal(self.journal_path)
        found = Corrections(self._shape, journal)
        self.notices += tuple(Notice("check", line) for line in journal.lost)
        return found

    def read_corrections(self) -> tuple[Corrections, tuple[Notice, ...]]:
        """Return the corrections, and what is lost of them, from a copy: napari may write them."""
        if not self.journal_path.exists():
            return Corrections(self._shape), ()
        with tempfile.TemporaryDirectory() as place:
            journal = Journal(self.journal_path).copy_to(Path(place))
            found = Corrections(self._shape, journal).copy()
            journal.flush()  # of the copy, which goes
            return found, tuple(Notice("check", line) for line in journal.lost)

    def save(self, **changes: Any) -> SessionState:
        """Change fields of the state and write it; the old file stays whole until the new is."""
        states = self._read()
        turn = 1 + max((s.turn for view, s in states.items() if view != self._view), default=0)
        state = states[self._view] = self.state.replace(**changes, turn=turn)
        text = {
            "format": FORMAT,
            "views": {k: v.model_dump(mode="json") for k, v in states.items()},
        }
        make_folder(self.path)
        with atomic_path(self._session) as temporary:
            temporary.write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")
        self.state = state  # only now: what could not be written is different still
        return state

    def probabilities_path(self, key: Mapping[str, Any]) -> Path:
        """Place of the probabilities with a key: movie, model, channel, normalisation."""
        text = json.dumps(key, sort_keys=True, default=str).encode()
        return self.path / f"probabilities-{hashlib.sha256(text).hexdigest()[:16]}.unetp"

    def probabilities(self, stack: Stack) -> Probabilities | None:
        """Open what the model used last has computed of this stack; None where nothing is left."""
        wanted = self.state.models[-1:]
        for path in sorted(self.probability_files(), key=_written, reverse=True):
            try:
                found = Probabilities.open(path)
            except BadInput:  # damaged: made again when it is run
                continue
            as_shown = bool(found.key.get("inverted")) == stack.inverted
            same_movie = as_shown and found.key["fingerprint"] == stack.fingerprint
            if (found.key.get("model"),) == wanted and same_movie:
                return found
            found.close()
        return None

    def probability_files(self) -> dict[Path, int]:
        """Files of probabilities and their bytes on disk."""
        found = sorted(self.path.glob("probabilities-*.unetp"))
        return {path: _bytes_on_disk(path) for path in found}

    @property
    def _session(self) -> Path:
        return self.path / "session.json"

    def _read(self) -> dict[str, SessionState]:
        """Read the states by view; a damaged file is set aside, corrections are kept elsewhere."""
        try:
            text = read_json(self._session)
            views = text["views"] if text["format"] == FORMAT else None
            if views is None:
                raise _newer(self._session, text["format"])
            return {view: SessionState.model_validate(state) for view, state in views.items()}
        except FileNotFoundError:
            return {}
        except (OSError, KeyError, TypeError, AttributeError, ValidationError) as error:
            return self._set_aside(error)
        except BadInput:
            raise
        except ValueError as error:  # no JSON
            return self._set_aside(error)

    def _set_aside(self, error: Exception) -> dict[str, SessionState]:
        logger.warning("%s is damaged and set aside: %s", self._session, error)
        with contextlib.suppress(OSError):
            self._session.replace(self._session.with_suffix(".damaged.json"))
        return {}


def _newer(path: Path, found: object) -> BadInput:
    return BadInput(
        f"{path} is in the format {found!r}",
        FORMAT,
        "open it with the version of napari-unet that wrote it",
    )


def _movie_of(stack: Stack) -> str:
    """Fingerprint of a movie's position, the same for every channel and z of it."""
    with stack.select(channel=None, z="max") as plain:
        return plain.fingerprint


def journals_near(stack: Stack) -> tuple[Path, ...]:
    """Return files of corrections that bear a movie's name: no pixel is read to tell whose."""
    home = _home_of(stack)
    folders = dict.fromkeys(_names_of(stack, home)) if home is not None else ()
    found = (journal for folder in folders for journal in folder.glob("corrections*.journal"))
    return tuple(sorted(path for path in found if path.stat().st_size))


def _grew(stack: Stack, known: SessionState) -> bool:
    """Whether a folder of frames is the one that was worked on, with more at its end."""
    fewer = [known.frames] if known.frames else range(len(stack) - 1, 0, -1)[:_MOST_NEW]
    for n in fewer:
        if (before := stack.first(n)) is None:
            return False
        with before:
            if _movie_of(before) == known.movie:
                return True
    return False


def _view_of(selection: Selection) -> str:
    """Part of a file name for what has corrections of its own; empty for most movies."""
    position = f"-position{selection.position}" if selection.position else ""
    return position + (f"-z{selection.z}" if selection.z != "max" else "")


def _folder_of(stack: Stack, home: Path) -> Path:
    """Find the folder that is this movie's, or free: without the suffix, else with it."""
    short, long = _names_of(stack, home)
    for path in (short, long):
        if not path.is_dir():
            return path
        if SessionFolder(path, stack).fits(stack):
            return path
    raise _foreign(short, long, stack)


def _names_of(stack: Stack, home: Path) -> tuple[Path, Path]:
    """Return the folders that may be a movie's, by its name without and with its suffix."""
    name = stack.path.name if stack.path is not None else stack.name
    suffix = next((s for s in _SUFFIXES if name.lower().endswith(s)), "")
    short = name.removesuffix(name[len(name) - len(suffix) :]) or name
    return home / f"{short}.unet", home / f"{name}.unet"


def _foreign(short: Path, long: Path, stack: Stack) -> BadInput:
    """Say of what the folders are that bear this movie's name."""
    found = f"{short} and {long} belong to other movies of that name"
    remedy = "rename the movie or move those folders away"
    if short == long:
        before, now = SessionFolder(short, stack).state.frames, len(stack)
        found = f"{short} belongs to another movie of that name, or to other frames of it"
        if before > now:
            found += f": it had {before} frames, {stack.name} has {now}"
            remedy = "put the missing frames back, or else " + remedy
    return BadInput(found, "a folder of this movie's own", remedy)


def _home_of(stack: Stack) -> Path | None:
    if stack.path is None:
        return None
    return _places().get(str(stack.path.parent.resolve())) or stack.path.parent


def _check_writable(path: Path, home: Path) -> None:
    try:
        made = not path.exists()
        make_folder(path)
        try:
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            if made:
                path.rmdir()
            raise BadInput(str(error), "", "") from error
    except BadInput as error:
        raise NeedsPlace(
            f"nothing can be written to {home}",
            "a folder where corrections and probabilities can be kept",
            "choose another folder; it is asked once",
        ) from error


def _places_file() -> Path:
    return user_data_path("napari-unet", appauthor=False) / "places.json"


def _places() -> dict[str, Path]:
    try:
        places = read_json(_places_file())
        return {str(movies): Path(place) for movies, place in places.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _remember(movies: Path, place: Path) -> None:
    """Note where the sessions of a folder of movies are kept; not being able to is no harm."""
    places = {movies_: str(kept) for movies_, kept in _places().items()}
    places[str(movies.resolve())] = str(place.resolve())
    try:
        make_folder(_places_file().parent)
        with atomic_path(_places_file()) as temporary:
            temporary.write_text(json.dumps(places, indent=2), encoding="utf-8")
    except BadInput as error:
        logger.warning("the place of sessions is not remembered: %s", error)


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns


def _bytes_on_disk(path: Path) -> int:
    status = path.stat()
    return getattr(status, "st_blocks", 0) * 512 or status.st_size  # sparse where not computed
