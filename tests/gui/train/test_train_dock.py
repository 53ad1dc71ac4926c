"""Train, by clicks in a real napari: paint, train, stop and keep, compare, revert, save."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.network.model import Model
from napari_unet.engine.network.model_files import library
from napari_unet.gui.train.judged import Corrected, Trained, verdict
from napari_unet.gui.train.resume import checkpoint_of
from napari_unet.gui.widgets.editors import ChoiceEditor


@pytest.fixture
def train(hand, movie):
    """The Train dock, set to a small network and few steps."""
    return hand.open_train(steps=30)


def paint_true_cells(layer, truth, frames):
    """Paint the true cells of some frames as a user's brush would, cell by cell."""
    for t in frames:
        for label in np.unique(truth[t])[1:]:
            ys, xs = np.nonzero(truth[t] == label)
            layer.data_setitem((np.full(len(ys), t), ys, xs), int(label))


def saved_model(hand):
    chosen = hand.session.models.chosen
    return chosen is not None and chosen.origin == "mine" and chosen.saved


def test_start_painting_makes_a_sparse_layer_with_a_new_id(hand, train, viewer):
    hand.click(train, "train.annotate")
    layer = viewer.layers.selection.active
    assert layer.mode == "paint"
    first = layer.selected_label
    layer.data_setitem((np.array([0, 0]), np.array([5, 6]), np.array([5, 6])), first)
    hand.click(train, "train.new_cell")
    assert layer.selected_label not in (0, first)
    hand.click(train, "train.background")
    assert layer.selected_label == 65535
    assert hand.find(train, "train.start").isEnabled()


def test_paint_train_compare_revert(hand, train, small, viewer):
    hand.click(train, "train.annotate")
    layer = viewer.layers.selection.active
    paint_true_cells(layer, small[1], (0, 3))
    words = hand.said(train, "train.summary", "2 frames")
    assert "checked on frame" in words
    hand.click(train, "train.start")
    hand.done()
    chosen = hand.session.models.chosen
    assert chosen.origin == "mine" and not chosen.saved
    curve = hand.find(train, "train.curve")
    assert len(curve.loss.points) == 30 and curve.score.points
    assert hand.said(train, "train.outcome", "right")
    assert "right by itself" in hand.find(train, "train.outcome").text()
    assert not hand.find(train, "train.compare").isEnabled()
    # a child of it, so that there is a before
    start_from = hand.find(train, "train.start_from")
    start_from.setCurrentText(chosen.title)
    hand.click(train, "train.start")
    hand.done()
    child = hand.session.models.chosen
    assert child is not chosen
    assert child.model.record["parent"] == chosen.model.sha256
    hand.click(train, "train.compare")
    hand.done()
    names = [x.name for x in viewer.layers]
    assert "before training" in names
    hand.click(train, "train.compare")
    assert "after training" in [x.name for x in viewer.layers]
    assert layer.contour == 1  # judged against outlines, it is outlines
    hand.click(train, "train.compare")
    assert not {"before training", "after training"} & {x.name for x in viewer.layers}
    assert hand.find(train, "train.compare").text() == "Compare" and layer.contour == 0
    hand.click(train, "train.compare")
    hand.done()
    hand.click(train, "train.revert")
    assert hand.session.models.chosen is chosen
    assert child not in hand.session.models.all
    assert not {"before training", "after training"} & {x.name for x in viewer.layers}


@pytest.mark.slow
def test_the_frame_on_screen_is_shown_by_the_new_model_and_discard_goes_back(
    hand, train, small, viewer, model_file
):
    segment = hand.open("Segment")
    hand.load_model(segment, model_file)
    hand.click(segment, "segment.run_movie")
    hand.done()
    labels, former = hand.session.labels, hand.session.labels.live.probabilities
    viewer.add_labels(small[1], name="truth")
    hand.find(train, "train.labels").setCurrentText("truth")
    hand.find(train, "train.steps").setValue(3)
    hand.find(train, "train.start_from").setCurrentText("a new network")
    hand.click(train, "train.start")
    line = hand.done()
    assert "Keep it, or discard it" in line
    frame = hand.session.movie.frame
    now = labels.live.probabilities
    assert now is not former and list(np.flatnonzero(now.computed)) == [frame]
    assert labels.model is hand.session.models.chosen.model
    hand.click(train, "train.revert")
    assert labels.live.probabilities is former and former.computed.all()


