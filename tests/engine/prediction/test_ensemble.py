"""Ensembles: the mean of probabilities, of models that fit each other, named wherever one is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_unet as nu
from napari_unet.engine.export.target.sidecar import methods_text
from napari_unet.engine.labels.codes import decode, encode, mean_codes
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.prediction.ensemble import Ensemble, load_models
from napari_unet.engine.prediction.prediction import prediction_key
from napari_unet.engine.prediction.predictor import open_predictor

SETTINGS = nu.PredictSettings(backend="torch", device="cpu", threads=1, precision="fp32")


def model(name, seed, outputs=("object", "border"), channels=1, kind="percentile", threshold=0.5):
    torch.manual_seed(seed)
    config = UNetConfig(filters=(4, 8), outputs=outputs, in_channels=channels)
    return nu.Model(
        UNet(config).eval(),
        nu.Normalisation(kind=kind),
        nu.LabelSettings(threshold=threshold),
        name,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    one, two = model("one", 1), model("two", 2, kind="minmax", threshold=0.6)
    return one.save(folder / "one"), two.save(folder / "two, with a comma")


def test_codes_of_a_mean():
    codes = np.arange(256, dtype=np.uint8)
    assert np.array_equal(mean_codes([codes]), codes)
    assert np.array_equal(mean_codes([codes] * 3), codes)
    low, high = codes, codes[::-1].copy()
    p = (decode(low).astype(np.float64) + decode(high)) / 2
    assert np.abs(mean_codes([low, high]).astype(int) - encode(p)).max() <= 1


def test_it_predicts_the_mean_of_its_members(files, toy_stack):
    both = load_models([files[0], files[1]])
    each = [open_predictor(nu.Model.load(file), SETTINGS, toy_stack) for file in files]
    predictor = open_predictor(both, SETTINGS, toy_stack)
    expected = mean_codes([one(toy_stack[1]) for one in each])
    assert np.array_equal(predictor(toy_stack[1]), expected)
    box = (slice(8, 40), slice(16, 80))
    assert np.abs(predictor.region(toy_stack[1], box).astype(int) - expected[:, *box]).max() <= 1
    assert predictor.memory((96, 128)) == sum(one.memory((96, 128)) for one in each)


def test_segment_keeps_and_names_all(files, toy_stack, tmp_path):
    file = tmp_path / "movie.unetp"
    steps = nu.segment(toy_stack, list(files), SETTINGS, probabilities=file)
    next(steps), next(steps)
    steps.close()
    with nu.run(
        nu.segment(toy_stack, list(files), SETTINGS, probabilities=file), quiet=True
    ) as kept:
        assert kept.frames == tuple(range(len(toy_stack)))
        key = kept.probabilities.key
        provenance = kept.provenance
    shas = [nu.Model.load(path).sha256 for path in files]
    assert [part["model"] for part in key["models"]] == shas
    assert [part["normalisation"]["kind"] for part in key["models"]] == ["percentile", "minmax"]
    assert [one["sha256"] for one in provenance.training["ensemble"]] == shas
    words = methods_text(provenance)
    assert f'of the U-Nets "one" (sha256 {shas[0][:12]}…) and "two"' in words


def test_what_it_recommends_and_depends_on(files):
    one, two = (nu.Model.load(path) for path in files)
    both, swapped = Ensemble.of([one, two]), Ensemble.of([two, one])
    assert both.name == "one + two" and both.label_settings.threshold == 0.55
    assert both.sha256 != swapped.sha256
    assert Ensemble.of([one]) is one
    stack = nu.Stack.from_array(np.zeros((1, 8, 8), np.uint8), axes="TYX")
    alone = prediction_key(stack, one, SETTINGS)
    assert "models" not in alone
    with pytest.raises(nu.BadInput, match="several models"):
        both.save("both")


def test_names_are_parted_at_commas(files, monkeypatch):
    monkeypatch.chdir(files[0].parent)
    assert load_models(files[1].name).name == "two"  # a file called so
    several = load_models("one.safetensors, one.safetensors")
    assert [member.name for member in several.members] == ["one", "one"]
    with pytest.raises(nu.BadInput, match="there is no model 'three'"):
        load_models("one.safetensors,three")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (model("b", 2, outputs=("object",)), "a gives object, border, b object; expected models"),
        (model("b", 2, channels=2), "a takes 1 channel"),
    ],
)
def test_models_that_do_not_fit_are_refused(other, said):
    with pytest.raises(nu.BadInput, match=said):
        Ensemble.of([model("a", 1), other])


def test_a_training_starts_from_a_single_model(files, toy):
    stack, truth = (nu.Stack.from_array(array, axes="TYX") for array in toy)
    known = nu.Annotations.from_labels(stack, truth)
    with pytest.raises(nu.BadInput, match="start from 2 models"):
        nu.train(stack, known, base=load_models(list(files)))
