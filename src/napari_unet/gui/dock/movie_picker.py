"""The picker on top of each dock: which layer, channel, z and position are the movie.

Each dock has one, and all of them show the same `MovieChoice`, so they cannot disagree. Once a
movie is open it is folded into a line (`movie_head`). Below it stands where the movie's session
is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout, QLineEdit, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.stack.kinds import KINDS, MOVIE_SUFFIXES
from napari_unet.gui.dock.channel_ticks import ChannelTicks
from napari_unet.gui.dock.layer_menu import ImageMenu
from napari_unet.gui.dock.volume_lengths import VolumeLengths
from napari_unet.gui.session.job import Task, describe_error
from napari_unet.gui.session.recent import recent_movies, remember_movie
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.levels import read_ahead
from napari_unet.gui.widgets.parts import (
    Column,
    Hint,
    add_field,
    allow,
    button,
    form_rows,
    narrow,
    primary,
    row,
)
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_unet.gui.session.movie_view import MovieView
    from napari_unet.gui.session.session import Session

OWNER = "movie"
MOVIE_FILTER = ";;".join(
    (
        f"Movies ({' '.join(f'*{suffix}' for suffix in MOVIE_SUFFIXES)})",
        *(f"{kind.title} ({' '.join(f'*{s}' for s in kind.suffixes)})" for kind in KINDS),
        "All files (*)",
    )
)
_TIP = Qt.ItemDataRole.ToolTipRole


class MoviePicker(QWidget):
    """Shows and changes what the session takes as the movie."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._make_choices(session)
        self._make_opening()
        self.summary = Hint(name="movie.summary")
        self._unfolded = self._telling = False
        self._rows = self._build()
        self._connect(session)
        self.show_view(session.movie.view)

    def _make_choices(self, session: Session) -> None:
        self.image = ImageMenu(session, "movie.image", "The layer that is the movie")
        self.channel = _combo("movie.channel", "Channel in which the cells are seen")
        self.together = ChannelTicks("movie.channels")
        self.z = _combo(
            "movie.z",
            "The maximum over all sections; all of them as a volume, for models that learned from "
            "volumes; each section as a frame; or one section",
        )
        self.lengths = VolumeLengths(session)
        self.position = _combo("movie.position", "Image series of a multi-position file")
        self.axes = QLineEdit(objectName="movie.axes")
        self.axes.setToolTip(
            "Order of the axes as they lie in the file: T time, C channel, Z section, Y, X"
        )
        self.axes.setPlaceholderText("read from the file")

    def _make_opening(self) -> None:
        self.path = QLineEdit(objectName="movie.path")
        self.path.setPlaceholderText("file or folder")
        self.path.setToolTip(
            "A TIFF, ND2, CZI or LIF, an OME-Zarr, or a folder of numbered TIFFs or pictures. "
            "Left empty, Open movie… asks for it"
        )
        self.open = button("Open movie…", "movie.open", "Open a file lazily, however long it is")
        self.open_folder = button(
            "Folder…",
            "movie.open_folder",
            "Open an OME-Zarr, or a folder of numbered TIFFs or pictures",
        )
        self.sample = button(
            "Sample movie", "movie.sample", "Dividing nuclei, 48 frames: made in a second or two"
        )
        self.recent = _combo("movie.recent", "Movies that were opened before")
        self.all = button("All positions…", "movie.positions", "Open and segment them in a table")

    def _connect(self, session: Session) -> None:
        self.axes.editingFinished.connect(self._on_axes)
        self.open.clicked.connect(self._on_open)
        self.open_folder.clicked.connect(self._on_open_folder)
        self.sample.clicked.connect(lambda: open_sample_movie(session))
        self.recent.currentIndexChanged.connect(lambda i: self._open(self.recent.itemData(i)))
        self.path.returnPressed.connect(self._on_open)
        for combo, act in (
            (self.channel, lambda i: session.movie.select(channel=i)),
            (self.z, lambda i: session.movie.select(z=self.z.itemData(i))),
            (self.position, lambda i: session.movie.select(position=i)),
        ):
            combo.currentIndexChanged.connect(act)  # a script sets the index; blocked while showing
        self.together.changed.connect(self._on_together)
        session.lifetime.connect(session.movie.view_changed, self.show_view, self)
        session.lifetime.connect(session.job.changed, self._on_job, self)

    def _build(self) -> QFormLayout:
        rows = form_rows()
        add_field(rows, "Movie", self.image.native)
        add_field(rows, "Channel", self.channel)
        add_field(rows, "Together", self.together)
        add_field(rows, "Z", self.z)
        add_field(rows, "Lengths", self.lengths)
        add_field(rows, "Position", self.position)
        add_field(rows, "Axes", self.axes)
        self._choice, self._opening = QWidget(), QWidget()
        Column(self._choice).add(rows, Flow(self.all))
        self.all.clicked.connect(self._on_all)
        opening = Column(self._opening)
        opening.add(Flow(self.open, self.open_folder, self.sample), self.recent, self.path)
        Column(self).add(self._choice, self.summary, self._opening)
        return rows

    def unfold(self, on: bool) -> None:
        """Show all that can be chosen, or only what is needed now."""
        self._unfolded = on
        self._arrange()

    def _arrange(self) -> None:
        """Show what is asked for: all of it, the way in, or what is wrong."""
        view = self._session.movie.view
        none = view.index < 0
        self._choice.setVisible(self._unfolded)
        self._opening.setVisible(self._unfolded or none)
        self.path.setVisible(self._unfolded)
        self.sample.setVisible(none)
        if none:
            self._show_recent()
        self.recent.setVisible(none and self.recent.count() > 1)
        primary(self.open, none)
        said = bool(self.summary.text())
        told = self._unfolded or none or self._telling or bool(view.problem or not view.axes)
        self.summary.setVisible(said and told)

    def show_view(self, view: MovieView) -> None:
        """Show what the session resolved; touches nothing else."""
        self.image.reset_choices()
        _fill(self.channel, view.channels or ("channel 0",), view.channel)
        sections = {z: str(z) for z in range(view.n_z)} if view.n_z > 1 else {}
        ways = {"max": "maximum of all", "volume": "volume", "frames": "each section as a frame"}
        known = {**ways, **sections}
        _fill(self.z, tuple(known.values()), list(known).index(view.z) if view.z in known else 0)
        for i, z in enumerate(known):
            self.z.setItemData(i, z)
        self.lengths.show_view(view)
        _fill(self.position, view.positions or ("position 0",), view.position)
        with signals_blocked(self.axes):
            self.axes.setText(view.axes)
        self.together.show_channels(view.channels, view.together or (view.channel,))
        self._rows.setRowVisible(self.channel, len(view.channels) > 1)
        self._rows.setRowVisible(self.together, len(view.channels) > 1)
        self._rows.setRowVisible(self.z, view.n_z > 1)
        self._rows.setRowVisible(self.lengths, view.n_z > 1 and view.z == "volume")
        self._rows.setRowVisible(self.position, len(view.positions) > 1)
        self._rows.setRowVisible(self.axes, view.index >= 0)
        several = len(view.positions) > 1
        self.all.setText("All positions…" if several else "All movies of the folder…")
        stack = self._session.movie.stack
        no_file = stack is None or stack.path is None
        allow(self.all, "The movie is not a file" if no_file else "")
        empty = "Open a time-lapse, or drop its file on the viewer."
        self.summary.say(view.problem or view.summary or empty, warn=bool(view.problem))
        self._arrange()

    def _on_together(self, ticked: tuple[int, ...]) -> None:
        self._session.movie.select(channel=ticked if len(ticked) > 1 else ticked[0])

    def _on_axes(self) -> None:
        text = self.axes.text().strip().upper()
        if text != self._session.movie.view.axes:
            self._session.movie.select(axes=text or None)

    def _on_open(self) -> None:
        path = self.path.text().strip()
        if not path:
            path, _ = QFileDialog.getOpenFileName(self, "Open movie", "", MOVIE_FILTER)
        self._open(path)

    def _on_all(self) -> None:
        """Show all positions of the file in a table, or all movies of its folder."""
        stack = self._session.movie.stack
        if stack is not None and stack.path is not None:
            several = len(stack.position_names) > 1
            source = stack.path if several else stack.path.parent
            self._session.positions.show(source, self._session.viewer.window)

    def _on_open_folder(self) -> None:
        path = self.path.text().strip()
        self._open(
            path or QFileDialog.getExistingDirectory(self, "Open a folder of numbered frames")
        )

    def _show_recent(self) -> None:
        with signals_blocked(self.recent):
            self.recent.clear()
            self.recent.addItem("Recent movies", None)
            for path in recent_movies():
                self.recent.addItem(path.name, str(path))
                self.recent.setItemData(self.recent.count() - 1, str(path), _TIP)

    def _open(self, path: str | None) -> None:
        if path:
            open_movie(self._session, path)

    def _on_job(self, state: Any) -> None:
        for part in (
            self.image.native,
            self.channel,
            self.together,
            self.z,
            self.lengths,
            self.position,
            self.axes,
            self.open,
            self.open_folder,
            self.sample,
            self.recent,
        ):
            part.setEnabled(not state.running)  # the work under way is on this movie
        if state.owner == OWNER:
            self._telling = state.running or state.failed
            self.summary.say(state.line or self._session.movie.view.summary, warn=state.failed)
            self._arrange()
            if not state.running and not state.failed:
                self.path.clear()
                self.show_view(self._session.movie.view)


