"""The Labels layer over a `LiveLabels`: undo, brushes and keys that a plain layer has not.

napari's own undo writes old pixels back and knows nothing of thresholds; here Ctrl+Z and
Ctrl+Shift+Z take the user's steps back, on the frame where they were made. A drag is one step.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from app_model.types import KeyCode, KeyMod
from napari.layers import Image, Labels
from napari.utils.colormaps import CyclicLabelColormap, label_colormap
from napari.utils.notifications import show_info
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.gui.viewer import verb_keys
from napari_unet.gui.viewer.correcting import Corrector
from napari_unet.gui.viewer.layers import (
    OURS,
    frame_on_screen,
    go_to_frame,
    held,
    place,
    raw,
    tell_in_3d,
)
from napari_unet.gui.viewer.preferences import PLUGIN, colour
from napari_unet.gui.viewer.regions import brushed
from napari_unet.gui.viewer.state_marks import StateMarks

if TYPE_CHECKING:  # it takes half a second to import, and docks need only the names here
    from napari_unet.engine.session.live_labels import LiveLabels

LIVE = "live"
_AT_REST = ("pan_zoom", "transform")
_GROUND_OPACITY = 0.6
KEYS = {
    "undo": KeyMod.CtrlCmd | KeyCode.KeyZ,
    "redo": KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ,
    "new_cell": KeyCode.KeyM,
}  # napari's own; those of the verbs are in verb_keys


def add_live_layer(
    viewer: Viewer, live: LiveLabels, image_layer: Image, name: str = "labels"
) -> Labels:
    """Add the layer that shows and corrects ``live``, lying on the movie's layer."""
    viewer = raw(viewer)
    layer = Labels(
        live,
        name=name,
        metadata={OURS: {"role": LIVE}},
        colormap=live_colormap(),
        **place(image_layer, dims=live.ndim - 1),
    )
    LiveLayer(viewer, layer)
    active = viewer.layers.selection.active
    if active is not None and active.mode not in _AT_REST:  # a tool is in hand: it stays there
        with held(viewer):
            viewer.add_layer(layer)
    else:
        viewer.add_layer(layer)
    return layer


def live_colormap(seed: int | None = None) -> CyclicLabelColormap:
    """Napari's colours for cells, for the background brush that of the preferences, at first grey.

    There is one colour an id of uint16. With a ``seed``, those of cells are in another order.
    """
    colours = _colours()
    if seed is not None:
        colours = np.random.default_rng(seed).permutation(colours)
    table = np.zeros((BACKGROUND_ID + 1, 4), dtype=np.float32)
    table[1:] = np.resize(colours, (BACKGROUND_ID, 4))
    table[BACKGROUND_ID] = (*colour("background").getRgbF()[:3], _GROUND_OPACITY)
    return CyclicLabelColormap(colors=table, background_value=0)


@cache
def _colours() -> NDArray[np.float32]:
    """Made once: napari silences a warning then, which a worker that does so too would undo."""
    return np.asarray(label_colormap(49).colors, np.float32)[1:]


def actions_of(layer: Labels) -> LiveLayer | None:
    """Return the actions of a live layer, for buttons; None for other layers."""
    owner = getattr(layer.undo, "__self__", None)
    return owner if isinstance(owner, LiveLayer) else None


