"""Parts that stay whole in a narrow dock or a large font: rows and words that wrap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLayout,
    QLayoutItem,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
    QWidgetItem,
)

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent, QResizeEvent

GAP = 6  # pixels between parts
_PAD = 8  # pixels beside the words of a line
_SOME = 12  # letters of a name that tell it from others
_WORDS = int(Qt.TextFlag.TextWordWrap) | int(Qt.AlignmentFlag.AlignVCenter)


class Flow(QLayout):
    """Widgets side by side over the whole width, on as many lines as they need.

    Each line is filled: what is left of it is shared out by ``shares``. A share of 0 keeps the
    width that the widget asks for. Where none are given, lines are of like length, too.
    """

    def __init__(self, *widgets: QWidget, shares: tuple[int, ...] = ()) -> None:
        super().__init__()
        self._parts: list[QLayoutItem] = []
        self._shares = shares
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(GAP)
        for widget in widgets:
            self.addWidget(widget)

    def addItem(self, item: QLayoutItem | None) -> None:
        """Take a part, as Qt does."""
        if item is not None:
            self._parts.append(item)

    def insert(self, index: int, widget: QWidget) -> None:
        """Put a widget before others; from another layout, it moves."""
        self.addChildWidget(widget)
        self._parts.insert(index, QWidgetItem(widget))
        self.invalidate()

    def count(self) -> int:
        """How many parts there are."""
        return len(self._parts)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return a part."""
        return self._parts[index] if 0 <= index < len(self._parts) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Give a part away."""
        return self._parts.pop(index) if 0 <= index < len(self._parts) else None

    def expandingDirections(self) -> Qt.Orientation:
        """Across, never down."""
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:
        """Say that a narrow one is higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all lines."""
        return self._lay_out(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        """Put the parts into their places."""
        super().setGeometry(rect)
        self._lay_out(rect, move=True)

    def sizeHint(self) -> QSize:
        """Ask for one line."""
        sizes = [_asked(part) for _, part in self._seen()]
        gaps = self.spacing() * max(0, len(sizes) - 1)
        return QSize(
            sum(s.width() for s in sizes) + gaps, max((s.height() for s in sizes), default=0)
        )

    def minimumSize(self) -> QSize:
        """Ask for the widest part at least."""
        sizes = [part.minimumSize() for _, part in self._seen()]
        return QSize(
            max((s.width() for s in sizes), default=0),
            max((s.height() for s in sizes), default=0),
        )

    def _seen(self) -> list[tuple[int, QLayoutItem]]:
        """Return the parts that are not hidden, each with its share of the room left."""
        return [
            (self._shares[i] if i < len(self._shares) else 1, part)
            for i, part in enumerate(self._parts)
            if not part.isEmpty()
        ]

    def _lay_out(self, rect: QRect, *, move: bool) -> int:
        top = rect.y()
        for line in self._lines(rect.width()):
            height = self._fill(line, QRect(rect.x(), top, rect.width(), 0), move=move)
            top += height + self.spacing()
        return max(0, top - self.spacing() - rect.y())

    def _lines(self, width: int) -> list[list[tuple[int, QLayoutItem]]]:
        """Return what stands on each line: as few as can be, and of parts that are alike equal."""
        parts = [(share, part, _width(part, width)) for share, part in self._seen()]
        lines = self._break(parts, width)
        if self._shares or len(lines) < 2:
            return lines
        low, high = 0, width
        while low < high:  # the narrowest that needs no line more
            middle = (low + high) // 2
            if len(self._break(parts, middle)) > len(lines):
                low = middle + 1
            else:
                high = middle
        return self._break(parts, high)

    def _break(
        self, parts: list[tuple[int, QLayoutItem, int]], width: int
    ) -> list[list[tuple[int, QLayoutItem]]]:
        lines: list[list[tuple[int, QLayoutItem]]] = []
        left = 0
        for share, part, asked in parts:
            if not lines or asked > left:
                lines.append([])
                left = width
            lines[-1].append((share, part))
            left -= asked + self.spacing()
        return lines

    def _fill(self, line: list[tuple[int, QLayoutItem]], rect: QRect, *, move: bool) -> int:
        """Return the height of a line; put its parts there where asked to."""
        asked = [_width(part, rect.width()) for _, part in line]
        room = max(0, rect.width() - sum(asked) - self.spacing() * (len(line) - 1))
        shares = sum(share for share, _ in line)
        widths = [
            min(width + (room * share // shares if shares else 0), rect.width())
            for (share, _), width in zip(line, asked, strict=True)
        ]
        height = max(_height(part, w) for (_, part), w in zip(line, widths, strict=True))
        x = rect.x()
        for (_, part), width in zip(line, widths, strict=True):
            if move:
                part.setGeometry(QRect(QPoint(x, rect.y()), QSize(width, height)))
            x += width + self.spacing()
        return height


def _asked(part: QLayoutItem) -> QSize:
    return part.sizeHint().expandedTo(part.minimumSize())


def _width(part: QLayoutItem, most: int) -> int:
    """Return what a part asks for, or as little as it can do with where that is too much."""
    return max(part.minimumSize().width(), min(_asked(part).width(), most))


def _height(part: QLayoutItem, width: int) -> int:
    return part.heightForWidth(width) if part.hasHeightForWidth() else _asked(part).height()


class WrapCheck(QCheckBox):
    """A check box whose words take a second line rather than be cut off."""

    def __init__(self, text: str = "", name: str = "") -> None:
        super().__init__(text)
        self.setObjectName(name)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        """Ask for one line."""
        asked = super().sizeHint()
        return QSize(asked.width() + 4, asked.height())  # wrapping is a little less exact

    def minimumSizeHint(self) -> QSize:
        """Ask for the longest word."""
        words = self.text().split() or [""]
        widest = max(self.fontMetrics().horizontalAdvance(word) for word in words)
        return QSize(self._beside() + widest, super().sizeHint().height())

    def hasHeightForWidth(self) -> bool:
        """Say that a narrow one is higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of the words at a width."""
        room = QRect(0, 0, max(10, width - self._beside()), 10_000)
        return max(
            super().sizeHint().height(),
            self.fontMetrics().boundingRect(room, _WORDS, self.text()).height() + 4,
        )

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the box, and the words wrapped beside it."""
        painter, option = QStylePainter(self), QStyleOptionButton()
        self.initStyleOption(option)
        text, option.text = option.text, ""
        painter.drawControl(QStyle.ControlElement.CE_CheckBox, option)
        room = self.rect().adjusted(self._beside(), 0, 0, 0)
        style = self.style()
        if style is not None:
            role = self.foregroundRole()
            style.drawItemText(painter, room, _WORDS, self.palette(), self.isEnabled(), text, role)

    def _beside(self) -> int:
        """Return the width of the box with the gap behind it."""
        return super().sizeHint().width() - self.fontMetrics().horizontalAdvance(self.text())


