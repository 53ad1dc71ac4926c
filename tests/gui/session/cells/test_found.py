"""What was found of labels holds until they change: one's own, or a layer from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.settings import LabelSettings
from napari_unet.gui.session.cells.found import Found
from napari_unet.gui.session.session import Session


@pytest.fixture
def found(viewer, movie, qtbot):
    """What was found of labels of this viewer."""
    from qtpy.QtCore import QObject

    session = Session.of(viewer)
    owner = QObject()
    yield Found(session.labels, session.lifetime, owner)
    owner.deleteLater()


def test_a_layer_from_elsewhere_tells_by_its_events(found, viewer, small):
    truth = viewer.add_labels(small[1].copy(), name="truth")
    other = viewer.add_labels(small[1].copy(), name="other")
    assert found.of(truth) is None and not found.holds(truth)
    for change in (
        lambda: truth.paint((0, 1, 1), 7),
        lambda: setattr(truth, "data", small[1].copy()),
        lambda: truth.fill((0, 1, 1), 9),
    ):
        found.begin(truth)("tree")
        other.paint((0, 1, 1), 7)
        assert found.of(truth) == "tree" and found.holds(truth)
        assert found.of(other) is None and not found.holds(other)
        change()
        assert found.of(truth) == "tree" and not found.holds(truth)
    keep = found.begin(truth)
    truth.paint((0, 2, 2), 8)  # while it is looked for
    keep("tree")
    assert not found.holds(truth)
    found.forget()
    assert found.of(truth) is None


def test_our_own_labels_tell_by_their_mark(found, viewer, small):
    labels = Session.of(viewer).labels
    live, layer = labels.show()
    for change in (
        lambda: labels.set_settings(LabelSettings(threshold=0.8)),
        lambda: live.__setitem__((0, slice(5, 9), slice(5, 9)), np.uint16(3)),
    ):
        found.begin(layer)("tree")
        layer.refresh()
        assert found.holds(layer)
        change()
        assert found.of(layer) == "tree" and not found.holds(layer)
