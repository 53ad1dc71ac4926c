"""What the docks of one viewer share."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest
from qtpy.QtWidgets import QComboBox, QDockWidget, QProgressBar, QPushButton, QSlider, QWidget

from napari_unet.gui.session.session import Session

NAMES = {
    "Segment": {
        "segment.model": QComboBox,
        "segment.load_model": QPushButton,
        "segment.run_frame": QPushButton,
        "segment.run_movie": QPushButton,
        "segment.cancel": QPushButton,
        "segment.progress": QProgressBar,
        "segment.threshold": QSlider,
        **dict.fromkeys(("segment.split", "segment.min_size", "segment.device"), QWidget),
    },
    "Train": dict.fromkeys(
        (
            f"train.{name}"
            for name in "labels annotate background frames start_from minutes start cancel curve "
            "progress compare keep revert save_model".split()
        ),
        QWidget,
    ),
    "Export": dict.fromkeys(
        (
            f"export.{name}"
            for name in "labels format frames folder save_labels save_table movie_style "
            "save_movie progress".split()
        ),
        QWidget,
    ),
}


@pytest.mark.parametrize("dock_name", NAMES)
def test_names_that_scripts_rely_on(hand, dock_name):
    dock = hand.open(dock_name)
    for name, kind in NAMES[dock_name].items():
        assert isinstance(hand.find(dock, name), kind)
    for name in ("image", "channel", "z", "position", "axes", "open"):
        hand.find(dock, f"movie.{name}")


def test_docks_share_one_session_and_stack_as_tabs(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    docks = [
        viewer.window.add_plugin_dock_widget("napari-unet-live", name)[1]
        for name in ("Segment", "Train", "Export")
    ]
    assert len({id(dock.session) for dock in docks}) == 1
    assert docks[0].session is Session.of(viewer)

    def tabs():
        holders = [
            d for d in docks[0].window().findChildren(QDockWidget) if d.isAncestorOf(docks[0])
        ]
        return len(docks[0].window().tabifiedDockWidgets(holders[0]))

    qtbot.waitUntil(lambda: tabs() == 2)


def test_two_viewers_have_two_sessions(make_napari_viewer):
    first, second = make_napari_viewer(), make_napari_viewer()
    assert Session.of(first) is not Session.of(second)


def test_a_session_ends_with_its_viewer(qapp):
    from napari.components import ViewerModel

    def one():
        viewer = ViewerModel()
        viewer.add_image(np.zeros((3, 8, 8)))
        return weakref.ref(Session.of(viewer))

    session = one()  # in a frame of its own: napari looks into frames and leaves a trace there
    gc.collect()
    gc.collect()
    assert session() is None


def test_opening_the_docks_imports_nothing_slow():
    slow = [
        "torch",
        "napari_unet.engine.labels.basins",
        "napari_unet.engine.labels.label_doubts",
        "scipy.ndimage",
        "napari_unet.engine.annotations.annotations",
    ]
    code = (
        "import sys, napari_unet.gui.segment.segment_dock, napari_unet.gui.train.train_dock, "
        "napari_unet.gui.export.export_dock, napari_unet.gui.positions.positions_dock; "
        f"sys.exit(str([m for m in {slow} if m in sys.modules] or ''))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert found.stderr.decode().strip() == ""


def test_threshold_of_one_movie_is_that_of_the_next(hand, movie, viewer):
    dock = hand.open("Segment")
    hand.find(dock, "segment.threshold").setValue(0.8)
    assert hand.session.labels.settings.threshold == 0.8
    hand.find(dock, "segment.split").setChecked(False)
    assert hand.session.labels.settings.split is False
    viewer.add_image(np.zeros((3, 8, 8)), name="other")
    hand.find(dock, "movie.image").setCurrentText("other")
    assert hand.session.labels.settings.threshold == 0.8


def test_labels_of_another_z_are_other_labels(hand, viewer, tmp_path):
    import tifffile

    data = np.random.default_rng(0).integers(0, 999, (3, 2, 32, 40), np.uint16)
    file = tmp_path / "stack.tif"
    tifffile.imwrite(file, data, imagej=True, metadata={"axes": "TZYX"})
    dock = hand.open("Train")
    hand.open_movie(dock, file)
    hand.click(dock, "train.annotate")
    of_max = hand.session.labels.layer
    hand.find(dock, "movie.z").setCurrentText("1")
    assert hand.session.labels.layer is None
    assert not of_max.visible
    hand.click(dock, "train.annotate")
    assert hand.session.labels.layer is not of_max
    hand.find(dock, "movie.z").setCurrentIndex(0)
    assert hand.session.labels.layer is of_max
    assert of_max.visible
