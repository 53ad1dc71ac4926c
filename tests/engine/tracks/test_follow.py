"""One cell through time, as exports link it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.tracks.follow import follow


def movie(*frames: dict[int, slice]) -> np.ndarray:
    """Frames of boxes of 10 rows by id."""
    labels = np.zeros((len(frames), 12, 60), np.uint16)
    for t, boxes in enumerate(frames):
        for label, columns in boxes.items():
            labels[t, 1:11, columns] = label
    return labels


MOVING = movie(
    {1: slice(0, 10), 2: slice(30, 40)},
    {2: slice(2, 12), 1: slice(32, 42)},
    {3: slice(4, 14)},
    {3: slice(6, 10), 4: slice(10, 16)},  # it divides
)


@pytest.mark.parametrize(
    ("frame", "label", "expected"),
    [
        (0, 1, {0: 1, 1: 2, 2: 3}),
        (1, 2, {0: 1, 1: 2, 2: 3}),
        (2, 3, {0: 1, 1: 2, 2: 3}),
        (1, 1, {0: 2, 1: 1}),
        (3, 4, {3: 4}),
    ],
)
def test_a_track_ends_where_the_cell_goes_or_divides(frame, label, expected):
    steps = follow(MOVING, frame, label)
    looked = []
    with pytest.raises(StopIteration) as end:
        while True:
            looked.append(next(steps))
    assert end.value.value == expected
    assert frame not in looked and len(looked) == len(set(looked))


@pytest.mark.parametrize("label", [0, 3])
def test_a_cell_that_is_not_on_the_frame_is_refused(label):
    with pytest.raises(BadInput, match="a cell of this frame"):
        next(follow(MOVING, 1, label))
