"""A band along the image edge in which nobody outlined a cell."""

import numpy as np
import pytest

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.blank_edge import blank_edge, without_ground
from napari_unet.engine.annotations.frame_annotation import RING, annotate, annotate_classes
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.settings import LabelSettings
from napari_unet.engine.training.training_record import recommended_labels, smallest_cell

SIZE, DIAMETER = 240, 12


def discs(left_out, *, middle=False, seed=0):
    """Discs on a jittered grid, without those wholly within ``left_out`` px of the edge."""
    rng, labels = np.random.default_rng(seed), np.zeros((SIZE, SIZE), np.int32)
    y, x = np.ogrid[:SIZE, :SIZE]
    depth = np.minimum(np.minimum(y, SIZE - 1 - y), np.minimum(x, SIZE - 1 - x))
    for row in range(0, SIZE + 20, 20):
        for column in range(0, SIZE + 20, 20):
            at = np.array((row, column)) + rng.integers(-3, 4, 2)
            disc = (y - at[0]) ** 2 + (x - at[1]) ** 2 <= (DIAMETER / 2) ** 2
            if middle and np.abs(at - SIZE / 2).max() > 60:
                continue
            if disc.any() and depth[disc].max() >= left_out:
                labels[disc] = labels.max() + 1
    return labels


@pytest.mark.parametrize(
    ("labels", "complete", "least", "most"),
    [
        (discs(0), True, 0, 0),
        (discs(18), True, 16, 22),
        (discs(8), True, 6, 11),
        (discs(18), False, 0, 0),  # painted cells alone: nobody said that there are no others
        (discs(0, middle=True), True, 0, 0),  # a colony: nothing reaches into the edge
        (np.zeros((SIZE, SIZE), np.int32), True, 0, 0),
    ],
)
def test_a_band_without_whole_cells_is_found(labels, complete, least, most):
    assert least <= blank_edge([annotate(labels, complete=complete)] * 2) <= most


def test_what_reaches_into_the_band_teaches_and_the_ground_beside_it_does_not():
    labels = np.zeros((60, 60), np.int32)
    labels[2:30, 20:30] = 1
    counts = without_ground(annotate(labels, complete=True), 15).supervised
    assert counts[labels > 0].all() and counts[15:45, 15:45].all()
    assert counts[5, 30 + RING - 1] and not counts[5, 30 + RING + 1] and not counts[50, 50]


def test_labels_leave_out_what_those_learned_from_leave_out():
    labels = discs(18)
    movie = Annotations((1, SIZE, SIZE), {0: annotate(labels, complete=True)})
    learned = movie.without_edge(None)
    assert learned.blank and f"outer {learned.blank} px" in learned.blank_in_words
    assert movie.without_edge(0).blank == movie.without_edge(9).blank == 0
    settings = recommended_labels(None, learned, DIAMETER)
    assert settings.edge == learned.blank
    codes = np.where(discs(0) > 0, 255, 0).astype(np.uint8)[None]
    for split in (True, False):
        found = label_frame(codes, settings.replace(split=split, min_size=0))
        assert len(np.unique(found)) == len(np.unique(labels))
        assert len(np.unique(label_frame(codes, settings.replace(split=split, edge=0)))) > len(
            np.unique(labels)
        )
    assert "edge" not in LabelSettings().model_dump()  # as files of before


def test_classes_have_no_band_and_what_a_band_cuts_off_is_no_small_cell():
    classes = annotate_classes(np.minimum(discs(18), 1), complete=True)
    movie = Annotations((1, SIZE, SIZE), {0: classes}, (1,))
    assert movie.without_edge(None) is movie
    whole = Annotations((1, SIZE, SIZE), {0: annotate(discs(0), complete=True)})
    inner = whole.without_edge(10)
    assert smallest_cell(inner, DIAMETER) >= smallest_cell(whole, DIAMETER)
