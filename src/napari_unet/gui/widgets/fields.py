"""A field of the settings as a magicgui widget: which one, from its type; its options, from it.

`TYPES` is a type map of our own, so that forms of other plugins keep magicgui's widgets. Yes or no
and words are magicgui's; what its widgets cannot hold is edited by ours, each wrapped in a
`FieldEdit`.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from magicgui.type_map import TypeMap
from magicgui.types import Undefined
from magicgui.widgets import CheckBox, LineEdit
from magicgui.widgets.bases import ValuedContainerWidget

from napari_unet.engine.settings import Loss, TrainSettings
from napari_unet.gui.widgets.editors import ChoiceEditor, TextEditor
from napari_unet.gui.widgets.number_boxes import LARGEST, TINY, DecimalBox, WholeBox

if TYPE_CHECKING:
    from magicgui.widgets.bases import BaseValueWidget
    from pydantic.fields import FieldInfo


def _sum_in_words(loss: str) -> str:
    """``bce_dice`` as ``BCE + Dice``."""
    words = {"bce": "BCE", "ce": "CE", "dice": "Dice", "focal": "Focal"}
    return " + ".join(words[term] for term in loss.split("_"))


_WORDS = {
    "cpu": "CPU",
    "cuda": "CUDA (NVIDIA)",
    "mps": "MPS (Apple)",
    "adamw": "AdamW",
    "adam": "Adam",
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "warmup_cosine": "warm-up + cosine",
    "one_cycle": "one-cycle",
    **{loss: _sum_in_words(loss) for loss in get_args(get_args(Loss)[0])},
    "unet": "U-Net",  # as the networks call themselves: they bring torch in, a dock must not
    "unet-2015": "U-Net of 2015",
    "unet-notebook": "U-Net of the notebooks",
    "unet++": "U-Net++",
    "resunet": "Residual U-Net",
    "resnet18-unet": "U-Net on ResNet-18",
    "efficientnet-b2-unet": "U-Net on EfficientNet-B2",
    "attention-unet": "Attention U-Net",
    "unetr": "UNETR",
    "segresnet-vae": "SegResNet with VAE",
    "nnunet": "nnU-Net",
    "nnunet-optimised": "nnU-Net, optimised",
}


def recipe_words(name: str) -> str:
    """Say what a recipe is for: ``U-Net++ · BCE · Adam 0.0001``."""
    settings = TrainSettings().with_recipe(name)
    rate = f" {settings.learning_rate:g}" if settings.learning_rate else ""
    words = (_WORDS[x] for x in (name, settings.loss, settings.optimiser))
    return f"{' · '.join(words)}{rate}"


class FieldEdit(ValuedContainerWidget[Any]):
    """A Qt editor of ours, with ``value()`` and the like, as a magicgui widget.

    It is a container of one, as magicgui's own `TupleEdit` is one of several. ``changed`` says
    nothing while what is typed is no value yet.
    """

    def __init__(self, editor: Any, value: Any = Undefined, **options: Any) -> None:
        super().__init__(labels=False, **options)
        self.margins = (0, 0, 0, 0)
        self.native.layout().addWidget(editor)
        self.editor = editor
        if value is not Undefined:
            self.set_value(value)
        editor.valueChanged.connect(self._on_edit)

    def get_value(self) -> Any:
        """Return the value; ValueError while what is typed is none."""
        return self.editor.value()

    def set_value(self, value: Any) -> None:
        """Show the value."""
        self.editor.setValue(value)

    def _on_edit(self, *_: Any) -> None:
        try:
            value = self.get_value()
        except ValueError:
            return
        self.changed.emit(value)


class WholeEdit(FieldEdit):
    """A whole number. magicgui's raises on None, stops at 999 without a bound, has no unit."""

    def __init__(
        self,
        min: int = 0,
        max: int = LARGEST,
        step: int | None = None,
        none: str = "",
        unit: str = "",
        **options: Any,
    ) -> None:
        box = WholeBox(min, max, step, none)
        box.setSuffix(unit)
        super().__init__(box, **options)


