"""Large cells are learned smaller and tiny ones larger; predictions come back at full size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.labels.codes import decode
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.network import network_codes
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.settings import PredictSettings, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training import train
from napari_unet.engine.training.training_record import smallest_cell
from napari_unet.engine.training.working_scale import (
    kept_scale,
    resized_frame,
    scale_in_words,
    working_scale,
)
from napari_unet.sample.movie import sample_movie

TINY = TrainSettings(steps=4, filters=(4, 8), crop=32, batch=2, threads=1, device="cpu", scale=0.5)


@pytest.fixture(scope="module")
def world():
    movie, truth = sample_movie(frames=4, shape=(90, 121), density=7)
    stack = Stack.from_array(movie, axes="TYX", name="nuclei")
    labels = Stack.from_array(truth, axes="TYX")
    return stack, Annotations.from_labels(stack, labels, (0, 1))


def finish(steps):
    """The steps of a training, and its model."""
    said = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as stop:
            return said, stop.value


@pytest.mark.parametrize(
    ("diameter", "changes", "scale"),
    [
        (30, {}, 1.0),
        (60, {}, 1.0),
        (114, {}, 0.351),
        (10, {}, 1.0),
        (8, {}, 2.0),
        (3, {}, 2.0),
        (114, {"scale": 1.0}, 1.0),
        (30, {"scale": 0.5}, 0.5),
        (114, {"whole_frames": True, "minutes": None, "epochs": 1}, 1.0),
    ],
    ids=str,
)
def test_the_scale_follows_from_the_annotated_cells(diameter, changes, scale):
    assert working_scale(TrainSettings(**changes), diameter) == pytest.approx(scale, abs=1e-3)


def test_classes_of_pixels_are_learned_as_they_are():
    assert working_scale(TrainSettings(), 200.0, None, (1, 2)) == 1.0


@pytest.mark.parametrize(("diameter", "scale"), [(100, 0.4), (140, 0.4), (300, 0.133), (30, 1.0)])
def test_a_base_keeps_its_scale_for_cells_of_about_its_size(toy_model, diameter, scale):
    network = toy_model.network.folded()
    network.config = toy_model.config.replace(scale=0.4)
    base = replace(toy_model, network=network, card={"diameter": 110.0})
    assert working_scale(TrainSettings(), diameter, base) == pytest.approx(scale, abs=1e-3)


def test_a_scale_is_said_where_there_is_one():
    assert scale_in_words(1.0, 30) == ""
    expected = "frames are resized 0.35 times: cells 114 px across are seen as 40"
    assert scale_in_words(0.351, 114) == expected


@pytest.mark.parametrize("scale", [0.35, 0.5, 1.7])
def test_labels_are_resized_without_new_numbers(scale):
    ids = np.zeros((41, 60), np.int32)
    ids[5:20, 5:20], ids[5:20, 20:40] = 70000, 3
    annotation = annotate(ids, complete=False)
    image, seen = resized_frame(np.zeros((2, 41, 60), np.float32), annotation, scale)
    shape = (round(41 * scale), round(60 * scale))
    assert image.shape == (2, *shape)
    assert seen.labels.shape == seen.supervised.shape == shape
    assert set(np.unique(seen.labels)) == {0, 3, 70000}
    assert seen.labels.dtype == np.int32 and seen.supervised.dtype == bool
    assert np.mean(seen.labels > 0) == pytest.approx(np.mean(ids > 0), abs=0.05)


def test_a_model_knows_its_scale_and_predicts_at_full_size(world, tmp_path):
    stack, annotations = world
    steps, model = finish(train(stack, annotations, TINY))
    assert "frames are resized 0.5 times" in steps[0].note
    again = Model.load(model.save(tmp_path / "m.safetensors"))
    assert again.config.scale == 0.5
    frame = stack[2]
    codes = open_predictor(again, PredictSettings(device="cpu", precision="fp32"))(frame)
    expected = network_codes(again.network, Normaliser(again.normalisation)(frame))
    assert codes.shape == (2, *stack.frame_shape)
    np.testing.assert_allclose(decode(codes), decode(expected), atol=0.02)


def test_a_model_at_its_own_size_is_written_as_before(world):
    stack, annotations = world
    model = finish(train(stack, annotations, TINY.replace(scale="auto")))[1]
    assert "scale" not in model.config.model_dump(mode="json")


def test_diameter_of_a_finished_model_counts_beside_its_scale(world):
    stack, annotations = world
    model = finish(train(stack, annotations, TINY))[1]
    model = replace(model, card={"diameter": 20.0})
    exact = PredictSettings(device="cpu", precision="fp32")
    by_size = open_predictor(model, exact.replace(diameter=40))(stack[0])
    by_factor = open_predictor(model, exact.replace(scale=0.5))(stack[0])
    np.testing.assert_array_equal(by_size, by_factor)


def test_a_resumed_run_keeps_its_scale(world, tmp_path):
    stack, annotations = world
    checkpoint = tmp_path / "run.ckpt"
    straight = finish(train(stack, annotations, TINY))[1]
    begun = train(stack, annotations, TINY, checkpoint=checkpoint, checkpoint_every=0)
    next(begun), next(begun), next(begun)
    begun.close()
    _, resumed = finish(train(stack, annotations, TINY, checkpoint=checkpoint, resume=True))
    assert resumed.config.scale == 0.5
    for name, tensor in straight.network.state_dict().items():
        assert np.array_equal(tensor, resumed.network.state_dict()[name]), name
    assert kept_scale({}) == 1.0


def test_fine_tuning_goes_on_at_the_scale_of_its_base(world):
    stack, annotations = world
    base = replace(finish(train(stack, annotations, TINY))[1], card={"diameter": 20.0})
    child = finish(train(stack, annotations, TINY.replace(scale="auto"), base=base))[1]
    assert child.config.scale == 0.5


@pytest.mark.parametrize(
    ("areas", "smallest"),
    [
        ([100] * 30, 30),  # three tenths at most
        ([40, *[100] * 10], 26),  # half of the smallest, few as they are
        ([3, *[100] * 200], 30),  # one slip among many
        ([1, 100], 10),  # a tenth at least
    ],
)
def test_the_smallest_cell_follows_the_annotated_ones(areas, smallest):
    ids = np.repeat(np.arange(1, len(areas) + 1), areas)[None].astype(np.int32)
    annotations = Annotations((1, *ids.shape), {0: annotate(ids, complete=True)})
    diameter = float(np.sqrt(400 / np.pi))
    assert smallest_cell(annotations, diameter) == pytest.approx(smallest, abs=1)


def test_whole_cells_are_no_specks_however_small_beside_the_others():
    areas = [9] * 3 + [100] * 20
    ids = np.pad(np.repeat(np.arange(1, len(areas) + 1), areas)[None], 1).astype(np.int32)
    annotations = Annotations((1, *ids.shape), {0: annotate(ids, complete=True)})
    assert smallest_cell(annotations, float(np.sqrt(400 / np.pi))) == 7