@pytest.mark.slow
def test_comparing_ends_with_keep(hand, train, small, viewer, model_file):
    segment = hand.open("Segment")
    hand.load_model(segment, model_file)
    hand.find(train, "train.start_from").setCurrentIndex(
        hand.find(train, "train.start_from").findText("tiny (file)")
    )
    viewer.add_labels(small[1], name="truth")
    hand.find(train, "train.steps").setValue(2)
    hand.find(train, "train.frames").setText("0,3")
    hand.click(train, "train.start")
    hand.done()
    for wanted in ("before training", "after training"):
        hand.click(train, "train.compare")
        hand.done()
        assert wanted in [x.name for x in viewer.layers]
    hand.click(train, "train.keep")
    hand.done()
    assert not {"before training", "after training"} & {x.name for x in viewer.layers}
    kept = hand.session.models.chosen
    assert kept.saved and hand.find(train, "train.start_from").currentData() is kept


def test_a_recipe_fills_the_fields_and_each_can_be_changed(train):
    form = train.form
    form.advanced.build()
    (recipe,) = train.findChildren(ChoiceEditor, "train.recipe")
    begun = form.value()
    assert recipe.value() == "unet"
    form.editor("seed").setValue(7)
    assert recipe.value() == "unet"  # a seed is of no recipe
    recipe.setValue("unet-notebook")
    assert form.value() == begun.replace(seed=7).with_recipe("unet-notebook")
    assert form.editor("epochs").value() == 30
    form.editor("momentum").setValue(0.5)
    assert recipe.value() == "custom"
    assert form.value().momentum == 0.5
    recipe.setValue("unet")
    again = form.value()
    assert again.replace(minutes=begun.minutes) == begun.replace(seed=7)


def test_a_network_brings_its_recipe_and_leaves_what_was_chosen(train):
    form = train.form
    form.advanced.build()
    (recipe,) = train.findChildren(ChoiceEditor, "train.recipe")
    shown = [recipe.itemText(i) for i in range(recipe.count())]
    assert shown[:2] == ["U-Net · BCE + Dice · AdamW", "U-Net of 2015 · CE · SGD 0.001"]
    assert shown[-1] == "custom"
    begun = form.value()
    form.editor("network").setValue("unet-notebook")
    assert recipe.value() == "unet-notebook"
    assert form.value() == begun.with_recipe("unet-notebook")
    form.editor("momentum").setValue(0.5)
    form.editor("network").setValue("unet-2015")
    assert form.value() == begun.with_recipe("unet-2015").replace(momentum=0.5, minutes=5.0)
    assert recipe.value() == "custom"


def test_stop_and_keep_puts_the_model_into_the_library(hand, train, small, viewer):
    viewer.add_labels(small[1], name="truth")
    hand.find(train, "train.frames").setText("0,3")
    hand.find(train, "train.steps").setValue(5000)
    hand.said(train, "train.summary", "2 frames")
    hand.click(train, "train.start")
    job = hand.session.job
    hand.qtbot.waitUntil(lambda: job.state.done >= 3, timeout=30000)
    assert not hand.find(train, "train.start").isEnabled()
    assert hand.find(train, "train.keep").text() == "Stop and keep"
    hand.click(train, "train.keep")
    hand.qtbot.waitUntil(lambda: saved_model(hand), timeout=30000)
    files = list(library().glob("*.safetensors"))
    assert len(files) == 1
    assert Model.load(files[0]).record["steps"] < 5000
    segment = hand.open("Segment")
    assert "(mine)" in hand.find(segment, "segment.model").currentText()


def test_cancel_makes_no_model_and_resume_is_offered_only_with_a_checkpoint(
    hand, train, small, viewer
):
    viewer.add_labels(small[1], name="truth")
    hand.find(train, "train.steps").setValue(5000)
    hand.click(train, "train.start")
    job = hand.session.job
    hand.qtbot.waitUntil(lambda: job.state.done >= 2, timeout=30000)
    before = hand.session.models.all
    hand.click(train, "train.cancel")
    assert hand.done().startswith("Discarded")
    assert hand.session.models.all == before
    assert not hand.find(train, "train.resume").isVisibleTo(train)


def test_save_model_writes_the_file(hand, train, small, viewer, tmp_path):
    viewer.add_labels(small[1], name="truth")
    hand.find(train, "train.steps").setValue(3)
    hand.click(train, "train.start")
    hand.done()
    hand.find(train, "train.model_path").setText(str(tmp_path / "mine"))
    hand.click(train, "train.save_model")
    assert "Saved" in hand.done()
    assert Model.load(tmp_path / "mine.safetensors").record["steps"] == 3
    left = sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("mine"))
    assert left == ["mine.history.csv", "mine.history.png", "mine.safetensors"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((6, 96, 128), np.uint16), "labels are empty"),
        (np.ones((6, 40, 40), np.uint16), "pixels"),
    ],
)
def test_labels_that_cannot_teach_are_one_line(hand, train, viewer, labels, words):
    viewer.add_labels(labels, name="wrong")
    assert words in hand.said(train, "train.summary", words)
    hand.click(train, "train.start")
    assert words in hand.failure()


