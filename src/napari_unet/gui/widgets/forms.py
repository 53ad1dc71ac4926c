"""Settings to form and back: one generic form for any settings value.

``value()``, ``setValue()`` and ``valueChanged`` as in pymmcore-widgets. Titles, descriptions,
ranges and units come from the fields; fields marked ``advanced`` go under *Advanced*.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import Settings
from napari_unet.gui.widgets.editors import CheckEditor, ChoiceEditor, TextEditor
from napari_unet.gui.widgets.number_boxes import DecimalBox, WholeBox
from napari_unet.gui.widgets.parts import Disclosure, add_field, form_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

_CUSTOM = "custom"  # what is none of the presets
Editor = Any  # a QWidget with value(), setValue() and valueChanged


class SettingsForm(QWidget):
    """A form that edits one frozen settings value.

    Parameters
    ----------
    settings
        The value to begin with; its type gives the fields.
    fields
        Names of the fields to show; all where left out. Others keep the value they had.
    name
        Prefix of the editors' object names: ``segment`` gives ``segment.min_size``.
    plain
        Names of the fields in sight; those not marked ``advanced`` where left out.
    more
        Title under which the other fields are.

    """

    valueChanged = Signal(object)

    def __init__(
        self,
        settings: Settings,
        fields: Iterable[str] | None = None,
        name: str = "",
        plain: Iterable[str] | None = None,
        more: str = "Advanced",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        kind = type(settings)
        shown = tuple(kind.model_fields if fields is None else fields)
        self.editors: dict[str, Editor] = {}
        self.rows, advanced = form_rows(), QWidget(self)
        advanced_rows = form_rows(advanced)
        for field in shown:
            info = kind.model_fields[field]
            editor = _editor(info, getattr(settings, field))
            editor.setObjectName(f"{name}.{field}" if name else field)
            editor.setToolTip(info.description or info.title or field)
            editor.setValue(getattr(settings, field))
            editor.valueChanged.connect(self._on_edit)
            self.editors[field] = editor
            hidden = _extra(info).get("advanced") if plain is None else field not in plain
            _add_row(advanced_rows if hidden else self.rows, info, editor)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self.rows)
        if advanced_rows.rowCount():
            column.addWidget(Disclosure(more, advanced))
        else:
            advanced.deleteLater()

    def value(self) -> Any:
        """Return the settings as edited; `BadInput` names the field that cannot be."""
        changes: dict[str, Any] = {}
        for field, editor in self.editors.items():
            title = type(self._settings).model_fields[field].title or field
            try:
                changes[field] = editor.value()
            except ValueError as error:
                raise BadInput(
                    f"{title} is '{editor.text()}'", str(error), "correct it, or empty it"
                ) from error
        try:
            return self._settings.replace(**changes)
        except ValidationError as error:
            first = error.errors()[0]
            title = type(self._settings).model_fields[str(first["loc"][0])].title
            raise BadInput(f"{title} is {first['input']!r}", first["msg"], "correct it") from error

    def setValue(self, settings: Settings) -> None:
        """Show ``settings``; fields that the form does not show are kept from it too."""
        before = self._settings
        self._settings = settings
        for field, editor in self.editors.items():
            with signals_blocked(editor):
                editor.setValue(getattr(settings, field))
        if settings != before:
            self.valueChanged.emit(settings)

    def _on_edit(self, *_: Any) -> None:
        try:
            self._settings = self.value()
        except BadInput:  # half typed: said when the value is asked for
            return
        self.valueChanged.emit(self._settings)


class GroupEditor(Disclosure):
    """A settings value inside another one, with its presets where it has some."""

    valueChanged = Signal(object)

    def __init__(self, title: str, settings: Settings) -> None:
        self._form = SettingsForm(settings)
        self._presets = type(settings).presets()
        super().__init__(title, self._form)
        if self._presets:
            self.preset = ChoiceEditor((*self._presets, _CUSTOM))
            self.preset.setObjectName("preset")
            self.preset.setToolTip("Sets all fields below")
            self._form.rows.insertRow(0, "Preset", self.preset)
            self._show_preset(settings)
            self.preset.valueChanged.connect(self._on_preset)
        self._form.valueChanged.connect(self._on_form)

    def value(self) -> Any:
        """Return the inner settings."""
        return self._form.value()

    def setValue(self, value: Settings) -> None:
        """Show the inner settings."""
        self._form.setValue(value)

    def _on_form(self, value: Settings) -> None:
        if self._presets:
            self._show_preset(value)
        self.valueChanged.emit(value)

    def _on_preset(self, name: str) -> None:
        if name in self._presets:
            self._form.setValue(self._presets[name])

    def _show_preset(self, value: Settings) -> None:
        name = next((n for n, preset in self._presets.items() if preset == value), _CUSTOM)
        with signals_blocked(self.preset):
            self.preset.setValue(name)


def _editor(info: FieldInfo, value: Any) -> Editor:
    kind, optional = _kind(info.annotation)
    if isinstance(value, Settings):
        return GroupEditor(info.title or "", value)
    if kind is bool:
        return CheckEditor(info.title or "")
    if get_origin(kind) is Literal:
        return ChoiceEditor(get_args(kind))
    if kind in (int, float):
        box: WholeBox | DecimalBox = (WholeBox if kind is int else DecimalBox)(
            low=_bound(info, "ge"),
            above=_bound(info, "gt"),
            high=_bound(info, "le"),
            below=_bound(info, "lt"),
            step=_bound(info, "multiple_of"),
            none=_no_number(info) if optional else None,
        )
        unit = _extra(info).get("unit")
        box.setSuffix(f" {unit}" if unit else "")
        return box
    hint = _extra(info).get("none") or ("automatic" if optional else "")
    return TextEditor(info.annotation, hint)


def _no_number(info: FieldInfo) -> str:
    """Words for None."""
    words: str = _extra(info).get("none") or "automatic"
    return words if info.default is None else "no limit"


def _kind(annotation: Any) -> tuple[Any, bool]:
    """(type, whether None is allowed); a union of several other types is given back as it is."""
    if get_origin(annotation) in (Union, types.UnionType):
        others = [a for a in get_args(annotation) if a is not type(None)]
        if len(others) == 1 and len(others) < len(get_args(annotation)):
            return others[0], True
    return annotation, False


def _bound(info: FieldInfo, name: str) -> Any:
    return next((getattr(m, name) for m in info.metadata if hasattr(m, name)), None)


def _extra(info: FieldInfo) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _add_row(rows: QFormLayout, info: FieldInfo, editor: Editor) -> None:
    if isinstance(editor, CheckEditor | GroupEditor):
        rows.addRow(editor)
    else:
        add_field(rows, info.title or "", editor)
