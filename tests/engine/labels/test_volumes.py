"""Labels of volumes: as those of frames, with distances as far as the voxels are apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_unet.engine.labels.basins import frame_basins
from napari_unet.engine.labels.class_labels import class_outputs, labels_of
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.labels.scores import frame_scores
from napari_unet.engine.labels.sections import (
    JoinedSections,
    join_sections,
    joined_frames,
    whole_volumes,
)
from napari_unet.engine.labels.verbs.between import between_sections
from napari_unet.engine.settings import LabelSettings

SMALL = LabelSettings(min_size=4)


def balls(shape, spacing, *placed):
    """Labels of balls (z, y, x, radius), in the unit of the spacing; voxels may be oblong."""
    places = np.stack(np.indices(shape), -1) * np.array(spacing)
    labels = np.zeros(shape, np.uint16)
    for number, (*middle, radius) in enumerate(placed, 1):
        labels[np.linalg.norm(places - middle, axis=-1) < radius] = number
    return labels


def codes_of(mask, sigma=0.5):
    return encode_logits(12 * ndi.gaussian_filter(mask.astype(float), sigma) - 6)[None]


def noisy(seed, shape=(70, 90)):
    """Codes (2, Y, X) of blobs, and borders anywhere."""
    rng = np.random.default_rng(seed)
    planes = [ndi.gaussian_filter(rng.normal(size=shape), s) for s in (3, 2)]
    return np.stack([encode_logits(at * p / p.std()) for at, p in zip((4, 2), planes, strict=True)])


@pytest.mark.parametrize(
    "changes", [{}, {"split": False}, {"fill_holes": False}, {"drop_border": True}, {"edge": 9}]
)
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 2))
def test_a_volume_of_one_section_is_labelled_as_the_section(changes, seed, planes):
    codes, how = noisy(seed)[:planes], SMALL.replace(**changes)
    found = label_frame(codes[:, None], how, spacing=(3.0, 1.0, 1.0))
    np.testing.assert_array_equal(found, label_frame(codes, how)[None])


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_equal_sections_are_cut_where_each_would_be(seed, planes):
    """What lies beyond the first and last section is not known: no cell ends there."""
    codes = noisy(seed)[:planes]
    flat = label_frame(codes, SMALL)
    found = label_frame(np.repeat(codes[:, None], 3, axis=1), SMALL.replace(min_size=12))
    for section in found:
        scores = frame_scores(section, flat)
        assert scores.seg > 0.97 and scores.n_predicted == scores.n_truth


@pytest.mark.parametrize("spacing", [(1, 1, 1), (3, 1, 1), (2, 0.5, 0.5)])
@pytest.mark.parametrize("along", [0, 1, 2])
def test_balls_that_touch_are_parted_whatever_the_spacing(spacing, along):
    size = np.array((30, 30, 30))
    size[along] = 46
    middles = np.array([[15.0, 15, 15], [15, 15, 15]])
    middles[1, along] += 15
    shape = tuple(int(n / step) for n, step in zip(size, spacing, strict=True))
    truth = balls(shape, spacing, (*middles[0], 8), (*middles[1], 8))
    found = label_frame(codes_of(truth > 0, 0), SMALL, spacing=spacing)
    scores = frame_scores(found, truth)
    assert (scores.right, scores.invented) == (2, 0)
    assert scores.seg > 0.9


def test_sections_far_apart_leave_a_ball_whole():
    """As cubes, its five discs would be a pile of plates."""
    spacing = (4.0, 1.0, 1.0)
    truth = balls((9, 40, 40), spacing, (16, 20, 20, 11))
    assert (
        frame_scores(label_frame(codes_of(truth > 0, 0), SMALL, spacing=spacing), truth).seg > 0.95
    )


@pytest.mark.parametrize(
    ("open_to", "closed"), [(None, True), ("y", False), ("a neighbour section", False)]
)
def test_a_hole_that_is_closed_on_all_sides_is_filled(open_to, closed):
    mask = balls((21, 41, 41), (2, 1, 1), (20, 20, 20, 14)) > 0
    mask[9:12, 18:23, 18:23] = False
    if open_to == "y":
        mask[10, :20, 20] = False
    if open_to == "a neighbour section":
        mask[:10, 20, 20] = False
    found = label_frame(codes_of(mask, 0), SMALL, spacing=(2, 1, 1))
    assert (found[10, 20, 20] > 0) == closed


def test_sizes_are_volumes_and_edges_are_of_all_six_sides():
    truth = balls(
        (12, 50, 70), (1, 1, 1), (6, 20, 20, 4), (6, 20, 50, 4.9), (0, 40, 20, 4), (6, 49, 50, 4)
    )
    volumes = np.bincount(truth.ravel())[1:]

    def kept(**changes):
        labels = label_frame(codes_of(truth > 0, 0), SMALL.replace(**changes))
        return {int(truth[labels == i].max()) for i in np.unique(labels[labels > 0])}

    assert kept() == {1, 2, 3, 4}
    assert kept(min_size=int(volumes[0])) == {1, 2}
    assert kept(min_size=int(volumes[0]) + 1) == {2}
    assert kept(max_size=int(volumes[0])) == {1, 3, 4}
    assert kept(drop_border=True) == {1, 2}
    assert kept(edge=12) == {1, 2, 3}  # within the edge in y and x alone


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_ids_stay_while_the_threshold_moves(threshold):
    noise = ndi.gaussian_filter(np.random.default_rng(3).normal(size=(8, 40, 50)), 2)
    codes = encode_logits(4 * noise / noise.std())[None]
    basins = frame_basins(codes, SMALL)
    labels = label_frame(codes, SMALL.replace(threshold=threshold), basins)
    inside = labels > 0
    np.testing.assert_array_equal(labels[inside], basins.ids[inside])
    for i in np.unique(labels[inside]):
        assert ndi.label(labels == i)[1] == 1


@pytest.mark.parametrize(
    "outputs", [class_outputs((1, 2)), ("object", "region all=1,2", "region part=2")]
)
def test_classes_of_one_section_are_those_of_the_section(outputs):
    codes = np.stack([noisy(seed)[0] for seed in (1, 2, 3)])
    for how in (
        SMALL,
        SMALL.replace(class_sizes=(20, 30)),
        SMALL.replace(class_sure=(0.9, 0.9), class_sizes=(30, 30)),
    ):
        flat = labels_of(codes, outputs, how)
        np.testing.assert_array_equal(labels_of(codes[:, None], outputs, how), flat[None])


def test_small_pieces_of_a_class_in_a_volume_go_to_what_is_around():
    codes = np.zeros((3, 5, 9, 9), np.uint8)
    codes[0], codes[1] = 255, 200
    codes[2, 2:4, 4, 4] = 255
    codes[2, :, :, :2] = 255
    found = labels_of(codes, class_outputs((1, 2)), LabelSettings(class_sizes=(0, 3)))
    assert (found[..., :2] == 2).all() and (found[..., 2:] == 1).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_joined_sections_keep_each_section_and_are_one_where_they_overlap(seed):
    rng = np.random.default_rng(seed)
    sections = rng.choice(4, (5, 6, 7), p=[0.4, 0.3, 0.2, 0.1]).astype(np.uint16)
    joined = join_sections(sections)
    assert np.array_equal(joined > 0, sections > 0)
    for before, now in zip(sections, joined, strict=True):
        pairs = {(int(a), int(b)) for a, b in zip(before.flat, now.flat, strict=True) if a}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_a_pile_of_discs_is_one_object_and_a_gap_ends_it():
    truth = balls((20, 30, 30), (1, 1, 1), (5, 15, 15, 5), (14, 14, 15, 4))
    sections = [(1 + z % 3) * (section > 0) for z, section in enumerate(truth)]  # ids by chance
    joined = join_sections(sections)
    assert frame_scores(joined, truth).right == 2 and len(np.unique(joined)) == 3


def test_volumes_are_made_of_sections_that_come_one_by_one():
    first = np.zeros((2, 4, 6), np.uint16)
    first[:, 1:3, 1:3], first[1, 0, 5] = 7, BACKGROUND_ID
    second = np.zeros((2, 4, 6), np.uint16)
    second[0, 1:3, 3:5], second[1, 1:3, 3:5] = 3, 9
    frames = [*first, *second]
    volumes = JoinedSections(frames, 2)
    assert len(volumes) == 2
    for t, volume in enumerate((first, second)):
        np.testing.assert_array_equal(volumes[t] > 0, (volume > 0) & (volume != BACKGROUND_ID))
        assert len(np.unique(volumes[t])) == 2  # one cell in both sections
    corrected = {0: {7}, 3: {4}}
    (cell,) = volumes.ids_of(0, lambda i: corrected.get(i, ()))
    assert volumes[0][0, 1, 1] == cell
    assert volumes.ids_of(1, lambda i: corrected.get(i, ())) == frozenset()
    for t, volume in joined_frames(enumerate(frames), 2):
        np.testing.assert_array_equal(volume, volumes[t])
    classes = JoinedSections(frames[2:], 2, classes=True)
    np.testing.assert_array_equal(classes[0], second)
    assert whole_volumes((0, 2, 3, 4), 2) == (1,) and whole_volumes((0, 3), 2) == ()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_ball_drawn_on_some_sections_is_completed(seed):
    rng = np.random.default_rng(seed)
    truth = balls((17, 40, 44), (1, 1, 1), (8, *rng.uniform(10, 30, 2), rng.uniform(4, 8)))
    drawn = np.flatnonzero(truth.any(axis=(1, 2)))
    some = np.zeros_like(truth)
    kept = np.union1d(drawn[[0, -1]], rng.choice(drawn, 2))
    some[kept] = 7 * truth[kept]
    some[:, :2, :2] = 3  # of another cell
    found = between_sections(some, 7)
    assert np.array_equal(found[kept], truth[kept] > 0)
    assert not found[: drawn[0]].any() and not found[drawn[-1] + 1 :].any()
    assert found[drawn].any(axis=(1, 2)).all()


def test_between_equal_discs_lies_the_disc_on_its_way():
    labels = np.zeros((5, 30, 40), np.uint8)
    labels[0], labels[4] = (balls((1, 30, 40), (1, 1, 1), (0, 14, x, 6))[0] for x in (10, 18))
    found = between_sections(labels, 1)
    middle = balls((1, 30, 40), (1, 1, 1), (0, 14, 14, 6))[0] > 0
    assert frame_scores(found[2].astype(int), middle.astype(int)).iou > 0.95
