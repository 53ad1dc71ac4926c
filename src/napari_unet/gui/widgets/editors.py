"""Editors of one value, all with ``value()``, ``setValue()`` and ``valueChanged``.

Numbers have their boxes in `number_boxes`.
"""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QLineEdit


class TextEditor(QLineEdit):
    """A line that holds any value that can be typed: numbers, lists of numbers, words."""

    valueChanged = Signal(object)

    def __init__(self, annotation: Any, hint: str = "") -> None:
        super().__init__()
        self._adapter = TypeAdapter(annotation)
        self._annotation = annotation
        self.setPlaceholderText(hint)
        self.textEdited.connect(self.valueChanged.emit)

    def value(self) -> Any:
        """Return the typed value; ValueError with what was expected."""
        text = self.text().strip()
        if self._annotation is str:
            return text
        words: Any = text or (() if get_origin(self._annotation) is tuple else None)
        a_number = text.lstrip("-").replace(".", "", 1).isdigit()
        if "," in text or (_wants_tuple(self._annotation) and a_number):
            words = tuple(part.strip() for part in text.split(",") if part.strip())
        try:
            return self._adapter.validate_python(words)
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].lower()) from error

    def setValue(self, value: Any) -> None:
        """Show ``value``."""
        many = isinstance(value, tuple)
        self.setText("" if value is None else ", ".join(map(str, value)) if many else str(value))


class ChoiceEditor(QComboBox):
    """One of a few words."""

    valueChanged = Signal(object)

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        for word in words:
            self.addItem(_spoken(word), word)
        self.currentIndexChanged.connect(lambda _: self.valueChanged.emit(self.value()))

    def value(self) -> str:
        """Return the chosen word, as the settings spell it."""
        return str(self.currentData())

    def setValue(self, value: str) -> None:
        """Choose ``value``."""
        self.setCurrentIndex(self.findData(value))


class CheckEditor(QCheckBox):
    """Yes or no."""

    valueChanged = Signal(object)

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.toggled.connect(self.valueChanged.emit)

    def value(self) -> bool:
        """Whether it is ticked."""
        return self.isChecked()

    def setValue(self, value: bool) -> None:
        """Tick it or not."""
        self.setChecked(value)


def _spoken(word: str) -> str:
    known = {
        "cpu": "CPU",
        "cuda": "CUDA (NVIDIA)",
        "mps": "MPS (Apple)",
        "bce_dice": "BCE + Dice",
        "bce": "BCE",
    }
    return known.get(word, word.replace("_", " "))


def _wants_tuple(annotation: Any) -> bool:
    return get_origin(annotation) is tuple or any(_wants_tuple(a) for a in get_args(annotation))