def open_movie(session: Session, path: str | Path) -> bool:
    """Open a file or folder lazily and make it the movie; headers are read in a worker."""

    def opened(made: list[Any] | Path) -> str:
        remember_movie(path)
        if isinstance(made, Path):  # of movies
            session.positions.show(made, session.viewer.window)
            return ""
        session.add_movie(made)
        return session.movie.view.summary

    return session.job.start(
        Task(OWNER, "Opening the movie", lambda: _opening(path), on_done=opened)
    )


def open_sample_movie(session: Session) -> bool:
    """Make the sample movie in a worker, and make it the movie."""

    def work() -> Generator[None, None, list[Any]]:
        from napari_unet.sample.movie import open_sample

        yield
        return open_sample()

    def made(found: list[Any]) -> str:
        session.add_movie(found)
        return session.movie.view.summary

    return session.job.start(Task(OWNER, "Making the sample movie", work, on_done=made))


def _opening(path: str | Path) -> Generator[None, None, list[Any] | Path]:
    """Open a movie and make its layers as far as that reads files; the rest is the GUI thread's.

    A folder of several movies is returned as it is.
    """
    from napari_unet.engine.jobs.queue.movies import holds_movies
    from napari_unet.engine.stack.stack import Stack

    yield
    if holds_movies(path):
        return user_path(path)
    stack = Stack.open(path)
    stack.fingerprint  # noqa: B018 - reads here the files that it samples
    stack.content  # noqa: B018 - and what tells whether it was saved again
    made = layers.movie_layers(stack)
    for data, _, _ in made:
        read_ahead(data)
    return made


