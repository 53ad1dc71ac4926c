"""*Correct*: the mouse, the keys and the buttons that do the verbs on a live layer.

While it is on, the layer is in napari's pick mode, so that a click chooses a cell, Space still
holds to pan, and napari's own double click and Alt-drag rest. A drag that begins on the ground
pans as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.text import counted
from napari_unet.gui.viewer.canvas_marks import CanvasMarks
from napari_unet.gui.viewer.layers import go_to_frame
from napari_unet.gui.viewer.verb_keys import DOCK_VERBS, STATE_VERBS, preset_in_use

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.session.verbs import Verbs

    Place = tuple[float, ...]  # in a frame: y and x, of a volume z before them
    OnCanvas = tuple[float, float]

_MAC = sys.platform == "darwin"
CTRL, ALT = ("Cmd", "Option") if _MAC else ("Ctrl", "Alt")
_HELP = (
    f"Correct: {CTRL}-click deletes · drag from cell to cell merges · Shift-drag splits · "
    f"{ALT}-drag draws round a cell · double click fills in"
)
_TOOLS = {
    "delete": "Delete: click cells",
    "merge": "Merge: drag from one cell to the other, or click both",
    "split": "Split: draw a line across a cell, or click it to split it by itself",
    "draw": "Draw: draw round a new cell",
    "redraw": "Redraw: draw roughly round a cell; its outline follows the probability. With "
    f"{CTRL} held the line waits for the next one",
    "fill": "Fill: click where a cell is missing",
}
_CALLING = "Calling"  # a state, through a track
_DRAG = 3.0  # px of the canvas: less is a click
_CLOSED = ("draw", "redraw")


class Owner(Protocol):
    """The live layer that is corrected."""

    layer: Labels
    live: LiveLabels

    @property
    def viewer(self) -> Viewer:
        """The viewer the layer is in."""

    @property
    def frame(self) -> int:
        """Position of the frame on screen."""


class Corrector(QObject):
    """The verbs on one live layer."""

    changed = Signal()  # on or off, or another tool
    said = Signal(str, bool)  # what was done; or why it was not, then True
    asked = Signal(str)  # a verb of the dock: of doubts, of a sample, of training
    takes_time = Signal(str, object)  # a verb through a track: what it is, and its generator

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self._owner = owner
        self._verbs: Verbs | None = None
        self._wanted = False
        self._marks: CanvasMarks | None = None
        self._outline: list[tuple[Place, OnCanvas]] | None = None  # begun by a right click
        self.tool = ""
        self.own_state = ""  # the word that its key says of a cell
        self._waiting: list[tuple[int, list[Place]]] = []  # rough outlines, with their frame
        layer = owner.layer
        layer.mouse_drag_callbacks.append(self._on_drag)
        layer.mouse_move_callbacks.append(self._on_move)
        layer.mouse_double_click_callbacks.append(self._on_double_click)

    # ---- on and off -------------------------------------------------------------------------

    @property
    def on(self) -> bool:
        """Whether the verbs of the mouse act now."""
        layer = self._owner.layer
        chosen = self._owner.viewer.layers.selection.active is layer
        return self._wanted and chosen and str(layer.mode) == "pick"

    def switch(self, on: bool, tool: str = "") -> None:
        """Switch the verbs of the mouse on, with one on the plain button, or off."""
        layer = self._owner.layer
        self._wanted, self.tool, self._outline = on, tool if on else "", None
        self._waiting.clear()
        if on:
            self._owner.viewer.layers.selection.active = layer
            layer.mode = "pick"
        elif str(layer.mode) == "pick":
            layer.mode = "pan_zoom"
        self._show()

    def end(self) -> None:
        """Act no more: the layer goes."""
        self._wanted = False
        marks, self._marks = self._marks, None
        if marks is not None:
            with suppress(RuntimeError):  # the window is closed, and the canvas gone with it
                marks.hide()
                marks.deleteLater()

    def follow(self) -> None:
        """Follow to another tool or layer."""
        if str(self._owner.layer.mode) not in ("pick", "pan_zoom"):  # another tool was taken
            self._wanted, self.tool = False, ""
        self._show()

    def _show(self) -> None:
        on = self.on
        if on and self._marks is None and (canvas := canvas_of(self._owner.viewer)) is not None:
            self._marks = CanvasMarks(canvas)
        if self._marks is not None:
            waits = f"{counted(len(self._waiting), 'line')} waiting. " if self._waiting else ""
            self._marks.say(waits + (_TOOLS.get(self.tool) or _HELP) if on else "")
            self._marks.show_way([])
        self.changed.emit()

    # ---- the mouse --------------------------------------------------------------------------

    def _on_drag(self, layer: Labels, event: Any) -> Iterator[None]:
        """Do the verb that a click or a drag is for, when the button is let go."""
        if not self.on or not self._is_flat(event):
            return
        if event.button == 2 and preset_in_use() == "cellpose":  # it begins an outline, or ends it
            self._on_right_click(event)
            return
        frame, start = self._place(event.position)
        verb = self._verb_of(event, self.label_at(frame, start))
        chosen, alone = int(layer.selected_label), "Alt" in event.modifiers
        if not verb:  # napari's own: pan, or zoom with the right button
            layer.mouse_pan = True
            yield
            while event.type == "mouse_move":
                yield
            layer.mouse_pan = str(layer.mode) == "pan_zoom"
            layer.selected_label = layer.selected_label or chosen  # napari picked the ground
            return
        waits = verb == "redraw" and "Control" in event.modifiers
        points, way = [start], [_on_canvas(event)]
        yield
        while event.type == "mouse_move":
            points.append(self._place(event.position)[1])
            way.append(_on_canvas(event))
            if self._marks is not None:
                self._marks.show_way(way, verb in _CLOSED)
            yield
        if self._marks is not None:
            self._marks.show_way([])
        dragged = bool(np.ptp(np.array(way), axis=0).max() >= _DRAG)
        if waits and dragged:
            self._waiting.append((frame, points))
            self._show()
        else:
            verb = "delete" if waits else verb  # Ctrl-click, whatever the tool
            self._finish(verb, frame, points, chosen, dragged=dragged, merges=alone)

    def _verb_of(self, event: Any, label: int) -> str:
        held = set(event.modifiers)
        if event.button != 1:
            return ""
        rough = {"Alt", "Shift"} <= held or (self.tool == "redraw" and held <= {"Control"})
        if "Control" in held:
            return "redraw" if rough else "delete"
        if "Alt" in held:
            return "redraw" if "Shift" in held else "draw"
        if "Shift" in held:
            return "split"
        return self.tool or ("merge" if label else "")

    def _finish(
        self,
        verb: str,
        frame: int,
        points: list[Place],
        chosen: int,
        *,
        dragged: bool,
        merges: bool,
    ) -> None:
        first, last = self.label_at(frame, points[0]), self.label_at(frame, points[-1])
        verbs = self.verbs
        if verb == "delete":
            self.run(lambda: verbs.delete(frame, first), frame)
        elif verb == "merge" and dragged and last and last != first:
            self.run(lambda: verbs.merge(frame, first, last), frame)
        elif (
            not dragged and first and (verb == "merge" == self.tool or (verb == "draw" and merges))
        ):
            if chosen and chosen != first and self._is_on(frame, chosen):
                self.run(lambda: verbs.merge(frame, chosen, first), frame)
        elif verb == "split" and dragged:
            self.run(lambda: verbs.split_along(frame, points), frame)
        elif verb == "split":
            self.run(lambda: verbs.split(frame, first), frame)
        elif verb == "draw" and dragged:
            self.run(lambda: verbs.draw(frame, points), frame)
        elif verb == "redraw" and dragged:
            lines = [line for on, line in self._waiting if on == frame]
            self._waiting.clear()
            self.run(lambda: verbs.redraw(frame, *lines, points), frame)
            self._show()
        elif verb == "fill":
            self._fill(frame, points[0])

    def _on_double_click(self, layer: Labels, event: Any) -> None:
        if self.on and self._is_flat(event) and not self.tool and not event.modifiers:
            frame, place = self._place(event.position)
            if not self.label_at(frame, place):
                self._fill(frame, place)

    def _on_right_click(self, event: Any) -> None:
        """Begin an outline, or end it."""
        here = self._place(event.position)[1], _on_canvas(event)
        if self._outline is None:
            self._outline = [here]
            return
        outline, self._outline = [*self._outline, here], None
        if self._marks is not None:
            self._marks.show_way([])
        frame, points = self._owner.frame, [point for point, _ in outline]
        self.run(lambda: self.verbs.draw(frame, points), frame)

    def _on_move(self, layer: Labels, event: Any) -> None:
        if self._outline is not None and self.on:
            self._outline.append((self._place(event.position)[1], _on_canvas(event)))
            if self._marks is not None:
                self._marks.show_way([way for _, way in self._outline], closed=True)

    def _fill(self, frame: int, place: Place) -> None:
        if (at := self._pixel(place)) is not None:
            self.run(lambda: self.verbs.fill(frame, *at), frame)

    # ---- keys and buttons -------------------------------------------------------------------

    @property
    def verbs(self) -> Verbs:
        """The engine's verbs for these labels."""
        if self._verbs is None:
            from napari_unet.engine.session.verbs import Verbs

            self._verbs = Verbs(self._owner.live)
        return self._verbs

    def act(self, name: str, *, at_cursor: bool) -> None:
        """Do a verb to the cell under the cursor, or to the chosen one."""
        chosen, frame, verbs = int(self._owner.layer.selected_label), self._owner.frame, self.verbs
        place = self._place(self._owner.viewer.cursor.position)[1]
        cell = self.label_at(frame, place) if at_cursor else chosen
        at = tuple(round(v) for v in place)
        acts: dict[str, Callable[[], Any]] = {
            "merge": lambda: verbs.merge(frame, chosen, cell),
            "fill": lambda: verbs.fill(frame, *at),
            "interpolate": lambda: verbs.interpolate(frame, chosen),
            "fill_between": lambda: verbs.fill_between(frame, chosen),
            "back_to_model": lambda: verbs.back_to_model(frame, cell, *(at if at_cursor else ())),
            "lock": lambda: verbs.lock(frame, cell, not verbs.is_locked(frame, cell)),
            "confirm_cell": lambda: verbs.confirm(frame, cell),
            "copy_previous": lambda: self._copy(frame, frame - 1, place, chosen, at_cursor),
            "copy_next": lambda: self._copy(frame, frame + 1, place, chosen, at_cursor),
        }
        if name in DOCK_VERBS:
            self.asked.emit(name)
        elif name in STATE_VERBS:
            self._say_state(name, frame, cell, at if at_cursor else None)
        elif name == "correct":
            self.switch(not self.on)
        elif name in _CLOSED or (name in _TOOLS and not at_cursor):
            self.switch(True, name) if self.tool != name else self.switch(self.on)
        elif name == "delete_track":
            self._through("Deleting", lambda: verbs.delete_track(frame, cell), frame, cell)
        elif name == "merge_track":
            self._through("Merging", lambda: verbs.merge_track(frame, chosen, cell), frame, cell)
        elif name in ("previous_frame", "next_frame"):
            on = frame + (1 if name == "next_frame" else -1)
            go_to_frame(self._owner.viewer, self._owner.layer, on % len(self._owner.live))
        else:
            self.run(acts.get(name, lambda: getattr(verbs, name)(frame, cell)), frame)

    def _copy(
        self, frame: int, source: int, place: Place, chosen: int, at_cursor: bool
    ) -> tuple[int, ...]:
        if not 0 <= source < len(self._owner.live):
            raise BadInput("there is no frame there", "a frame before or after", "go to another")
        cell = self.label_at(source, place) if at_cursor else chosen
        return self.verbs.copy(frame, source, cell or chosen)

    def _say_state(self, name: str, frame: int, cell: int, place: tuple[int, ...] | None) -> None:
        """Say a state of a cell along its track, or take it back; of debris, at a place."""
        from napari_unet.engine.session.reviewing.cell_states import CellStates

        live, states = self._owner.live, CellStates(self._owner.live)
        state = {"own_state": self.own_state, "no_state": ""}.get(name, name)
        on_ground = not (state or cell) and _is_inside(place, live.shape[1:])
        if name == "own_state" and not state:
            self.say("Write a state of your own into the Review dock first.", warn=True)
        elif on_ground:
            back = states.take_debris_back(frame, place)
            self.takes_time.emit(f"{_CALLING} through the track", back)
        else:
            self._through(_CALLING, lambda: states.say(frame, cell, state), frame, cell)

    def _through(
        self, title: str, begin: Callable[[], Generator[Any, Any, Any]], frame: int, cell: int
    ) -> None:
        if not cell or not self._is_on(frame, cell):
            self.said.emit("No cell is there.", True)
        else:
            self.takes_time.emit(f"{title} through the track", begin())

    def run(self, act: Callable[[], tuple[int, ...]], frame: int) -> None:
        """Do a verb, and say what was done or why it was not."""
        live = self._owner.live
        if not live.is_prepared(frame):  # nobody corrects a draft
            live.prepare(frame)
        before = live.corrections.n_done, live.corrections.last_done
        try:
            cells = act()
        except BadInput as error:
            self.say(str(error), warn=True)
            return
        if cells and cells[0] != self._owner.layer.selected_label:
            self._owner.layer.selected_label = cells[0]
        step = live.corrections.last_done
        if (live.corrections.n_done, step) == before:
            self.say("It is so already.")
        else:
            self.say(f"{step.words[:1].upper()}{step.words[1:]}.")

    def say(self, line: str, warn: bool = False) -> None:
        """Say something below the canvas, and to whoever shows it."""
        self._owner.viewer.status = line
        self.said.emit(line, warn)

    # ---- places -----------------------------------------------------------------------------

    def label_at(self, frame: int, place: Place) -> int:
        """Return the cell at a place, 0 where there is none."""
        live = self._owner.live
        at = self._pixel(place)
        label = int(live[(frame, *at)]) if at is not None else 0
        return 0 if label == BACKGROUND_ID else label

    def _is_on(self, frame: int, cell: int) -> bool:
        return bool((np.asarray(self._owner.live[frame]) == cell).any())

    def _pixel(self, place: Place) -> tuple[int, ...] | None:
        """Return the pixel at a place of a frame; None beside it."""
        at = tuple(round(v) for v in place)
        shape = self._owner.live.shape[1:]
        return at if all(0 <= v < n for v, n in zip(at, shape, strict=True)) else None

    def _place(self, position: Any) -> tuple[int, Place]:
        t, *place = (float(v) for v in self._owner.layer.world_to_data(position))
        return int(np.clip(round(t), 0, len(self._owner.live) - 1)), tuple(place)

    def _is_flat(self, event: Any) -> bool:
        """Whether a frame is seen from above, not the movie through time."""
        ndim = self._owner.viewer.dims.ndim
        return sorted(event.dims_displayed) == [ndim - 2, ndim - 1]


def _on_canvas(event: Any) -> OnCanvas:
    return float(event.pos[0]), float(event.pos[1])


def _is_inside(place: tuple[int, ...] | None, size: tuple[int, ...]) -> bool:
    """Whether a pixel is one of a frame."""
    return place is not None and all(0 <= at < n for at, n in zip(place, size, strict=True))


def canvas_of(viewer: Viewer) -> Any:
    """Return the widget that napari draws on; None without a window."""
    window = getattr(viewer, "window", None)
    try:
        return window._qt_viewer.canvas.native  # noqa: SLF001 - nothing public gives it
    except (AttributeError, RuntimeError):
        return None
