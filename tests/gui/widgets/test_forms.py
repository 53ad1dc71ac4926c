"""Settings to form and back, without a viewer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import (
    Augmentation,
    LabelSettings,
    OverlaySettings,
    PredictSettings,
    TrainSettings,
)
from napari_unet.gui.widgets.forms import SettingsForm
from napari_unet.gui.widgets.number_boxes import DecimalBox

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
