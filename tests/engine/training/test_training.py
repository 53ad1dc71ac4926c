"""Training learns, repeats itself to the bit, and takes what happens meanwhile."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import FrameAnnotation, annotate
from napari_unet.engine.annotations.holdout import HoldOut
from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.sidecar import Provenance, methods_text
from napari_unet.engine.files.atomic import temporary_path
from napari_unet.engine.jobs.tune import free_frames
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.labels.scores import frame_scores
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.network import network_codes
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.settings import Augmentation, Normalisation, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training import training
from napari_unet.engine.training.checking import in_words
from napari_unet.engine.training.checkpoint import load_checkpoint
from napari_unet.engine.training.learner import Learner
from napari_unet.engine.training.sampling.batches import Batches
from napari_unet.engine.training.training import TrainInput, train
from napari_unet.engine.training.training_record import held_out
from napari_unet.sample.movie import sample_movie

SMALL = TrainSettings(
    steps=200, filters=(8, 16, 32), crop=64, batch=4, threads=1, device="cpu", edge=2
)
TINY = SMALL.replace(steps=12, filters=(4, 8), crop=32, batch=2)


@pytest.fixture(scope="module")
def world():
    """A dense little movie of ten frames, and its labels."""
    return sample_movie(frames=10, shape=(96, 128), density=7)


@pytest.fixture(scope="module")
def stack(world):
    return Stack.from_array(world[0], axes="TYX", name="nuclei")


@pytest.fixture(scope="module")
def annotated(world, stack):
    """The annotations of some frames."""
    labels = Stack.from_array(world[1], axes="TYX")

    def some(*positions, **options):
        return Annotations.from_labels(stack, labels, positions, **options)

    return some


def finish(run, sent=None):
    """Run to the end; what was yielded, and the model. ``sent``: what to send after which step."""
    steps, message = [], None
    while True:
        try:
            steps.append(run.send(message))
        except StopIteration as end:
            return steps, end.value
        message = (sent or {}).get(steps[-1].step)


def assert_same_weights(model, other):
    weights, others = model.network.state_dict(), other.network.state_dict()
    assert weights.keys() == others.keys()
    for name, tensor in weights.items():
        assert torch.equal(tensor, others[name]), name


def differ(model, other):
    pairs = zip(model.network.parameters(), other.network.parameters(), strict=True)
    return not all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def learned(stack, annotated):
    """A training of 200 small steps on three frames."""
    return finish(train(stack, annotated(0, 1, 2), SMALL, name="nuclei"))


def test_it_learns(learned, world):
    steps, model = learned
    movie, labels = world
    codes = network_codes(model.network, Normaliser(model.normalisation)(movie[6]))
    scores = frame_scores(label_frame(codes, model.label_settings), labels[6])
    assert scores.iou > 0.8
    assert np.mean([s.loss for s in steps[-20:]]) < 0.7 * np.mean([s.loss for s in steps[:20]])


def test_steps_say_where_they_are(learned):
    steps, _ = learned
    assert [s.step for s in steps] == list(range(1, 201))
    assert {s.steps for s in steps} == {200}
    assert all(np.isfinite(s.loss) for s in steps)
    seconds = [s.seconds for s in steps]
    assert seconds == sorted(seconds)
    assert steps[-1].seconds_left == 0
    assert "training on 3 frames" in steps[0].note
    assert "checked on frame 1 (" in steps[0].note and "in the end)" in steps[0].note
    joining = next(s for s in steps if s.note and "joins" in s.note)
    assert joining.step == 120
    checked = [s.step for s in steps if s.validation]
    assert checked == list(range(10, 121, 10))  # what joined is not checked on


def test_the_record_tells_the_history(learned, stack, world):
    _, model = learned
    record = model.record
    assert record["parent"] is None
    assert record["movie"] == "nuclei"
    assert record["frames"] == [0, 1, 2]
    assert record["checked_on"] == "frame 1"
    assert held_out(record) == HoldOut((1,), joins=True)
    assert record["before"] is None
    assert record["after"]["iou"] > 0.5
    assert (record["steps"], record["plan"]["batch"]) == (200, 4)
    assert TrainSettings.model_validate(record["settings"]) == SMALL
    assert record["versions"]["torch"] == torch.__version__
    assert json.loads(json.dumps(record)) == record
    cells = [np.bincount(frame.ravel())[1:] for frame in world[1][:3]]
    areas = np.concatenate([c[c > 0] for c in cells])
    assert model.card["diameter"] == pytest.approx(np.sqrt(4 / np.pi * np.median(areas)), rel=0.1)
    assert not model.network.training


def test_the_model_is_whole_after_saving(learned, tmp_path, caplog):
    _, model = learned
    again = Model.load(model.save(tmp_path / "nuclei"))
    assert again.sha256 == model.sha256
    assert not caplog.records  # its own check is passed


def test_a_child_knows_its_parent_and_leaves_it_alone(learned, stack, annotated):
    _, parent = learned
    before = {k: v.clone() for k, v in parent.network.state_dict().items()}
    settings = TINY.replace(normalisation=Normalisation(kind="zscore"), validation=(5,))
    _, child = finish(train(stack, annotated(3, 5), settings, base=parent, name="child"))
    assert child.record["parent"] == parent.sha256
    assert child.record["parent_name"] == "nuclei"
    assert child.record["before"]["iou"] > 0.7
    assert child.record["after"] is not None
    assert child.config == parent.config
    assert child.normalisation == parent.normalisation
    assert differ(child, parent)
    for name, tensor in parent.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


# --- the same again ------------------------------------------------------------------------------


CASES = {
    "a frame that joins": ((0, 1, 2), {}),
    "a region that joins": ((0,), {}),
    "frames kept aside": ((0, 1, 4), {"validation": (1,)}),
    "nothing kept aside": ((0, 1), {"validation": "none"}),
    "strong augmentation": ((0, 1), {"augmentation": Augmentation.preset("strong")}),
    "SGD": ((0, 1), {"optimiser": "sgd", "momentum": 0.99, "schedule": "one_cycle"}),
    "Adam": ((0, 1), {"optimiser": "adam", "schedule": "constant", "warm_up": 0.3}),
    "whole frames": ((0, 1, 2, 5), {"whole_frames": True, "augmentation": Augmentation(rotate=0)}),
    "gradient checkpointing": ((0, 1), {"recompute": True, "initialisation": "kaiming"}),
    "RMSprop": ((0, 1), {"optimiser": "rmsprop", "class_weights": "balanced"}),
}


@pytest.mark.parametrize(("frames", "changes"), CASES.values(), ids=CASES)
@pytest.mark.parametrize(("stop", "beside"), [(4, False), (9, True)])
def test_resumed_is_as_never_stopped(
    frames, changes, stop, beside, stack, annotated, tmp_path, monkeypatch
):
    settings, file = TINY.replace(**changes), tmp_path / "run.ckpt"
    steps, whole = finish(train(stack, annotated(*frames), settings))
    if beside:  # batches drawn ahead, as on a GPU, are the same
        monkeypatch.setattr(training, "Batches", lambda *a, **_: Batches(*a, beside=True))
    finish(
        train(stack, annotated(*frames), settings, checkpoint=file),
        {stop: TrainInput(stop=True)},
    )
    assert load_checkpoint(file)["step"] == stop
    torch.manual_seed(99)
    rest, resumed = finish(train(stack, annotated(*frames), settings, checkpoint=file, resume=True))
    assert [s.step for s in rest] == list(range(stop + 1, 13))
    assert [s.loss for s in rest] == [s.loss for s in steps[stop:]]
    assert_same_weights(resumed, whole)
    for key in ("after", "frames", "settings", "plan", "steps"):
        assert resumed.record[key] == whole.record[key], key


def test_a_crash_loses_no_more_than_since_the_last_checkpoint(stack, annotated, tmp_path):
    file = tmp_path / "run.ckpt"
    run = train(stack, annotated(0, 1), TINY, checkpoint=file, checkpoint_every=0)
    for _ in range(5):
        next(run)
    run.close()  # as a crash: nothing is written any more
    assert load_checkpoint(file)["step"] == 5
    with subprocess.Popen([sys.executable, "--version"], stdout=subprocess.DEVNULL) as dead:
        pass
    name = temporary_path(file).name.replace(f"p{os.getpid():x}-", f"p{dead.pid:x}-")
    (tmp_path / name).write_bytes(b"half a checkpoint")  # killed while it was written
    _, resumed = finish(train(stack, annotated(0, 1), TINY, checkpoint=file, resume=True))
    _, whole = finish(train(stack, annotated(0, 1), TINY))
    assert_same_weights(resumed, whole)
    assert list(tmp_path.iterdir()) == [file]


def test_the_same_seed_is_the_same_model_and_another_is_not(stack, annotated):
    models = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(models))  # what others draw does not matter
        models.append(finish(train(stack, annotated(0, 1), TINY.replace(seed=seed)))[1])
    assert_same_weights(models[0], models[1])
    assert differ(models[0], models[2])


@pytest.mark.parametrize("change", ["filters", "base"])
def test_a_checkpoint_of_another_network_is_refused(stack, annotated, learned, tmp_path, change):
    file = tmp_path / "run.ckpt"
    run = train(stack, annotated(0, 1), SMALL, checkpoint=file)
    finish(run, {1: TrainInput(stop=True)})
    settings = TINY if change == "filters" else SMALL
    base = learned[1] if change == "base" else None
    run = train(stack, annotated(0, 1), settings, base=base, checkpoint=file, resume=True)
    with pytest.raises(BadInput, match="another network"):
        next(run)


def test_a_checkpoint_of_another_optimiser_is_refused(stack, annotated, tmp_path):
    file = tmp_path / "run.ckpt"
    finish(train(stack, annotated(0, 1), TINY, checkpoint=file), {1: TrainInput(stop=True)})
    settings = TINY.replace(optimiser="sgd")
    with pytest.raises(BadInput, match="made by adamw, chosen is sgd"):
        next(train(stack, annotated(0, 1), settings, checkpoint=file, resume=True))


def test_without_a_checkpoint_there_is_nothing_to_resume(stack, annotated, tmp_path):
    with pytest.raises(BadInput, match="there is no checkpoint"):
        train(stack, annotated(0, 1), TINY, checkpoint=tmp_path / "none", resume=True)


# --- what happens meanwhile ----------------------------------------------------------------------


def test_stop_keeps_the_best(stack, annotated, monkeypatch):
    settings = TINY.replace(validation=(1,), steps=20)
    run = train(stack, annotated(0, 1, 2), settings)
    best = {}

    check = training.Checker.check

    def spoiled_from_six_on(self, network, held, step):
        if step == 6:
            best["weights"] = {k: v.clone() for k, v in network.state_dict().items()}
        scores = check(self, network, held, step)
        if step < 6:
            self.best["score"] = -1.0
        elif step == 6:
            self.best["score"] = 2.0
        return scores

    monkeypatch.setattr(training.Checker, "check", spoiled_from_six_on)
    steps, model = finish(run, {9: TrainInput(stop=True)})
    assert steps[-1].step == model.record["steps"] == 9
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, best["weights"][name]), name


def test_patience_ends_a_run_that_gets_no_better(stack, annotated):
    settings = TINY.replace(
        validation=(1,), steps=60, patience=2, learning_rate=1e-9, normalisation=Normalisation()
    )
    steps, _ = finish(train(stack, annotated(0, 1, 2), settings))
    assert steps[-1].step < 60


def test_new_strokes_join(stack, annotated, monkeypatch):
    drawn = []
    learn = Learner.learn

    def watch(self, batch, rate, step):
        drawn.append(set(batch.labels.unique().tolist()))
        return learn(self, batch, rate, step)

    monkeypatch.setattr(Learner, "learn", watch)
    first, both = annotated(0, 2), annotated(0, 2, 5)
    both.frames[5].labels[both.frames[5].labels > 0] += 1000  # to be told from the others
    settings = TINY.replace(batch=8, validation="none")
    steps, model = finish(train(stack, first, settings), {4: TrainInput(annotations=both)})
    assert [s.note for s in steps if s.note][
        -1
    ] == "now training on 3 frames, 21 cells, 92.8 % of the pixels"
    assert max(map(max, drawn[:4])) < 1000 <= max(map(max, drawn[4:]))
    assert model.record["frames"] == [0, 2, 5]


def test_strokes_on_frames_kept_aside_stay_aside_until_they_join(stack, annotated):
    settings = TINY.replace(validation=(1,))
    run = train(stack, annotated(0, 1), settings)
    more = annotated(0, 1)  # read again: new objects, frame 0 learned from, frame 1 kept aside
    kept = run.gi_frame.f_locals["self"]
    finish(run, {2: TrainInput(annotations=more)})
    assert set(kept.data.parts[0].frames) == {0}


def test_a_frame_painted_on_where_it_is_checked_on_says_so_once(stack, annotated):
    settings = TINY.replace(validation=(1,))
    same, more = annotated(0, 1), annotated(0, 1)
    more.frames[1].labels[20:30, 20:30] = 77
    run = train(stack, annotated(0, 1), settings)
    sent = {n: TrainInput(annotations=x) for n, x in ((2, same), (4, more), (6, more))}
    steps, _ = finish(run, sent)
    assert [s.note for s in steps if s.note][1:] == ["frame 1 is checked on as it was before"]


@pytest.mark.parametrize("left", [(0,), (), (1,)])
def test_strokes_taken_back_leave(stack, annotated, left):
    run = train(stack, annotated(0, 1, 2), TINY.replace(validation=(1,)))
    data = run.gi_frame.f_locals["self"]
    steps, model = finish(run, {3: TrainInput(annotations=annotated(*left))})
    assert len(steps) == 12
    assert set(data.data.parts[0].frames) == ({0} if left == (0,) else {0, 2})
    assert model.record["frames"] == ([0] if left == (0,) else [0, 1, 2])


def painted_on(annotations, t, *places):
    """Annotations with one more cell of its own id at each place of frame ``t``."""
    frame = annotations.frames[t]
    labels = frame.labels.copy()
    for label, place in places:
        labels[place] = label
    return Annotations(
        annotations.shape,
        {**annotations.frames, t: FrameAnnotation(labels, frame.supervised, frame.complete)},
    )


@pytest.mark.parametrize("others", [(), (4, 5)])
def test_strokes_on_the_near_part_join_at_once_and_far_ones_with_the_rest(
    stack, annotated, monkeypatch, others
):
    drawn = []
    learn = Learner.learn

    def watch(self, batch, rate, step):
        drawn.append(set(batch.labels[batch.supervised > 0].unique().tolist()))
        return learn(self, batch, rate, step)

    monkeypatch.setattr(Learner, "learn", watch)
    settings = TINY.replace(batch=8, augmentation=Augmentation.preset("none"), steps=40)
    first = annotated(0, *others)
    for t in others:  # frames without cells, so that a part of frame 0 is kept aside
        first.frames[t].labels[:] = 0
    places = (2000, np.s_[20:60, 10:50]), (3000, np.s_[20:60, 115:126])
    more = painted_on(painted_on(first, 0, *places[:1]), 0, *places[1:])
    steps, _ = finish(train(stack, first, settings), {4: TrainInput(annotations=more)})
    assert "a quarter of frame 0" in steps[0].note
    assert "now training on" in steps[4].note
    seen = [{2000, 3000} & labels for labels in drawn]
    assert not set().union(*seen[:4])
    assert set().union(*seen[4:24]) == {2000}
    assert set().union(*seen[24:]) == {2000, 3000}


def test_new_frames_beside_those_kept_aside_are_not_learned_from(stack, annotated):
    first, more = annotated(0, 1, 2, 3, 5, 6, 7, 8, 9), annotated(*range(10))
    run = train(stack, first, TINY)
    kept = run.gi_frame.f_locals["self"]
    message = TrainInput(annotations=more)
    steps, _ = finish(run, {2: message, 4: message})
    assert "checked on frames 3, 5" in steps[0].note
    assert steps[2].note == "frame 4 is too near frames 3, 5 to learn from"
    assert steps[4].note is None
    assert set(kept.data.parts[0].frames) == {0, 1, 7, 8, 9}


def test_strokes_on_what_is_kept_aside_change_nothing_yet(stack, annotated):
    first = annotated(0)
    more = painted_on(first, 0, (3000, np.s_[20:60, 115:126]))
    steps, model = finish(train(stack, first, TINY), {4: TrainInput(annotations=more)})
    assert steps[4].note == "frame 0 is checked on as it was before"
    assert model.record["annotated"] == more.without_edge(TINY.edge).describe()
    without, _ = finish(train(stack, first, TINY))
    assert [s.loss for s in steps[:7]] == [s.loss for s in without[:7]]


@pytest.mark.parametrize(
    ("value", "said"), [(5, "is constant (5.0)"), (np.nan, "NaN or infinite"), (np.inf, "infinite")]
)
def test_a_frame_that_cannot_teach_is_left_out_and_the_run_goes_on(
    world, annotated, value, said, tmp_path
):
    movie = world[0].astype(np.float32)
    movie[5] = value
    stack, file = Stack.from_array(movie, axes="TYX"), tmp_path / "run.ckpt"
    more = TrainInput(annotations=annotated(0, 1, 3, 5))
    run = train(stack, annotated(0, 1), TINY, checkpoint=file)
    steps, model = finish(run, {2: more, 4: more, 6: TrainInput(preview=5)})
    assert len(steps) == 12
    assert said in steps[2].note and "frame 5" in steps[2].note and "left out" in steps[2].note
    assert "now training on 2 frames" in steps[2].note  # 0 and 3; 1 is kept aside
    assert steps[4].note is None  # said once
    assert model.record["frames"] == [0, 1, 3]
    _, again = finish(train(stack, more.annotations, TINY, checkpoint=file, resume=True))
    assert again.record["frames"] == [0, 1, 3]


def test_after_a_crash_the_same_is_kept_aside_whatever_was_painted_since(
    stack, annotated, tmp_path
):
    file, more = tmp_path / "run.ckpt", annotated(0, 5, 6)
    run = train(stack, annotated(0), TINY, checkpoint=file)
    finish(run, {2: TrainInput(annotations=more), 4: TrainInput(stop=True)})
    rest, model = finish(train(stack, more, TINY, checkpoint=file, resume=True))
    assert "checked on a quarter of frame 0" in rest[0].note  # not on frame 5: it has seen that
    assert model.record["checked_on"] == "a quarter of frame 0"


def test_a_preview_waits_until_there_is_time_and_the_newest_wish_wins(stack, annotated):
    settings = TINY.replace(validation="none")
    run = train(stack, annotated(0, 1), settings)
    kept = run.gi_frame.f_locals["self"]
    next(run)
    kept.clock.side = 1e3
    assert run.send(TrainInput(preview=3)).preview is None
    assert run.send(TrainInput(preview=7)).preview is None
    assert next(run).preview is None
    kept.clock.side = 0.0
    assert next(run).preview[0] == 7
    labelling = 0.05  # s that the receiver needs for it count, too
    time.sleep(labelling)
    assert next(run).preview is None
    assert kept.clock.shown > labelling


def test_the_frame_on_screen_is_shown(stack, annotated):
    settings = TINY.replace(validation="none", steps=6)
    steps, _ = finish(train(stack, annotated(0, 1), settings), {1: TrainInput(preview=7)})
    shown = [s for s in steps if s.preview]
    assert [s.step for s in shown] == [2]
    position, codes = shown[0].preview
    assert position == 7
    assert codes.shape == (2, *stack.frame_shape)
    assert codes.dtype == np.uint8


@pytest.mark.parametrize("failing", [1, 3])
def test_out_of_memory_goes_on_with_less(stack, annotated, monkeypatch, failing):
    learn, sizes = Learner.learn, []

    def fails_above_two(self, batch, rate, step):
        sizes.append(batch.image.shape)
        if step >= failing and len(batch.image) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return learn(self, batch, rate, step)

    monkeypatch.setattr(Learner, "learn", fails_above_two)
    steps, model = finish(train(stack, annotated(0, 1), TINY.replace(batch=8)))
    assert len(steps) == 12
    notes = [s.note for s in steps if s.note and "memory ran out" in s.note]
    assert notes == ["memory ran out: going on with 2 crops of 32 px a step"]
    assert [shape[0] for shape in sizes[failing : failing + 3]] == [8, 4, 2]
    assert model.record["plan"]["batch"] == 2


def test_out_of_memory_with_nothing_left_to_shrink_says_so(stack, annotated, monkeypatch):
    def fails(self, batch, rate, step):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Learner, "learn", fails)
    with pytest.raises(torch.OutOfMemoryError):
        finish(train(stack, annotated(0, 1), TINY))


def test_minutes_are_kept(stack, annotated):
    settings = TINY.replace(minutes=0.02, steps=None)
    steps, model = finish(train(stack, annotated(0, 1), settings))
    assert steps[0].steps is None
    assert steps[-1].step == steps[-1].steps == model.record["plan"]["steps"]


def test_gradient_checkpointing_learns_the_same(stack, annotated):
    losses = []
    for recompute in (False, True):
        settings = TINY.replace(recompute=recompute, steps=3)
        losses.append([s.loss for s in finish(train(stack, annotated(0, 1), settings))[0]])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_epochs_of_whole_frames_are_checked_after_each(stack, annotated, monkeypatch):
    seen = []
    learn = Learner.learn

    def watch(self, batch, rate, step):
        seen.append((tuple(batch.image.shape[-2:]), batch.labels.amax().item()))
        return learn(self, batch, rate, step)

    monkeypatch.setattr(Learner, "learn", watch)
    first = annotated(0, 2, 4, 6)
    for t, frame in first.frames.items():
        frame.labels[frame.labels > 0] += 1000 * (t + 1)
    settings = TINY.replace(
        steps=None, epochs=3, minutes=None, whole_frames=True, validation=(6,), batch=1,
        augmentation=Augmentation.preset("none"), edge=0,
    )  # fmt: skip
    steps, model = finish(train(stack, first, settings))
    assert {shape for shape, _ in seen} == {(96, 128)}
    frames = [label // 1000 for _, label in seen]
    assert [sorted(frames[i : i + 3]) for i in (0, 3, 6)] == [[1, 3, 5]] * 3
    assert len({tuple(frames[i : i + 3]) for i in (0, 3, 6)}) > 1  # in another order each
    assert [s.step for s in steps if s.validation] == [3, 6, 9]
    rows = model.record["history"]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(0 <= row["validation_mean_iou"] <= 1 for row in rows)


def test_dropout_is_the_network_s_own_or_the_one_chosen(stack, annotated):
    settings = TINY.replace(network="unet-2015", steps=1)
    for chosen, wanted in ((None, 0.5), (0.25, 0.25)):
        _, model = finish(train(stack, annotated(0, 1), settings.replace(dropout=chosen)))
        assert model.config.dropout == wanted
    line = refused(stack, annotated(0, 1), TINY.replace(dropout=0.25))
    assert "has no dropout" in line


def test_kaiming_gives_other_weights_to_begin_with(stack, annotated):
    settings = TINY.replace(steps=1, learning_rate=1e-9, filters=(32, 32))
    own, kaiming = (
        finish(train(stack, annotated(0, 1), settings.replace(initialisation=name)))[1].network
        for name in ("own", "kaiming")
    )
    heads = [float(network.head.weight.detach().std()) for network in (own, kaiming)]
    assert heads[1] == pytest.approx((2 / 32) ** 0.5, rel=0.3)
    assert heads[0] < 0.6 * heads[1]


@pytest.mark.parametrize("loss", ["bce_dice", "bce", "focal"])
def test_losses_and_a_network_without_borders(stack, annotated, loss):
    settings = TINY.replace(loss=loss, border=False, steps=3, augmentation=Augmentation(cells=1))
    steps, model = finish(train(stack, annotated(0, 1), settings))
    assert model.config.outputs == ("object",)
    assert np.isfinite(steps[-1].loss)


def test_several_channels(world, annotated):
    both = np.stack([world[0], world[0][:, ::-1]], axis=1)
    stack = Stack.from_array(both, axes="TCYX").select(channel=(0, 1))
    _, model = finish(train(stack, annotated(0, 1), TINY))
    assert model.config.in_channels == 2


# --- refusals ------------------------------------------------------------------------------------


def refused(*args, **options):
    with pytest.raises(BadInput) as caught:
        finish(train(*args, **options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_to_learn(stack, annotated):
    shape = (10, 96, 128)
    assert "no frame is annotated" in refused(stack, Annotations(shape, {}), TINY)
    empty = annotate(np.zeros(shape[1:], np.int32), complete=True)
    assert "labels are empty" in refused(stack, Annotations(shape, {3: empty}), TINY)
    full = annotate(np.ones(shape[1:], np.int32), complete=True)
    assert "no background" in refused(stack, Annotations(shape, {3: full}), TINY)
    weighted = TINY.replace(class_weights=(1, 2, 3))
    assert "3 class weights" in refused(stack, annotated(0, 1), weighted)
    assert "frames to check on" in refused(stack, annotated(0, 1), TINY.replace(validation=(7,)))


@pytest.mark.parametrize(
    ("value", "said"),
    [(5, "frame 1 is constant"), (np.nan, "NaN or infinite"), (np.inf, "NaN or infinite")],
)
def test_frames_that_cannot_teach(world, annotated, value, said):
    movie = world[0].astype(np.float32)
    movie[1] = value
    assert said in refused(Stack.from_array(movie, axes="TYX"), annotated(0, 1), TINY)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_without_a_value_are_never_learned_from(world, annotated, value):
    movie, holes = world[0].astype(np.float32), np.zeros((96, 128), bool)
    holes[:9], holes[30:60, 40:70] = True, True
    movie[:, holes] = value
    first, more = annotated(0, 1), TrainInput(annotations=annotated(0, 1, 5))
    run = train(Stack.from_array(movie, axes="TYX"), first, TINY)
    kept = run.gi_frame.f_locals["self"]
    steps, model = finish(run, {2: more})
    assert "15 % of it is NaN or infinite" in steps[0].note  # of what lies within the edge
    assert all(np.isfinite(step.loss) for step in steps)
    assert model.record["frames"] == [0, 1, 5]
    for frame in kept.data.parts[0].frames.values():
        assert not frame.truth[1].numpy()[holes].any()
    (_, checked), *_ = kept.data.validation
    assert not checked.supervised[holes].any()
    assert "78.5 % of the pixels" in model.record["annotated"]


def test_what_is_missing_in_the_band_left_out_is_nobodys_matter(world, annotated):
    movie = world[0].astype(np.float32)
    whole = train(Stack.from_array(movie, axes="TYX"), annotated(0, 1), TINY.replace(edge=12))
    movie = movie.copy()
    movie[:, :9], movie[1, :, -7:] = np.nan, np.inf
    holed = train(Stack.from_array(movie, axes="TYX"), annotated(0, 1), TINY.replace(edge=12))
    (first, *_), (again, *_) = finish(whole)[0], finish(holed)[0]
    assert again.note == first.note


def test_frames_to_test_on_choose_nothing(stack, annotated, world):
    known = annotated(0, 1, 2)
    large = np.where(world[1][2] > 0, 1, 0).astype(np.int32)  # one huge cell: sizes would follow it
    odd = known.with_frames({**known.frames, 2: annotate(large, complete=True)})
    without = finish(train(stack, annotated(0, 1), TINY))[1]
    more = TrainInput(annotated(0, 1, 2))
    tested = finish(train(stack, odd, TINY.replace(test=(2,)), base=without), {2: more})[1]
    again = finish(train(stack, annotated(0, 1), TINY, base=without))[1]
    assert_same_weights(tested, again)
    assert tested.label_settings == again.label_settings
    assert tested.record["frames"] == again.record["frames"] == [0, 1]
    assert tested.record["test"]["frames"] == [2] and "test" not in again.record
    assert tested.record["test"]["after"]["n_truth"] == 1 and tested.record["test"]["before"]
    assert any(line.startswith("Test score, on frame 2") for line in in_words(tested.record))
    assert not any("Test score" in line for line in in_words(again.record))
    with pytest.raises(BadInput, match="tested on or learned from all"):
        free_frames(tested, stack, (0, 1, 2))
    assert "On frame 2, which chose neither" in methods_text(Provenance.of(tested))


def test_cells_on_nothing_are_refused(world, annotated):
    movie = world[0].astype(np.float32)
    movie[1][world[1][1] > 0] = np.nan
    line = refused(Stack.from_array(movie, axes="TYX"), annotated(1), TINY)
    assert "all painted cells lie on pixels that are NaN or infinite" in line


@pytest.mark.parametrize("value", [5, np.nan])
def test_a_frame_that_cannot_be_checked_on_is_refused_before_the_first_step(
    world, annotated, value
):
    movie = world[0].astype(np.float32)
    movie[1] = value
    run = train(Stack.from_array(movie, axes="TYX"), annotated(0, 1, 2), TINY)  # 1 is kept aside
    with pytest.raises(BadInput, match="frame 1"):
        next(run)


def test_a_base_for_other_channels(stack, annotated, two_channel_model):
    line = refused(stack, annotated(0, 1), TINY, base=two_channel_model)
    assert "takes 2 channels, the movie gives 1" in line


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({}, ""),
        ({"filters": (8, 16, 32)}, ""),
        ({"filters": (8, 16)}, "; filters stay as in base"),
        (
            {"border": False, "normalisation": Normalisation(high=90)},
            "; border and normalisation stay as in base",
        ),
    ],
)
def test_what_was_chosen_in_vain_beside_a_base_is_said(stack, annotated, toy_model, chosen, said):
    base = replace(toy_model, name="base")
    settings = TrainSettings(minutes=None, steps=1, crop=32, batch=2, threads=1, **chosen)
    note = next(train(stack, annotated(0, 1), settings, base=base)).note
    assert "; checked on frame 1 (" in note and f" learned from in the end){said}; frame 1" in note


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_batch_norm_keeps_the_statistics_of_the_base(stack, annotated, toy_model, frozen):
    settings = TINY.replace(freeze_norm=frozen)
    _, child = finish(train(stack, annotated(0, 1), settings, base=toy_model))

    def same(ending):
        before, after = (m.network.state_dict() for m in (toy_model, child))
        return [torch.equal(before[k], after[k]) for k in before if k.endswith(ending)]

    assert set(same(("running_mean", "running_var"))) == {frozen}
    assert not all(same("weight"))


def test_a_new_network_has_no_statistics_to_keep(stack, annotated):
    line = refused(stack, annotated(0, 1), TINY.replace(freeze_norm=True))
    assert "expected a model to start from" in line


def test_annotations_of_another_movie(stack, annotated):
    shape = (10, 50, 60)
    labels = np.zeros(shape[1:], np.int32)
    labels[5:9, 5:9] = 1
    other = Annotations(shape, {0: annotate(labels, complete=True)})
    assert "50 x 60 pixels; expected 10 of 96 x 128" in refused(stack, other, TINY)
    late = Annotations((20, 96, 128), {15: annotated(0).frames[0]})
    assert "for 20 frames" in refused(stack, late, TINY)
