"""Training with classes: it tells them apart, goes on from its own kind, and refuses others."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import FrameAnnotation, annotate_classes
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.scores import Scores
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.settings import Augmentation, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.checking import got_worse, in_words
from napari_unet.engine.training.losses import masked_loss, targets
from napari_unet.engine.training.sampling.patches import PatchSampler, prepare_frame
from napari_unet.engine.training.training import train

SMALL = TrainSettings(steps=60, filters=(8, 16), crop=64, batch=4, threads=1, device="cpu")
TINY = SMALL.replace(steps=2, crop=32, batch=2)
LOSSES = ("bce_dice", "bce", "focal")


@pytest.fixture(scope="module")
def stack(class_toy):
    return Stack.from_array(class_toy.movie, axes="TYX", name="two kinds")


@pytest.fixture(scope="module")
def annotated(class_toy, stack):
    """Annotations of some frames, their classes renumbered."""

    def some(*positions, numbers=(1, 2), **options):
        table = np.array([0, *numbers], np.uint16)
        labels = Stack.from_array(table[class_toy.labels], axes="TYX")
        return Annotations.from_labels(stack, labels, positions or None, **options)

    return some


def finish(run):
    steps = []
    while True:
        try:
            steps.append(next(run))
        except StopIteration as end:
            return steps, end.value


@pytest.fixture(scope="module")
def learned(stack, annotated):
    """A training of 60 small steps that is checked on two frames."""
    return finish(train(stack, annotated(), SMALL.replace(validation=(4, 5)), name="kinds"))


# --- learning ------------------------------------------------------------------------------------


def test_it_tells_two_classes_apart(learned):
    steps, model = learned
    last = Scores(**model.record["after"])
    assert last.classes.keys() == {"1", "2"}
    assert min(last.classes.values()) > 0.6  # the commoner one everywhere would give 0 for one
    assert steps[-1].loss < 0.6 * steps[0].loss
    assert model.config.outputs == ("object", "class 1", "class 2")
    assert "2 classes" in model.record["annotated"]


def test_the_best_weights_are_those_of_the_best_classes(learned):
    steps, model = learned
    best = max(s.validation.class_iou for s in steps if s.validation)
    assert Scores(**model.record["after"]).class_iou == pytest.approx(best, abs=0.004)


def test_it_says_how_well_each_class_is_found(learned):
    record = learned[1].record
    assert "mean IoU of classes 0." in "\n".join(in_words(record))
    worse = {**record, "before": {**record["after"], "classes": {"1": 0.99, "2": 0.99}}}
    assert got_worse(worse)
    assert not got_worse({**record, "before": record["after"]})


def test_a_saved_model_gives_the_same(learned, tmp_path):
    model = learned[1]
    again = Model.load(model.save(tmp_path / "kinds.safetensors"))
    assert again.config.classes == (1, 2)
    assert again.record["after"] == model.record["after"]


def test_the_same_seed_gives_the_same_model(stack, annotated):
    one, other = (finish(train(stack, annotated(0, 2), TINY))[1] for _ in range(2))
    weights = other.network.state_dict()
    assert all(torch.equal(v, weights[k]) for k, v in one.network.state_dict().items())


def test_a_stopped_training_is_resumed_to_the_same(stack, annotated, tmp_path):
    settings = TINY.replace(steps=6, validation=(4, 5))
    whole = finish(train(stack, annotated(), settings))[1]
    file = tmp_path / "kinds.checkpoint"
    begun = train(stack, annotated(), settings, checkpoint=file, checkpoint_every=0)
    for _ in range(4):
        next(begun)
    begun.close()
    resumed = finish(train(stack, annotated(), settings, checkpoint=file, resume=True))[1]
    weights = resumed.network.state_dict()
    assert all(torch.equal(v, weights[k]) for k, v in whole.network.state_dict().items())
    assert resumed.record["after"]["classes"] == whole.record["after"]["classes"]


def test_it_goes_on_from_a_model_of_the_same_classes(learned, stack, annotated):
    model = learned[1]
    few = annotated(1, partial=True)
    frame = few.frames[1]
    only_one = FrameAnnotation(frame.labels, frame.supervised & (frame.labels == 1), False)
    rest = annotated(3).with_frames({1: only_one, 3: annotated(3).frames[3]})
    steps, child = finish(train(stack, rest, TINY.replace(validation=(3,)), base=model))
    assert child.config == model.config
    assert Scores(**child.record["before"]).class_iou > 0.5
    assert all(np.isfinite(s.loss) for s in steps)


def test_every_pixel_may_have_a_class(stack, annotated):
    everywhere = annotated().with_frames(
        {
            t: annotate_classes(np.where(f.labels, f.labels, 3), complete=True)
            for t, f in annotated(0, 2).frames.items()
        }
    )
    full = Annotations(everywhere.shape, everywhere.frames, (1, 2, 3))
    _, model = finish(train(stack, full, TINY))
    assert model.config.classes == (1, 2, 3)


# --- refusing ------------------------------------------------------------------------------------


def untrained(*outputs, softmax=False):
    config = UNetConfig(outputs=outputs, filters=(4, 8), softmax=softmax)
    return Model(UNet(config), SMALL.normalisation, name="other")


def test_labels_and_base_must_be_of_one_kind(stack, annotated):
    classes, ids = annotated(0, 2), annotated(0, 2, kind="instances")
    lone = annotated(0, 2, numbers=(4, 4), kind="classes")
    of_objects = untrained("object", "border")
    of_classes = untrained("object", "class 1", "class 2", softmax=True)
    outside = annotated(0, 2, numbers=(2, 5))
    cases = [
        (classes, of_objects, "finds objects, the labels hold classes 1, 2"),
        (ids, of_classes, "tells classes 1, 2 apart, the labels hold objects"),
        (outside, of_classes, "the labels hold class 5 (expected classes 1, 2, as the model other"),
        (lone, None, "only class 4"),
    ]
    for annotations, base, words in cases:
        with pytest.raises(BadInput) as caught:
            train(stack, annotations, TINY, base=base)
        line = str(caught.value)
        assert "\n" not in line
        assert words.split(" (")[0] in line, line


# --- the loss ------------------------------------------------------------------------------------


def case(seed=0):
    """Logits of a softmax network of three classes, and labels of which some do not count."""
    g = torch.Generator().manual_seed(seed)
    raw = torch.randn((2, 4, 9, 11), generator=g) * 3
    labels = torch.randint(0, 4, (2, 1, 9, 11), generator=g).float()
    supervised = (torch.rand((2, 1, 9, 11), generator=g) > 0.4).float()
    return raw, labels, supervised


def logits_of(raw):
    """What the network's head makes of its raw outputs."""
    from napari_unet.engine.network.network import class_logits

    return class_logits(raw)


