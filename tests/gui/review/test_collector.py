"""Objects that are there already are set aside while a movie is searched, and only then."""

from __future__ import annotations

import gc

import pytest
from qtpy.QtCore import QObject

from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.gui.review.collector import old_objects_set_aside
from napari_unet.gui.review.doubt_search import DoubtSearch

SHAPE = (3, 24, 32)


@pytest.fixture
def none_aside():
    """Nothing is set aside, as in the program; what the tests did set aside is so again."""
    before = gc.get_freeze_count()
    gc.unfreeze()
    yield
    assert not gc.get_freeze_count()
    if before:
        gc.freeze()


def test_it_lasts_until_the_last_who_asked_ends(none_aside):
    with pytest.raises(KeyError), old_objects_set_aside():
        aside = gc.get_freeze_count()
        assert aside > 1000
        with old_objects_set_aside():
            assert gc.get_freeze_count() == aside
        assert gc.get_freeze_count() == aside
        raise KeyError
    assert not gc.get_freeze_count()


def test_what_somebody_else_set_aside_stays_so(none_aside):
    gc.freeze()
    before = gc.get_freeze_count()
    with old_objects_set_aside():
        assert gc.get_freeze_count() == before
    assert gc.get_freeze_count() == before
    gc.unfreeze()


def test_a_search_does_it_for_as_long_as_it_lasts(none_aside, qtbot):
    owner = QObject()
    search = DoubtSearch(owner)
    search.follow(LiveLabels(SHAPE))
    assert gc.get_freeze_count()
    qtbot.waitUntil(lambda: search.done)
    assert not gc.get_freeze_count()
    search.look_again((1,))  # a few frames are not worth it
    assert not gc.get_freeze_count()
    qtbot.waitUntil(lambda: search.done)
    search.follow(LiveLabels(SHAPE))
    search.follow(LiveLabels(SHAPE))  # another movie, before the first was through
    assert gc.get_freeze_count()
    search.follow(None)
    assert not gc.get_freeze_count()
