"""``--set NAME=VALUE`` reaches every setting, and says what it cannot do."""

from __future__ import annotations

import json

import pytest
import typer

from napari_unet.cli.assignment import assigned
from napari_unet.engine.network.model import Model
from napari_unet.engine.settings import (
    Augmentation,
    LabelSettings,
    Normalisation,
    PredictSettings,
    TrainSettings,
)

PRESET = Augmentation.preset("strong")


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ((), {}),
        (("filters=8,16,32",), {"filters": (8, 16, 32)}),
        (("filters=[8, 16]", "loss=focal"), {"filters": (8, 16), "loss": "focal"}),
        (("border=false", "patience=null"), {"border": False, "patience": None}),
        (("border-weight=2.5",), {"border_weight": 2.5}),
        (('stain="H2B, GFP=on"',), {"stain": "H2B, GFP=on"}),
        (("normalisation.high=99",), {"normalisation": Normalisation(high=99)}),
        (("augmentation=strong",), {"augmentation": PRESET}),
        (
            ("augmentation=strong", "augmentation.noise=0"),
            {"augmentation": PRESET.replace(noise=0)},
        ),
    ],
)
def test_values_are_read_as_json_or_words(words, changes):
    assert assigned(words, TrainSettings()) == (TrainSettings(**changes),)


def test_each_goes_where_there_is_such_a_field():
    predict, labels = assigned(
        ["max_size=900", "tile=256", "split_strength=0.8"], PredictSettings(), LabelSettings()
    )
    assert predict == PredictSettings(tile=256)
    assert labels == LabelSettings(max_size=900, split_strength=0.8)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("crop", "NAME=VALUE is expected, with NAME one of augmentation, batch"),
        ("filtres=3", "NAME=VALUE is expected, with NAME one of augmentation, batch"),
        ("augmentation.zoom=1", "with NAME one of bleach, blur"),
        ("augmentation=huge", "it is none or light or default or strong"),
        ("augmentation.zoom_low=3", "less than or equal to 1"),
        ("normalisation=strong", "with NAME one of clip, high"),
        ("crop.x=3", "crop is a value of its own"),
        ("filters=8", "valid tuple"),
    ],
)
def test_what_cannot_be_set_is_said(word, said):
    with pytest.raises(typer.BadParameter) as refused:
        assigned([word], TrainSettings())
    assert str(refused.value).startswith(f"--set {word}: ")
    assert said in str(refused.value)


def test_a_model_learns_with_what_was_set(world, tmp_path, run):
    out = tmp_path / "m.safetensors"
    words = ("--set", "filters=4,8,16", "--set", "border=false", "--set", "normalisation.high=98")
    answer = run(
        "train", world.movie, world.truth, "--out", out, "--frames", "0,1", "--steps", "2",
        "--threads", "1", "--set", "crop=32", "--set", "batch=2", *words,
    )  # fmt: skip
    assert answer.code == 0, answer.stderr
    model = Model.load(out)
    assert model.config.filters == (4, 8, 16)
    assert model.config.outputs == ("object",)
    assert model.normalisation.high == 98
    assert model.record["settings"]["crop"] == 32


def test_labels_are_made_with_what_was_set(world, tmp_path, run):
    out = tmp_path / "out"
    answer = run(
        "segment", world.movie, "--out", out, "--model", world.model, "--no-movie",
        "--set", "max_size=1",
    )  # fmt: skip
    assert answer.code == 0, answer.stderr
    assert len((out / "objects.csv").read_text(encoding="utf-8-sig").splitlines()) == 1
    noted = json.loads((out / "labels.tif.json").read_text(encoding="utf-8"))
    assert '"max_size": 1' in json.dumps(noted)


def test_movie_and_table_are_made_with_what_was_set(world, tmp_path, run):
    out = tmp_path / "out"
    answer = run(
        "export", world.movie, world.truth, "--out", out, "--no-labels",
        "--set", "high=90", "--set", "background_reach=20",
    )  # fmt: skip
    assert answer.code == 0, answer.stderr
    assert '"high": 90' in (out / "overlay.mp4.json").read_text(encoding="utf-8")
    assert '"background_reach": 20' in (out / "objects.csv.json").read_text(encoding="utf-8")
