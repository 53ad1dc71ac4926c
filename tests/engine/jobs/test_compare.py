"""Compare: folds are scored on what they have not seen, kept, and never done twice."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PIL import Image

import napari_unet as nu
from napari_unet.engine.jobs.compare import narrowed
from napari_unet.engine.jobs.comparison import TABLE
from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.network.networks import CONFIGS

SETTINGS = nu.CompareSettings(
    networks=("unet/4", "unet-notebook/4"),
    folds=2,
    train=nu.TrainSettings(minutes=None, steps=1, crop=64, batch=1, threads=1, device="cpu"),
)


@pytest.fixture(scope="module")
def world(toy):
    stack = nu.Stack.from_array(toy.movie, axes="TYX", name="toy")
    truth = nu.Stack.from_array(toy.labels, axes="TYX")
    return stack, nu.Annotations.from_labels(stack, truth)


def compared(world, folder, settings=SETTINGS, **options):
    return nu.run(nu.compare(*world, settings, folder=folder, **options), quiet=True)


@pytest.fixture(scope="module")
def done(world, tmp_path_factory):
    return compared(world, tmp_path_factory.mktemp("compare") / "new")


def test_every_network_is_scored_in_every_fold(done):
    assert done.networks == SETTINGS.networks
    assert [r.frames for r in done.of("unet/4")] == [(0, 1, 2), (3, 4, 5)]
    for result in done.results:
        model = nu.Model.load(done.folder / result.model)
        assert not set(model.record["frames"]) & set(result.frames)
        assert result.parameters == sum(p.numel() for p in model.network.parameters())
        assert result.steps == 1 and result.seconds > 0
    assert not list(done.folder.glob("*.checkpoint"))


def test_scores_are_those_of_the_kept_model(world, done):
    stack, annotations = world
    for result in done.results:
        model = nu.Model.load(done.folder / result.model)
        found = nu.run(nu.segment(stack, model, nu.PredictSettings(device="cpu", threads=1)))
        dice, right = [], []
        for t in result.frames:
            codes = found.probabilities[t]
            mine = labels_of(codes, model.config.outputs, model.label_settings) > 0
            true = annotations.frames[t].labels > 0
            dice.append(2 * (mine & true).sum() / (mine.sum() + true.sum()))
            right.append((mine == true).mean())
        assert result.dice == pytest.approx(np.mean(dice), abs=1e-6)
        assert result.accuracy == pytest.approx(np.mean(right), abs=1e-6)


def test_table_and_plot(done):
    rows = list(csv.DictReader(io.StringIO((done.folder / TABLE).read_text())))
    assert [(row["network"], row["fold"]) for row in rows] == [
        (network, fold) for network in SETTINGS.networks for fold in "12"
    ]
    lines = str(done).splitlines()
    assert lines[0].split()[:4] == ["network", "fold", "Dice", "IoU"]
    assert len(lines) == 1 + 2 * (2 + 2)
    mean = np.mean([float(row["iou"]) for row in rows[:2]])
    assert f"{mean:.3f}" in lines[3]
    with Image.open(done.folder / "compare.png") as plot:
        assert plot.width > 1000


@pytest.mark.slow
def test_it_goes_on_at_the_fold(world, tmp_path):
    steps = nu.compare(*world, SETTINGS, folder=tmp_path)
    for step in steps:
        if step.training == 3:
            break
    steps.close()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    assert len(before) == 2
    (tmp_path / min(before)).unlink()  # what is no longer there is made again
    again = compared(world, tmp_path)
    kept = max(before)
    assert (tmp_path / kept).stat().st_mtime_ns == before[kept]
    assert len(list(tmp_path.glob("*.safetensors"))) == len(again.results) == 4
    more = compared(world, tmp_path, SETTINGS.replace(networks=("unet/8",)))
    assert len(more.results) == 6 and set(again.results) < set(more.results)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train": SETTINGS.train.replace(steps=2)}, "other data or by other settings"),
        ({"folds": 7}, "6 frames with labels cannot make 7 blocks"),
        ({"networks": ("unet++/3",), "train": SETTINGS.train.replace(dropout=0.1)}, None),
        ({"networks": ("segresnet-vae",), "recipes": True, "clock": "cpu"}, None),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_step(world, done, change, said):
    if said is None:
        assert nu.compare(*world, SETTINGS.replace(**change), folder=done.folder)
        return
    with pytest.raises(nu.BadInput, match=said):
        nu.compare(*world, SETTINGS.replace(**change), folder=done.folder)


def test_a_damaged_file_is_no_comparison(world, tmp_path):
    (tmp_path / "compare.json").write_text('{"format": "napari-unet comparison 1", "results": [1]}')
    with pytest.raises(nu.BadInput, match="damaged, or no comparison"):
        nu.compare(*world, SETTINGS, folder=tmp_path)


@pytest.mark.slow
def test_another_comparison_is_replaced_only_when_asked(world, tmp_path):
    settings = SETTINGS.replace(networks=("unet/4",))
    first = compared(world, tmp_path, settings)
    other = settings.replace(train=settings.train.replace(seed=5))
    with pytest.raises(nu.BadInput, match="by other settings"):
        nu.compare(*world, other, folder=tmp_path)
    second = compared(world, tmp_path, other, overwrite=True)
    assert {r.key for r in first.results}.isdisjoint(r.key for r in second.results)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_recipe_gives_way_to_what_is_given(name):
    given = SETTINGS.replace(train=nu.TrainSettings(minutes=0.5, loss="focal"))
    training = given.training(f"{name}/4", 2)
    assert (training.network, training.loss, training.seed) == (name, "focal", 2)
    assert (training.minutes, training.epochs, training.steps) == (0.5, None, None)
    usual = nu.TrainSettings().with_recipe(name)
    assert training.optimiser == usual.optimiser
    assert given.replace(recipes=False).training(name, 0).optimiser == "adamw"


@pytest.mark.parametrize(
    ("name", "share", "expected"),
    [
        ("unet", 4, {"filters": (4, 8, 16, 32)}),
        ("nnunet", 2, {"filters": (16, 32, 64, 128, 160, 160)}),
        ("unetr", 4, {"width": 192}),
        ("segresnet-vae", 4, {"width": 8}),
    ],
)
def test_narrow_networks(name, share, expected):
    assert narrowed(name, share) == expected
