"""Settings to form and back: one generic form for any settings value.

Titles, descriptions, ranges and units come from the fields. Those marked ``advanced`` are under
*Advanced*, and are built when that is first opened: a dock opens at once, however many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container
from pydantic import ValidationError
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import Settings
from napari_unet.gui.widgets.editors import ChoiceEditor
from napari_unet.gui.widgets.fields import TYPES, FieldEdit, field_widget, is_advanced, qt_editor
from napari_unet.gui.widgets.parts import GAP, TITLE_WIDTH, Fold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from magicgui.widgets.bases import BaseValueWidget
    from qtpy.QtGui import QShowEvent

CUSTOM = "custom"  # what is none of the presets
_WIDEST_TITLE = 130  # longer ones wrap: the fields need the room


class SettingsForm(QWidget):
    """A form that edits one frozen settings value.

    ``value()``, ``setValue()`` and ``valueChanged`` are as in pymmcore-widgets.

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
    apart
        Names of fields whose editors a dock puts elsewhere (`editor`); they are of the value.

    """

    valueChanged = Signal(object)
    unfolded = Signal()  # the advanced fields are built

    def __init__(
        self,
        settings: Settings,
        fields: Iterable[str] | None = None,
        name: str = "",
        plain: Iterable[str] | None = None,
        more: str = "Advanced",
        apart: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self._settings = settings
        self._name = name
        self._widgets: dict[str, BaseValueWidget[Any]] = {}
        self._containers: list[Container[Any]] = []
        known = type(settings).model_fields
        self._make(apart)
        shown = tuple(f for f in (known if fields is None else fields) if f not in self._widgets)
        if plain is None:
            plain = [field for field in shown if not is_advanced(known[field])]
        rest = [field for field in shown if field not in plain]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        in_sight = [field for field in shown if field in plain]
        self.advanced = Fold(more, lambda: self._build(rest)) if rest else None
        if in_sight:
            column.addWidget(self._build(in_sight))
        if self.advanced is not None:
            self.advanced.built.connect(self._align_titles)
            self.advanced.built.connect(self.unfolded)
            column.addWidget(self.advanced)

    @property
    def editors(self) -> dict[str, Any]:
        """The Qt editors by their fields, those of *Advanced* only once that was opened."""
        return {field: qt_editor(widget) for field, widget in self._widgets.items()}

    def editor(self, field: str) -> Any:
        """Return the Qt editor of a field, built now where it is not yet."""
        if field not in self._widgets and self.advanced is not None:
            self.advanced.build()
        return self.editors[field]

    def value(self) -> Any:
        """Return the settings as edited; `BadInput` names the field that cannot be."""
        changes: dict[str, Any] = {}
        for field, widget in self._widgets.items():
            try:
                changes[field] = widget.value
            except ValueError as error:
                raise BadInput(
                    f"{widget.label} is '{qt_editor(widget).text()}'",
                    str(error),
                    "correct it, or empty it",
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
        for field, widget in self._widgets.items():
            with widget.changed.blocked(), signals_blocked(qt_editor(widget)):
                widget.value = getattr(settings, field)
        if settings != before:
            self.valueChanged.emit(settings)

    def show_fields(self, fields: Collection[str]) -> None:
        """Show these fields with their titles, of those that are built, and hide the others."""
        for field, widget in self._widgets.items():
            row = widget.native.parentWidget()
            apart = not any(row is one.native for one in self._containers)
            (row if apart else widget.native).setVisible(field in fields)

    def insert(self, title: str, editor: Any) -> None:
        """Put an editor that is of no field on top of the fields built last."""
        self._containers[-1].insert(0, FieldEdit(editor, label=title))
        _align_titles(self._containers[-1])  # magicgui gives all the width of the longest

    def _make(self, fields: Iterable[str]) -> list[BaseValueWidget[Any]]:
        """Return magicgui widgets of these fields."""
        known = type(self._settings).model_fields
        made = {f: field_widget(f, known[f], getattr(self._settings, f)) for f in fields}
        for field, widget in made.items():
            qt_editor(widget).setObjectName(f"{self._name}.{field}" if self._name else field)
            widget.changed.connect(self._on_edit)
        self._widgets |= made
        return list(made.values())

    def _build(self, fields: list[str]) -> QWidget:
        """Return a magicgui container with these fields."""
        container = Container(widgets=self._make(fields))
        container.margins = (0, 0, 0, 0)
        container.native.layout().setSpacing(GAP)
        self._containers.append(container)
        return container.native

    def showEvent(self, event: QShowEvent | None) -> None:
        """Align the titles, whose font is that of napari's theme only now."""
        super().showEvent(event)
        self._align_titles()

    def _align_titles(self) -> None:
        for container in self._containers:
            _align_titles(container)

    def _on_edit(self, *_: Any) -> None:
        try:
            self._settings = self.value()
        except BadInput:  # half typed: said when the value is asked for
            return
        self.valueChanged.emit(self._settings)