class DecimalEdit(FieldEdit):
    """A decimal number. magicgui's raises on None, turns 0.0001 into 0, and has no unit."""

    def __init__(
        self,
        min: float = -LARGEST,
        max: float = LARGEST,
        step: float | None = None,
        none: str = "",
        unit: str = "",
        **options: Any,
    ) -> None:
        box = DecimalBox(min, max, step, none)
        box.setSuffix(unit)
        super().__init__(box, **options)


class TypedEdit(FieldEdit):
    """What is typed in a line. magicgui has no widget for tuples of any length or for unions."""

    def __init__(self, annotation: Any, none: str = "", **options: Any) -> None:
        super().__init__(TextEditor(annotation, none), annotation=annotation, **options)


class ChoiceEdit(FieldEdit):
    """One of a few words. magicgui's menu has no ``value()`` for scripts, and shows bare words."""

    def __init__(self, choices: Any, **options: Any) -> None:
        words = {x: _WORDS.get(x, x.replace("_", " ")) for x in choices}
        super().__init__(ChoiceEditor(words), **options)


_UNIONS = (Union, types.UnionType)
TYPES = TypeMap()
TYPES.register_type(bool, widget_type=CheckBox)  # before int: it is one
TYPES.register_type(int, widget_type=WholeEdit)
TYPES.register_type(float, widget_type=DecimalEdit)
TYPES.register_type(tuple, widget_type=TypedEdit)


def field_widget(name: str, info: FieldInfo, value: Any) -> BaseValueWidget[Any]:
    """Return the widget of one field, with its title, range, step, unit, words and tooltip."""
    kind, nullable = _kind(info.annotation)
    title = info.title or name
    options = {"tooltip": info.description or title, **_options(info, kind, nullable)}
    made = TYPES.create_widget(value, info.annotation, name, label=title, options=options)
    if isinstance(made, CheckBox):
        made.text = title
    elif isinstance(made, LineEdit):
        made.native.setPlaceholderText(_extra(info).get("none", ""))
    return made


def is_advanced(info: FieldInfo) -> bool:
    """Whether a field is shown under *Advanced* only."""
    return bool(_extra(info).get("advanced"))


def qt_editor(widget: BaseValueWidget[Any]) -> Any:
    """Return the Qt widget in which a field is edited."""
    return widget.editor if isinstance(widget, FieldEdit) else widget.native


def _options(info: FieldInfo, kind: Any, nullable: bool) -> dict[str, Any]:
    """Return what the type alone does not tell the type map."""
    extra = _extra(info)
    words = extra.get("none") or ("automatic" if nullable else "")
    if kind in (int, float):
        if nullable and info.default is not None:
            words = "no limit"
        unit = f" {extra['unit']}" if "unit" in extra else ""
        return {**_range(info, 1 if kind is int else TINY), "none": words, "unit": unit}
    if get_origin(kind) is Literal:
        return {"widget_type": ChoiceEdit}
    if (nullable and kind is str) or get_origin(kind) in _UNIONS:
        return {"widget_type": TypedEdit, "none": words}
    return {"none": words} if get_origin(kind) is tuple else {}


def _range(info: FieldInfo, tiny: float) -> dict[str, Any]:
    """``min``, ``max`` and ``step`` where the field has them; ``tiny`` inside an open end."""
    names = ("ge", "gt", "le", "lt", "multiple_of")
    said = {n: getattr(part, n) for part in info.metadata for n in names if hasattr(part, n)}
    ends = {
        "min": said.get("ge", said["gt"] + tiny if "gt" in said else None),
        "max": said.get("le", said["lt"] - tiny if "lt" in said else None),
        "step": said.get("multiple_of"),
    }
    return {name: end for name, end in ends.items() if end is not None}


def _kind(annotation: Any) -> tuple[Any, bool]:
    """(type, whether None is allowed); a union of several other types stays as it is."""
    if get_origin(annotation) in _UNIONS:
        others = [a for a in get_args(annotation) if a is not type(None)]
        if len(others) == 1 and len(others) < len(get_args(annotation)):
            return others[0], True
    return annotation, type(None) in get_args(annotation)


def _extra(info: FieldInfo) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
