"""Qt editors of one value, all with ``value()``, ``setValue()`` and ``valueChanged``.

Scripts use them by these names (docs/gui-names.md). Numbers have their boxes in `number_boxes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLineEdit

from napari_unet.gui.widgets.parts import narrow

if TYPE_CHECKING:
    from collections.abc import Mapping


class TextEditor(QLineEdit):
    """A line that holds any value that can be typed: numbers, lists of numbers, words."""

    valueChanged = Signal(object)

    def __init__(self, annotation: Any, hint: str = "") -> None:
        super().__init__()
        self._adapter = TypeAdapter(annotation)
        self._many = _wants_tuple(annotation)
        self._empty: Any = () if get_origin(annotation) is tuple else None
        self.setPlaceholderText(hint)
        self.textEdited.connect(self.valueChanged.emit)

    def value(self) -> Any:
        """Return the typed value; ValueError with what was expected."""
        text = self.text().strip()
        words: Any = text or self._empty
        a_number = text.lstrip("-").replace(".", "", 1).isdigit()
        if "," in text or (self._many and a_number):
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
    """One of a few values, each with the words it is shown in."""

    valueChanged = Signal(object)

    def __init__(self, words: Mapping[str, str]) -> None:
        super().__init__()
        narrow(self)
        for value, shown in words.items():
            self.addItem(shown, value)
        self.currentIndexChanged.connect(lambda _: self.valueChanged.emit(self.value()))

    def value(self) -> str:
        """Return the chosen value, as the settings spell it."""
        return str(self.currentData())

    def setValue(self, value: str) -> None:
        """Choose ``value``."""
        self.setCurrentIndex(self.findData(value))


def _wants_tuple(annotation: Any) -> bool:
    return get_origin(annotation) is tuple or any(_wants_tuple(a) for a in get_args(annotation))
