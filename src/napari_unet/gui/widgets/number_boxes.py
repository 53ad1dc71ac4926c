"""Number boxes that keep the number they were given: 0.001 stays 0.001, empty can mean None."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import QLocale, QSize
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QSpinBox

_DECIMALS = 12
TINY = 10.0**-_DECIMALS  # the least difference that a box shows
LARGEST = 10**9
_READS_WELL = 0.001
_LEAST, _BUTTONS = 80, 64  # px: of a box; of its two buttons and the margins
_State = QValidator.State


class _Box:
    """What both boxes share: None is the place below the lowest number, shown as words.

    The words for None are ``none``; without them the box always holds a number.
    """

    _low = 0.0
    _first = 0.0  # where a step leads from None
    _none = ""  # Qt validates before there are words

    def _set_up(self: Any, below: float, high: float) -> None:
        self.setRange(below if self._none else self._low, high)
        self.setSpecialValueText(self._none)
        self.setKeyboardTracking(False)
        self.valueChanged.connect(lambda _: self.updateGeometry())

    def setSuffix(self: Any, suffix: str | None) -> None:
        """Show a unit, and make room for it."""
        super().setSuffix(suffix)  # type: ignore[misc]
        self.updateGeometry()

    def sizeHint(self: Any) -> QSize:
        """Ask for what is shown now; Qt asks for the longest number that could be."""
        self.ensurePolished()
        words = self.fontMetrics().horizontalAdvance(f"{self.text()} ")
        return QSize(max(_LEAST, words + _BUTTONS), super().sizeHint().height())  # type: ignore[misc]

    def minimumSizeHint(self: Any) -> QSize:
        """Ask for what is shown now."""
        return self.sizeHint()

    def value(self) -> Any:
        """Return the number, or None."""
        number = super().value()  # type: ignore[misc]
        return None if self._none and number < self._low else number

    def setValue(self: Any, value: float | None) -> None:
        """Show the number, or the words for None."""
        super().setValue(self.minimum() if value is None else value)  # type: ignore[misc]
        self.updateGeometry()

    def stepBy(self: Any, steps: int) -> None:
        """Step; from None to the lowest number that reads well, and below the lowest to None."""
        if self._none and self.value() is None:
            self.setValue(self._first if steps > 0 else None)
            return
        super().stepBy(steps)  # type: ignore[misc]
        if self._none and self.value() is None:
            self.setValue(None)  # the step may have ended between the two

    def _stands_for_none(self: Any, text: str | None) -> bool:
        return bool(self._none) and self._bare(text) in ("", self._none)

    def _bare(self: Any, text: str | None) -> str:
        return (text or "").removesuffix(self.suffix()).strip()


class WholeBox(_Box, QSpinBox):
    """A whole number, or None where ``none`` gives the words for it."""

    def __init__(
        self, low: int = 0, high: int = LARGEST, step: int | None = None, none: str = ""
    ) -> None:
        super().__init__()
        self._low, self._first, self._none = low, low, none
        self.setSingleStep(step or 1)
        self._set_up(low - (step or 1), high)

    def validate(self, text: str | None, position: int) -> Any:
        """Accept whole numbers in the range; an empty box where None is allowed."""
        if self._stands_for_none(text):
            return _State.Acceptable, text, position
        state, text, position = super().validate(text, position)
        if state == _State.Acceptable and super().valueFromText(text) < self._low:
            state = _State.Intermediate  # the place of None is no number
        return state, text, position

    def valueFromText(self, text: str | None) -> int:
        """Read an empty box as None."""
        return self.minimum() if self._stands_for_none(text) else super().valueFromText(text)


class DecimalBox(_Box, QDoubleSpinBox):
    """A decimal number written as short as it can be, or None where ``none`` has words for it."""

    def __init__(
        self,
        low: float = -LARGEST,
        high: float = LARGEST,
        step: float | None = None,
        none: str = "",
    ) -> None:
        super().__init__()
        self.setLocale(QLocale.c())
        self.setDecimals(_DECIMALS)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        if step:
            self.setStepType(QAbstractSpinBox.StepType.DefaultStepType)
            self.setSingleStep(step)
        self._low, self._first, self._none = low, max(low, min(_READS_WELL, high)), none
        self._set_up(low - 1, high)

    def textFromValue(self, value: float) -> str:
        """Write 0.001 as 0.001 and 5 as 5."""
        if abs(value) < 1e-3:
            return f"{value:.10g}"
        return f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")

    def valueFromText(self, text: str | None) -> float:
        """Read what was typed; an empty box as None."""
        bare = self._bare(text)
        return float(bare) if bare and bare != self._none else self.minimum()

    def validate(self, text: str | None, position: int) -> Any:
        """Accept any number in the range, also ``1e-4``; an empty box where None is allowed."""
        return self._state(text), text, position

    def _state(self, text: str | None) -> QValidator.State:
        bare = self._bare(text)
        if self._stands_for_none(text):
            return _State.Acceptable
        try:
            number = float(bare)
        except ValueError:
            half = not bare or bare in "-.+" or bare.lower().rstrip("+-").endswith("e")
            return _State.Intermediate if half else _State.Invalid
        if not math.isfinite(number):
            return _State.Invalid
        within = self._low <= number <= self.maximum()
        return _State.Acceptable if within else _State.Intermediate
