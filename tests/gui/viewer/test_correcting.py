"""Verbs by mouse and key, in a real napari: and nothing of napari's own is lost by them."""

from __future__ import annotations

import numpy as np
import pytest
from app_model.types import KeyBinding, KeyCode
from napari.components.viewer_model import ViewerModel
from napari.layers import Labels
from napari.utils.action_manager import action_manager
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import Qt

from napari_unet.gui.viewer import live_layer
from napari_unet.gui.viewer.verb_keys import (
    PRESETS,
    VERBS,
    action_of,
    keys_of,
    register,
    use_preset,
)
from tests.gui.viewer.hand import CENTRES, Hand

CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
A, B, C, D = CENTRES
GROUND = (45, 45)
TURN = np.linspace(0, 2 * np.pi, 16)
RING = [(45 + 8 * np.sin(a), 45 + 8 * np.cos(a)) for a in TURN]


@pytest.fixture
def hand(make_napari_viewer, qtbot):
    hand = Hand(make_napari_viewer(show=True), qtbot)
    yield hand
    use_preset("own")


@pytest.fixture
def corrector(hand):
    corrector = hand.layer.undo.__self__.corrector
    hand.key(Qt.Key.Key_R)
    assert corrector.on
    return corrector


def at(hand, place) -> int:
    return int(hand.live[hand.frame, int(place[0]), int(place[1])])


def last(hand) -> str:
    return hand.live.corrections.last_done.words


def test_the_four_corrections_take_one_gesture_each(hand, corrector):
    hand.mouse(D, held=CTRL)
    assert not at(hand, D) and last(hand).startswith("deleted")
    first = at(hand, A)
    hand.mouse(A, (20, 45), B)
    assert at(hand, B) == at(hand, A) == first and last(hand).startswith("merged")
    hand.mouse((58, 22), (70, 23), (82, 22), held=SHIFT)
    assert at(hand, (70, 18)) != at(hand, (70, 27)) and last(hand).startswith("split")
    hand.mouse(*RING, held=ALT)
    assert at(hand, GROUND) and last(hand).startswith("drew")
    assert hand.live.corrections.n_done == 4
    for _ in range(4):
        hand.undo()
    assert not hand.live.corrections.n_done and at(hand, D)


def test_a_drag_on_the_ground_pans_and_one_on_a_cell_does_not(hand, corrector):
    camera = hand.viewer.scene.camera
    centre = camera.center
    hand.mouse(A, (24, 24), (28, 30))  # ends on ground: no merge, and no pan
    assert camera.center == centre and not hand.live.corrections.n_done
    chosen = hand.layer.selected_label
    assert chosen == at(hand, A)
    hand.mouse(GROUND, (40, 40), (50, 50))
    assert camera.center != centre and not hand.layer.mouse_pan
    assert hand.layer.selected_label == chosen


@pytest.mark.slow
def test_a_click_chooses_a_cell_and_a_double_click_fills_only_on_ground(hand, corrector):
    zoom = hand.viewer.scene.camera.zoom
    hand.mouse(B)
    assert hand.layer.selected_label == at(hand, B)
    hand.double_click(B)
    assert not hand.live.corrections.n_done
    hand.live.settings = hand.live.settings.replace(max_size=200)  # too large to be shown
    assert not at(hand, A)
    hand.double_click(A)
    assert at(hand, A) and last(hand).startswith("filled in")
    assert hand.viewer.scene.camera.zoom == zoom


@pytest.mark.slow
def test_alt_click_merges_with_the_chosen_one(hand, corrector):
    hand.mouse(C)
    chosen = at(hand, C)
    hand.mouse(D, held=ALT)
    assert at(hand, D) == chosen


@pytest.mark.slow
def test_tools_do_one_verb_with_the_plain_button(hand, corrector):
    corrector.switch(True, "delete")
    hand.mouse(A)
    hand.mouse(B)
    assert not at(hand, A) and not at(hand, B)
    corrector.switch(True, "draw")
    hand.mouse(*RING)
    assert at(hand, GROUND)
    corrector.switch(True, "redraw")
    for step, held in ((-4, CTRL), (4, Qt.KeyboardModifier.NoModifier)):  # two lines, one run
        done = hand.live.corrections.n_done
        around = [(A[0] + 8 * np.sin(a), A[1] + step + 8 * np.cos(a)) for a in TURN]
        hand.mouse(*around, held=held)
        assert hand.live.corrections.n_done == done + (held != CTRL)
    assert at(hand, A) and last(hand).startswith("redrew")
    hand.mouse(A, held=CTRL)
    assert not at(hand, A)
    corrector.switch(True, "merge")
    hand.mouse(C)
    hand.mouse(D)
    assert at(hand, C) == at(hand, D)