class GroupEditor(Fold):
    """Folds away a settings value that is inside another one; with its presets, if it has some."""

    valueChanged = Signal(object)

    def __init__(self, title: str, kind: type[Settings]) -> None:
        super().__init__(title, self._make)
        self._kind, self._value = kind, kind()
        self._presets = kind.presets()
        self._form: SettingsForm | None = None
        self._preset: ChoiceEditor | None = None

    @property
    def preset(self) -> ChoiceEditor | None:
        """The menu of presets; None where there are none."""
        self.build()
        return self._preset

    def value(self) -> Any:
        """Return the inner settings."""
        return self._form.value() if self._form is not None else self._value

    def setValue(self, value: Settings) -> None:
        """Show the inner settings."""
        self._value = value
        if self._form is not None:
            self._form.setValue(value)

    def _make(self) -> QWidget:
        self._form = SettingsForm(self._value)
        self._form.valueChanged.connect(self._on_form)
        if not self._presets:
            return self._form
        self._preset = ChoiceEditor({name: name for name in (*self._presets, CUSTOM)})
        self._preset.setObjectName("preset")
        self._preset.setToolTip("Sets all fields below")
        self._show_preset(self._value)
        self._preset.valueChanged.connect(self._on_preset)
        self._form.insert("Preset", self._preset)
        return self._form

    def _on_form(self, value: Settings) -> None:
        self._value = value
        self._show_preset(value)
        self.valueChanged.emit(value)

    def _on_preset(self, name: str) -> None:
        if name in self._presets:
            self.setValue(self._presets[name])

    def _show_preset(self, value: Settings) -> None:
        if self._preset is not None:
            name = next((n for n, preset in self._presets.items() if preset == value), CUSTOM)
            with signals_blocked(self._preset):
                self._preset.setValue(name)


class GroupEdit(FieldEdit):
    """Settings inside settings, which magicgui has no widget for."""

    def __init__(self, annotation: type[Settings], label: str = "", **options: Any) -> None:
        editor = GroupEditor(label, annotation)
        super().__init__(editor, annotation=annotation, label=label, **options)


TYPES.register_type(Settings, widget_type=GroupEdit)


def _align_titles(container: Container[Any]) -> None:
    """Give all titles one width, and let long ones wrap; a group is its own title."""
    titles = {}
    for widget in container:
        row = widget.native.parentWidget()
        if row is not container.native:  # a check box has its title beside it
            row.layout().setSpacing(GAP)
            direct = Qt.FindChildOption.FindDirectChildrenOnly
            titles[widget] = row.findChild(QLabel, options=direct)
    for title in titles.values():
        title.ensurePolished()
        title.setWordWrap(False)
    widest = max((title.sizeHint().width() for title in titles.values()), default=0)
    for widget, title in titles.items():
        title.setFixedWidth(min(max(TITLE_WIDTH, widest), _WIDEST_TITLE))
        title.setWordWrap(True)
        title.setHidden(isinstance(widget, GroupEdit))
