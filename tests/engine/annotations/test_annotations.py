"""What a user vouches for: read from label stacks, said in words."""

import numpy as np
import pytest

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import (
    RING,
    FrameAnnotation,
    annotate,
    spare_neighbours,
)
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL
from tests.engine.annotations.squares import SHAPE, annotations, painted, stack


def refused(*args, **options):
    with pytest.raises(BadInput) as caught:
        Annotations.from_labels(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- reading -------------------------------------------------------------------------------------


def test_labels_of_the_toy_movie():
    movie, labels = sample_movie(SMALL)
    found = Annotations.from_labels(stack(movie), stack(labels))
    assert found.shape == movie.shape
    assert found.frame_indices == tuple(range(len(movie)))
    assert found.supervised_fraction == 1
    assert found.n_objects == sum(len(np.unique(frame)) - 1 for frame in labels)
    for t, frame in found.frames.items():
        np.testing.assert_array_equal(frame.labels, labels[t])
        assert frame.complete


def test_frames_are_matched_by_their_numbers(toy, toy_folders):
    movie, masks = map(Stack.open, toy_folders)
    (masks_folder := toy_folders[1]).joinpath("man_seg003.tif").rename(
        masks_folder / "aside"
    )  # the first mask is missing
    try:
        found = Annotations.from_labels(movie, Stack.open(masks_folder))
    finally:
        (masks_folder / "aside").rename(masks_folder / "man_seg003.tif")
    assert found.frame_indices == (1, 2, 3, 4, 5)
    np.testing.assert_array_equal(found.frames[1].labels, toy.labels[1])
    assert len(masks) == 6


def test_unpainted_frames_are_not_annotated_unless_chosen():
    labels = painted(5)
    labels[[0, 3]] = 0
    movie = stack(painted(5))
    assert Annotations.from_labels(movie, stack(labels)).frame_indices == (1, 2, 4)
    chosen = Annotations.from_labels(movie, stack(labels), [3, 1, 1])
    assert chosen.frame_indices == (1, 3)
    assert chosen.frames[3].supervised.all()


@pytest.mark.parametrize(
    ("ids", "kind", "objects"),
    [
        ((1, 1, 1), "auto", 3),  # a mask
        ((255, 255), "auto", 2),
        ((65535, 65535), "auto", 2),  # a mask of 16 bits
        ((1, 2, 2), "auto", 2),  # instances, one of them in two parts
        ((1, 1, 1), "instances", 1),
        ((1, 2, 2), "binary", 3),
        ((7,), "auto", 1),
    ],
)
def test_a_mask_is_parted_into_cells(ids, kind, objects):
    found = Annotations.from_labels(stack(painted(1)), stack(painted(1, ids)), kind=kind)
    assert found.n_objects == objects


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_label_types(dtype):
    labels = painted(1, (1, 1)).astype(dtype)
    found = Annotations.from_labels(stack(painted(1)), stack(labels))
    assert found.frames[0].labels.dtype == np.int32
    assert found.n_objects == 2


def test_large_ids_keep_cells_apart_and_memory_small():
    labels = np.zeros((1, *SHAPE), np.uint32)
    labels[0, 4:8, 4:8], labels[0, 4:8, 8:12] = 2**31 - 1, 2**31 - 2
    labels[0, 4:8, 20:24], labels[0, 20] = 16_777_217, BACKGROUND_ID
    found = Annotations.from_labels(stack(painted(1)), stack(labels), partial=True).frames[0]
    assert len(np.unique(found.labels)) == 4
    assert found.labels.max() < 2**16
    assert found.supervised[20].all()
    assert not found.labels[20].any()


# --- supervision ---------------------------------------------------------------------------------


def test_partial_labels_count_with_a_thin_ring():
    ids = np.zeros((30, 40), np.int32)
    ids[10:14, 10:14] = 5
    ids[25, 30:35] = BACKGROUND_ID
    ids[11, 14] = BACKGROUND_ID  # a stroke at the cell's edge
    found = annotate(ids, complete=False)
    y, x = np.mgrid[:30, :40]
    dy = np.maximum(np.maximum(10 - y, y - 13), 0)
    dx = np.maximum(np.maximum(10 - x, x - 13), 0)
    near = np.hypot(dy, dx) <= RING
    np.testing.assert_array_equal(found.supervised, near | (ids == BACKGROUND_ID))
    np.testing.assert_array_equal(found.labels, np.where(ids == 5, 5, 0))
    assert not found.complete


def test_a_complete_frame_counts_whole_background_strokes_included():
    ids = painted(1, (3, BACKGROUND_ID))[0]
    found = annotate(ids, complete=True)
    assert found.supervised.all()
    assert set(np.unique(found.labels)) == {0, 3}


def test_background_strokes_alone_supervise_only_themselves():
    ids = np.zeros(SHAPE, np.int32)
    ids[3] = BACKGROUND_ID
    found = annotate(ids, complete=False)
    np.testing.assert_array_equal(found.supervised, ids == BACKGROUND_ID)
    assert not annotate(np.zeros(SHAPE, np.int32), complete=False).supervised.any()


@pytest.mark.parametrize("width", [0, 3, 11])
def test_a_band_at_the_edge_is_left_out(width):
    whole = annotations(2)
    inner = whole.without_edge(width)
    kept = np.zeros(SHAPE, bool)
    kept[width : SHAPE[0] - width, width : SHAPE[1] - width] = True
    for frame in inner.frames.values():
        np.testing.assert_array_equal(frame.supervised, kept)
    assert whole.supervised_fraction == 1


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (annotations(3), "3 frames, 12 cells, 100 % of the pixels"),
        (annotations(1, ids=(1,)), "1 frame, 1 cell, 100 % of the pixels"),
        (annotations(1).without_edge(9), "1 frame, 2 cells, 10.9 % of the pixels"),
        (Annotations((3, *SHAPE), {}), "0 frames, 0 cells, 0 % of the pixels"),
    ],
)
def test_said_in_words(found, words):
    assert found.describe() == words


