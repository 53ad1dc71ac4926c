"""Manners of a plugin: recent movies, preferences, names of layers, files that are dropped."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_unet.gui.session.models import ModelList
from napari_unet.gui.session.recent import recent_movies, remember_movie
from napari_unet.gui.viewer import preferences


def drop(dock, path):
    """Drop a file on a dock."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    dock.dropEvent(QDropEvent(QPointF(QPoint(9, 9)), Qt.DropAction.CopyAction, data, buttons, keys))


def test_recent_movies_are_offered_where_nothing_is_open(hand, file, viewer):
    dock = hand.open("Export")
    recent = hand.find(dock, "movie.recent")
    assert not recent.isVisibleTo(dock)
    hand.open_movie(dock, file)
    viewer.layers.clear()
    assert recent.isVisibleTo(dock) and recent.itemText(1) == "movie.tif"
    recent.setCurrentIndex(1)
    hand.done()
    assert hand.session.movie.stack.path == file and not recent.isVisibleTo(dock)


def test_the_list_of_movies_is_short_and_the_latest_comes_first(tmp_path):
    for i in (*range(12), 5):
        remember_movie(tmp_path / f"{i}.tif")
    found = [path.stem for path in recent_movies()]
    assert found[:3] == ["5", "11", "10"] and len(found) == 8 == len(set(found))


def test_a_movie_and_a_model_dropped_on_a_dock_are_opened(hand, file, model_file, viewer):
    dock = hand.open("Train")
    drop(dock, file)
    hand.done()
    assert hand.session.movie.stack.path == file
    drop(dock, model_file)
    hand.done()
    assert hand.session.models.chosen.path == model_file


def test_the_layer_says_movie_and_model_until_a_user_names_it(hand, movie, model_file, viewer):
    dock = hand.open("Segment")
    hand.click(hand.open("Train"), "train.annotate")
    layer = hand.session.labels.layer
    assert layer.name == "small · labels"
    hand.load_model(dock, model_file)
    hand.click(dock, "segment.run_frame")
    hand.done()
    assert layer.name == "small · tiny"
    layer.name = "mine"
    hand.session.labels.set_model(hand.session.labels.model, layer.data.probabilities)
    assert layer.name == "mine"


@pytest.mark.parametrize("there", [True, False])
def test_preferences_of_napari_are_taken_where_it_has_them(monkeypatch, there):
    settings = pytest.importorskip("napari.settings")
    if not hasattr(settings, "get_plugin_settings"):
        pytest.skip("this napari has no preferences of plugins")

    class Run:
        device = "cpu"

    class Colours:
        correct, background = "red", "no colour"

    class Mine:
        run, colours = Run(), Colours()

    def found(name):
        assert name == preferences.PLUGIN
        if not there:
            raise KeyError(name)
        return Mine()

    monkeypatch.setattr(settings, "get_plugin_settings", found)
    assert ModelList().settings.device == "auto"  # nothing was ever set: napari is not asked
    monkeypatch.setattr(preferences, "_were_set", lambda: True)
    assert ModelList().settings.device == ("cpu" if there else "auto")
    assert preferences.preference("sessions", "place") == ""
    assert preferences.colour("correct").name() == ("#ff0000" if there else "#ffaa00")
    assert preferences.colour("background").name() == "#8c8c8c"