def test_what_cannot_be_done_is_said(hand, corrector):
    lines = []
    corrector.said.connect(lambda line, warn: lines.append((line, warn)))
    hand.mouse(GROUND, held=CTRL)
    assert lines[-1][0].startswith("no cell is there") and lines[-1][1]
    hand.mouse(A, held=CTRL)
    assert lines[-1] == (f"Deleted {lines[-1][0].split()[1]} on frame 0.", False)
    hand.undo()
    assert lines[-1][0].startswith("Took back: deleted")


def test_undo_goes_to_its_frame_first(hand, corrector):
    hand.mouse(A, held=CTRL)
    hand.go(2)
    hand.undo()
    assert hand.frame == 0 and at(hand, A)
    hand.go(4)
    hand.redo()
    assert hand.frame == 0 and not at(hand, A)


# Outside of *Correct*


def test_outside_of_correct_the_mouse_is_naparis_own(hand):
    camera = hand.viewer.scene.camera
    for gesture in (
        lambda: hand.mouse(A, held=CTRL),
        lambda: hand.mouse(A, (20, 45), B),
        lambda: hand.mouse((58, 22), (70, 23), (82, 22), held=SHIFT),
        lambda: hand.double_click(GROUND),
    ):
        gesture()
        camera.center, camera.zoom = (0, 23.75, 23.75), camera.zoom
    assert not hand.live.corrections.n_done


def test_another_tool_or_the_key_ends_it_and_the_canvas_shows_it(hand, corrector):
    canvas = hand.viewer.window._qt_viewer.canvas.native
    marks = canvas.findChild(object, "review.on_canvas")
    assert marks.isVisible() and "Ctrl-click deletes" in marks.words
    assert marks.size() == canvas.size()
    hand.key(Qt.Key.Key_R)
    assert not corrector.on and hand.layer.mode == "pan_zoom" and not marks.isVisible()
    hand.key(Qt.Key.Key_R)
    hand.layer.mode = "paint"
    assert not corrector.on and not marks.isVisible()
    hand.layer.mode = "pick"
    assert not corrector.on
    corrector.switch(True)
    hand.viewer.layers.selection.active = hand.viewer.layers[0]
    assert not corrector.on and not marks.isVisible()
    hand.viewer.layers.selection.active = hand.layer
    assert corrector.on


def test_space_holds_to_pan(hand, corrector):
    canvas = hand.viewer.window._qt_viewer.canvas.native
    centre = hand.viewer.scene.camera.center
    hand.qtbot.keyPress(canvas, Qt.Key.Key_Space)
    assert hand.layer.mode == "pan_zoom" and not corrector.on
    hand.mouse(A, (24, 24), B)
    hand.qtbot.keyRelease(canvas, Qt.Key.Key_Space)
    assert corrector.on and hand.viewer.scene.camera.center != centre
    assert not hand.live.corrections.n_done


# Keys


def test_keys_act_on_the_cell_under_the_cursor(hand):
    hand.point(*A)
    hand.key(Qt.Key.Key_U)
    assert last(hand).startswith("grew")
    hand.key(Qt.Key.Key_K)
    hand.key(Qt.Key.Key_D)
    assert last(hand).startswith("locked") and at(hand, A)
    hand.key(Qt.Key.Key_K)
    hand.key(Qt.Key.Key_Backspace)
    assert last(hand).startswith("gave") and not hand.live.corrections.ids(0).size
    hand.key(Qt.Key.Key_D)
    assert not at(hand, A)
    hand.key(Qt.Key.Key_Backspace)
    assert at(hand, A)
    hand.layer.selected_label = at(hand, C)
    hand.point(*D)
    hand.key(Qt.Key.Key_G)
    assert at(hand, C) == at(hand, D)
    hand.key(Qt.Key.Key_S)
    assert at(hand, C) != at(hand, D)
    hand.point(*B)
    for key, said in ((Qt.Key.Key_U, "lowered"), (Qt.Key.Key_J, "raised")):
        before = (hand.live[0, :, :] == at(hand, B)).sum()
        hand.key(key, SHIFT)
        now = (hand.live[0, :, :] == at(hand, B)).sum()
        assert last(hand).startswith(said) and (now > before) == (said == "lowered")
    hand.key(Qt.Key.Key_C, SHIFT)
    assert hand.live.corrections.is_complete(0)


