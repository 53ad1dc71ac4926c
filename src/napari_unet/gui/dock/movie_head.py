"""The head of every dock: one line for the movie once it is open; a click shows all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QLabel, QWidget

from napari_unet.engine.text import counted
from napari_unet.gui.dock.movie_picker import KeptPanel, MoviePicker
from napari_unet.gui.dock.notice_panel import NoticePanel
from napari_unet.gui.widgets.parts import WARNING, Column
from napari_unet.gui.widgets.wrapping import Flow, LineButton

if TYPE_CHECKING:
    from napari_unet.gui.session.session import Session


class MovieHead(QWidget):
    """``▸ 01 · DAPI · 34 frames · 0.645 µm   saved ✓``, unfolded by a click.

    What a user has to know or do is in sight without one: that nothing is open, what is wrong
    with the movie or doubtful in it, and that a place is needed to keep the work.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._movie, self._place = session.movie, session.place
        self.line = LineButton("movie.line")
        self.saved = QLabel(objectName="movie.saved")
        self.saved.setIndent(0)
        self.picker = MoviePicker(session)
        self.notices, self.kept = NoticePanel(session), KeptPanel(session)
        top = QWidget()
        top.setLayout(Flow(self.line, self.saved, shares=(1, 0)))
        self._top = top
        Column(self).add(top, self.picker, self.notices, self.kept)
        self.line.toggled.connect(self.unfold)
        news = (session.movie.view_changed, session.movie.changed, session.place.changed)
        session.lifetime.connect_all(news, self.show_line, self)
        self.show_line()

    def unfold(self, on: bool) -> None:
        """Show file, channel, z, axes and where the work is kept; or the line alone."""
        for part in (self.picker, self.notices, self.kept):
            part.unfold(on)

    def show_line(self, *_: Any) -> None:
        """Show what the session resolved."""
        view, stack = self._movie.view, self._movie.stack
        self._top.setVisible(view.index >= 0)
        name = view.layers[view.index] if view.index >= 0 else ""
        parts, spare = [], []  # what is spare goes first where the dock is narrow
        if stack is not None:
            if view.together:
                parts.append(" + ".join(view.channels[c] for c in view.together))
                spare = parts[:]
            elif len(view.channels) > 1 and view.channels[view.channel] not in name:
                parts.append(view.channels[view.channel])
                spare = parts[:]
            parts.append(counted(len(stack), "volume" if stack.dims == 3 else "frame"))
            if view.n_z > 1:
                parts.append(_said_of(view.z, view.n_z))
            if stack.pixel_size:
                parts.append(f"{stack.pixel_size:.4g} µm")
                spare = [parts[-1], *spare]
        self.line.say(name, *parts, spare=tuple(spare))
        place = self._place
        kept = place.folder is not None and not place.needed
        lost = "" if kept else f"{WARNING} not saved" if place.needed or place.line else ""
        self.saved.setText("saved ✓" if kept else lost)
        self.saved.setVisible(kept or bool(lost))
        self.saved.setToolTip(place.needed or place.line)


def _said_of(z: int | str, n: int) -> str:
    """Return what of so many sections is taken."""
    words = {"max": f"max of {n} z", "volume": f"{n} z each", "frames": f"{n} z as frames"}
    return words.get(str(z), f"z {z}")
