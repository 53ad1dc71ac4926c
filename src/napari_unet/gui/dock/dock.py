"""What all docks have in common: the movie's line on top, a column that scrolls, and a foot.

Head and foot stay in sight. Docks are stacked as tabs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QFrame,
    QLabel,
    QMainWindow,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_unet.gui.dock.docked import Docked
from napari_unet.gui.dock.foot import Foot
from napari_unet.gui.dock.loading import MODEL_SUFFIXES, load_model
from napari_unet.gui.dock.movie_head import MovieHead
from napari_unet.gui.dock.movie_picker import open_movie
from napari_unet.gui.session.job import JobState
from napari_unet.gui.session.session import Session
from napari_unet.gui.widgets.groups import Group
from napari_unet.gui.widgets.parts import Column, build_folded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.viewer import Viewer
    from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
    from qtpy.QtWidgets import QLayout

_WIDTH = 340
_BETWEEN_GROUPS = 10  # px


class Dock(Docked):
    """A dock of the plugin; its state is the session's.

    Its parts go in groups into ``self.column``; what must stay in sight below them is ``pinned``.
    ``self.foot`` shows the job that it started; the object names of both begin with the ``name``
    of the dock.
    """

    def __init__(self, viewer: Viewer, name: str) -> None:
        super().__init__()
        self.setObjectName(f"napari_unet.{name}")
        self.name = name
        self.session = Session.of(viewer)
        self._viewer = viewer  # keeps the proxy that napari gave to this dock
        self._stacked = self._was_running = False
        self._sought: QWidget | None = None
        self.head = MovieHead(self.session)
        self.foot = Foot(self.session, name, self)
        inside = QWidget()
        self.column = Column(inside)
        self.column.setContentsMargins(10, 2, 10, 8)
        self.column.setSpacing(_BETWEEN_GROUPS)
        self._scroll = scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        top = QWidget()
        above = Column(top)
        above.setContentsMargins(10, 6, 10, 2)
        above.add(self.head)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(0)
        outside.addWidget(top)
        outside.addWidget(scroll, 1)
        self.pinned = Column()
        self.pinned.setContentsMargins(10, 4, 10, 4)
        outside.addLayout(self.pinned)
        outside.addWidget(self.foot)
        self.setMinimumWidth(280)
        self.setAcceptDrops(True)

    def sizeHint(self) -> QSize:
        """Ask for a column wide enough for its words."""
        return QSize(_WIDTH, 620)

    def group(self, title: str, *parts: QWidget | QLayout, beside: Iterable[QWidget] = ()) -> Group:
        """Add a titled group below those there are; return it."""
        made = Group(title, *parts, beside=beside)
        self.column.addWidget(made)
        return made

    def bring_into_sight(self, part: QWidget) -> None:
        """Scroll to a part that has just been shown, once it has its place."""
        self._sought = part
        QTimer.singleShot(0, self._show_sought)

    def _show_sought(self) -> None:
        if self._sought is not None:
            self._scroll.ensureWidgetVisible(self._sought, 0, 0)
        self._sought = None

    def findChild(self, *what: Any) -> Any:
        """Return a child by name, as Qt does; *Advanced* is built where it must be for that.

        What moved to another dock that is open is found from the one where it was, too.
        """
        found = super().findChild(*what)
        if found is None:
            build_folded(self)
            found = super().findChild(*what)
        window = self.window()
        if found is None and window is not None and window is not self:
            for other in window.findChildren(Dock):
                build_folded(other)
                found = found or QWidget.findChild(other, *what)
        return found

    def watch(self) -> None:
        """Follow the session; called once the dock's parts are there."""
        session, life = self.session, self.session.lifetime
        news = (
            session.movie.changed,
            session.movie.layers_changed,
            session.models.changed,
            session.labels.changed,
        )
        life.connect_all(news, self.update_state, self)
        life.connect(session.job.changed, self._on_job, self)
        self.update_state()

    def update_state(self) -> None:
        """Resolve what can be done now and show it. Each dock says what that is."""
        raise NotImplementedError

    def busy(self) -> str:
        """Why nothing can be started now; empty where something can."""
        state = self.session.job.state
        return f"{state.title} is running" if state.running else ""

    def no_movie(self) -> str:
        """Why there is no movie to work on; empty where there is one."""
        if self.session.movie.stack is not None:
            return ""
        return (
            "The movie cannot be read: see above"
            if self.session.movie.view.problem
            else "Open a movie first"
        )

    def _on_job(self, state: JobState) -> None:
        if state.running != self._was_running:
            self._was_running = state.running
            self.update_state()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take a file: a movie or a model."""
        if event is not None and _dropped(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open what was dropped: a model into the menus, anything else as the movie."""
        path = _dropped(event) if event is not None else ""
        if path.lower().endswith(MODEL_SUFFIXES):
            load_model(self.session, self.name, path)
        elif path:
            open_movie(self.session, path)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Join the other docks of the plugin as a tab, once, when first shown."""
        super().showEvent(event)
        if not self._stacked:
            self._stacked = True
            QTimer.singleShot(0, self._stack_as_tab)

    def _stack_as_tab(self) -> None:
        window, mine = self.window(), self.holder()
        self._settled = True
        if mine is not None:  # three tabs that end in the plugin's name have no room for it
            mine.setWindowTitle(self.name.capitalize())
            mine.topLevelChanged.connect(lambda _: QTimer.singleShot(0, self._fit_title))
            self._fit_title()
        if not isinstance(window, QMainWindow) or mine is None:
            return
        others = [d.holder() for d in window.findChildren(Dock) if d is not self and d.settled]
        beside = next((o for o in others if o and not o.isHidden() and not o.isFloating()), None)
        if beside is not None:
            window.tabifyDockWidget(beside, mine)
            mine.show()
            mine.raise_()

    def _fit_title(self) -> None:
        """Let the words of napari's title bar fit it: it is 20 px high whatever the font is.

        napari makes another bar where a dock floats, or is put back.
        """
        mine = self.holder()
        bar: Any = mine.titleBarWidget() if mine is not None else None
        title = getattr(bar, "title", None)
        if isinstance(title, QLabel):
            title.setText(self.name.capitalize())
            title.setStyleSheet("font-size: 13px;")


def _dropped(event: QDropEvent) -> str:
    """Return the path of the first file that is dropped; empty where there is none."""
    data = event.mimeData()
    paths = [url.toLocalFile() for url in data.urls()] if data is not None else []
    return next(filter(None, paths), "")
