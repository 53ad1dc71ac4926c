"""Tuning: on frames that were never learned from, by a grid over stored probabilities, or not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate, annotate_classes
from napari_unet.engine.annotations.movie_splits import hold_out_movies
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs import tuning_grid
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.tune import free_frames, tune
from napari_unet.engine.jobs.tuning_grid import search, search_steps
from napari_unet.engine.labels.class_labels import class_outputs, labels_of
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.labels.regions import parse_regions, region_outputs
from napari_unet.engine.network.model import Model
from napari_unet.engine.settings import LabelSettings
from napari_unet.engine.training.checking import object_score, pool, score_labels
from napari_unet.engine.training.training_record import training_record
from napari_unet.sample.movie import sample_movie
from tests.engine.conftest import make_model

REGIONS = region_outputs(parse_regions("whole=1,2,4; core=1,4; enhancing=4"))


def found(coded, outputs, settings):
    steps, searching = 0, search(coded, outputs, settings)
    while True:
        try:
            next(searching)
            steps += 1
        except StopIteration as end:
            assert steps == search_steps(coded, outputs)
            return end.value


def discs(seed=0, n=2):
    """Frames of labels 2 around 1 around 4."""
    rng, (y, x) = np.random.default_rng(seed), np.mgrid[:64, :72]
    frames = []
    for _ in range(n):
        labels = np.zeros((64, 72), int)
        for cy, cx in rng.uniform(14, 50, (2, 2)):
            for radius, number in ((13, 2), (9, 1), (5, 4)):
                labels[np.hypot(y - cy, x - cx) < radius] = number
        frames.append(labels)
    return frames


def coded_planes(labels, sets, least, specks=0):
    """Codes that are right above ``least`` of each set, with specks of a pixel beside them."""
    rng, planes = np.random.default_rng(1), []
    for numbers, threshold in zip(sets, least, strict=True):
        p = np.where(np.isin(labels, numbers), threshold + 0.08, threshold - 0.08)
        away = rng.random(labels.shape) < 0.01 * specks
        planes.append(np.where(away & ~np.isin(labels, numbers), threshold + 0.09, p))
    return encode(np.stack(planes))


def test_each_region_gets_the_threshold_it_needs():
    sets, least = ((1, 2, 4), (1, 2, 4), (1, 4), (4,)), (0.5, 0.65, 0.4, 0.35)
    coded = [
        (coded_planes(labels, sets, least), annotate_classes(labels, complete=True))
        for labels in discs()
    ]
    best = found(coded, REGIONS, LabelSettings())
    assert [row.name for row in best.rows] == ["whole", "core", "enhancing"]
    assert best.score[0] < 0.9
    assert best.score[1] == 1
    for codes, annotation in coded:
        np.testing.assert_array_equal(labels_of(codes, REGIONS, best.settings), annotation.labels)


def test_sizes_are_chosen_where_specks_are_about():
    sets, least = ((1, 2, 4), (1, 2, 4), (1, 4), (4,)), (0.5,) * 4
    coded = [
        (coded_planes(labels, sets, least, specks=1), annotate_classes(labels, complete=True))
        for labels in discs()
    ]
    best = found(coded, REGIONS, LabelSettings())
    assert best.score[0] < best.score[1]
    assert all(row.size[1] >= 4 for row in best.rows)
    assert best.settings.class_sizes == tuple(row.size[1] for row in best.rows)


def test_classes_get_their_own():
    outputs = class_outputs((2, 1, 4))
    coded = []
    for labels in discs():
        p = np.stack([(labels > 0) * 0.9, *((labels == k) * 0.5 for k in (2, 1, 4))])
        p[2] += 0.3 * (labels == 2)  # class 1 is seen as likely wherever 2 is, and a bit more often
        p[1] *= 0.55
        coded.append((encode(p + 0.01), annotate_classes(labels, complete=True)))
    best = found(coded, outputs, LabelSettings())
    assert best.score[1] > best.score[0] + 0.1
    assert best.settings.class_thresholds[1] > 0.3
    assert [row.name for row in best.rows] == ["any class", "class 2", "class 1", "class 4"]
    assert best.score[1] == pytest.approx(np.mean([row.score[1] for row in best.rows[1:]]))


def cells():
    """Codes of cells whose outlines are right at 0.35 alone, with specks, and their truth."""
    coded = []
    for labels in discs(n=2):
        ids = np.asarray(ndimage.label(labels)[0])
        far = ndimage.distance_transform_edt(ids == 0)
        p = np.where(ids > 0, 0.38, np.where(far < 3, 0.31, 0.02))
        p[::7, ::7][far[::7, ::7] > 4] = 0.9
        coded.append((encode(p[None]), annotate(ids, complete=True)))
    return coded


def test_cells_get_a_threshold_and_a_smallest_size(monkeypatch):
    monkeypatch.setattr(tuning_grid, "SIZES", (0, 8, 32))
    usual, outputs = LabelSettings(min_size=0), ("object",)
    best = found(cells(), outputs, usual)
    assert best.settings.threshold == 0.35
    assert best.settings.min_size in (8, 32)
    (row,) = best.rows
    assert row.score == best.score
    again = pool([score_labels(labels_of(c, outputs, best.settings), a) for c, a in cells()])
    assert object_score(again) == pytest.approx(best.score[1])
    assert found(cells(), outputs, best.settings).settings == best.settings  # nothing is better


def annotations(stack, frames, classes=()):
    _, truth = sample_movie(frames=8, shape=(90, 122))
    teach = annotate_classes if classes else annotate
    labels = np.minimum(truth, max(classes)) if classes else truth
    some = {t: teach(labels[t], complete=True) for t in frames}
    return Annotations((8, 90, 122), some, classes)


def record(stack, frames, **more):
    held = {"frames": [3, 4], "cut": None, "gap": [2, 5], "joins": False, "too_few": False}
    return {
        "movie_fingerprint": stack.fingerprint,
        "frames": list(frames),
        "held_out": held,
    } | more


@pytest.mark.parametrize(
    ("made", "free"),
    [
        ({}, (0, 2, 3, 4, 6)),
        (lambda s: record(s, range(8)), (2, 3, 4)),  # held out, and the gap beside
        (lambda s: record(s, (0, 1, 3, 4, 7)), (2, 3, 4, 6)),
        (lambda s: record(s, range(8), movie_fingerprint="another"), (0, 2, 3, 4, 6)),
        (lambda s: record(s, (3, 4), held_out={"frames": [3], "joins": True}), (0, 2, 6)),
        (
            lambda s: record(s, (0,), movie_fingerprint="x", held_out={}, learned_before=[
                {"movie_fingerprint": s.fingerprint, "frames": [3, 4]}]),
            (0, 2, 6),
        ),
        (lambda s: record(s, range(8), held_out={}), ()),
    ],
)  # fmt: skip
def test_frames_that_were_learned_from_are_left_out(toy_stack, toy_model, made, free):
    model = replace(toy_model, record=made(toy_stack) if made else {})
    if free:
        assert free_frames(model, toy_stack, (0, 2, 3, 4, 6)) == free
        return
    with pytest.raises(BadInput, match=r"learned from all frames of toy .* \(0, 2-4, 6\)"):
        free_frames(model, toy_stack, (0, 2, 3, 4, 6))


def test_what_is_found_is_in_the_model(toy_stack, toy_model, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning_grid, "SIZES", (0, 16))
    model = replace(toy_model, record=record(toy_stack, range(8)), label_settings=LabelSettings())
    tuned = run(tune(toy_stack, annotations(toy_stack, (0, 3, 4)), model), quiet=True)
    assert tuned.frames == (3, 4)
    assert tuned.score[1] >= tuned.score[0]
    again = Model.load(tuned.model.save(tmp_path / "tuned.safetensors"))
    assert again.label_settings == tuned.model.label_settings
    assert again.record["tuned"]["frames"] == [3, 4]
    assert again.record["frames"] == list(range(8))
    assert model.label_settings == LabelSettings()


def test_a_model_goes_on_to_say_what_was_learned_before_it(toy_stack, toy_model):
    parent = replace(toy_model, record=record(toy_stack, (0, 1, 3, 4)))
    known = annotations(toy_stack, (6,))
    values = training_record(
        movies=[AnnotatedMovie(toy_stack, known)], splits=hold_out_movies([known], ["toy"], "none"),
        base=parent, settings={}, plan={}, before=None, after=None, replay=(None, None), steps=1,
        seconds=1,
    )  # fmt: skip
    child = replace(parent, record=values)
    assert free_frames(child, toy_stack, range(8)) == (2, 3, 4, 5, 7)


def test_other_kinds_of_labels_are_refused(toy_stack, toy_model):
    with pytest.raises(BadInput, match="toy finds objects, the labels hold classes"):
        tune(toy_stack, annotations(toy_stack, (0,), (1, 2)), toy_model)
    model = make_model(toy_stack, outputs=REGIONS)
    with pytest.raises(BadInput, match="toy finds classes, the labels hold objects"):
        tune(toy_stack, annotations(toy_stack, (0,)), model)


def test_of_many_frames_some_are_looked_at(toy_stack, toy_model, monkeypatch):
    monkeypatch.setattr("napari_unet.engine.jobs.tune._MOST_PIXELS", 4 * 90 * 122)
    monkeypatch.setattr(tuning_grid, "THRESHOLDS", (0.5,))
    monkeypatch.setattr(tuning_grid, "SIZES", (0,))
    tuned = run(tune(toy_stack, annotations(toy_stack, range(8)), toy_model), quiet=True)
    assert tuned.frames == (0, 2, 4, 6)
