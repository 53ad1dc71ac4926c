"""The history of a training: counts, figures, the table and the figure beside the model."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.training.history import (
    COLUMNS,
    History,
    figures,
    pixel_counts,
    validation_figures,
    write_history,
)
from napari_unet.engine.training.losses import masked_loss, targets

OBJECTS, CLASSES = ("object", "border"), ("object", "class 1", "class 2")


def case(exclusive):
    """Logits, targets, supervised, and what each pixel is and is taken for."""
    g = torch.Generator().manual_seed(0)
    supervised = (torch.rand((2, 1, 8, 9), generator=g) > 0.3).float()
    if not exclusive:
        logits = torch.randn((2, 2, 8, 9), generator=g)
        labels = torch.randint(0, 3, (2, 1, 8, 9), generator=g).float()
        truth, found = (labels[:, 0] > 0).long(), (logits[:, 0] > 0).long()
        return logits, targets(labels, OBJECTS), supervised, truth, found
    raw = torch.randn((2, 3, 8, 9), generator=g)
    p = raw.softmax(1)
    labels = torch.randint(0, 3, (2, 1, 8, 9), generator=g)
    logits = torch.cat((torch.logit(1 - p[:, :1]), torch.logit(p[:, 1:])), 1)
    return logits, targets(labels.float(), CLASSES), supervised, labels[:, 0], raw.argmax(1)


@pytest.mark.parametrize("exclusive", [False, True])
def test_counts_of_pixels(exclusive):
    logits, target, supervised, truth, found = case(exclusive)
    kinds = 3 if exclusive else 2
    wanted = np.zeros((kinds, kinds), int)
    inside = supervised[:, 0].numpy() > 0
    np.add.at(wanted, (truth.numpy()[inside], found.numpy()[inside]), 1)
    counts = pixel_counts(logits, target, supervised, exclusive=exclusive)
    np.testing.assert_array_equal(counts, wanted)


def test_figures_are_as_their_formulas():
    counts = np.array([[50, 5, 2], [4, 30, 1], [3, 0, 5]])
    iou = [50 / (50 + 7 + 7), 30 / (30 + 5 + 5), 5 / (5 + 3 + 3)]
    dice = [2 * 30 / (35 + 35), 2 * 5 / (8 + 8)]
    assert figures(counts) == pytest.approx(
        {
            "accuracy": 85 / 100,
            "iou": np.mean(iou[1:]),
            "dice": np.mean(dice),
            "mean_iou": np.mean(iou),
        }
    )


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ([[0, 0], [0, 0]], {}),
        ([[7, 0], [0, 0]], {"accuracy": 1, "mean_iou": 1}),
        ([[0, 0], [2, 6]], {"accuracy": 0.75, "iou": 0.75, "dice": 6 / 7, "mean_iou": 0.375}),
    ],
)
def test_what_does_not_occur_has_no_figure(counts, wanted):
    assert figures(np.array(counts)) == pytest.approx(wanted)


@pytest.mark.parametrize("exclusive", [False, True])
def test_figures_of_frames_from_their_codes(exclusive):
    logits, target, supervised, truth, found = case(exclusive)
    outputs = CLASSES if exclusive else OBJECTS
    labels = truth.numpy().astype(np.int32)  # one object, or the classes
    target = targets(truth[:, None].float(), outputs)
    settings = TrainSettings(loss="bce")
    coded, losses = [], []
    for n in range(2):
        annotation = annotate(labels[n], complete=True)
        annotation.supervised[...] = supervised[n, 0].numpy() > 0
        coded.append((encode_logits(logits[n].numpy()), annotation, np.zeros((8, 9), np.float32)))
        one = (part[n : n + 1] for part in (logits, target, supervised))
        losses.append(
            masked_loss(*one, torch.zeros(1, 1, 8, 9), settings, exclusive=exclusive).item()
        )
    result = validation_figures(coded, outputs, settings, exclusive=exclusive)
    inside = supervised[:, 0].numpy() > 0
    assert result["loss"] == pytest.approx(np.mean(losses), abs=0.02)
    right = (truth == found).numpy()[inside].mean()
    assert result["accuracy"] == pytest.approx(right, abs=0.02)  # nearly equal logits may tie
    assert {"iou", "dice", "mean_iou"} <= result.keys()


def history():
    made = History()
    for step in range(1, 7):
        made.add(1 / step, torch.tensor([[60, step], [step, 30]]))
        if step % 2 == 0:
            validation = {"loss": 0.5, "accuracy": 0.9} if step < 6 else {}
            made.close_row(validation=validation, scores=None, step=step, learning_rate=1e-3)
    return made


def test_rows_are_of_what_came_since_the_one_before():
    first, second, _ = history().rows
    assert first["loss"] == pytest.approx((1 + 1 / 2) / 2)
    assert second["loss"] == pytest.approx((1 / 3 + 1 / 4) / 2, rel=1e-5)
    assert second["accuracy"] == pytest.approx(180 / (180 + 14), rel=1e-5)
    assert first["validation_loss"] == 0.5
    assert first["seg"] is None


def test_it_goes_on_from_its_state():
    half = History()
    half.add(2.0, torch.tensor([[3, 1], [0, 4]]))
    again = History()
    again.restore(half.state())
    for made in (half, again):
        made.add(1.0, torch.tensor([[3, 0], [0, 4]]))
        made.close_row(validation={}, scores=None, step=2)
    assert again.rows == half.rows
    assert again.rows[0]["loss"] == 1.5
    empty = History()
    empty.restore({})
    assert empty.rows == []


def test_table_and_figure_lie_beside_the_model(tmp_path):
    rows = history().rows
    paths = write_history(rows, tmp_path / "cells.v2.safetensors")
    names = ["cells.v2.history.csv", "cells.v2.history.png"]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    with paths[0].open(newline="") as file:
        reader = csv.DictReader(file)
        table = list(reader)
    assert tuple(reader.fieldnames) == COLUMNS
    assert [row["step"] for row in table] == ["2", "4", "6"]
    assert float(table[1]["loss"]) == rows[1]["loss"]
    assert (table[0]["seg"], table[2]["validation_loss"]) == ("", "")
    with Image.open(paths[1]) as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}
    assert {(31, 119, 180), (230, 85, 13)} <= colours  # both curves are there


def test_without_rows_nothing_is_written(tmp_path):
    assert write_history([], tmp_path / "m.safetensors") == ()
    assert list(tmp_path.iterdir()) == []


def test_one_check_is_a_point(tmp_path):
    _, png = write_history(history().rows[:1], tmp_path / "m.safetensors")
    with Image.open(png) as image:
        assert image.size == (1200, 540)
