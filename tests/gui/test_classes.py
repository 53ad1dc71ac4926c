"""Classes by clicks in a real napari: guessed and shown, trained, segmented, painted."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.gui.train.annotation_source import AnnotationSource, Scope
from napari_unet.gui.train.describe import describe
from napari_unet.gui.train.judged import verdict


@pytest.fixture
def kinds(class_toy, viewer):
    """The movie of two kinds of cells as the viewer's first layer, its classes as the second."""
    image = viewer.add_image(class_toy.movie, name="kinds", axis_labels=("t", "y", "x"))
    viewer.add_labels(class_toy.labels, name="truth")
    return image


@pytest.fixture
def train(hand, kinds):
    """The Train dock, set to a small network and few steps."""
    dock = hand.open_train(steps=60)
    hand.find(dock, "train.frames").setText("0-3")
    return dock


def choose(hand, dock, kind):
    menu = hand.find(dock, "train.labels_are")
    menu.setCurrentIndex(menu.findData(kind))


def test_what_the_labels_are_is_guessed_shown_and_can_be_chosen(hand, train):
    menu, whole = hand.find(train, "train.labels_are"), hand.find(train, "train.complete")
    assert "4 frames, 2 classes, 100 % of the pixels" in hand.said(train, "train.summary", "class")
    assert menu.currentText() == "guessed: classes"
    assert "is background" in whole.text()
    choose(hand, train, "binary")
    hand.said(train, "train.summary", "cells")
    assert "Every cell" in whole.text()
    choose(hand, train, "instances")
    hand.said(train, "train.summary", "8 cells")
    choose(hand, train, "classes")
    hand.said(train, "train.summary", "2 classes")
    assert whole.isChecked()
    whole.setChecked(False)
    assert "100 %" not in hand.said(train, "train.summary", "2 classes, 5")
    assert not whole.isChecked()


def test_train_segment_and_paint_classes(hand, train, viewer, class_toy):
    hand.said(train, "train.summary", "2 classes")
    hand.session.labels.name_class(2, "dead")
    hand.click(train, "train.start")
    hand.done()
    model = hand.session.models.chosen.model
    assert model.config.classes == (1, 2) and model.record["class_names"] == {"2": "dead"}
    assert "mean IoU of classes" in hand.said(train, "train.outcome", "classes")

    segment = hand.open("Segment")
    hand.click(segment, "segment.run_movie")
    hand.done()
    live, layer = hand.session.labels.live, hand.session.labels.layer
    assert live.classes == (1, 2)
    found = live[5, :, :]
    overlap = [np.sum((found == k) & (class_toy.labels[5] == k)) for k in (1, 2)]
    either = [np.sum((found == k) | (class_toy.labels[5] == k)) for k in (1, 2)]
    assert np.mean(np.divide(overlap, either)) > 0.4
    hand.said(segment, "segment.count", "2 classes in this frame")
    name_the_classes(hand, segment, train, layer)

    thresholds = hand.find(segment, "segment.class_thresholds")
    assert thresholds.isEnabled()
    assert not hand.find(segment, "segment.min_size").isEnabled()
    thresholds.setText("0, 0.999")
    thresholds.textEdited.emit(thresholds.text())
    hand.qtbot.waitUntil(lambda: np.sum(live[5, :, :] == 2) < np.sum(found == 2), timeout=5000)
    thresholds.setText("")
    thresholds.textEdited.emit("")
    hand.qtbot.waitUntil(lambda: np.array_equal(live[5, :, :], found), timeout=5000)

    hand.click(train, "train.annotate")  # corrections: what is painted, and nothing else
    assert layer.selected_label == 1
    hand.click(train, "train.new_cell")
    assert hand.find(train, "train.new_cell").text() == "Next class"
    assert layer.selected_label == 2
    layer.data_setitem((np.full(9, 4), *np.indices((3, 3)).reshape(2, 9)), 2)
    layer.data_setitem((np.full(9, 4), *(20 + np.indices((3, 3)).reshape(2, 9))), 1)
    hand.find(train, "train.frames").setText("")
    hand.find(train, "train.labels").setCurrentText(layer.name)
    assert "1 frame, 2 classes, 0.146 %" in hand.said(train, "train.summary", "1 frame")


