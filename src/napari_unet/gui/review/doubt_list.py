"""Doubts as a list: frame, cells and repair of each, and below that in words what is odd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QListWidget, QListWidgetItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_unet.engine.tracks.doubts.doubt import Doubt

LIKELY = 0.5
"""Score from which something is likely wrong."""
ROWS = 200
"""Doubts that are listed: the worst, as many as anyone goes through at once."""
_SHOWN = 4  # doubts, before it scrolls
_BAR = 4  # px wide, beside a row
_AMBER, _GREY = QColor(255, 170, 0), QColor(128, 128, 128, 120)


class DoubtList(QListWidget):
    """A row a doubt, in the order given; an amber bar beside those that are likely right."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("review.doubts")
        line = self.fontMetrics().height()
        self.setMaximumHeight(_SHOWN * (2 * line + 6) + 6)
        self.setIconSize(QSize(_BAR, 2 * line))
        self.setWordWrap(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_doubts(self, doubts: Sequence[Doubt], row: int) -> None:
        """Show doubts, and which of them is looked at; -1 for none."""
        self.blockSignals(True)
        self.clear()
        for one in doubts:
            item = QListWidgetItem(words_of(one))
            item.setToolTip(f"Score {one.score:.2f}: {one.words}. Repair: {one.repair or 'none'}")
            item.setData(Qt.ItemDataRole.UserRole, one.score)
            likely = one.score >= LIKELY
            item.setData(Qt.ItemDataRole.DecorationRole, _AMBER if likely else _GREY)
            self.addItem(item)
        self.setCurrentRow(row)
        self.blockSignals(False)


def likely_frames(doubts: Iterable[Doubt]) -> tuple[frozenset[int], frozenset[int]]:
    """Return the frames to which likely doubts lead, and the further ones on which they go on."""
    likely = [one for one in doubts if one.score >= LIKELY]
    first = frozenset(one.frame for one in likely)
    return first, frozenset(t for one in likely for t in one.frames) - first


def words_of(doubt: Doubt) -> str:
    """Return two lines: ``Frame 35, cell 23 → split it``, and why."""
    cells = ", ".join(map(str, doubt.cells))
    whose = "" if doubt.z is None or doubt.whole_frame else f", z {doubt.z:.0f}"
    whose += f", cell{'s' if len(doubt.cells) > 1 else ''} {cells}" if cells else ""
    if doubt.repair is not None:
        whose += f" → {str(doubt.repair).split(',')[0]}"
    return f"Frame {doubt.frame}{whose}\n{doubt.words[:1].upper()}{doubt.words[1:]}"