def _combo(name: str, tip: str) -> QComboBox:
    combo = QComboBox(objectName=name)
    combo.setToolTip(tip)
    return narrow(combo)


def _fill(combo: QComboBox, words: Sequence[str], index: int) -> None:
    with signals_blocked(combo):
        if [combo.itemText(i) for i in range(combo.count())] != list(words):
            combo.clear()
            combo.addItems(list(words))
        combo.setCurrentIndex(index)


class KeptPanel(QWidget):
    """A line, and a path to fill in where nothing can be written beside the movie."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._autosave, self._place = session.autosave, session.place
        self._unfolded = False
        self.line = Hint(name="movie.kept")
        self.place = QLineEdit(objectName="movie.place")
        self.place.setPlaceholderText("a folder to keep it in")
        self.keep = button("Keep here", "movie.keep_here", "Asked once for this folder of movies")
        self._asking = QWidget()
        asking = Column(self._asking)
        asking.add(row(self.place, self.keep, stretch=0))
        Column(self).add(self.line, self._asking)
        self.keep.clicked.connect(self._on_keep)
        self.place.returnPressed.connect(self._on_keep)
        session.lifetime.connect(session.place.changed, self.show_state, self)
        self.show_state()

    def show_state(self) -> None:
        """Show where the session is kept; nothing where there is nothing to say."""
        needed = self._place.needed
        self.line.say(needed or self._place.line, warn=bool(needed))
        self._asking.setVisible(bool(needed))
        self.setVisible(bool(needed or (self._place.line and self._unfolded)))

    def unfold(self, on: bool) -> None:
        """Show where it is kept, also where nothing is wrong."""
        self._unfolded = on
        self.show_state()

    def _on_keep(self) -> None:
        try:
            self._autosave.keep_at(self.place.text())
        except (BadInput, OSError) as error:
            self.line.say(describe_error(error), warn=True)
