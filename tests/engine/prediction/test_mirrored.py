"""Frames that a network sees mirrored: turned back, kept, and of the model that is meant."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.prediction.mirrored import MIRRORED, open_mirrored
from napari_unet.engine.prediction.prediction import prediction_key
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.settings import LabelSettings, PredictSettings

EXACT = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)


def test_codes_of_mirrored_frames_are_turned_back_and_kept(toy_model, toy_stack):
    key = prediction_key(toy_stack, toy_model, EXACT.replace(scale=1.5))
    mirrored = open_mirrored(toy_stack, toy_model, EXACT.replace(accurate=True, diameter=9), key)
    assert 3 not in mirrored
    assert len(list(mirrored.predict(3))) == mirrored.n_views == len(MIRRORED)
    assert 3 in mirrored
    assert list(mirrored.predict(3)) == []
    alone = open_predictor(toy_model, EXACT.replace(scale=1.5))
    for axes, codes in zip(MIRRORED, mirrored.codes(3), strict=True):
        assert np.array_equal(np.flip(codes, axes), alone(np.flip(toy_stack[3], axes).copy()))
    settings = LabelSettings(min_size=9)
    for codes, labels in zip(mirrored.codes(3), mirrored.labels(3, settings), strict=True):
        assert np.array_equal(labels, label_frame(codes, settings))


def test_of_labels_that_are_no_models_the_frame_is_seen_as_it_is_too(toy_model, toy_stack):
    mirrored = open_mirrored(toy_stack, toy_model, EXACT)
    assert mirrored.as_it_is
    steps = mirrored.predict(0)
    next(steps)
    assert 0 not in mirrored  # one view of four
    steps.close()
    assert len(list(mirrored.predict(0))) == mirrored.n_views == 4
    assert np.array_equal(mirrored.codes(0)[0], open_predictor(toy_model, EXACT)(toy_stack[0]))


def test_more_frames_than_are_kept_are_predicted_anew(toy_model, toy_stack, monkeypatch):
    monkeypatch.setattr("napari_unet.engine.prediction.mirrored._MOST_BYTES", 1)
    mirrored = open_mirrored(toy_stack, toy_model, EXACT)
    for t in (0, 1):
        list(mirrored.predict(t))
    assert (0 in mirrored, 1 in mirrored) == (False, True)


@pytest.mark.parametrize("key", [{"model": "another"}, {}])
def test_another_model_is_refused(toy_model, toy_stack, key):
    with pytest.raises(BadInput, match="segmented by another model than toy"):
        open_mirrored(toy_stack, toy_model, EXACT, key)


def test_a_model_of_other_channels_is_refused(two_channel_model, toy_stack):
    with pytest.raises(BadInput, match=r"gives 1 channel"):
        open_mirrored(toy_stack, two_channel_model, EXACT)
