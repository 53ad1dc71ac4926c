"""Settings to form and back, without a viewer."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from magicgui.type_map import get_widget_class
from magicgui.widgets import SpinBox
from qtpy.QtWidgets import QAbstractSpinBox, QLabel, QWidget

from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.networks import CONFIGS
from napari_unet.engine.settings import (
    Augmentation,
    CompareSettings,
    LabelSettings,
    OverlaySettings,
    PredictSettings,
    Settings,
    TrainSettings,
)
from napari_unet.gui.widgets.editors import TextEditor
from napari_unet.gui.widgets.forms import SettingsForm
from napari_unet.gui.widgets.number_boxes import TINY, DecimalBox
from napari_unet.gui.widgets.parts import build_folded

QUICK = hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize(
    "kind", [TrainSettings, PredictSettings, LabelSettings, OverlaySettings, Augmentation]
)
def test_form_of_the_defaults_gives_the_defaults(qtbot, kind):
    form = SettingsForm(kind())
    qtbot.addWidget(form)
    assert form.value() == kind()


@pytest.mark.parametrize(
    "settings",
    [
        TrainSettings(learning_rate=0.001),
        TrainSettings(learning_rate=3e-7, weight_decay=1e-6),
        TrainSettings(minutes=None, steps=12, crop=96, batch=3, filters=(8, 16, 32)),
        TrainSettings(validation=(3, 4, 5)),
        TrainSettings(validation="none", augmentation=Augmentation.preset("strong")),
        PredictSettings(tile=512, threads=2, scale=0.333),
        LabelSettings(threshold=0.9999, max_size=5000, min_size=0),
        OverlaySettings(crop=(0, 10, 100, 200), title_text="Zellen, 37 °C", fps=29.97),
    ],
)
def test_round_trip(qtbot, settings):
    form = SettingsForm(type(settings)())
    qtbot.addWidget(form)
    with qtbot.waitSignal(form.valueChanged) as signal:
        form.setValue(settings)
    assert signal.args == [settings]
    assert form.value() == settings


def limits(info: Any) -> list[Any]:
    """The outermost values that a field takes, by what pydantic knows of it."""
    kinds = [k for k in get_args(info.annotation) if k is not type(None)] or [info.annotation]
    tiny = 1 if int in kinds else TINY
    said = {
        name: getattr(part, name)
        for part in info.metadata
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length")
        if hasattr(part, name)
    }
    found = [said[name] for name in ("ge", "le") if name in said]
    found += [round(said["gt"] + tiny, 12)] if "gt" in said else []
    found += [round(said["lt"] - tiny, 12)] if "lt" in said else []
    of_floats = info.default == () and "float" in str(info.annotation)
    one = "x" if info.annotation is str else (0.25,) if of_floats else (16,)
    found += [one * said[name] for name in ("min_length", "max_length") if name in said]
    for kind in (info.annotation, *kinds):
        found += get_args(kind) if get_origin(kind) is Literal else ()
    return found


def every_value() -> list[Any]:
    """Every field of every settings class with None, its default and its limits."""
    cases = []
    known = (kind for kind in Settings.__subclasses__() if kind.__module__ == Settings.__module__)
    for kind in known:
        if kind is CompareSettings:  # of the command line and scripts: no dock shows it
            continue
        for field, info in kind.model_fields.items():
            values = [info.default, *limits(info)]
            values += [None] if type(None) in get_args(info.annotation) else []
            cases += [
                pytest.param(kind, field, value, id=f"{kind.__name__}-{field}-{value!s:.20}")
                for value in values
            ]
    return cases


@pytest.mark.parametrize(("kind", "field", "value"), every_value())
def test_every_field_holds_none_its_default_and_its_limits(qtbot, kind, field, value):
    other = next((x for x in limits(kind.model_fields[field]) if x != value), None)
    begun = kind() if other is None else kind(**{field: other})
    form = SettingsForm(begun, (field,))
    qtbot.addWidget(form)
    editor = form.editor(field)
    form.setValue(kind(**{field: value}))
    assert getattr(form.value(), field) == value
    if isinstance(editor, QAbstractSpinBox):  # what it shows reads as the same number
        assert editor.value() == value
        editor.interpretText()
    assert form.value() == kind(**{field: value})


def test_number_boxes_step_into_none_and_out_of_it(qtbot):
    form = SettingsForm(TrainSettings())
    qtbot.addWidget(form)
    for field, first in (("steps", 1), ("minutes", 0.001), ("crop", 32)):
        box = form.editor(field)
        box.setValue(None)
        box.stepBy(1)
        assert box.value() == first
        box.stepBy(-1)
        assert box.value() is None or field == "minutes"  # 0.0009
        box.stepBy(-1)
        assert box.value() is None or field == "minutes"


def test_a_number_below_the_lowest_is_neither_taken_nor_none(qtbot):
    form = SettingsForm(PredictSettings(diameter=20))
    qtbot.addWidget(form)
    box = form.editor("diameter")
    box.lineEdit().setText("0.5")  # 1 is the lowest, and None lies below it
    box.interpretText()
    assert box.value() == 20


def test_advanced_fields_are_built_when_they_are_opened(qtbot):
    settings = TrainSettings(seed=3, augmentation=Augmentation.preset("light"))
    form = SettingsForm(settings, name="train", plain=("minutes",))
    qtbot.addWidget(form)
    assert list(form.editors) == ["minutes"]
    assert form.value() == settings
    changed = settings.replace(seed=4, augmentation=Augmentation.preset("strong"))
    form.setValue(changed)
    with qtbot.waitSignal(form.unfolded):
        form.advanced.toggleButton().click()
    assert form.editors["seed"].value() == 4
    assert form.value() == changed
    build_folded(form)
    assert form.findChild(QWidget, "noise").value() == 0.1
    form.show()
    assert form.editors["seed"].isVisible()
    form.advanced.toggleButton().click()
    assert not form.editors["seed"].isVisible()


def test_titles_leave_room_for_fields_that_are_put_on_top_later(qtbot):
    form = SettingsForm(TrainSettings(), ("weight_decay", "edge"))
    qtbot.addWidget(form)
    form.advanced.build()
    form.insert("A title that is as long as a title may ever be", TextEditor(str))
    widths = {title.maximumWidth() for title in form.findChildren(QLabel)}
    assert max(widths) <= 130


def test_forms_of_other_plugins_keep_their_widgets():
    assert get_widget_class(annotation=int)[0] is SpinBox


@QUICK
@given(
    rate=st.none() | st.floats(1e-9, 1),
    decay=st.floats(0, 1).map(lambda x: round(x, 12)),
    ema=st.floats(0, 0.999).map(lambda x: round(x, 9)),
    crop=st.none() | st.integers(2, 128).map(lambda n: 16 * n),
)
def test_any_number_comes_back(qtbot, rate, decay, ema, crop):
    rate = None if rate is None else float(f"{rate:.12f}") or None
    settings = TrainSettings(learning_rate=rate, weight_decay=decay, ema=ema, crop=crop)
    form = SettingsForm(TrainSettings())
    qtbot.addWidget(form)
    form.setValue(settings)
    assert form.value() == settings


def test_typing_and_emptying(qtbot):
    form = SettingsForm(TrainSettings(), name="train")
    qtbot.addWidget(form)
    rate = form.editor("learning_rate")
    assert rate.objectName() == "train.learning_rate"
    assert rate.text() == "automatic"
    rate.lineEdit().setText("1e-4")
    rate.interpretText()
    assert form.value().learning_rate == 0.0001
    rate.lineEdit().setText("")
    rate.interpretText()
    assert form.value().learning_rate is None


def test_networks_go_by_their_titles(qtbot):
    form = SettingsForm(TrainSettings())
    qtbot.addWidget(form)
    menu = form.editor("network")
    shown = {menu.itemData(i): menu.itemText(i) for i in range(menu.count())}
    assert shown == {name: config.title for name, config in CONFIGS.items()}
    menu.setValue("nnunet")
    assert form.value().network == "nnunet"


def test_what_cannot_be_is_named(qtbot):
    form = SettingsForm(TrainSettings())
    qtbot.addWidget(form)
    form.editor("filters").setText("16, many")
    with pytest.raises(BadInput, match="Filters is '16, many'"):
        form.value()


def test_fields_left_out_keep_their_value(qtbot):
    form = SettingsForm(LabelSettings(threshold=0.8), fields=("split",))
    qtbot.addWidget(form)
    form.editors["split"].setChecked(False)
    assert form.value() == LabelSettings(threshold=0.8, split=False)


def test_presets_fill_the_fields_and_follow_them(qtbot):
    form = SettingsForm(TrainSettings(), name="train")
    qtbot.addWidget(form)
    group = form.editor("augmentation")
    assert group.preset.value() == "default"
    with qtbot.waitSignal(form.valueChanged) as signal:
        group.preset.setCurrentText("strong")
    assert signal.args == [TrainSettings(augmentation=Augmentation.preset("strong"))]
    noise = group.findChild(DecimalBox, "noise")
    noise.setValue(0.07)
    assert group.preset.value() == "custom"
    assert form.value().augmentation == Augmentation.preset("strong").replace(noise=0.07)
    form.setValue(TrainSettings(augmentation=Augmentation.preset("light")))
    assert group.preset.value() == "light"
    assert form.editor("normalisation").preset is None  # which has none