def name_the_classes(hand, segment, train, layer):
    """The legend has their names and colours; a name that is changed there is changed anywhere."""
    one, two = (hand.find(segment, f"segment.class_{n}") for n in (1, 2))
    assert (one.text(), two.text()) == ("class 1", "dead")
    one.setText("alive")
    one.editingFinished.emit()
    assert hand.find(train, "train.class_1").text() == "alive"
    assert dict(zip(layer.features["index"], layer.features["class"], strict=True)) == {
        1: "alive",
        2: "dead",
    }
    shown = hand.viewer.dims.current_step[0]  # napari looks into the frame on screen
    place = np.argwhere(np.asarray(layer.data[shown]) == 1)[0]
    assert "class: alive" in layer._get_properties((shown, *place))
    patch = hand.find(segment, "segment.take_class_2")
    red, green, blue, _ = layer.colormap.map(2).ravel()
    assert f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}" in (
        patch.styleSheet()
    )
    hand.click(segment, "segment.take_class_2")
    assert layer.selected_label == 2 and layer.mode == "paint"
    layer.mode = "pan_zoom"
    one.setText("")
    one.editingFinished.emit()
    assert one.text() == "class 1"
    hand.session.labels.name_class(1, "alive")


def test_what_does_not_fit_is_said_in_one_line(hand, train, viewer, class_toy):
    viewer.add_labels(np.where(class_toy.labels, 1, 0), name="one")
    hand.find(train, "train.labels").setCurrentText("one")
    choose(hand, train, "classes")
    hand.said(train, "train.summary", "1 class,")
    hand.click(train, "train.start")
    assert "only class 1" in hand.failure()


def test_the_verdict_speaks_of_classes():
    scores = {
        **dict.fromkeys(("iou", "dice", "seg", "det", "f1", "right", "missed", "invented"), 0.5),
        **{"merged": 1.0, "split": 2.0, "n_frames": 1, "n_truth": 1, "n_predicted": 1},
    }
    after = {**scores, "classes": {"1": 0.9, "2": 0.7}}
    line, _, worse = verdict({"after": after, "checked_on": "frame 3"})
    assert line == "Checked on frame 3: mean IoU of classes 0.800 (1: 0.90, 2: 0.70)."
    assert not worse
    before = {**scores, "classes": {"1": 0.95, "2": 0.9}}
    record = {"after": after, "before": before, "checked_on": "frame 3", "parent_name": "p"}
    record["cells"] = {"before": "1" * 8, "after": "0" * 8}  # its pieces
    line, _, worse = verdict(record)
    assert worse
    assert line.startswith("Worse. ") and "Discard takes you back" in line
    assert "Before: mean IoU of classes 0.925" in line


@pytest.fixture
def painted(class_toy):
    """Labels on which a user painted 4 pieces of each of two classes, with no model."""
    live = LiveLabels(class_toy.movie.shape)
    for y, x in np.ndindex(2, 4):
        live[1, 10 + 12 * y : 14 + 12 * y, 10 + 12 * x : 14 + 12 * x] = 1 + (x + y) % 2
    return live


@pytest.mark.parametrize(
    ("kind", "words", "pixels"),
    [
        ("auto", "1 frame, 2 classes", 8 * 16),
        ("classes", "1 frame, 2 classes", 8 * 16),
        ("instances", "1 frame, 2 cells", None),  # with a ring around each
        ("binary", "1 frame, 8 cells", None),
    ],
)
def test_strokes_teach_what_they_are_said_to_be(class_toy, painted, kind, words, pixels):
    stack = Stack.from_array(class_toy.movie, axes="TYX")
    found = AnnotationSource(
        stack=stack, labels=painted, name="labels", scope=Scope(kind=kind)
    ).read()
    assert found.describe().startswith(words)
    counts = int(found.frames[1].supervised.sum())
    assert counts == pixels if pixels else counts > 8 * 16


def test_cells_that_are_painted_are_no_classes(class_toy, painted):
    stack = Stack.from_array(class_toy.movie, axes="TYX")
    for label in range(3, 20):
        painted[2, 40, 2 * label : 2 * label + 1] = label
    assert not AnnotationSource(stack=stack, labels=painted, name="labels").read().classes


def test_a_class_that_is_painted_too_late_does_not_count(class_toy, painted):
    stack = Stack.from_array(class_toy.movie, axes="TYX")
    source = AnnotationSource(
        stack=stack, labels=painted, name="labels", scope=Scope(kind="classes")
    )
    known = source.read()
    painted[1, 50:54, 50:54] = 3
    painted[1, 60:64, 50:54] = 2
    again = source.reread(known, frozenset([1]))
    assert again.classes == (1, 2)
    assert int(again.frames[1].supervised.sum()) == 9 * 16


def test_regions_are_said_before_they_are_trained(class_toy, painted):
    stack = Stack.from_array(class_toy.movie, axes="TYX")
    source = AnnotationSource(stack=stack, labels=painted, name="labels")
    found = describe([source], TrainSettings(regions="any=1,2; dim=2"))
    assert "1 frame, 2 regions" in found.words
    assert source.for_base(None, "any=1,2; dim=2").scope.kind == "classes"
    with pytest.raises(BadInput, match="region any has class 7, which the labels do not hold"):
        describe([source], TrainSettings(regions="any=1,7"))
