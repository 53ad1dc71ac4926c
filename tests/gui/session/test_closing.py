"""A window may close at any moment: nothing runs on, nothing is heard, nothing is raised."""

from __future__ import annotations

import gc
import threading

import psygnal
import pytest
from PyQt6 import sip
from qtpy.QtCore import QObject, QThreadPool, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.gui.session.lifetime import Lifetime
from napari_unet.gui.session.workers import Latest


def idle(hand, file, truth):
    hand.open("Segment")


def loading(hand, file, truth):
    dock = hand.open("Segment")
    hand.find(dock, "movie.path").setText(str(file))
    hand.click(dock, "movie.open")


def segmenting(hand, file, truth):
    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    hand.click(dock, "segment.run_movie")
    hand.qtbot.waitUntil(lambda: hand.session.job.state.done >= 1, timeout=60000)


def preparing(hand, file, truth):
    segmenting(hand, file, truth)
    hand.done()
    labels = hand.session.labels
    labels.set_settings(labels.settings.replace(split_strength=0.3))  # other basins
    labels.prepare(0)


def painting(hand, file, truth):
    hand.open_movie(hand.open("Train"), file)
    hand.session.labels.show()[0].begin_stroke()


def training(hand, file, truth):
    dock = hand.open_train(steps=5000)
    hand.open_movie(dock, file)
    hand.viewer.add_labels(truth, name="truth")
    hand.click(dock, "train.start")
    hand.qtbot.waitUntil(lambda: hand.session.job.state.done >= 2, timeout=60000)


def exporting(hand, file, truth):
    dock = hand.open("Export")
    hand.open_movie(dock, file)
    hand.viewer.add_labels(truth, name="truth")
    hand.find(dock, "export.folder").setText(str(file.parent / "results"))
    hand.click(dock, "export.save_movie")


def previewing(hand, file, truth):
    dock = hand.open("Export")
    hand.open_movie(dock, file)
    hand.viewer.add_labels(truth, name="truth")
    hand.find(dock, "export.preview").update_scene()


STATES = (idle, loading, segmenting, preparing, painting, training, exporting, previewing)


def close_window(viewer):
    """Close the window as a user does; what is left is made such that the fixture copes."""
    viewer.window._qt_window.close()
    viewer.window._teardown()
    del viewer.window._qt_window


