"""Positions: many movies in a table, opened by a click, segmented and exported by one button."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QSize, QSortFilterProxyModel, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMainWindow,
    QScrollArea,
    QTableView,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_unet.engine.files.names import user_path
from napari_unet.engine.jobs.queue.queue_file import QueueRow, QueueState
from napari_unet.engine.jobs.queue.results import LABELS, MOVIE, TABLE
from napari_unet.engine.text import counted
from napari_unet.gui.dock.docked import Docked
from napari_unet.gui.dock.foot import Foot
from napari_unet.gui.positions.listing import listing, proposed_folder
from napari_unet.gui.positions.looking import Looking
from napari_unet.gui.positions.opening import open_position
from napari_unet.gui.positions.rows import (
    EDGE,
    NAME,
    PICTURE,
    QUALITY,
    SORTED_BY,
    STATUS,
    RoomyCells,
    Row,
    Rows,
)
from napari_unet.gui.positions.runs import OWNER, Runs, Wish
from napari_unet.gui.session.job import Task
from napari_unet.gui.session.session import Session
from napari_unet.gui.widgets.groups import rule
from napari_unet.gui.widgets.parts import Column, Hint, allow, button, label, primary, row
from napari_unet.gui.widgets.wrapping import Flow, WrapCheck

if TYPE_CHECKING:
    import napari.viewer
    from qtpy.QtGui import QShowEvent

    from napari_unet.engine.jobs.queue.movies import Movie

_BESIDE, _BETWEEN, _LEAST = 320, 12, 230  # px
_EMPTY = (
    "Many movies in one table: open a folder of them, or a file of several positions, here or with "
    "Folder… and Open movie… in another dock."
)
_PARTS = {LABELS: "Labels", TABLE: "Table", MOVIE: "Movie"}


class PositionsDock(Docked):
    """The table, where its results go, and what is done to the positions that are ticked."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.setObjectName("napari_unet.positions")
        self._viewer = viewer  # keeps the proxy that napari gave to this dock
        self.session = session = Session.of(viewer)
        self._shown = False
        self.rows = Rows()
        self.looking = Looking(self, session.lifetime)
        self.runs = Runs(session, self.rows, self._look_again)
        self._state = QueueState()
        self.foot = Foot(session, OWNER, self)
        self._build_table()
        self._build_results()
        left, self.beside = QWidget(), self._build_runs()
        column = Column(left)
        column.add(self._build_top(), self.empty, self.table)
        column.setStretchFactor(self.table, 1)
        both = QHBoxLayout(self)
        both.setContentsMargins(10, 4, 10, 4)
        both.setSpacing(_BETWEEN)
        both.addWidget(left, 1)
        both.addWidget(self.beside)
        self.setMinimumHeight(_LEAST)
        self._connect()
        self.show_source()

    def sizeHint(self) -> QSize:
        """Ask for a few rows."""
        return QSize(900, 320)

    # ---- parts ------------------------------------------------------------------------------

    def _build_table(self) -> None:
        self.table = QTableView(objectName="positions.table")
        proxy = QSortFilterProxyModel(self)
        proxy.setSourceModel(self.rows)
        proxy.setSortRole(SORTED_BY)
        self.table.setModel(proxy)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(NAME, Qt.SortOrder.AscendingOrder)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setItemDelegate(RoomyCells(self.table))
        self.table.setIconSize(QSize(EDGE, EDGE))
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(EDGE + 6)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(STATUS, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.empty = Hint(_EMPTY, "positions.empty")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def _build_top(self) -> QWidget:
        self.source = QLineEdit(objectName="positions.source")
        self.source.setPlaceholderText("folder of movies, or a file of several positions")
        self.open = button("Open", "positions.open", "Show its movies in the table")
        self.all = button("All", "positions.all", "Tick all")
        self.none = button("None", "positions.none", "Tick none")
        self.line = Hint(name="positions.line")
        top = QWidget()
        top.setLayout(
            Flow(self.source, self.open, self.line, self.all, self.none, shares=(2, 0, 3, 0, 0))
        )
        return top

    def _build_results(self) -> None:
        self.out = QLineEdit(objectName="positions.folder")
        self.out.setPlaceholderText("folder for the results")
        self.out.setToolTip("Where Export writes, for each position NAME_labels.tif and so on")
        self.browse = button("Browse…", "positions.browse", "Choose the folder")
        self.parts = {}
        for part, words in _PARTS.items():
            check = self.parts[part] = WrapCheck(words, f"positions.with_{words.lower()}")
            check.setToolTip(f"Export writes NAME_{part}")
            check.setChecked(part != MOVIE)
        self.linked = WrapCheck("ids through time", "positions.linked")
        self.linked.setToolTip("Labels and movie have one id for one cell in all frames")
        self.keep = WrapCheck("Keep probabilities", "positions.keep_probabilities")
        self.keep.setToolTip(
            "They are about as large as the movies. Without, Export deletes those of a position "
            "once its labels are whole, unless it was corrected: to move its threshold or correct "
            "it later, it is segmented again"
        )
        self.replace = WrapCheck("Replace", "positions.replace")
        self.replace.setToolTip("Write over results that were made with other settings")

    def _build_runs(self) -> QWidget:
        self.segment = button(
            "Segment", "positions.segment", "With the model and settings of Segment, all alike"
        )
        self.export = button(
            "Export", "positions.export", "Write what is ticked; what is not segmented yet is"
        )
        self.check = button(
            "Check quality",
            "positions.check",
            "Look at every frame: out of focus, stage jumped, brightness fell. Writes qc.csv",
        )
        self.recipe = Hint(name="positions.recipe")
        self.why_not = Hint(name="positions.hint")
        inside, beside, scroll = QWidget(), QWidget(), QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        beside.setFixedWidth(_BESIDE)
        column = Column(inside)
        place = row(label("Results"), self.out, self.browse, stretch=1)
        first = Flow(primary(self.segment), self.check, shares=(2, 1))
        column.add(self.recipe, first, rule(), place)
        column.add(Flow(*self.parts.values(), shares=(1, 1, 1)))
        column.add(Flow(self.linked, self.keep, shares=(1, 1)), Flow(self.export, self.replace))
        column.add(self.why_not)
        column.addStretch(1)
        outside = Column(beside)
        outside.add(scroll, self.foot)
        outside.setStretchFactor(scroll, 1)
        return beside

    def _connect(self) -> None:
        session, life = self.session, self.session.lifetime
        self.open.clicked.connect(self._on_open)
        self.source.returnPressed.connect(self.open.click)
        self.all.clicked.connect(lambda: self.rows.tick(True))
        self.none.clicked.connect(lambda: self.rows.tick(False))
        self.browse.clicked.connect(self._on_browse)
        self.out.editingFinished.connect(self._on_out)
        self.segment.clicked.connect(lambda: self._start(()))
        self.export.clicked.connect(lambda: self._start(self._ticked_parts()))
        self.check.clicked.connect(self._on_check)
        self.table.clicked.connect(self._on_click)
        self.rows.ticked.connect(self.update_state)
        self.looking.looked.connect(lambda name, look: self.rows.change(name, look=look))
        for check in self.parts.values():
            check.toggled.connect(self.update_state)
        life.connect(session.positions.changed, self.show_source, self)
        news = (session.models.changed, session.labels.settings_changed, session.movie.changed)
        life.connect_all(news, self.update_state, self)
        life.connect(session.job.changed, self.update_state, self)

    # ---- which movies -----------------------------------------------------------------------

    def show_source(self) -> None:
        """Show the movies that a user asked for."""
        source = self.session.positions.source
        if source is not None:
            self.source.setText(str(source))
            self._list(source)
        self.update_state()

    def _on_open(self) -> None:
        text = self.source.text().strip()
        if text:
            self.session.positions.source = user_path(text)
            self.show_source()

    def _list(self, source: Path) -> None:
        """List the movies in a worker: the header of each is read."""
        selection = self.runs.selection()
        task = Task(
            OWNER, f"Looking at {source.name}", lambda: listing(source, selection),
            on_done=lambda found: self._show(source, *found),
        )  # fmt: skip
        self.session.job.start(task)

    def _show(self, source: Path, movies: list[Movie], state: QueueState | None) -> str:
        with signals_blocked(self.out):
            self.out.setText(str(proposed_folder(source)))
        self._take(state)
        rows = self._state.rows
        self.rows.show([Row(movie, known=rows.get(movie.name, QueueRow())) for movie in movies])
        self.table.resizeColumnToContents(PICTURE)
        self.looking.forget()
        self.looking.at(movies, self._out())
        said = f"{counted(len(movies), 'position')}."
        if state is not None and state.doing:
            what = "Export" if state.doing == "export" else "Segment"
            said += f" The last run was cut off: {what} goes on there."
        return said

    def _take(self, state: QueueState | None) -> None:
        """Set the ticks as they were."""
        self._state = state or QueueState()
        if state is None:
            return
        for part, check in self.parts.items():
            if state.parts:
                check.setChecked(part in state.parts)
        self.linked.setChecked(state.linked)
        self.keep.setChecked(state.keep_probabilities)

    def _out(self) -> Path:
        return user_path(self.out.text().strip() or ".")

    def _on_out(self) -> None:
        """Look for what there is in another folder of results."""
        self.looking.at([r.movie for r in self.rows], self._out())
        self.update_state()

    def _on_browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the results", self.out.text())
        if chosen:
            self.out.setText(chosen)
            self._on_out()

    def _on_click(self, index: QModelIndex) -> None:
        if index.column() == PICTURE:
            return  # ticked
        proxy = self.table.model()
        assert isinstance(proxy, QSortFilterProxyModel)
        found, movie = self.rows.at(proxy.mapToSource(index)), self.session.movie
        now = movie.frame if found.is_at(self._on_screen()) else None
        frame = found.odd_after(now) if index.column() == QUALITY else None
        with self.session.job.refusing(OWNER):
            open_position(self.session, found.movie, found.look, self._out(), frame)

    def _on_screen(self) -> tuple[Path | None, int] | None:
        stack = self.session.movie.stack
        return None if stack is None else (stack.path, stack.selection.position)

    # ---- what is done -----------------------------------------------------------------------

    def _ticked_parts(self) -> tuple[str, ...]:
        return tuple(part for part, check in self.parts.items() if check.isChecked())

    def _wish(self, parts: tuple[str, ...]) -> Wish:
        """Return what is to be done to the movies that are ticked, with channel and z as chosen."""
        movies = tuple(self.rows.chosen())
        state = QueueState(
            movies=self.source.text(),
            doing="export" if parts else "segment",
            parts=parts,
            linked=self.linked.isChecked(),
            keep_probabilities=self.keep.isChecked(),
            rows={r.movie.name: r.known for r in self.rows},
        )
        return Wish(movies, self._out(), state, self.replace.isChecked())

    def _start(self, parts: tuple[str, ...]) -> None:
        self.runs.start(self._wish(parts), self._ended)

    def _ended(self, state: QueueState) -> None:
        self._state = state

    def _on_check(self) -> None:
        wish = self._wish(())
        state = wish.state.replace(doing="")

        def ended(state: QueueState) -> None:
            self._state = state
            for name, known in state.rows.items():
                self.rows.know(name, odd=known.odd, looked_at=known.looked_at)

        self.runs.check(wish.movies, wish.out, state, ended)

    def _look_again(self, movie: Movie) -> None:
        self.looking.at([movie], self._out())

    # ---- what is shown ----------------------------------------------------------------------

    def update_state(self, *_: Any) -> None:
        """Resolve which buttons can be pressed, and say why the others cannot."""
        state = self.session.job.state
        busy = f"{state.title} is running" if state.running else ""
        movies = self.rows.chosen()
        none = "Open a folder of movies first" if not len(self.rows) else ""
        none = none or ("" if movies else "Tick a position first")
        model = self._no_model()
        place = "" if self.out.text().strip() else "Say where the results go"
        parts = "" if self._ticked_parts() else "Tick Labels, Table or Movie"
        allow(self.segment, busy or none or model or place)
        allow(self.export, busy or none or model or place or parts)
        allow(self.check, busy or none or place)
        allow(self.open, busy)
        n = f" {len(movies)}" if movies else ""
        self.segment.setText(f"Segment{n}")
        self.export.setText(f"Export{n}")
        self.rows.show_here(self._on_screen())
        there = bool(len(self.rows))
        for part in (self.table, self.line, self.all, self.none, self.beside):
            part.setVisible(there)
        said = state.line if state.owner == OWNER else ""
        self.empty.say("" if there else said or _EMPTY, warn=state.failed and bool(said))
        said = f"{counted(len(self.rows), 'position')}, {len(movies)} ticked"
        frames = sum(movie.frames for movie in movies)
        self.line.say(f"{said}, {counted(frames, 'frame')}" if movies else said if there else "")
        self.recipe.say(self._recipe() if there else "")
        why_not = none or model or place
        self.why_not.say(f"{why_not}." if why_not and there and not busy else "")

    def _no_model(self) -> str:
        choice = self.session.models.chosen
        if choice is None:
            return "Choose a model in Segment, or train one"
        return "" if choice.saved else f"Keep or save {choice.name} in the Train dock first"

    def _recipe(self) -> str:
        """Say how all of them are done."""
        choice, settings = self.session.models.chosen, self.session.labels.settings
        if choice is None:
            return ""
        split = "" if settings.split else ", touching cells not split"
        said = f"All by {choice.title}, as in Segment: threshold {settings.threshold:g}"
        return f"{said}, smallest {settings.min_size} px{split}."

    # ---- napari -----------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent | None) -> None:
        """Go to the bottom of the window, once, where a table has room."""
        super().showEvent(event)
        if not self._shown:
            self._shown = True
            QTimer.singleShot(0, self._settle)

    def _settle(self) -> None:
        window, holder = self.window(), self.holder()
        self._settled = True
        if isinstance(window, QMainWindow) and holder is not None:
            holder.setWindowTitle("Positions")
            window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, holder)
            holder.show()
