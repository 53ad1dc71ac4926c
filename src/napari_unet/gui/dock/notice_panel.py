"""What was guessed or left out when the movie was opened: in one place, under the movie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_unet.gui.widgets.parts import Column, Hint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.gui.session.session import Session

_SHOWN = 4  # lines of a level; all are in the tooltip


class NoticePanel(QWidget):
    """*Please check* with the warning sign; below it what is only *noted*, once unfolded."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._movie, self._place = session.movie, session.place
        self._unfolded = False
        self.check = Hint(name="movie.check")
        self.noted = Hint(name="movie.noted")
        column = Column(self)
        column.add(self.check, self.noted)
        news = (session.movie.changed, session.place.changed)
        session.lifetime.connect_all(news, self.show_notices, self)
        self.show_notices()

    def show_notices(self) -> None:
        """Show those of the movie on screen and of its session folder."""
        stack, folder = self._movie.stack, self._place.folder
        found = [] if stack is None else [*stack.notices, *(folder.notices if folder else ())]
        for hint, level in ((self.check, "check"), (self.noted, "noted")):
            lines = [f"{n}." for n in dict.fromkeys(found) if n.level == level]
            hint.say(_short(lines), warn=level == "check")
            hint.setToolTip("\n".join(lines) if len(lines) > _SHOWN else "")
        self.noted.setVisible(self._unfolded and bool(self.noted.text()))
        self.setVisible(bool(self.check.text()) or (self._unfolded and bool(found)))

    def unfold(self, on: bool) -> None:
        """Show what is only noted, too."""
        self._unfolded = on
        self.show_notices()


def _short(lines: Sequence[str]) -> str:
    more = [f"… and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join([*lines[:_SHOWN], *more])