def test_keys_say_states_which_are_written_over_the_cells(hand):
    corrector, marks = hand.layer.undo.__self__.corrector, hand.layer.undo.__self__.state_marks
    corrector.takes_time.connect(lambda _, steps: list(steps))  # as the Review dock does
    lines: list[str] = []
    corrector.said.connect(lambda line, _: lines.append(line))
    shift = Qt.KeyboardModifier.ShiftModifier
    hand.point(*A)
    hand.key(Qt.Key.Key_P, shift)
    assert last(hand).startswith("called") and last(hand).endswith("mitotic on frames 0 to 4")
    hand.go(2)
    hand.point(*A)
    hand.key(Qt.Key.Key_X, shift)
    assert [word for _, word in marks.spots] == ["dead"]
    hand.key(Qt.Key.Key_L, shift)
    assert lines[-1].startswith("Write a state")
    hand.point(*C)
    hand.key(Qt.Key.Key_R, shift)
    assert sorted(word for _, word in marks.spots) == ["dead", "debris"]
    assert at(hand, C) == 65535
    hand.key(Qt.Key.Key_Q, shift)
    assert 0 < at(hand, C) < 65535 and [word for _, word in marks.spots] == ["dead"]
    (place, _), (x, y, word) = marks.spots[0], marks._written.words[0]
    canvas = hand.viewer.window._qt_viewer.canvas.native
    world = np.asarray(hand.layer.data_to_world((2, *place)))[1:]
    camera = hand.viewer.scene.camera
    down, right = (world - camera.center[1:]) * camera.zoom
    assert word == "dead"
    assert (x, y) == pytest.approx((canvas.width() / 2 + right, canvas.height() / 2 + down))
    hand.layer.visible = False
    assert not marks.spots
    hand.layer.visible = True
    hand.go(0)
    assert [word for _, word in marks.spots] == ["mitotic"]
    hand.viewer.layers.remove(hand.layer)
    assert marks._written is None


@pytest.mark.slow
def test_keys_copy_from_other_frames(hand):
    hand.go(2)
    hand.point(*D)
    cell = at(hand, D)
    hand.go(3)  # where the model misses it
    hand.point(*D)
    assert not at(hand, D)
    hand.key(Qt.Key.Key_Comma)
    assert at(hand, D) and last(hand).startswith("copied")
    hand.undo()
    hand.key(Qt.Key.Key_Period)
    assert at(hand, D) and cell


def test_no_key_of_ours_is_one_that_napari_has_there():
    register(live_layer._act)
    theirs = {
        key: name
        for name, keys in default_shortcuts.items()
        for key in keys
        if (action := action_manager._actions.get(name)) is not None
        and action.keymapprovider in (None, Labels, ViewerModel)
    }
    assert (
        KeyBinding.from_int(KeyCode.KeyV) in theirs and KeyBinding.from_int(KeyCode.KeyE) in theirs
    )
    for preset in PRESETS:
        use_preset(preset)
        bound = [k for n in VERBS for k in action_manager._shortcuts.get(action_of(n), [])]
        ours = [KeyBinding.validate(key) for key in bound]
        assert len(ours) >= 20 and len(set(map(str, ours))) == len(ours)
        assert not {theirs[key] for key in ours if key in theirs}
    use_preset("own")


def test_keys_are_in_naparis_preferences_and_can_be_changed(hand):
    from napari._qt.widgets.qt_keyboard_settings import ShortcutEditor

    editor = ShortcutEditor()
    hand.qtbot.addWidget(editor)
    assert action_of("delete") in editor.key_bindings_strs["Labels layer"]
    action_manager.unbind_shortcut(action_of("delete"))
    action_manager.bind_shortcut(action_of("delete"), "Shift-Q")
    hand.point(*A)
    hand.key(Qt.Key.Key_D)
    assert at(hand, A)
    hand.key(Qt.Key.Key_Q, SHIFT)
    assert not at(hand, A) and keys_of("delete") != ["D"]


@pytest.mark.slow
def test_as_in_cellpose(hand, corrector):
    use_preset("cellpose")
    hand.mouse(RING[0], button=2)
    hand.hover(*RING[1:])
    hand.mouse(RING[-1], button=2)
    assert at(hand, GROUND)
    hand.key(Qt.Key.Key_D)
    assert hand.frame == 1
    hand.key(Qt.Key.Key_A)
    assert hand.frame == 0