def test_resume_by_click_after_a_crash(hand, train, small, viewer, monkeypatch):
    monkeypatch.setattr("napari_unet.engine.training.training.SECONDS_BETWEEN", 0.0)
    viewer.add_labels(small[1], name="truth")
    hand.find(train, "train.name").setText("patient")
    hand.find(train, "train.steps").setValue(5000)
    hand.click(train, "train.start")
    job = hand.session.job
    hand.qtbot.waitUntil(lambda: job.state.done >= 6, timeout=30000)
    checkpoint = checkpoint_of(hand.session.movie.stack)
    kept = checkpoint.parent.glob("[!.]*")  # not what is being written just now
    crashed = {path: path.read_bytes() for path in kept}
    assert checkpoint in crashed
    assert hand.find(train, "train.cancel").text() == "Stop and discard"
    hand.click(train, "train.cancel")
    hand.done()
    assert not checkpoint.exists()
    for path, content in crashed.items():  # what a crash would have left
        path.write_bytes(content)
    hand.find(train, "train.steps").setValue(7)  # it goes on as it was begun
    hand.find(train, "train.filters").setValue((4, 8))
    train.update_state()
    hand.click(train, "train.resume")
    hand.qtbot.waitUntil(lambda: job.state.done >= 8, timeout=30000)
    assert job.state.total == 5000
    hand.click(train, "train.keep")
    hand.qtbot.waitUntil(lambda: saved_model(hand), timeout=30000)
    assert hand.session.models.chosen.name == "patient"
    assert not checkpoint.exists()


def test_a_crash_before_keep_gives_the_model_back_at_once(hand, train, small, viewer):
    viewer.add_labels(small[1], name="truth")
    hand.find(train, "train.steps").setValue(5)
    hand.click(train, "train.start")
    hand.done()
    model = hand.session.models.chosen.model
    checkpoint = checkpoint_of(hand.session.movie.stack)
    assert checkpoint.exists()
    assert not hand.find(train, "train.resume").isVisibleTo(train)
    train.outcome.forget()  # as napari opened anew would show it
    train.update_state()
    hand.click(train, "train.resume")
    hand.done()
    again = hand.session.models.chosen.model
    assert again is not model
    for one, other in zip(
        model.network.state_dict().values(), again.network.state_dict().values(), strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    hand.click(train, "train.revert")
    assert not checkpoint.exists()


SCORES = dict.fromkeys(("iou", "dice", "seg", "det", "f1"), 0.9) | {
    **{"right": 90.0, "missed": 10.0, "merged": 0.0, "split": 0.0, "invented": 0.0},
    **{"n_frames": 2, "n_truth": 10, "n_predicted": 9},
}


@pytest.mark.parametrize(
    ("before", "after", "words", "worse"),
    [
        (
            "1111100000",
            "1111100011",
            "No clear difference, 10 cells: 7 of 10 right, 5 with old",
            False,
        ),
        ("1111110000", "0000000000", "Worse: 0 of 10 right, 6 with old", True),
        ("0000001111", "1111111111", "Better: 10 of 10 right, 4 with old", False),
        ("111", "1111111111", "9 of 10 cells right", False),  # not the same cells
    ],
)
def test_the_verdict_says_better_or_worse_only_where_a_test_does(before, after, words, worse):
    scores = {"before": SCORES, "after": SCORES, "replay_before": SCORES, "replay_after": SCORES}
    record = {**scores, "checked_on": "frames 4-5", "parent_name": "old"}
    record["cells"] = {"before": before, "after": after}
    line, figures, told = verdict(record)
    assert line.startswith(words) and "frames 4-5" in line and told is worse
    assert ("Discard" in line) is worse
    assert "trained on" in figures and "0.900" in figures


def test_the_verdict_tells_which_corrections_it_gets_right_by_itself():
    found = Corrected(3, 2, 1, wrong=(("frame 7", 1),))
    line, figures, _ = verdict(
        {"after": SCORES, "checked_on": "frame 4"}, Trained(None, "", "", found)
    )
    assert "Of your 3 cells it draws 2 right by itself (before 1)" in line
    assert "1 on frame 7" in figures


def test_the_verdict_tells_the_overlap_where_the_same_cells_are_right():
    record = {"before": SCORES, "after": SCORES | {"seg": 0.957}, "checked_on": "frames 4-5"}
    record["cells"] = {"before": "1111111110", "after": "1111111110"}
    line, _, _ = verdict(record)
    assert "9 of 10 right, 9 before" in line
    assert "90.0\u00a0% before, 95.7\u00a0% now" in line
