"""The threshold slider: probabilities in and out, logit in between."""

from __future__ import annotations

from itertools import pairwise

import pytest
from qtpy.QtCore import Qt

from napari_unet.gui.widgets.threshold_slider import ThresholdSlider


@pytest.fixture
def slider(qtbot):
    slider = ThresholdSlider()
    slider.resize(300, 40)
    qtbot.addWidget(slider)
    return slider


@pytest.mark.parametrize("value", [0.001, 0.0123, 0.5, 0.7, 0.99, 0.9999])
def test_value_is_what_was_set(qtbot, slider, value):
    seen = []
    slider.valueChanged.connect(seen.append)
    slider.setValue(value)
    assert slider.value() == value
    assert seen == ([] if value == 0.5 else [value])


def test_ends_are_probabilities(slider):
    slider.setValue(0.0)
    assert 0 < slider.value() < 0.0001
    slider.setValue(1.0)
    assert 0.9999 < slider.value() < 1


def test_keys_move_it_in_even_steps_of_the_logit(qtbot, slider):
    values = [slider.value()]
    for _ in range(20):
        qtbot.keyClick(slider, Qt.Key.Key_Right)
        values.append(slider.value())
    assert all(0.5 <= a < b < 1 for a, b in pairwise(values))
    assert values[-1] > 0.85
    for _ in range(20):
        qtbot.keyClick(slider, Qt.Key.Key_Left)
    assert slider.value() == 0.5


def test_it_can_be_drawn(slider):
    assert not slider.grab().isNull()


@pytest.mark.parametrize("width", [400, 220, 120])
def test_numbers_of_the_scale_never_touch(slider, width):
    slider.resize(width, 40)
    shown = sorted(slider.numbers(slider.fontMetrics()), key=lambda one: one[1])
    assert "0.5" in [text for text, *_ in shown]
    assert (len(shown) == 7) == (width == 400)
    assert all(one[2] < other[1] for one, other in pairwise(shown))
