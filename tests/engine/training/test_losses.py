"""Targets and losses: only what is supervised counts, gaps between cells count more."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.regions import parse_regions, region_outputs
from napari_unet.engine.settings import Loss, TrainSettings
from napari_unet.engine.training.losses import (
    border_weight,
    check_class_weights,
    masked_loss,
    targets,
)
from napari_unet.sample.movie import sample_movie
from tests.engine.training.loss_formulas import np_entropy, np_loss, np_softmax_entropy

LOSSES = ("bce_dice", "bce", "focal", "dice", "dice_focal", "bce_focal", "ce_dice")


def brute_force(labels, w0, sigma):
    """Equation 2 of Ronneberger 2015 as printed, and the distance to the second nearest object."""
    ids = [i for i in np.unique(labels) if i]
    distances = np.stack([ndimage.distance_transform_edt(labels != i) for i in ids])
    d1, d2 = np.sort(distances, axis=0)[:2]
    return w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)), d2


@pytest.mark.parametrize("sigma", [1.0, 3.0, 5.0])
def test_border_weight_is_ronneberger_s(sigma):
    labels = sample_movie(frames=1, shape=(72, 90), density=14)[1][0].astype(np.int32)
    found = border_weight(labels, 10.0, sigma)
    wanted, d2 = brute_force(labels, 10.0, sigma)
    near = d2 <= 2.5 * sigma
    assert near.any()
    np.testing.assert_allclose(found[near], wanted[near], atol=1e-4)
    # farther, where the formula gives less than a twentieth of w0, it may be left out
    assert (found[~near] <= wanted[~near] + 1e-4).all()
    assert found.dtype == np.float32


@pytest.mark.parametrize("ids", [(), (3,)])
def test_without_neighbours_there_is_no_border_weight(ids):
    labels = np.zeros((20, 30), np.int32)
    for i in ids:
        labels[5:9, 5:9] = i
    assert border_weight(labels, 5.0, 5.0).max() < 1e-9


def test_targets():
    labels = torch.tensor(
        [[0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 2, 2], [0, 1, 1, 1, 2, 2], [0, 1, 1, 1, 2, 2]]
    )[None, None].float()
    found = targets(labels, ("object", "border", "class 2"))[0]
    assert found.dtype == torch.float32
    assert torch.equal(found[0], (labels[0, 0] > 0).float())
    outline = torch.tensor(
        [[0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1], [0, 1, 0, 1, 1, 0], [0, 1, 0, 1, 1, 0]]
    )
    assert torch.equal(found[1], outline.float())
    assert torch.equal(found[2], (labels[0, 0] == 2).float())


def case(seed, outputs=2):
    g = torch.Generator().manual_seed(seed)
    shape = (2, outputs, 9, 11)
    logits = torch.randn(shape, generator=g) * 3
    target = (torch.rand(shape, generator=g) > 0.5).float()
    supervised = (torch.rand((2, 1, 9, 11), generator=g) > 0.6).float()
    weight = torch.rand((2, 1, 9, 11), generator=g) * 5
    return logits, target, supervised, weight


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(LOSSES))
def test_what_is_not_supervised_changes_nothing(seed, loss):
    chosen = TrainSettings(loss=loss)
    logits, target, supervised, weight = case(seed)
    others = case(seed + 1)
    swapped = [
        torch.where(supervised > 0, mine, other)
        for mine, other in zip(
            (logits, target, weight), (others[0], others[1], others[3]), strict=True
        )
    ]
    results = []
    for values in ((logits, target, weight), swapped):
        leaf = values[0].clone().requires_grad_()
        value = masked_loss(leaf, values[1], supervised, values[2], chosen)
        value.backward()
        assert not leaf.grad[(supervised == 0).expand_as(leaf)].any()
        results.append((value.detach(), leaf.grad))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


@pytest.mark.parametrize("loss", LOSSES)
def test_better_logits_cost_less(loss):
    chosen = TrainSettings(loss=loss)
    _, target, supervised, weight = case(0)
    costs = [
        float(masked_loss((2 * target - 1) * sure, target, supervised, weight, chosen))
        for sure in (-3, 0, 1, 5, 20)
    ]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_supervised_costs_nothing(loss):
    logits, target, supervised, weight = case(0)
    nothing = torch.zeros_like(supervised)
    logits.requires_grad_()
    cost = masked_loss(logits, target, nothing, weight, TrainSettings(loss=loss))
    cost.backward()
    assert cost.item() == 0
    assert not logits.grad.any()


def test_plain_cross_entropy_is_torch_s():
    logits, target, _, weight = case(3)
    everything = torch.ones_like(weight)
    found = masked_loss(
        logits, target, everything, torch.zeros_like(weight), TrainSettings(loss="bce")
    )
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    torch.testing.assert_close(found, wanted)


def test_a_heavier_pixel_pulls_harder():
    logits, target, supervised, _ = case(4)
    supervised[0, 0, 0, :2] = 1
    target[0, :, 0, :2] = 1
    logits[0, :, 0, :2] = -1
    weight = torch.zeros_like(supervised)
    weight[0, 0, 0, 1] = 4
    logits.requires_grad_()
    masked_loss(logits, target, supervised, weight, TrainSettings(loss="bce")).backward()
    torch.testing.assert_close(logits.grad[0, :, 0, 1], 5 * logits.grad[0, :, 0, 0])


# --- each loss against its formula, written out in numpy ------------------------------------------


OPTIONS = [
    {},
    {"dice_over": "crop"},
    {"focal_gamma": 0.5},
    {"class_weights": "balanced"},
    {"class_weights": (0.5, 3.0), "dice_over": "crop"},
]
EVERY_LOSS = get_args(get_args(Loss)[0])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("loss", EVERY_LOSS)
def test_losses_of_objects(loss, options):
    logits, target, supervised, weight = case(7)
    found = masked_loss(logits, target, supervised, weight, TrainSettings(loss=loss, **options))
    x, t, mask, w = (v.double().numpy() for v in (logits, target, supervised, weight))
    kinds = np.concatenate((1 - t[:, :1], t[:, :1]), 1)
    p = 1 / (1 + np.exp(-x))
    wanted = np_loss(loss, np_entropy(x, t), p, t, kinds, mask, w, options)
    assert float(found) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("options", [*OPTIONS[:4], {"class_weights": (0, 1, 2, 3)}], ids=str)
@pytest.mark.parametrize("loss", EVERY_LOSS)
def test_losses_of_exclusive_classes(loss, options):
    g = torch.Generator().manual_seed(1)
    raw = torch.randn((2, 4, 9, 11), generator=g) * 3  # softmax scores, background first
    labels = torch.randint(0, 4, (2, 1, 9, 11), generator=g)
    target = targets(labels.float(), ("object", "class 1", "class 2", "class 3"))
    mask = (torch.rand((2, 1, 9, 11), generator=g) > 0.4).float()
    rest = [torch.logsumexp(raw[:, [i for i in range(4) if i != k]], 1) for k in range(4)]
    each = torch.stack([raw[:, k] - rest[k] for k in range(4)], 1)  # of one against the others
    logits = torch.cat((-each[:, :1], each[:, 1:]), 1)
    found = masked_loss(
        logits, target, mask, torch.zeros_like(mask), TrainSettings(loss=loss, **options),
        exclusive=True,
    )  # fmt: skip
    x, m = raw.double().numpy(), mask.double().numpy()
    kinds = (labels.numpy() == np.arange(4)[:, None, None]).astype(float)
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    wanted = np_loss(
        loss, np_softmax_entropy(x, kinds), p[:, 1:], kinds[:, 1:], kinds, m, 0, options
    )
    assert float(found) == pytest.approx(wanted, rel=1e-4)


def test_balanced_is_the_mean_over_what_there_is():
    logits, _, supervised, weight = case(5, outputs=1)
    nothing = torch.zeros_like(logits)  # background alone: as if it were not asked for
    values = [
        masked_loss(logits, nothing, supervised, weight, TrainSettings(loss="bce", class_weights=w))
        for w in ("equal", "balanced")
    ]
    torch.testing.assert_close(*values)


@pytest.mark.parametrize("words", ["bce+dice", "dice+bce", "bce_dice", "dice_bce"])
def test_sums_are_saved_in_one_way(words):
    assert TrainSettings(loss=words).loss == "bce_dice"


@pytest.mark.parametrize("words", ["", "bce+", "bce+ce", "bce+bce", "huber", 3])
def test_other_sums_are_refused(words):
    with pytest.raises(ValidationError):
        TrainSettings(loss=words)


@pytest.mark.parametrize(
    ("weights", "classes", "said"),
    [
        ((1, 2, 3), (), "3 class weights; expected 2, of background and of cells"),
        ((1, 2), (3, 7), "3, of background and of 2 classes"),
        ((0, 0), (), "all class weights are 0"),
    ],
)
def test_class_weights_that_do_not_fit(weights, classes, said):
    with pytest.raises(BadInput) as caught:
        check_class_weights(TrainSettings(class_weights=weights), classes)
    assert said in str(caught.value)
    check_class_weights(TrainSettings(class_weights=(1, 2)), ())
    check_class_weights(TrainSettings(class_weights=(1, 2, 3)), (3, 7))
    check_class_weights(TrainSettings(class_weights="balanced"), (3, 7))


def test_targets_of_regions_overlap():
    labels = torch.tensor([[0, 1, 2, 4, 3]])[None, None].float()
    outputs = region_outputs(parse_regions("whole=1,2,4; core=1,4; enhancing=4"))
    found = targets(labels, outputs)[0, :, 0]
    assert found.tolist() == [[0, 1, 1, 1, 1], [0, 1, 1, 1, 0], [0, 1, 0, 1, 0], [0, 0, 0, 1, 0]]


@pytest.mark.parametrize("options", [*OPTIONS[:4], {"class_weights": (0.5, 1, 2, 3)}], ids=str)
@pytest.mark.parametrize("loss", ["bce", "dice", "focal", "bce_dice", "ce_dice_focal"])
def test_losses_of_regions_are_those_of_each_output(loss, options):
    outputs = region_outputs(parse_regions("whole=1,2,4; core=1,4; enhancing=4"))
    logits, _, supervised, weight = case(3, outputs=4)
    labels = torch.from_numpy(np.random.default_rng(3).choice([0, 1, 2, 4], (2, 1, 9, 11)))
    target = targets(labels.float(), outputs)
    settings = TrainSettings(loss=loss, **options)
    found = masked_loss(logits, target, supervised, weight, settings, outputs=outputs)
    x, t, mask, w = (v.double().numpy() for v in (logits, target, supervised, weight))
    kinds = (labels.numpy() == np.array([0, 2, 1, 4])[:, None, None]).astype(float)
    p = 1 / (1 + np.exp(-x))
    wanted = np_loss(loss, np_entropy(x, t), p, t, kinds, mask, w, options)
    assert float(found) == pytest.approx(wanted, rel=1e-4)


# --- volumes ---


def two_boxes():
    """Two cells that touch along z, and one that stands apart: (Z, Y, X)."""
    labels = np.zeros((8, 12, 14), np.int32)
    labels[1:4, 2:9, 2:9] = 1
    labels[4:7, 2:9, 2:9] = 2
    labels[2:5, 3:8, 11:13] = 3
    return labels


@pytest.mark.parametrize("spacing", [None, (2.0, 1.0, 1.0), (1.5, 0.5, 0.5)])
def test_border_weight_of_volumes_goes_by_their_spacing(spacing):
    labels, ratio = two_boxes(), 1.0 if spacing is None else spacing[0] / spacing[1]
    each = [ndimage.distance_transform_edt(labels != k, sampling=(ratio, 1, 1)) for k in (1, 2, 3)]
    d1, d2 = np.sort(np.stack(each), axis=0)[:2]
    wanted = 10 * np.exp(-((d1 + d2) ** 2) / (2 * 3.0**2))
    found = border_weight(labels, 10.0, 3.0, spacing)
    near = d2 <= 2.5 * 3
    np.testing.assert_allclose(found[near], wanted[near], rtol=1e-4, atol=1e-4)


def test_borders_of_volumes_are_shells_and_of_thick_sections_outlines():
    labels = torch.from_numpy(two_boxes()).float()[None, None]
    shell, flat = (
        targets(labels, ("object", "border"), in_planes=in_planes)[0, 1].numpy() > 0
        for in_planes in (False, True)
    )
    cell = two_boxes() == 1
    inner = ndimage.binary_erosion(cell, np.ones((3, 3, 3)))
    np.testing.assert_array_equal(shell & cell, cell & ~inner)
    # in planes the bottom of a cell is no border, but where it touches another it is
    assert not flat[1, 5, 5] and flat[3, 5, 5] and flat[4, 5, 5] and not flat[6, 5, 5]
    assert flat[2, 2, 5] and not flat[2, 5, 5]


@pytest.mark.parametrize("loss", ["bce_dice", "focal", "ce_dice"])
@pytest.mark.parametrize("over", ["batch", "crop"])
def test_losses_of_a_volume_are_those_of_its_sections_side_by_side(loss, over):
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn((2, 2, 3, 6, 7), generator=rng)
    labels = (torch.rand((2, 1, 3, 6, 7), generator=rng) > 0.6).float()
    inside = (torch.rand((2, 1, 3, 6, 7), generator=rng) > 0.2).float()
    weight = torch.rand((2, 1, 3, 6, 7), generator=rng)
    settings = TrainSettings(loss=loss, dice_over=over, class_weights="balanced")
    target = torch.cat((labels, labels), 1)
    flat = [part.flatten(2, 3) for part in (logits, target, inside, weight)]
    volume = masked_loss(logits, target, inside, weight, settings)
    torch.testing.assert_close(volume, masked_loss(*flat, settings))
