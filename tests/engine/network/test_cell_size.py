"""The cells' size: what frames are resized by, sizes that go with it, and what is doubted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.cell_size import (
    SizeDoubt,
    edge_said,
    found_doubt,
    pixel_doubt,
    recommended_for,
    scale_of,
    sized,
)
from napari_unet.engine.prediction.prediction import prediction_key
from napari_unet.engine.settings import LabelSettings, PredictSettings
from napari_unet.engine.stack.stack import Stack


def disc(diameter):
    """Area of a disc in pixels."""
    return round(np.pi * diameter**2 / 4)


@pytest.fixture
def model(toy_model):
    """The toy model, which knows cells of 20 px at 0.5 µm a pixel."""
    return replace(toy_model, card={"diameter": 20.0, "pixel_size": 0.5})


@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        (PredictSettings(), 1.0),
        (PredictSettings(scale=0.4), 0.4),
        (PredictSettings(diameter=20), 1.0),
        (PredictSettings(diameter=40, scale=3), 0.5),
        (PredictSettings(diameter=1), 20.0),
        (PredictSettings(diameter=1000), 0.05),
    ],
)
def test_frames_are_resized_to_the_size_the_model_knows(model, toy_stack, settings, scale):
    assert scale_of(model, settings) == pytest.approx(scale)
    plain = prediction_key(toy_stack, model, PredictSettings(scale=scale_of(model, settings)))
    assert prediction_key(toy_stack, model, settings) == plain


def test_a_model_without_a_size_cannot_be_told_one(toy_model):
    sizeless = replace(toy_model, card={})
    assert scale_of(sizeless, PredictSettings(scale=2)) == 2
    with pytest.raises(BadInput, match="does not say how large its cells are"):
        scale_of(sizeless, PredictSettings(diameter=30))


def test_sizes_go_with_the_scale(model):
    labels = LabelSettings(min_size=40, max_size=900, threshold=0.3)
    assert sized(labels, 1.0, 0.5) == labels.replace(min_size=160, max_size=3600)
    assert sized(sized(labels, 1.0, 0.5), 0.5, 1.0) == labels
    known = model.label_settings
    assert recommended_for(model, PredictSettings()) == known
    assert recommended_for(model, PredictSettings(diameter=40)).min_size == 4 * known.min_size


@pytest.mark.parametrize(
    ("scale", "found", "doubted"),
    [
        (1.0, 20, False),
        (1.0, 29, False),
        (1.0, 31, True),
        (1.0, 13, True),
        (0.5, 41, False),
        (0.5, 20, True),
    ],
)
def test_cells_of_another_size_are_doubted(model, scale, found, doubted):
    areas = np.array([4, disc(found), disc(found), disc(found), 9000])
    doubt = found_doubt(model, scale, areas)
    assert (doubt is not None) is doubted
    if doubt:
        assert doubt == SizeDoubt(found, round(20 / scale))
        assert f"about {found} px across" in str(doubt)
        assert f"expects {20 / scale:.0f} px" in str(doubt)


@pytest.mark.parametrize(("smallest", "debris"), [(30, True), (10, False), (0, False)])
def test_specks_at_the_smallest_size_say_nothing_of_the_cells(model, smallest, debris):
    doubt = found_doubt(model, 1.0, np.array([disc(6)] * 5), smallest)
    assert doubt is not None and doubt.debris is debris
    assert ("does not seem to know these cells" in str(doubt)) is debris


def test_two_cells_say_little_of_their_size(model):
    assert found_doubt(model, 1.0, np.array([disc(60)] * 2)) is None
    assert found_doubt(model, 1.0, np.zeros(0, np.int64)) is None


@pytest.mark.parametrize(
    ("pixel_size", "settings", "said"),
    [
        (0.5, PredictSettings(), None),
        (0.7, PredictSettings(), None),
        (1.0, PredictSettings(), "10 px across"),
        (0.25, PredictSettings(), "40 px across"),
        (0.25, PredictSettings(diameter=40), None),
        (0.25, PredictSettings(scale=0.5), None),
        (None, PredictSettings(), None),
    ],
)
def test_another_pixel_size_is_said(model, pixel_size, settings, said):
    stack = Stack.from_array(
        np.zeros((2, 8, 8), np.uint8), axes="TYX", name="plain", pixel_size=pixel_size
    )
    line = pixel_doubt(model, stack, settings)
    assert line is None if said is None else said in line


@pytest.mark.parametrize(("now", "asked", "said"), [(25, 25, True), (0, 25, False), (9, 0, False)])
def test_a_band_is_said_where_the_model_asks_for_it(now, asked, said):
    labels, recommended = (LabelSettings(edge=edge) for edge in (now, asked))
    notice = edge_said("mine", labels, recommended)
    assert bool(notice) == said
    if notice is not None:
        assert notice.level == "noted" and "outer 25 px" in notice.line and "mine" in notice.line