@pytest.mark.parametrize("way", ["by_script", "by_hand"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_closing_ends_all(make_napari_viewer, hand_at, qtbot, caplog, file, small, state, way):
    viewer = make_napari_viewer(show=state is previewing)
    hand = hand_at(viewer)
    state(hand, file, small[1])
    session, window = hand.session, viewer.window._qt_window
    heard = []
    for signal in (session.labels.changed, session.models.changed, session.job.changed):
        signal.connect(lambda *_: heard.append(session.lifetime.ended))
    with qtbot.waitSignal(window.destroyed, timeout=5000):
        viewer.close() if way == "by_script" else close_window(viewer)
    assert session.lifetime.ended
    assert not session.job.running
    qtbot.wait(50)  # a worker may begin a moment after it was started
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=30000)
    qtbot.wait(50)  # a slot that raises fails the test: pytest-qt catches what Qt would swallow
    assert True not in heard  # nothing is told after the end
    assert "did not end well" not in caplog.text
    qtbot.waitUntil(lambda: not list(file.parent.glob("**/.*.partial*")), timeout=30000)
    if state is exporting:
        left = {path.name for path in (file.parent / "results").iterdir()}
        assert left in (set(), {"overlay.mp4", "overlay.mp4.json"})


@pytest.mark.parametrize("name", ["Segment", "Review", "Train", "Export"])
def test_a_dock_that_is_closed_hears_nothing_more(hand, movie, name):
    holder, dock = hand.viewer.window.add_plugin_dock_widget("napari-unet-live", name)
    hand.qtbot.waitUntil(lambda: dock.settled or not dock.isVisible(), timeout=5000)
    dock._stack_as_tab()
    heard = []
    dock.update_state = lambda *_: heard.append(1)
    with hand.qtbot.waitSignal(dock.destroyed, timeout=5000):
        holder.destroyOnClose()
    session = hand.session
    session.models.changed.emit()
    session.labels.changed.emit()
    session.labels.show()
    session.job.say("segment", "a line")
    session.movie.refresh()
    assert hand.open(name) is not dock


def test_a_dock_hears_nothing_while_its_parts_go(hand, movie):
    holder, dock = hand.viewer.window.add_plugin_dock_widget("napari-unet-live", "Export")
    hand.qtbot.waitUntil(lambda: dock.settled or not dock.isVisible(), timeout=5000)
    dock._stack_as_tab()
    figures = dock.figures  # goes after the menu of labels
    dock.labels.native.destroyed.connect(lambda: figures.changed.emit())
    with hand.qtbot.waitSignal(dock.destroyed, timeout=5000):
        holder.destroyOnClose()  # pytest-qt fails where a slot meets a part that is gone


def test_what_a_lifetime_ends(qapp):
    class Told(QObject):
        said = Signal(int)

    life, told, heard, ended = Lifetime(), Told(), [], []
    owner, other = QWidget(), QWidget()
    life.connect(told.said, lambda n: heard.append(("session", n)))
    life.connect(told.said, lambda n: heard.append(("widget", n)), owner)
    life.at_end(lambda: ended.append("first"))
    life.at_end(lambda: ended.append("of other"), other)
    told.said.emit(1)
    del owner
    gc.collect()
    told.said.emit(2)
    assert heard == [("session", 1), ("widget", 1), ("session", 2)]
    life.end()
    life.end()
    told.said.emit(3)
    assert len(heard) == 3
    assert ended == ["of other", "first"]
    life.at_end(lambda: ended.append("late"))
    assert ended[-1] == "late"
    life.connect(told.said, heard.append)
    told.said.emit(4)
    assert len(heard) == 3


def test_one_that_does_not_end_well_does_not_keep_the_others(caplog):
    life, ended = Lifetime(), []
    life.at_end(lambda: ended.append(1))
    life.at_end(lambda: 1 / 0)
    life.end()
    assert ended == [1]
    assert "did not end well" in caplog.text


def test_an_answer_that_comes_after_the_end_is_not_given(qtbot):
    life, go, answers = Lifetime(), threading.Event(), []
    latest = Latest(wait_ms=0, lifetime=life)
    latest.answered.connect(answers.append)
    latest.ask(lambda: go.wait(10))
    qtbot.waitUntil(lambda: latest._running, timeout=5000)
    life.end()
    go.set()
    qtbot.waitUntil(lambda: not latest._running, timeout=5000)
    latest.ask(lambda: "again")
    qtbot.wait(50)
    assert answers == []


def test_qt_holds_what_it_is_to_call_weakly(qapp):
    """PyQt called a function that Python had emptied with its widget, and the process died."""
    life, widget, ended = Lifetime(), QWidget(), []
    life.at_end(lambda: ended.append(1), widget)
    del life
    gc.collect()
    sip.delete(widget)
    assert ended == []


class Told:
    """Sends a signal of the engine's kind."""

    said = psygnal.Signal(int)


class Hears:
    """Hears one."""

    def __init__(self, heard) -> None:
        self.heard = heard

    def hear(self, number: int) -> None:
        self.heard.append(number)


def test_who_is_gone_hears_no_signal_of_the_engine():
    lifetime, told, heard = Lifetime(), Told(), []
    first, second = Hears(heard), Hears(heard)
    for one in (first, second):
        lifetime.connect(told.said, one.hear)
    told.said.emit(1)
    one = second
    del first
    gc.collect()
    told.said.emit(2)
    assert heard == [1, 1, 2]
    lifetime.end()
    assert not len(told.said)
    told.said.emit(3)
    assert heard == [1, 1, 2]
