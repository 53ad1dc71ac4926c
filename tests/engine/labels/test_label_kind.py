"""What the numbers in labels are: guessed with care, chosen by a user, refused where absurd."""

import numpy as np
import pytest
import tifffile

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.read_labels import guess_kind
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie

SHAPE = (60, 80)


def stack(frames):
    return Stack.from_array(np.asarray(frames, np.uint16), axes="TYX", name="labels")


def squares(*rows, size=4):
    """One frame: a row of squares for each list of numbers."""
    frame = np.zeros(SHAPE, np.uint16)
    for y, row in enumerate(rows):
        for x, number in enumerate(row):
            frame[8 * y : 8 * y + size, 8 * x : 8 * x + size] = number
    return frame


FEW_CELLS = squares([1, 2, 3])
MANY_CELLS = squares(range(1, 9), range(9, 17), range(17, 25))
TWO_CLASSES = squares([1, 2] * 4, [2, 1] * 4)
EVERYWHERE = np.where(TWO_CLASSES > 0, TWO_CLASSES, 3)  # no pixel without a class
CELL = np.pad(np.pad(np.ones((6, 6), int), 1, constant_values=2), 1)
INNER_AND_RIM = np.kron(np.ones((4, 5), int), CELL)
SPECKS = FEW_CELLS + squares([0] * 4, [1, 2, 3] * 2, [2, 3, 1] * 2, size=2)
LONE_CLASS = squares([1] * 8, [1] * 8)
RARE = squares([1, 2] * 4, [3, 3])

GUESSES = {
    "a few cells": ([FEW_CELLS] * 3, "instances"),
    "the same cells through time": ([FEW_CELLS] * 20, "instances"),
    "many cells": ([MANY_CELLS], "instances"),
    "cells with stray specks": ([SPECKS], "instances"),
    "cells in two parts": ([squares([1, 2], [1, 2])], "instances"),
    "large ids in pieces": ([TWO_CLASSES.astype(int) + 300], "instances"),
    "nothing": ([np.zeros(SHAPE, int)], "instances"),
    "a mask": ([LONE_CLASS], "binary"),
    "a mask of 255": ([LONE_CLASS * 255], "binary"),
    "a mask of 65535": ([LONE_CLASS.astype(int) * BACKGROUND_ID], "binary"),
    "two classes": ([TWO_CLASSES], "classes"),
    "classes on some frames": ([TWO_CLASSES, TWO_CLASSES * 0, TWO_CLASSES], "classes"),
    "classes far apart": ([TWO_CLASSES * 100], "classes"),
    "a class at every pixel": ([EVERYWHERE] * 2, "classes"),
    "a cell at every pixel": ([np.arange(1, 13).repeat(400).reshape(SHAPE)], "instances"),
    "cells and their rims": ([INNER_AND_RIM], "classes"),
    "a rare class": ([RARE, TWO_CLASSES, RARE], "classes"),
    "classes and background strokes": (
        [np.where(TWO_CLASSES > 0, TWO_CLASSES, BACKGROUND_ID)],
        "classes",
    ),
}


@pytest.mark.parametrize("name", GUESSES)
def test_it_is_guessed_from_the_labels(name):
    frames, wanted = GUESSES[name]
    assert guess_kind([np.asarray(frame, np.int32) for frame in frames]) == wanted


def test_strokes_of_the_background_brush_are_no_mask():
    strokes = [LONE_CLASS.astype(np.int32) * BACKGROUND_ID]
    assert guess_kind(strokes, strokes=True) == "instances"


@pytest.mark.parametrize("density", [6, 12, 30])
@pytest.mark.parametrize("seed", range(3))
def test_cells_of_the_sample_are_never_classes(density, seed):
    _, labels = sample_movie(frames=3, shape=(96, 128), density=density, seed=seed)
    assert guess_kind(list(labels.astype(np.int32))) == "instances"


def test_classes_of_the_toy_world(class_toy):
    found = Annotations.from_labels(stack(class_toy.movie), stack(class_toy.labels))
    assert found.classes == (1, 2)
    assert found.describe() == "6 frames, 2 classes, 100 % of the pixels"


@pytest.mark.parametrize(
    ("folder", "wanted"),
    [
        ("Fluo-N2DL-HeLa/01_ST/SEG", "instances"),
        ("drosophila_vnc_multiclass/labels_class", "classes"),
        ("isbi2012_em", "binary"),
    ],
)
def test_real_labels(shared_data, folder, wanted):
    names = "*label*.tif" if wanted == "binary" else "*.tif"
    files = sorted((shared_data / folder).rglob(names))
    if not files:
        pytest.skip(f"{folder} is not at hand")
    read = [tifffile.imread(file).astype(np.int32) for file in files[:6]]
    frames = [frame for pages in read for frame in np.atleast_3d(pages.T).T]
    assert guess_kind(frames[:8]) == wanted


# --- chosen --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "classes", "words"),
    [
        ("auto", (1, 2), "2 classes"),
        ("classes", (1, 2), "2 classes"),
        ("instances", (), "2 cells"),
        ("binary", (), "16 cells"),
    ],
)
def test_a_person_can_choose(kind, classes, words):
    found = Annotations.from_labels(stack([TWO_CLASSES]), stack([TWO_CLASSES]), kind=kind)
    assert found.classes == classes
    assert found.describe() == f"1 frame, {words}, 100 % of the pixels"


def test_painted_classes_count_without_a_ring():
    strokes = np.where(TWO_CLASSES > 0, TWO_CLASSES, 0).astype(np.uint16)
    strokes[50] = BACKGROUND_ID
    found = Annotations.from_labels(stack([strokes]), stack([strokes]), partial=True)
    frame = found.frames[0]
    np.testing.assert_array_equal(frame.supervised, strokes > 0)
    np.testing.assert_array_equal(frame.labels, TWO_CLASSES)
    assert found.classes == (1, 2)


def test_classes_stay_classes_when_parted_or_limited():
    found = Annotations.from_labels(stack([TWO_CLASSES] * 3), stack([TWO_CLASSES] * 3))
    assert found.only([1]).classes == found.without_edge(2).classes == (1, 2)


def test_where_every_pixel_has_a_class_no_background_is_missed():
    everywhere = stack([EVERYWHERE])
    Annotations.from_labels(everywhere, everywhere, kind="classes").check()
    Annotations.from_labels(everywhere, everywhere, kind="instances").check()  # they touch
    one = stack([np.ones_like(EVERYWHERE)])
    with pytest.raises(BadInput, match="no background"):
        Annotations.from_labels(one, one, kind="instances").check()


def test_ids_of_many_cells_are_no_classes():
    many = np.arange(1, 65).repeat(75).reshape(SHAPE)
    with pytest.raises(BadInput, match=r"64 numbers up to 64.*at most 63 classes.*instances"):
        Annotations.from_labels(stack([many]), stack([many]), kind="classes")
