"""Objects of label images: numbers, areas, overlaps, and the diameter that stands for them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.objects import (
    areas_of,
    median_diameter,
    numbered,
    overlaps,
    whole_labels,
)


def test_areas_come_in_the_order_of_the_ids():
    labels = np.zeros((40, 50), np.uint16)
    labels[2:4, 3:6] = 7
    labels[10:20, 10:20] = 2
    assert areas_of(labels).tolist() == [100, 6]
    labels[30:35, 30:35] = 65535  # the background brush
    assert areas_of(labels).tolist() == [100, 6]
    assert areas_of(np.zeros((4, 4), np.uint16)).size == 0


def test_the_diameter_is_that_of_most_cells():
    labels = np.zeros((100, 100), np.uint16)
    for n in range(3):
        labels[10 + 25 * n : 30 + 25 * n, 10:30] = n + 1
    labels[90:92, 90:92] = 9
    assert median_diameter(areas_of(labels)) == pytest.approx(20 * np.sqrt(4 / np.pi))


@pytest.mark.parametrize("ids", [(3, 9), (1, 2), (7, 2**40), (2**31 - 1, 2**31)])
@pytest.mark.parametrize("ground", [True, False])
@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_objects_are_numbered_without_gaps(ids, ground, dtype):
    labels = np.full((6, 8), 0 if ground else ids[0], dtype)
    labels[1:3, 2:5], labels[4, 1:3] = ids
    found, areas, numbers = numbered(labels)
    assert found.tolist() == list(ids) and areas.tolist() == [6 if ground else 46, 2]
    np.testing.assert_array_equal(numbers, np.searchsorted(ids, labels) + (labels > 0))
    assert numbers.dtype == np.int32


def test_nothing_and_a_mask_are_numbered():
    assert [part.size for part in numbered(np.zeros((3, 4), np.uint8))] == [0, 0, 12]
    assert numbered(np.zeros((0, 4), int))[2].shape == (0, 4)
    assert numbered(np.eye(3, dtype=bool))[1].tolist() == [3]


def test_overlaps_are_counted_by_pairs():
    first, second = np.zeros((2, 6, 8), np.int32)
    first[1:4, 1:4], first[4:6, 5:8] = 1, 2
    second[2:5, 2:8] = 3
    rows, columns, pixels = overlaps(first, second)
    found = sorted(zip(rows.tolist(), columns.tolist(), pixels.tolist(), strict=True))
    assert found == [(0, 2, 4), (1, 2, 3)]
    assert overlaps(first, np.zeros_like(first))[2].size == 0


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ([[0.5, 1]], "x holds fractions"),
        ([[np.nan, 1]], "x holds NaN"),
        ([[-3, 1]], "x holds negative labels, from -3"),
        ([["a", "b"]], "x is of type"),
    ],
)
def test_what_are_no_labels_is_refused(image, said):
    with pytest.raises(BadInput, match=said):
        whole_labels(np.array(image), "x")


def test_whole_numbers_of_any_type_are_labels():
    for dtype in (bool, np.uint8, np.int16, np.uint64, np.float32):
        checked = whole_labels(np.array([[0, 1]], dtype), "x")
        assert checked.dtype.kind in "iu" and checked.tolist() == [[0, 1]]