class LineButton(QPushButton):
    """A line of words that is pressed like a title; its name stays whole as long as it can."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setCheckable(True)
        self._rest: tuple[str, ...]
        self._spare: tuple[str, ...]
        self._first, self._rest, self._spare = "", (), ()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setStyleSheet("text-align: left; border: none; background: transparent; padding: 2px;")
        self.toggled.connect(lambda _: self._fit())

    def say(self, first: str, *rest: str, spare: tuple[str, ...] = ()) -> None:
        """Show ``first · rest``; the whole of it is in the tooltip.

        Where that is too much, the parts in ``spare`` go in their order, then from the last.
        """
        self._first, self._rest, self._spare = first, rest, spare
        self._fit()
        self.updateGeometry()

    def words(self) -> str:
        """Return all that it says, whatever is in sight."""
        return " · ".join(filter(None, (self._first, *self._rest)))

    def sizeHint(self) -> QSize:
        """Ask for some of the name: what is beside it has the rest of the line."""
        wide = self.fontMetrics().horizontalAdvance(f"▸ {self._first[:_SOME]}") + _PAD
        return QSize(wide, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Never widen the dock."""
        return QSize(40, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Shorten for another width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        metrics = self.fontMetrics()
        arrow = "▾ " if self.isChecked() else "▸ "
        room = self.width() - _PAD - metrics.horizontalAdvance(arrow)
        rest, going = list(self._rest), self._going()
        name = metrics.horizontalAdvance(self._first)
        while rest and metrics.horizontalAdvance(f" · {' · '.join(rest)}") + name > room:
            rest.remove(going.pop(0))
        behind = "".join(f" · {part}" for part in rest)
        for_first = room - metrics.horizontalAdvance(behind)
        shown = metrics.elidedText(self._first, Qt.TextElideMode.ElideMiddle, for_first) + behind
        self.setText(arrow + shown)
        self.setToolTip(self.words())

    def _going(self) -> list[str]:
        """Return what is behind the name, what can be missed first in front."""
        spare = [part for part in self._spare if part in self._rest]
        return spare + [part for part in reversed(self._rest) if part not in spare]


class Eliding(QObject):
    """Draws the word of a menu with an … where it has no room; a style sheet cuts it off."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Draw the menu in its place."""
        if event is None or event.type() != QEvent.Type.Paint or not isinstance(watched, QComboBox):
            return False
        option = QStyleOptionComboBox()
        watched.initStyleOption(option)
        style = watched.style()
        assert style is not None
        menu, edit = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
        room = style.subControlRect(menu, option, edit, watched).width() - 4
        words, middle = option.currentText, Qt.TextElideMode.ElideMiddle
        option.currentText = watched.fontMetrics().elidedText(words, middle, room)
        painter = QStylePainter(watched)
        painter.setPen(watched.palette().text().color())
        painter.drawComplexControl(menu, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        return True
