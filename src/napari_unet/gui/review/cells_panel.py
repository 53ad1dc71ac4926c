"""The cells of the frame on screen: their table, and what links it with the Labels layer."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QWidget

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.text import counted
from napari_unet.engine.tracks.families import family_of
from napari_unet.gui.review.objects_table import Measured, ObjectsTable, measure
from napari_unet.gui.review.over_time_panel import OverTimePanel
from napari_unet.gui.session.job import Task
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer.label_frames import LayerFrames
from napari_unet.gui.viewer.look_at import bring_to_middle
from napari_unet.gui.viewer.tracks import make_tracks, show_tracks
from napari_unet.gui.widgets.parts import Column, Hint, allow, button, row

if TYPE_CHECKING:
    from napari.layers import Labels
    from qtpy.QtGui import QShowEvent

    from napari_unet.engine.jobs.export import Export
    from napari_unet.gui.session.session import Session

_WAIT_MS = 200
_NAMES = "export"  # by which scripts know the parts: they stood in that dock once


class CellsPanel(QWidget):
    """Measures the frame on screen in a worker, shows its cells, and follows what is picked.

    A row that is chosen becomes the layer's selected label and is brought to the middle of the
    canvas; a cell that is clicked or picked in the canvas becomes the chosen row.
    """

    def __init__(
        self,
        session: Session,
        owner: str,
        layer: Callable[[], Labels | None],
        export: Callable[[], Export],
    ) -> None:
        super().__init__()
        self._session, self._owner = session, owner
        self._chosen, self._export = layer, export
        self._linked: weakref.ref[Labels] | None = None
        self._ours: weakref.WeakSet[Labels] = weakref.WeakSet()  # whose features we made
        self._why_not = ""
        self._latest = Latest(self, wait_ms=_WAIT_MS)
        self._latest.answered.connect(self._show)
        self._latest.failed.connect(self._say)
        self.table = ObjectsTable(f"{_NAMES}.table")
        self.line = Hint(name=f"{_NAMES}.cells")
        self.add_tracks = button(
            "Show tracks", f"{_NAMES}.tracks", "Link the cells through time and show their paths"
        )
        self.add_family = button(
            "Only this cell",
            f"{_NAMES}.family",
            "Show the paths of the chosen cell and its daughters alone",
        )
        self.over_time = OverTimePanel(session, owner, layer, export, self.table.all_chosen)
        tracks = row(self.add_tracks, self.add_family)
        Column(self).add(self.line, self.table, tracks, self.over_time)
        self.table.picked.connect(self._on_row)
        self.table.marked.connect(self._tell)
        self.add_tracks.clicked.connect(lambda: self._show_tracks())
        self.add_family.clicked.connect(lambda: self._show_tracks(family=True))

    def allow(self, why_not: str) -> None:
        """Switch the buttons on, or off with the reason in their tooltips."""
        allow(self.add_tracks, why_not)
        chosen = self.table.chosen() is not None
        allow(self.add_family, why_not or ("" if chosen else "Choose a cell of the table first"))
        self.over_time.update_state(why_not)
        self._why_not = why_not

    def update_cells(self, *_: Any) -> None:
        """Measure again, once nothing more changes; only while the table is in sight."""
        layer, stack = self._chosen(), self._session.movie.stack
        self._link(layer)
        if not self.isVisible():
            return
        if layer is None or stack is None:
            self._latest.forget()
            self._say("")
            return
        try:
            frames = LayerFrames(layer.data, stack, layer.name)
        except BadInput as error:
            self._latest.forget()
            self._say(str(error))
            return
        position, labels = self._session.movie.frame, self._session.labels
        mine = labels.live is not None and layer is labels.layer
        by_hand = labels.live.corrections if mine and labels.live else None
        corrected = by_hand.ids if by_hand is not None else None
        stated = by_hand.states.of if by_hand is not None and by_hand.states else None
        which = weakref.ref(layer)
        self._latest.ask(lambda: (which, measure(stack, frames, position, corrected, stated)))

    def showEvent(self, event: QShowEvent | None) -> None:
        """Catch up with what changed while it was out of sight."""
        super().showEvent(event)
        self.update_cells()

    # ---- what is shown ----------------------------------------------------------------------

    def _show(self, answer: tuple[weakref.ref[Labels], Measured]) -> None:
        layer, measured = answer[0](), answer[1]
        if (
            layer is None
            or layer is not self._chosen()
            or measured.position != self._session.movie.frame
        ):
            return
        self.table.show_cells(measured)
        self.line.say(f"{counted(len(measured), 'cell')} in frame {measured.position}")
        if layer in self._ours or not layer.features.shape[1]:  # a user's own features stay
            self._ours.add(layer)
            layer.features = measured.features()
        self.table.choose(int(layer.selected_label))
        self.allow(self._why_not)

    def _say(self, line: str) -> None:
        self.table.show_cells(None)
        self.line.say(line)

    # ---- a user acts ----------------------------------------------------------------------

    def _show_tracks(self, *, family: bool = False) -> None:
        label = self.table.chosen() if family else None
        centre = self.table.cells.centre(label) if label is not None else None
        with self._session.job.refusing(self._owner):
            self._find_tracks(self._export(), centre)

    def _find_tracks(self, export: Export, centre: tuple[float, float] | None) -> None:
        layer, frame = self._chosen(), self._session.movie.frame
        assert layer is not None

        def done(found: tuple[Any, dict[int, list[int]]]) -> str:
            if centre is not None:
                found = family_of(*found, frame, centre)
            tracks = make_tracks(*found, layer, f"{layer.name} · tracks")
            if tracks is None:
                return "There are no cells to link."
            show_tracks(self._session.viewer, tracks)
            divided = len({mother for mothers in found[1].values() for mother in mothers})
            n_tracks = len(set(found[0][:, 0].tolist()))
            return f"{counted(n_tracks, 'track')}, {counted(divided, 'division')}."

        n = len(export.frames)
        task = Task(self._owner, "Linking cells", export.find_tracks, total=n, on_done=done)
        self._session.job.start(task)

    # ---- the links --------------------------------------------------------------------------

    def _link(self, layer: Labels | None) -> None:
        """Follow what is picked in another layer than before."""
        before = self._linked() if self._linked is not None else None
        if layer is before:
            return
        if before is not None:
            before.events.selected_label.disconnect(self._on_label)
            before.events.paint.disconnect(self.update_cells)
            _take_out(before.mouse_drag_callbacks, self._on_click)
        self._linked = weakref.ref(layer) if layer is not None else None
        if layer is not None:
            life, callbacks = self._session.lifetime, layer.mouse_drag_callbacks
            life.connect(layer.events.selected_label, self._on_label, self)
            life.connect(layer.events.paint, self.update_cells, self)
            callbacks.append(self._on_click)
            life.at_end(partial(_take_out, callbacks, self._on_click), self)

    def _on_row(self, label: int) -> None:
        layer, centre = self._chosen(), self.table.cells.centre(label)
        if layer is None or centre is None:
            return
        layer.selected_label = label
        self._tell()  # others may be chosen with it
        self.allow(self._why_not)
        bring_to_middle(self._session.viewer, layer, (self._session.movie.frame, *centre))

    def _on_label(self, _: Any) -> None:
        layer = self._chosen()
        if layer is not None:
            self.table.choose(int(layer.selected_label))
            self._tell()
            self.allow(self._why_not)

    def _tell(self) -> None:
        """Say which cells are chosen: those of the table, where the one of the layer is there."""
        if (layer := self._chosen()) is None:
            return
        frame, label = self._session.movie.frame, int(layer.selected_label)
        measured, marked = self.table.cells.measured, self.table.all_chosen()
        here = measured is not None and measured.position == frame
        labels = marked if here and label in marked else [label]
        self._session.chosen.choose(layer, [(frame, label) for label in labels])

    def _on_click(self, layer: Labels, event: Any) -> Iterator[None]:
        """Take a click on a cell as picking it, while nothing is painted; a drag moves the view."""
        yield
        if event.type == "mouse_move" or str(layer.mode) != "pan_zoom":
            return
        value = layer.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=event.dims_displayed,
            world=True,
        )
        if value and int(value) != BACKGROUND_ID:
            layer.selected_label = int(value)


def _take_out(callbacks: list[Any], callback: Any) -> None:
    if callback in callbacks:
        callbacks.remove(callback)
