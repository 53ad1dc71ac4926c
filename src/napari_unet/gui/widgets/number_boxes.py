"""Number boxes that keep the number they were given: 0.001 stays 0.001, empty can mean None."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import QLocale
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QSpinBox, QWidget

_DECIMALS = 12
_LARGEST = 10**9


class WholeBox(QSpinBox):
    """A whole number, or None where ``none`` gives the words for it (below the lowest number)."""

    def __init__(
        self,
        low: int | None = None,
        above: int | None = None,
        high: int | None = None,
        below: int | None = None,
        step: int | None = None,
        none: str | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        step = int(step or 1)
        lowest = int(low if low is not None else above + 1 if above is not None else 0)
        highest = int(high if high is not None else below - 1 if below is not None else _LARGEST)
        self._none = none
        self.setRange(lowest - step if none else lowest, highest)
        self.setSingleStep(step)
        self.setSpecialValueText(none or "")
        self.setKeyboardTracking(False)
        self.setMinimumWidth(80)

    def value(self) -> int | None:  # type: ignore[override]
        """Return the number, or None."""
        number = super().value()
        return None if self._none and number == self.minimum() else number

    def setValue(self, value: int | None) -> None:
        """Show the number, or the words for None."""
        super().setValue(self.minimum() if value is None else int(value))

    def validate(self, text: str | None, position: int) -> Any:
        """Let an empty box stand for None."""
        if self._none and not (text or "").removesuffix(self.suffix()).strip():
            return QValidator.State.Acceptable, text, position
        return super().validate(text, position)

    def valueFromText(self, text: str | None) -> int:
        """Read an empty box as None."""
        if self._none and not (text or "").removesuffix(self.suffix()).strip():
            return self.minimum()
        return super().valueFromText(text)


class DecimalBox(QDoubleSpinBox):
    """A decimal number written as short as it can be, or None where ``none`` has words for it."""

    def __init__(
        self,
        low: float | None = None,
        above: float | None = None,
        high: float | None = None,
        below: float | None = None,
        step: float | None = None,
        none: str | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        tiny = 10.0**-_DECIMALS
        self._none = none
        self.setLocale(QLocale.c())
        self.setDecimals(_DECIMALS)
        lowest = low if low is not None else above if above is not None else -_LARGEST
        if above is not None and not none:
            lowest = above + tiny
        elif low is not None and none:
            lowest = low - 1
        highest = high if high is not None else below - tiny if below is not None else _LARGEST
        self.setRange(float(lowest), float(highest))
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        if step:
            self.setStepType(QAbstractSpinBox.StepType.DefaultStepType)
            self.setSingleStep(step)
        self.setSpecialValueText(none or "")
        self.setKeyboardTracking(False)
        self.setMinimumWidth(80)

    def value(self) -> float | None:  # type: ignore[override]
        """Return the number, or None."""
        number = super().value()
        return None if self._none and number == self.minimum() else number

    def setValue(self, value: float | None) -> None:
        """Show the number, or the words for None."""
        super().setValue(self.minimum() if value is None else float(value))

    def textFromValue(self, value: float) -> str:
        """Write 0.001 as 0.001 and 5 as 5."""
        return f"{value:.10g}" if abs(value) < 1e-3 else f"{value:.10f}".rstrip("0").rstrip(".")

    def valueFromText(self, text: str | None) -> float:
        """Read what was typed; an empty box as None."""
        bare = (text or "").removesuffix(self.suffix()).strip()
        if not bare or bare == self._none:
            return self.minimum()
        return float(bare)

    def validate(self, text: str | None, position: int) -> Any:
        """Accept any number in the range, also ``1e-4``; an empty box where None is allowed."""
        bare = (text or "").removesuffix(self.suffix()).strip()
        if not bare or bare == self._none:
            state = QValidator.State.Acceptable if self._none else QValidator.State.Intermediate
            return state, text, position
        try:
            number = float(bare)
        except ValueError:
            half = bare.lower() in ("-", ".", "+") or bare.lower().rstrip("+-").endswith("e")
            return (
                (QValidator.State.Intermediate if half else QValidator.State.Invalid),
                text,
                position,
            )
        if not math.isfinite(number):
            return QValidator.State.Invalid, text, position
        within = self.minimum() <= number <= self.maximum()
        return (
            (QValidator.State.Acceptable if within else QValidator.State.Intermediate),
            text,
            position,
        )

    def stepBy(self, steps: int) -> None:
        """Step from None to the lowest number that reads well, and back."""
        if self._none and super().value() == self.minimum() and steps > 0:
            self.setValue(
                max(0.001, self.minimum() + 0.001) if self.minimum() <= 0 else self.minimum() + 1
            )
            return
        super().stepBy(steps)
