"""Training on volumes: the same loop, with one axis more."""

import json
from functools import partial

import numpy as np
import pytest

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs import progress
from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.labels.regions import regions_of
from napari_unet.engine.labels.scores import frame_scores
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.self_check import difference
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.settings import (
    Augmentation,
    Normalisation,
    PredictSettings,
    Selection,
    TrainSettings,
)
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training import train
from napari_unet.sample.phantoms import REGIONS, sample_phantoms

TINY = TrainSettings(
    steps=2, filters=(2, 4, 6), crop=32, batch=1, threads=1, device="cpu", precision="fp32"
)
EXACT = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)
VOLUME = Selection(z="volume")


def balls(n=1, shape=(12, 64, 64), step=2.0, seed=0, radius=7.0):
    """Volumes of bright balls, and their labels ``(T, Z, Y, X)``; sections ``step`` px apart."""
    rng = np.random.default_rng(seed)
    axes = np.mgrid[tuple(slice(n) for n in shape)].astype(np.float32)
    axes[0] *= step
    movie, truth = np.zeros((n, *shape), np.uint16), np.zeros((n, *shape), np.uint16)
    for t in range(n):
        places: list[np.ndarray] = []
        while len(places) < 10:
            place = rng.uniform(0, [shape[0] * step, *shape[1:]])
            if all(np.linalg.norm(place - other) > 1.9 * radius for other in places):
                places.append(place)
        for k, place in enumerate(places, start=1):
            inside = np.sqrt(((axes - place[:, None, None, None]) ** 2).sum(0)) < radius
            truth[t][inside] = k
        movie[t] = 300 + 600 * (truth[t] > 0) + rng.normal(0, 60, shape)
    return movie, truth


def stack_of(movie, step=2.0, name="balls"):
    return Stack.from_array(
        movie, VOLUME, axes="TZYX", name=name, pixel_size=0.5, z_step=0.5 * step
    )


@pytest.fixture(scope="module")
def world():
    movie, truth = balls(2)
    return stack_of(movie), Stack.from_array(truth, VOLUME, axes="TZYX"), truth


run = partial(progress.run, quiet=True)


@pytest.fixture(scope="module")
def trained(world):
    stack, labels, _ = world
    return run(train(stack, Annotations.from_labels(stack, labels, [0, 1]), TINY))


def test_a_model_of_volumes_says_how_it_pools(trained, tmp_path):
    assert (trained.config.dims, trained.config.strides) == (3, ((1, 2, 2), (2, 2, 2)))
    assert trained.card["z_step"] == 1.0 and trained.card["diameter"] == pytest.approx(14, rel=0.1)
    json.dumps(trained.record)
    again = Model.load(trained.save(tmp_path / "volumes"))
    assert again.sha256 == trained.sha256 and again.config == trained.config
    parts = again.network, again.normalisation, again.label_settings, again.arrays
    assert difference(*parts) == 0


def test_equal_seeds_give_equal_models_of_volumes(world, trained):
    stack, labels, _ = world
    again = run(train(stack, Annotations.from_labels(stack, labels, [0, 1]), TINY))
    assert all(
        (a == b).all()
        for a, b in zip(
            trained.network.state_dict().values(), again.network.state_dict().values(), strict=True
        )
    )


def test_a_model_of_volumes_goes_on_from_painted_sections(world, trained):
    stack, _, truth = world
    painted = np.zeros_like(truth[:1])
    painted[0, 4], painted[0, 8] = truth[0, 4], truth[0, 8]
    labels = Stack.from_array(painted, VOLUME, axes="TZYX")
    annotations = Annotations.from_labels(stack, labels, [0], partial=True)
    counted = annotations.frames[0].supervised.any(axis=(1, 2))
    assert np.flatnonzero(counted).tolist() == [4, 8]
    model = run(train(stack, annotations, TINY, base=trained))
    assert model.record["parent"] == trained.sha256
    assert model.config.strides == trained.config.strides


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": "resunet"}, "--z frames"),
        ({"network": "unet++"}, "--z frames"),
        ({"edge": 40}, "nothing is left"),
    ],
)
def test_what_volumes_cannot_be_learned_by(world, changes, words):
    stack, labels, _ = world
    annotations = Annotations.from_labels(stack, labels, [0])
    with pytest.raises(BadInput, match=words):
        run(train(stack, annotations, TINY.replace(**changes)))


@pytest.mark.slow
@pytest.mark.parametrize("step", [1.0, 3.0])
def test_volumes_are_learned(step):
    shape = (round(48 / step), 64, 64)
    movie, truth = balls(2, shape, step)
    stack = stack_of(movie, step)
    labels = Stack.from_array(truth, VOLUME, axes="TZYX")
    # steps enough for borders, which come last: until they are there, balls that touch are one
    changed = Augmentation.preset("light")
    # so narrow a network learns at the rate of images; at the usual one it takes more steps
    narrow = {"filters": (6, 12), "learning_rate": 6e-3}
    settings = TINY.replace(steps=180, batch=2, augmentation=changed, **narrow)
    model = run(train(stack, Annotations.from_labels(stack, labels, [0]), settings))
    codes = open_predictor(model, EXACT)(stack[1])
    found = labels_of(codes, model.config.outputs, model.label_settings, stack.spacing)
    scores = frame_scores(found, truth[1])
    assert scores.dice > 0.85 and scores.f1 > 0.8, scores


@pytest.mark.slow
def test_regions_of_heads_are_learned_from_four_contrasts():
    """Nested parts of generated scans (C, Z, Y, X), z-scored within the head."""
    heads, classes = sample_phantoms(count=2)
    seen = VOLUME.replace(channel=(0, 1, 2, 3))
    stack = Stack.from_array(heads, seen, axes="TCZYX", pixel_size=1.0, z_step=1.0)
    truth = Stack.from_array(classes, VOLUME, axes="TZYX")
    settings = TINY.replace(
        steps=160, filters=(8, 16), batch=2, regions=REGIONS, validation="none",
        normalisation=Normalisation(kind="zscore_foreground"),
        augmentation=Augmentation.preset("light"),
    )  # fmt: skip
    model = run(train(stack, Annotations.from_labels(stack, truth, [0], kind="classes"), settings))
    assert model.config.boxed
    codes = open_predictor(model, EXACT)(stack[1])
    found = labels_of(codes, model.config.outputs, model.label_settings, stack.spacing)
    for region in regions_of(model.config.outputs):
        mine, right = (np.isin(part, region.classes) for part in (found, classes[1]))
        assert 2 * (mine & right).sum() > 0.65 * (mine.sum() + right.sum()), region.name
