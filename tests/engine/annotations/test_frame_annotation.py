"""A painted cell teaches the same, whether it was painted in the dock or read from a file."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate, spare_neighbours
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.settings import LabelSettings
from napari_unet.engine.stack.stack import Stack

SHAPE = (1, 40, 60)
FINE = LabelSettings(min_size=3)


def codes(shift):
    """What a model gives of one frame, (1, Y, X): five discs that fade outwards."""
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    centres = ((10, 10), (10, 30), (28, 14), (28, 40), (12, 50))
    away = [np.hypot(y - cy, x - cx - shift) for cy, cx in centres]
    return encode_logits(8 - np.min(away, axis=0))[None]


def on_screen():
    probabilities = Probabilities.in_memory((1, 1, *SHAPE[1:]))
    probabilities.write(0, codes(0))
    return probabilities


BOXES = st.lists(
    st.tuples(
        st.integers(0, SHAPE[1] - 1),
        st.integers(0, SHAPE[2] - 1),
        st.integers(1, 12),
        st.integers(1, 12),
        st.sampled_from([0, 1, 2, 7, BACKGROUND_ID]),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(BOXES, st.booleans(), st.booleans())
def test_a_painted_cell_teaches_the_same_from_the_dock_and_from_a_file(boxes, classes, seen):
    live = LiveLabels(SHAPE, on_screen() if seen and not classes else None, FINE)
    for y, x, height, width, label in boxes:
        live[0, y : y + height, x : x + width] = label
    mask = live.state(0)
    file = mask.ids[None].copy()
    file[0, (mask.ids == 0) & mask.edited()] = BACKGROUND_ID  # erased, which a file says so
    stack = Stack.from_array(file, axes="TYX", name="painted")
    kind = "classes" if classes and file.any() else "instances"
    read = Annotations.from_labels(stack, stack, [0], partial=True, kind=kind).frames[0]
    taught = live.annotation(0, classes=kind == "classes")
    model_sees = label_frame(codes(3), FINE)  # the one that training starts from
    for dock, from_file in (
        (taught, read),
        (spare_neighbours(taught, model_sees), spare_neighbours(read, model_sees)),
    ):
        np.testing.assert_array_equal(dock.labels, from_file.labels)
        np.testing.assert_array_equal(dock.supervised, from_file.supervised)
        assert dock.complete is from_file.complete is False


def test_of_a_volume_the_painted_sections_teach_and_no_others():
    ids = np.zeros((5, 20, 20), np.int32)
    ids[2, 8:12, 8:12] = 1
    ids[4, 0, 0] = BACKGROUND_ID
    found = annotate(ids, complete=False, ring=2)
    flat = annotate(ids[2], complete=False, ring=2)
    np.testing.assert_array_equal(found.supervised[2], flat.supervised)
    assert found.supervised.sum(axis=(1, 2)).tolist() == [0, 0, flat.supervised.sum(), 0, 1]
    assert annotate(ids, complete=True).supervised.all()
