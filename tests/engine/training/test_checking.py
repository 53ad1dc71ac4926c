"""Checks see only what is supervised, come at even intervals and remember the best."""

import numpy as np
import pytest
import torch

from napari_unet.engine.annotations.frame_annotation import FrameAnnotation, annotate
from napari_unet.engine.labels.scores import Scores
from napari_unet.engine.network.network import Network, network_codes
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.settings import LabelSettings, TrainSettings
from napari_unet.engine.training.checking import (
    Checker,
    check,
    clearly_best,
    object_score,
    score_labels,
)
from napari_unet.engine.training.schedule import Clock, Plan

SETTINGS = LabelSettings(min_size=0)
APART = 12  # px, of the two discs of a pear


@pytest.fixture
def truth():
    labels = np.zeros((40, 60), np.int32)
    for k, (y, x) in enumerate(((5, 5), (5, 30), (25, 5), (25, 30)), start=1):
        labels[y : y + 9, x : x + 9] = k
    return labels


@pytest.fixture
def network():
    torch.manual_seed(0)
    return UNet(UNetConfig(filters=(4, 8))).eval()


def brightness_network():
    """A network whose object logit follows the brightness: bright pixels are cells."""
    network = UNet(UNetConfig(filters=(1, 1), outputs=("object",), norm=False)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for conv in (network.down[0][0], network.down[0][2], network.up[0][0], network.up[0][2]):
            conv.weight[0, 0, 1, 1] = 1
        network.head.weight.fill_(20)
        network.head.bias.fill_(-10)
    return network


def test_a_network_that_is_right(truth):
    image = (truth > 0)[None].astype(np.float32)
    scores = check(brightness_network(), [(image, annotate(truth, complete=True))] * 2, SETTINGS)
    assert (scores.iou, scores.seg, scores.f1) == (1, 1, 1)
    assert (scores.n_frames, scores.n_truth) == (2, 8)
    assert object_score(scores) == 1


def test_network_codes_are_the_logits(network):
    image = np.random.default_rng(0).random((1, 21, 34), np.float32)
    codes = network_codes(network, image)
    assert codes.shape == (2, 21, 34)
    assert codes.dtype == np.uint8
    with torch.inference_mode():
        logits = network(torch.from_numpy(image)[None])[0].numpy()
    np.testing.assert_allclose((codes / 127.5 - 1) * 10.4, logits, atol=0.042)


def test_objects_on_unpainted_ground_are_neither_right_nor_wrong(truth):
    painted = np.where(truth == 1, 1, 0)
    annotation = annotate(painted, complete=False)
    scores = score_labels(truth, annotation)  # the network finds all four
    assert (scores.n_truth, scores.n_predicted) == (1, 1)
    missing = score_labels(np.where(truth == 1, 0, truth), annotation)
    assert (missing.n_truth, missing.n_predicted) == (1, 0)


def test_an_object_mostly_outside_a_region_does_not_count(truth):
    region = np.zeros(truth.shape, bool)
    region[:, :32] = True  # two cells, and a slice of two others
    scores = score_labels(truth, FrameAnnotation(truth, region, complete=True))
    assert (scores.n_truth, scores.n_predicted, scores.iou) == (2, 2, 1)


def test_what_is_invented_on_supervised_ground_counts(truth):
    predicted = truth.copy()
    predicted[20:24, 45:55] = 9
    scores = score_labels(predicted, annotate(truth, complete=True))
    assert scores.n_predicted == 5


@pytest.mark.parametrize(
    ("steps", "checks"), [(1, 1), (7, 7), (20, 20), (100, 20), (119, 20), (1000, 20)]
)
def test_checks_come_at_even_intervals_and_at_the_end(steps, checks):
    checker = Checker(Clock(), SETTINGS, keep_best=True)
    plan = Plan(steps=steps, batch=1, crop=32, threads=1)
    due = [s for s in range(1, steps + 1) if checker.due(plan, s, by_clock=False)]
    assert due[-1] == steps
    assert len(due) <= checks
    assert len(due) >= checks / 2


def test_checks_wait_where_the_clock_decides_and_time_is_short():
    clock = Clock()
    plan = Plan(steps=100, batch=1, crop=32, threads=1)
    checker = Checker(clock, SETTINGS, keep_best=True)
    clock.earlier, clock.side = 100.0, 50.0
    assert not checker.due(plan, 50, by_clock=True)
    assert checker.due(plan, 100, by_clock=True)
    assert checker.due(plan, 50, by_clock=False)
    assert not checker.due(plan.replace(steps=None), 50, by_clock=True)


class Pears(Network):
    """A network that sees pairs of discs whose neck is neither narrow nor wide."""

    def __init__(self):
        super().__init__()
        self.config = UNetConfig()
        y, x = np.ogrid[:64, :96]
        inside = np.zeros((64, 96), bool)
        self.two, self.one = np.zeros((2, 64, 96), np.int32)
        for k, row in enumerate((16, 48)):
            for side, column in enumerate((40, 40 + APART)):
                disc = (y - row) ** 2 + (x - column) ** 2 <= 81
                inside |= disc
                self.two[disc & ((x > 40 + APART / 2) == bool(side))] = 2 * k + side + 1
                self.one[disc] = k + 1
        logits = np.stack((np.where(inside, 9.0, -9.0), np.full((64, 96), -9.0)))
        self.register_buffer("logits", torch.from_numpy(logits)[None].float())

    def forward(self, frames):
        return self.logits


@pytest.mark.parametrize(("cells", "parted"), [("two", True), ("one", False)])
def test_how_readily_cells_part_is_chosen_once_on_what_is_held_out(cells, parted):
    network, usual = Pears(), LabelSettings(min_size=0)
    frames = [(np.zeros((1, 64, 96), np.float32), annotate(getattr(network, cells), complete=True))]
    checker = Checker(Clock(), usual, keep_best=True)
    checker.choose_split(network, frames)
    assert (checker.settings.split_strength > usual.split_strength) is parted
    assert checker.kept.right == 100
    again = Checker(Clock(), usual, keep_best=True)
    again.restore({**checker.state(), "after": None})
    assert again.settings == checker.settings
    late = Checker(Clock(), usual, keep_best=True)
    late.restore({**checker.state(), "after": None, "split": None, "joined": True})
    late.choose_split(network, frames)  # all was learned from: nothing left to choose on
    assert late.settings == usual


def test_another_threshold_is_chosen_only_where_it_is_clearly_better():
    def scores(value, cells=40):
        return Scores(value, value, value, value, value, 100, 0, 0, 0, 0, 1, cells, cells)

    assert clearly_best({0.4: scores(0.802), 0.5: scores(0.8)}, 0.5) == 0.5
    assert clearly_best({0.4: scores(0.81), 0.5: scores(0.8)}, 0.5) == 0.4
    assert clearly_best({0.4: scores(0.81, 4), 0.5: scores(0.8, 4)}, 0.5) == 0.5


def test_the_best_weights_are_kept_not_the_last(truth):
    image = (truth > 0)[None].astype(np.float32)
    held = [(image, annotate(truth, complete=True))]
    network = brightness_network()
    checker = Checker(Clock(), SETTINGS, keep_best=True)
    checker.check(network, held, 10)
    with torch.no_grad():
        network.head.bias.fill_(-30)  # finds nothing any more
    assert checker.check(network, held, 20).iou == 0
    assert checker.best["step"] == 10
    assert checker.best["weights"]["head.bias"] == -10
    assert [h["step"] for h in checker.history] == [10, 20]
    assert checker.kept.iou == 1  # the scores of the weights that are kept


@pytest.mark.parametrize(
    ("biases", "keep", "best", "others"),
    [
        ((-10, -30, -12), 1, -12, []),  # of equal ones the last
        ((-10, -30, -12), 2, -12, [-10]),
        ((-30, -10, -30), 3, -10, [-30, -30]),
    ],
)
def test_the_next_best_are_kept_in_order(truth, biases, keep, best, others):
    held = [((truth > 0)[None].astype(np.float32), annotate(truth, complete=True))]
    network = brightness_network()
    checker = Checker(Clock(), SETTINGS, TrainSettings(keep_best=keep), keep_best=True)
    for step, bias in enumerate(biases):
        with torch.no_grad():
            network.head.bias.fill_(bias)
        checker.check(network, held, step)
    assert checker.best["weights"]["head.bias"] == best
    assert [one["weights"]["head.bias"] for one in checker.next_best] == others
    again = Checker(Clock(), SETTINGS, keep_best=True)
    again.restore(checker.state())
    assert again.state() == checker.state()


@pytest.mark.parametrize(
    ("values", "patience", "stops"),
    [
        ([0.5, 0.6, 0.7], 1, False),
        ([0.5, 0.6, 0.6], 1, True),
        ([0.5, 0.8, 0.7, 0.7], 2, True),
        ([0.5, 0.8, 0.7, 0.9], 2, False),
        ([0.8, 0.7], 2, False),
        ([0.8, 0.7, 0.6, 0.5], None, False),
        ([], 1, False),
    ],
)
def test_patience(values, patience, stops):
    checker = Checker(Clock(), SETTINGS, keep_best=True)
    checker.history = [{"step": 1, "seg": v, "f1": v, "iou": v} for v in values]
    assert checker.fails_to_improve(patience) is stops
