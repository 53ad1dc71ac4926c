"""Training with regions: nested outputs are learned, kept, gone on with, and refused in a line."""

import numpy as np
import pytest

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.labels.class_labels import label_classes
from napari_unet.engine.labels.regions import parse_regions
from napari_unet.engine.labels.scores import Scores
from napari_unet.engine.network.model import Model
from napari_unet.engine.settings import Augmentation, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.train_step import TrainInput
from napari_unet.engine.training.training import train

TUMOUR = "whole=1,2,4; core=1,4; enhancing=4"
SMALL = TrainSettings(
    steps=40,
    filters=(8, 16),
    crop=48,
    batch=3,
    threads=1,
    device="cpu",
    regions=TUMOUR,
    augmentation=Augmentation.preset("none"),
)
TINY = SMALL.replace(steps=2, crop=32, batch=2)


def nested(frames=4, shape=(64, 72), seed=0):
    """Discs of three classes, one in the other, and a movie that shows them."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((frames, *shape), np.uint8)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for frame in labels:
        for cy, cx in rng.uniform(12, 52, (3, 2)):
            far = np.hypot(y - cy, x - cx)
            for radius, number in ((12, 2), (8, 1), (4, 4)):
                frame[far < radius] = number
    light = np.array([100, 300, 200, 0, 500])[labels] + rng.normal(0, 15, labels.shape)
    return light.astype(np.uint16), labels


@pytest.fixture(scope="module")
def stack():
    return Stack.from_array(nested()[0], axes="TYX", name="nested")


def annotated(stack, labels=None, frames=None, kind="classes"):
    labels = nested()[1] if labels is None else labels
    return Annotations.from_labels(stack, Stack.from_array(labels, axes="TYX"), frames, kind=kind)


@pytest.fixture(scope="module")
def learned(stack):
    return run(train(stack, annotated(stack), SMALL.replace(validation=(3,))))


def test_it_learns_each_region(stack, learned, tmp_path):
    assert learned.config.outputs == (
        "object", "region whole=1,2,4", "region core=1,4", "region enhancing=4",
    )  # fmt: skip
    assert not learned.config.softmax
    assert learned.config.classes == (2, 1, 4)
    assert Scores(**learned.record["after"]).class_iou > 0.5
    assert "3 regions" in learned.record["annotated"]
    again = Model.load(learned.save(tmp_path / "regions.safetensors"))
    assert again.sha256 == learned.sha256
    labels = run(segment(stack, again))
    truth = nested()[1]
    for classes in ((1, 2, 4), (1, 4), (4,)):
        found, right = np.isin(labels[0], classes), np.isin(truth[0], classes)
        assert (found & right).sum() > 0.5 * (found | right).sum()
    strict = labels.relabelled(class_thresholds=(0.5, 0.5, 0.99), class_sizes=(20, 20, 20))
    np.testing.assert_array_equal(
        strict[1], label_classes(labels.probabilities[1], again.config.outputs, strict.settings)
    )
    labels.close()


def test_it_goes_on_with_its_regions(stack, learned):
    labels = nested()[1]
    some = annotated(stack, np.where(labels == 4, 1, labels), (0, 1))  # no enhancing on these
    steps = train(stack, some, TINY.replace(regions="a=1,2; b=1"), base=learned)
    first = next(steps)
    assert "regions stay as in model" in first.note
    assert run(steps).config.outputs == learned.config.outputs
    with pytest.raises(BadInput, match="tells classes 2, 1, 4 apart, the labels hold objects"):
        train(stack, annotated(stack, kind="instances"), TINY, base=learned)


def test_a_stopped_run_goes_on_to_the_same(stack, tmp_path):
    settings, path = TINY.replace(steps=4), tmp_path / "run.checkpoint"
    whole = run(train(stack, annotated(stack), settings))
    begun = train(stack, annotated(stack), settings, checkpoint=path, checkpoint_every=0)
    for _ in range(3):
        next(begun)
    begun.close()
    again = run(train(stack, annotated(stack), settings, checkpoint=path, resume=True))
    mine, its = again.network.state_dict(), whole.network.state_dict()
    assert all(np.array_equal(mine[k], its[k]) for k in its)


def test_other_classes_are_background_and_that_is_said(stack):
    labels = nested()[1]
    labels[:, :4] = 7
    found = annotated(stack, labels).in_regions(parse_regions(TUMOUR))
    assert found.classes == (2, 1, 4)
    assert not found.frames[0].labels[:4].any()
    assert found.frames[0].supervised.all()
    assert [n.line for n in found.notices] == ["class 7 of the labels: in no region, so background"]
    assert found.in_regions(parse_regions(TUMOUR)) is found


def test_strokes_that_come_meanwhile_are_of_regions_too(stack):
    labels = np.where(nested()[1] == 4, 5, nested()[1])
    settings = TINY.replace(steps=6, regions="whole=1,2,5; core=5,1")  # 1 comes back as 5
    steps = train(stack, annotated(stack, labels, (0, 1)), settings)
    next(steps)
    more = annotated(stack, labels, (0, 1, 2))
    note = steps.send(TrainInput(annotations=more)).note
    assert "now training on 2 frames, 2 regions" in note


@pytest.mark.parametrize(
    ("regions", "kind", "said"),
    [
        ("whole=1,2,9", "classes", "region whole has class 9, which the labels do not hold"),
        ("whole=1,2; core=2,4", "classes", "overlap and are not nested"),
        (TUMOUR, "instances", "the labels hold objects, and regions are of classes"),
        ("whole=1,2,4; core", "classes", "'core' is no region"),
    ],
)
def test_what_does_not_fit_is_said_before_it_begins(stack, regions, kind, said):
    with pytest.raises(BadInput) as error:
        train(stack, annotated(stack, kind=kind), TINY.replace(regions=regions))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_regions_over_floats(stack):
    halves = nested()[1].astype(np.float32) + 0.5
    with pytest.raises(BadInput, match="whole numbers"):
        annotated(stack, halves)
    whole = annotated(stack, nested()[1].astype(np.float32)).in_regions(parse_regions(TUMOUR))
    assert whole.classes == (2, 1, 4)


def test_one_region_is_enough(stack):
    model = run(train(stack, annotated(stack), TINY.replace(regions="any=1,2,4")))
    assert model.config.classes == (1,)
