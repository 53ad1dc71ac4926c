"""Areas of objects, and the diameter that stands for them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.labels.objects import areas_of, median_diameter


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