def cost(raw, labels, supervised, loss):
    wanted = targets(labels, ("object", "class 1", "class 2", "class 3"))
    settings = TrainSettings(loss=loss)
    weight = torch.ones_like(supervised)
    return masked_loss(logits_of(raw), wanted, supervised, weight, settings, exclusive=True)


@pytest.mark.parametrize("gamma", [0, 2])
def test_it_is_the_cross_entropy_of_the_softmax(gamma):
    raw, labels, supervised = case()
    each = F.cross_entropy(raw, labels[:, 0].long(), reduction="none")[:, None]
    each = each * (1 - torch.exp(-each)) ** gamma
    wanted = (each * supervised).sum() / supervised.sum()
    found = cost(raw, labels, supervised, "focal" if gamma else "bce")
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_not_supervised_changes_nothing(loss):
    raw, labels, supervised = case()
    other = case(1)
    pairs = zip((raw, labels), other[:2], strict=True)
    swapped = tuple(torch.where(supervised > 0, mine, its) for mine, its in pairs)
    results = []
    for values in ((raw, labels), swapped):
        leaf = values[0].clone().requires_grad_()
        value = cost(leaf, values[1], supervised, loss)
        value.backward()
        assert not leaf.grad[(supervised == 0).expand_as(leaf)].any()
        results.append(value.detach())
    assert torch.equal(*results)


@pytest.mark.parametrize("loss", LOSSES)
def test_surer_and_right_costs_less(loss):
    _, labels, supervised = case()
    right = F.one_hot(labels[:, 0].long(), 4).permute(0, 3, 1, 2).float()
    costs = [float(cost(right * sure, labels, supervised, loss)) for sure in (-2, 0, 2, 12)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(0, abs=1e-3)


# --- crops ---------------------------------------------------------------------------------------


def test_crops_are_drawn_around_rare_classes_too():
    labels = np.ones((128, 128), np.int32)
    labels[60:66, 60:66] = 2  # 0.2 % of the pixels
    image = np.random.default_rng(0).random((1, 128, 128)).astype(np.float32)
    annotation = annotate_classes(labels, complete=True)
    no_weight, cpu = np.zeros((128, 128), np.float32), torch.device("cpu")
    settings = Augmentation.preset("none").replace(cells=2.0)
    shares = []
    for of_classes in (True, False):
        frame = prepare_frame(image, annotation, no_weight, cpu, of_classes=of_classes)
        sampler = PatchSampler([frame], 16, settings, torch.Generator().manual_seed(0))
        batch = sampler.batch(200)
        shares.append(float((batch.labels == 2).flatten(1).any(1).float().mean()))
        if of_classes:  # classes differ in brightness: that must stay as it is
            assert float(batch.image.min()) >= 0
            assert float(batch.image.max()) <= 1
    assert shares[0] > 0.25 > 5 * shares[1]
