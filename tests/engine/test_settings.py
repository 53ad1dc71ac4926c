import math

import pytest
from pydantic import ValidationError

from napari_unet.engine.settings import (
    RECIPES,
    Augmentation,
    LabelSettings,
    Normalisation,
    OverlaySettings,
    PredictSettings,
    QualitySettings,
    Selection,
    Settings,
    TrainSettings,
)

EVERY = (
    Augmentation,
    LabelSettings,
    Normalisation,
    OverlaySettings,
    PredictSettings,
    QualitySettings,
    Selection,
    TrainSettings,
)
CHANGED = {
    Augmentation: {"rotate": 10.0, "cells": 0.5, "exposure": 2.0},
    LabelSettings: {"threshold": 0.25, "max_size": 900},
    Normalisation: {"kind": "zscore", "scope": "movie"},
    OverlaySettings: {"style": "filled", "crop": (0, 1, 20, 30)},
    QualitySettings: {"jump": 12.0, "reach": 9},
    PredictSettings: {"precision": "int8", "tile": 128},
    Selection: {"axes": "TCYX", "channel": (0, 2), "z": 3},
    TrainSettings: {
        "filters": (8, 16),
        "validation": (3, 4),
        "augmentation": Augmentation.preset("strong"),
        "normalisation": Normalisation(clip=True),
    },
}


@pytest.mark.parametrize("kind", EVERY)
def test_settings_round_trip_through_json(kind):
    for settings in (kind(), kind(**CHANGED[kind])):
        assert kind.model_validate_json(settings.model_dump_json()) == settings
        assert kind.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize("kind", EVERY)
def test_settings_are_values(kind):
    settings, changed = kind(), kind().replace(**CHANGED[kind])
    assert settings == kind() != changed
    assert hash(settings) == hash(kind())
    name = next(iter(CHANGED[kind]))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, name, CHANGED[kind][name])
    with pytest.raises(ValidationError, match="tresholdd"):
        kind(tresholdd=1)


@pytest.mark.parametrize("kind", EVERY)
def test_repr_shows_only_what_was_chosen(kind):
    assert repr(kind()) == f"{kind.__name__}()"
    assert all(f"{name}=" in repr(kind(**CHANGED[kind])) for name in CHANGED[kind])


@pytest.mark.parametrize("kind", EVERY)
def test_every_field_has_a_title_for_form_help_and_docs(kind):
    assert [n for n, field in kind.model_fields.items() if not field.title] == []


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (LabelSettings, {"threshold": 0}),
        (LabelSettings, {"threshold": 1}),
        (LabelSettings, {"threshold": math.nan}),
        (LabelSettings, {"min_size": -1}),
        (LabelSettings, {"max_size": 0}),
        (Normalisation, {"low": 60}),
        (Normalisation, {"high": 40}),
        (Normalisation, {"kind": "median"}),
        (PredictSettings, {"scale": math.inf}),
        (PredictSettings, {"threads": 0}),
        (TrainSettings, {"minutes": 0}),
        (TrainSettings, {"crop": 40}),
        (TrainSettings, {"filters": (8,)}),
        (TrainSettings, {"validation": "some"}),
        (Augmentation, {"zoom_low": 0}),
        (OverlaySettings, {"fps": 0}),
        (Selection, {"position": -1}),
    ],
)
def test_out_of_range_is_refused_when_made_and_when_replaced(kind, bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        kind(**bad)
    with pytest.raises(ValidationError, match=next(iter(bad))):
        kind().replace(**bad)


def test_late_crops_are_the_pixels_of_the_frame():
    for preset in Augmentation.presets().values():
        late = preset.milder()
        assert (late.rotate, late.zoom_low, late.zoom_high, late.elastic) == (0, 1, 1, 0)
        assert late.flip == preset.flip and late.stain == preset.stain
        assert late.noise <= preset.noise and late.blur <= preset.blur


def test_presets_grow_in_strength():
    presets = [Augmentation.preset(n) for n in ("none", "light", "default", "strong")]
    assert presets[2] == Augmentation()
    for field in ("rotate", "zoom_high", "elastic", "brightness", "contrast", "gamma", "noise"):
        values = [getattr(preset, field) for preset in presets]
        assert values == sorted(values), field


def test_a_subclass_with_an_infinite_number_is_refused():
    class Length(Settings):
        metres: float = 1.0

    with pytest.raises(ValidationError):
        Length(metres=math.inf)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_changes_what_it_says_and_nothing_else(name):
    own = TrainSettings(seed=7, filters=(8, 16), device="cpu", minutes=None, steps=9)
    settings = own.with_recipe(name)
    for field, value in RECIPES[name].items():
        assert getattr(settings, field) == value
    assert (settings.seed, settings.filters, settings.steps) == (7, (8, 16), 9)
    assert TrainSettings.model_validate_json(settings.model_dump_json()) == settings
    assert settings.with_recipe(name) == settings
    assert settings.replace(learning_rate=0.5).learning_rate == 0.5


def test_one_recipe_leaves_nothing_of_another():
    for name in RECIPES:
        assert TrainSettings().with_recipe(name).with_recipe("unet") == TrainSettings()
    ten = TrainSettings(minutes=10)
    assert ten.with_recipe("nnunet").minutes == 10
    assert ten.with_recipe("unet-notebook").minutes is None
    with pytest.raises(KeyError):
        ten.with_recipe("unknown")


def test_a_network_brings_what_nobody_chose():
    begun = TrainSettings()
    for name in RECIPES:
        assert begun.with_network(name) == begun.with_recipe(name)
        assert begun.with_network(name).with_network(name) == begun.with_recipe(name)
    chosen = begun.replace(loss="focal", minutes=10, filters=(8, 16))
    found = chosen.with_network("unet-notebook")
    assert (found.loss, found.minutes, found.epochs, found.filters) == ("focal", 10, None, (8, 16))
    assert found.optimiser == "adam"
    back = found.with_network("unet")
    assert back == chosen