# --- refusals ------------------------------------------------------------------------------------


def test_labels_of_another_size():
    line = refused(stack(painted(1)), stack(painted(1, shape=(24, 33)), "masks.tif"))
    assert "the labels masks.tif are 1 frame of 24 x 33 pixels" in line
    assert "the movie nuclei is 1 frame of 24 x 32 pixels" in line or "of 24 x 32 pixels" in line


def test_labels_of_another_length():
    line = refused(stack(painted(5)), stack(painted(3), "masks"))
    assert "masks are 3 frames of 24 x 32 pixels" in line and "is 5 frames of 24 x 32" in line
    assert "--offset N" in line


def test_chosen_frames_without_labels():
    assert "hold none of frame 7, 9" in refused(stack(painted(5)), stack(painted(5)), [1, 9, 7])


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.5, "fractions"), (np.nan, "holds NaN"), (-3, "from -3"), (np.inf, "infinity")],
)
def test_what_is_no_label(value, said):
    labels = painted(1).astype(np.float64)
    labels[0, 0, 0] = value
    assert said in refused(stack(painted(1)), stack(labels))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Annotations((1, *SHAPE), {}), "no frame is annotated"),
        (annotations(9, positions=(2, 4), ids=()), "empty on the chosen frames (2, 4)"),
        (
            Annotations((1, *SHAPE), {0: annotate(np.ones(SHAPE, np.int32), complete=True)}),
            "no background",
        ),
    ],
)
def test_what_cannot_teach_is_refused(found, said):
    with pytest.raises(BadInput, match=said.replace("(", r"\(").replace(")", r"\)")):
        found.check()
    annotations(1).check()
    sheet = np.ones(SHAPE, np.int32)
    sheet[:, SHAPE[1] // 2 :] = 2  # no background, and yet an edge to learn
    Annotations((1, *SHAPE), {0: annotate(sheet, complete=True)}).check()


def test_within_a_region():
    frame = annotations(1).frames[0]
    region = np.zeros(SHAPE, bool)
    region[:, :9] = True
    inside = frame.within(region)
    assert isinstance(inside, FrameAnnotation)
    np.testing.assert_array_equal(inside.supervised, region)
    assert inside.labels is frame.labels


def test_a_cell_that_nobody_painted_is_not_taught_as_background():
    ids = np.zeros((20, 30), np.int32)
    ids[5:15, 5:13] = 3
    frame = annotate(ids, complete=False)
    seen = np.zeros_like(ids)
    seen[4:16, 4:14] = 1  # the painted cell, seen a little too large
    seen[5:15, 15:23] = 2  # its neighbour
    spared = spare_neighbours(frame, seen)
    assert frame.supervised[10, 16]
    assert not spared.supervised[seen == 2].any()
    assert spared.supervised[4, 8]
    assert spared.supervised[ids > 0].all()
    ids[10, 14:19] = BACKGROUND_ID  # a stroke is what a user said, whatever the model sees
    spared = spare_neighbours(annotate(ids, complete=False), seen)
    np.testing.assert_array_equal(spared.supervised[10, 13:20], [True] * 6 + [False])
    assert not spared.supervised[11, 15:20].any()
    whole = annotate(ids, complete=True)
    assert spare_neighbours(whole, seen) is whole


def test_a_band_that_leaves_nothing_is_refused():
    assert annotations(1).without_edge(11).supervised_fraction == 2 * 10 / (24 * 32)
    with pytest.raises(BadInput, match="narrower band"):
        annotations(1).without_edge(12)