class LiveLayer(QObject):
    """What a live layer can do beside a plain one. Lives as long as the layer is in the viewer.

    ``draft`` is asked where a frame to be drawn still needs a watershed: whether to draw a draft
    of it now, since it will be drawn again soon. Only drawing gets drafts; tools and scripts that
    read the layer get the labels themselves.
    """

    _changed = Signal(object)  # news may come from a worker; slots run on the main thread
    _noticed = Signal(str)
    brush_changed = Signal()  # what is painted, with which tool, on which layer

    def __init__(self, viewer: Viewer, layer: Labels) -> None:
        super().__init__()
        self._viewer: Callable[[], Viewer | None] = weakref.ref(viewer)
        self.layer = layer
        self.live: LiveLabels = layer.data
        self.draft: Callable[[int], bool] | None = None
        self._painted = self._ended = False
        self._changed.connect(self._redraw)
        self._noticed.connect(show_info)
        self._still = False
        self.live.changed.connect(self._on_live_changed)
        self.live.noticed.connect(self._on_live_noticed)
        layer.mouse_drag_callbacks.append(self._on_drag)
        layer.events.paint.connect(self._on_paint)
        overlays: Any = layer._overlays  # noqa: SLF001 - nothing public tells of this stroke
        self._encircle = overlays.get("brush_stroke")  # from napari 0.9
        if self._encircle is not None:
            self._encircle.events.active.connect(self._on_encircle)
        for action, key in KEYS.items():
            layer.bind_key(key, self._bound(action), overwrite=True)
        verb_keys.register(_act)
        self.corrector, self.state_marks = Corrector(self), StateMarks(self)
        layer.undo, layer.redo = self.undo, self.redo
        tell_in_3d(layer)
        layer.new_colormap = self.shuffle_colours
        for event in (layer.events.mode, layer.events.selected_label):
            event.connect(self._on_brush)
        viewer.layers.selection.events.active.connect(self._on_brush)
        viewer.layers.events.removing.connect(self._on_removing)
        self._draws_drafts()
        layer.editable = not self.live.corrections.read_only
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.events.inserted.connect(self._on_inserted)

    @property
    def viewer(self) -> Viewer:
        """The viewer the layer is in."""
        viewer = self._viewer()
        assert viewer is not None
        return viewer

    @property
    def frame(self) -> int:
        """Position of the frame on screen."""
        return frame_on_screen(self.viewer, self.layer, len(self.live))

    # ---- actions ----------------------------------------------------------------------------

    def undo(self) -> None:
        """Take the last step back, after going to the frame it was made on, and say which."""
        self._go_where(self.live.next_undo())
        step = self.live.corrections.last_done
        if self.live.undo():
            self.corrector.say(f"Took back: {step.words}.")

    def redo(self) -> None:
        """Do the last undone step again, after going to its frame, and say which."""
        self._go_where(self.live.next_redo())
        step = self.live.corrections.last_undone
        if self.live.redo():
            self.corrector.say(f"Did again: {step.words}.")

    def act(self, verb: str, *, at_cursor: bool = False) -> None:
        """Do a verb by its name, to the cell under the cursor or to the chosen one."""
        if verb in verb_keys.REVIEW_VERBS:
            _open_review(self.viewer)
        reason = self.live.corrections.read_only
        if reason and verb in ("background_brush", "confirm_frame", "confirm_cell"):
            self.corrector.say(reason, warn=True)
        elif verb in ("background_brush", "confirm_frame"):
            getattr(self, verb)()
        elif verb == "confirm_cell" and at_cursor:
            self.confirm_cell()  # of classes, too
        else:
            self.corrector.act(verb, at_cursor=at_cursor)

    def new_cell(self) -> None:
        """Paint a new cell: a brush with an id that no frame of the movie has."""
        self.layer.selected_label = self.live.new_id()
        self.layer.mode = "paint"

    def shuffle_colours(self, seed: int | None = None) -> None:
        """Give the cells other colours; napari's own way knows no colour of one id alone."""
        former = self.layer.colormap
        if seed is None:
            seed = int(np.random.default_rng().integers(2**32 - 1))
        colormap = live_colormap(seed)
        colormap.use_selection, colormap.selection = former.use_selection, former.selection
        self.layer.colormap = colormap

    @property
    def paints_background(self) -> bool:
        """Whether the background brush is in the user's hand."""
        viewer, layer = self._viewer(), self.layer
        chosen = viewer is not None and viewer.layers.selection.active is layer
        tool = layer.mode in ("paint", "fill", "polygon")
        return chosen and tool and layer.selected_label == BACKGROUND_ID

    def background_brush(self) -> None:
        """Paint ground of which the user says that no cell is there."""
        self.layer.selected_label = BACKGROUND_ID
        self.layer.mode = "paint"

    def confirm_cell(self) -> None:
        """Vouch for the cell under the cursor."""
        position = self.layer.world_to_data(self.viewer.cursor.position)
        t, *place = (round(float(v)) for v in position)
        if all(0 <= v < n for v, n in zip((t, *place), self.live.shape, strict=True)):
            label = self.live.confirm_cell(t, *place)
            self.viewer.status = f"Cell {label} is confirmed" if label else "No cell here"

    def confirm_frame(self) -> None:
        """Say that every cell of this frame is outlined, or take that back."""
        frame = self.frame
        complete = not self.live.corrections.is_complete(frame)
        self.live.confirm_frame(frame, complete)
        self.viewer.status = (
            f"Frame {frame}: every cell is outlined" if complete else f"Frame {frame} is open again"
        )

    # ---- what napari tells ------------------------------------------------------------------

    def _on_drag(self, layer: Labels, event: Any) -> Iterator[None]:
        """Make a drag one step; vouch for what the brush passes that is right already."""
        if layer.mode not in ("paint", "erase", "fill") or event.button == 2:
            return
        if not self.live.is_prepared(self.frame):  # nobody paints on a draft
            self.live.prepare(self.frame)
            layer.refresh(extent=False)
        self.live.begin_stroke()
        last = self._vouch(event, None)
        yield
        while event.type == "mouse_move":
            last = self._vouch(event, last)
            yield
        self.live.end_stroke()

    def _on_paint(self, _: Any) -> None:
        self._painted = True

    def _on_encircle(self, _: Any) -> None:
        """Make napari's encircle-and-fill stroke, several drags long, one step; or none."""
        if self._encircle.active:
            self._painted = False
            self.live.begin_stroke()
        elif self._painted:
            self.live.end_stroke()
        else:
            self.live.cancel_stroke()

    def _vouch(self, event: Any, last: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """Tell the live labels which pixels the brush is on; the painted ones come by writing."""
        layer = self.layer
        ndim = self.viewer.dims.ndim
        in_frame = sorted(event.dims_displayed) == [ndim - 2, ndim - 1]  # not through the frames
        flat = layer.n_edit_dimensions < layer.ndim and in_frame
        if layer.mode == "fill" or not flat or layer.cursor == "circle_frozen":
            return None
        value = 0 if layer.mode == "erase" else int(layer.selected_label)
        here = np.asarray(layer.world_to_data(event.position), dtype=float)
        frame = round(float(here[0]))
        start = here[1:] if last is None else last
        if 0 <= frame < len(self.live) and not (value == 0 and layer.preserve_labels):
            under = brushed(layer, start, here[1:], self.live.shape[1:])
            self.live.touch(frame, under, value)
        return here[1:]

    @contextmanager
    def still(self) -> Iterator[None]:
        """Draw nothing of what is changed meanwhile: whoever changes it draws it when it is due.

        Drawing at once would compute the basins of the new labels here, in the GUI thread.
        """
        self._still = True
        try:
            yield
        finally:
            self._still = False

    def _draws_drafts(self) -> None:
        """Let napari's drawing, and nothing else that reads the layer, take drafts.

        napari draws through ``set_view_slice``, of the layer's slicing state (0.7.1 to 0.9.2);
        tools, scripts and slicing in another thread read the layer in the same words. Where a
        later version draws otherwise there are no drafts, and the labels as ever.
        """
        drawer: Any = getattr(self.layer, "_slicing_state", self.layer)
        draw, live = drawer.set_view_slice, self.live

        def draw_or_draft() -> None:
            with live.drawn_by(self.draft):
                draw()

        drawer.set_view_slice = draw_or_draft

    def _on_live_changed(self, frames: tuple[int, ...] | None) -> None:
        if not self._still:
            self._changed.emit(frames)

    def _on_live_noticed(self, line: str) -> None:
        self._noticed.emit(line)

    def _redraw(self, frames: tuple[int, ...] | None) -> None:
        viewer = self._viewer()
        if self._ended or viewer is None or self.layer not in viewer.layers:
            return
        many = viewer.dims.ndim - self.layer.ndim in viewer.dims.displayed
        if frames is None or many or self.frame in frames:
            self.layer.refresh(extent=False)

    def _on_inserted(self, event: Any) -> None:
        """Return a duplicate of the layer, which has corrections of its own, the same actions."""
        layer = raw(event.value)
        live = isinstance(layer, Labels) and isinstance(layer.data, type(self.live))
        if live and not actions_of(layer):
            LiveLayer(self.viewer, layer)

    def _on_brush(self, _: Any = None) -> None:
        self.corrector.follow()
        self.brush_changed.emit()

    def _on_removing(self, event: Any) -> None:
        """Put the brush down first, and have that drawn.

        napari (0.9.2) crashes where a layer goes while the circle of its brush is yet to be drawn.
        """
        layer, viewer = self.layer, self.viewer
        if raw(viewer.layers[event.index]) is not layer or layer.mode in _AT_REST:
            return
        layer.mode = "pan_zoom"
        with suppress(AttributeError, RuntimeError):  # no window, or it is closed
            canvas = viewer.window._qt_viewer.canvas.native  # noqa: SLF001 - nothing public draws
            canvas.repaint()
            QApplication.sendPostedEvents()  # the circle goes with an event that is posted only
            canvas.repaint()

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.end()

    def end(self) -> None:
        """Hear nothing more: the layer was removed, or its viewer is closed."""
        if self._ended:
            return
        self._ended = True
        self.live.end_stroke()
        self.draft = None
        self.corrector.end()
        self.state_marks.end()
        self.live.changed.disconnect(self._on_live_changed)
        self.live.noticed.disconnect(self._on_live_noticed)
        self.layer.events.paint.disconnect(self._on_paint)
        if self._encircle is not None:
            self._encircle.events.active.disconnect(self._on_encircle)
        for changed in (self.layer.events.mode, self.layer.events.selected_label):
            changed.disconnect(self._on_brush)
        viewer = self._viewer()
        if viewer is not None:
            viewer.layers.events.removed.disconnect(self._on_removed)
            viewer.layers.events.inserted.disconnect(self._on_inserted)
            viewer.layers.events.removing.disconnect(self._on_removing)
            viewer.layers.selection.events.active.disconnect(self._on_brush)

    # ---- inside -----------------------------------------------------------------------------

    def _go_where(self, frames: tuple[int, ...]) -> None:
        if frames and self.frame not in frames:
            go_to_frame(self.viewer, self.layer, frames[0])

    def _bound(self, action: str) -> Callable[[Labels], None]:
        def run(_: Labels) -> None:
            getattr(self, action)()

        return run


def _open_review(viewer: Viewer) -> None:
    """Open the Review dock, unless it is open: it has the jobs of such verbs, and their words."""
    window = getattr(viewer, "window", None)
    if window is not None:
        window.add_plugin_dock_widget(PLUGIN, "Review")


def _act(layer: Labels, verb: str) -> None:
    """Do a verb by its key, where the layer is a live one."""
    if (actions := actions_of(layer)) is not None:
        actions.act(verb, at_cursor=True)
