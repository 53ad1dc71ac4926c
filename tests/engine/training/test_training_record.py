"""What a model file says of its making: the card of a model that was trained here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
from napari_unet.engine.annotations.holdout import HoldOut
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training_record import held_out, model_card

PARENT = {
    "for": "nuclei",
    "stain": "DAPI",
    "data": "438 images",
    "terms": "CC0",
    "command": "python make.py",
    "diameter": 19.1,
    "scores_on_images_kept_aside": {"seg": 0.8},
}


@pytest.fixture
def annotations():
    labels = np.zeros((8, 8), np.int32)
    labels[2:5, 2:5] = 1
    frame = FrameAnnotation(labels, np.ones((8, 8), bool), complete=True)
    return Annotations((2, 8, 8), {0: frame})


def stack(channel=None):
    return Stack.from_array(
        np.zeros((2, 2, 8, 8), np.uint8),
        axes="TCYX",
        name="dish 4",
        channel_names=("DIC", "H2B"),
        pixel_size=0.4,
    ).select(channel=channel)


def test_a_model_made_from_new_says_where_it_learned(annotations):
    card = model_card(
        None, [AnnotatedMovie(stack(1), annotations)], stain="H2B-GFP, widefield", diameter=21.0
    )
    assert card == {
        "data": f"dish 4: {annotations.describe()}",
        "stain": "H2B-GFP, widefield",
        "channel": "H2B",
        "diameter": 21.0,
        "pixel_size": 0.4,
    }


def test_a_child_has_of_its_parent_what_holds_for_it_too(toy_model, annotations):
    parent = replace(toy_model, name="old", card=PARENT)
    card = model_card(parent, [AnnotatedMovie(stack((0, 1)), annotations)], stain="", diameter=30.0)
    assert card == {
        "for": "nuclei",
        "stain": "DAPI",
        "data": f"dish 4: {annotations.describe()}; before that 438 images",
        "terms": "of what old learned from: CC0",
        "channel": "DIC, H2B",
        "diameter": 30.0,
        "pixel_size": 0.4,
    }


def test_a_movie_without_channels_names_none(annotations):
    plain = Stack.from_array(np.zeros((2, 8, 8), np.uint8), axes="TYX", name="plain")
    assert plain.selection == Selection()
    assert "channel" not in model_card(
        None, [AnnotatedMovie(plain, annotations)], stain="", diameter=None
    )


@pytest.mark.parametrize(
    ("words", "validation", "frames", "never_learned"),
    [
        ("frames 4-6", "auto", (4, 5, 6), (4, 5, 6)),
        ("frames 1, 3", "auto", (1, 3), (1, 3)),
        ("frame 3", [3], (3,), (3,)),
        ("frame 3", "auto", (3,), ()),  # it joins the training
        ("a quarter of frame 3", "auto", (3,), ()),
        ("nothing kept aside", "none", (), ()),
        ("nothing kept aside: too few cells", "auto", (), ()),
        (None, None, (), ()),
    ],
)
def test_what_models_of_0_1_0_were_checked_on(words, validation, frames, never_learned):
    found = held_out({"checked_on": words, "settings": {"validation": validation}})
    assert (found.frames, found.never_learned) == (frames, never_learned)
    assert held_out({}) == HoldOut()
