"""Cells through time: their tree, and the verbs that link them by hand."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.action_manager import action_manager
from qtpy.QtWidgets import QWidget

from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted
from napari_unet.gui.review.lineage.lineage_plot import LineagePlot, LineageView
from napari_unet.gui.session.cells.found import Found
from napari_unet.gui.session.job import Task
from napari_unet.gui.viewer.layers import go_to_frame
from napari_unet.gui.viewer.look_at import bring_to_middle
from napari_unet.gui.viewer.verb_keys import LINK_VERBS, VERBS, action_of, with_key
from napari_unet.gui.widgets.editors import ChoiceEditor
from napari_unet.gui.widgets.parts import Column, Hint, allow, button
from napari_unet.gui.widgets.save_row import SaveRow
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from napari.layers import Labels

    from napari_unet.engine.jobs.export import Export
    from napari_unet.engine.tracks.lineage import Lineage
    from napari_unet.gui.review.lineage.link_verbs import LinkVerbs
    from napari_unet.gui.session.session import Session

_NONE = "Choose a cell, go to another frame, and choose the one that it is there."
_WHICH = {"dividing": "Cells that divide", "family": "The chosen cell's", "all": "All cells"}
_SINCE = "The labels changed since: draw again."
_QUICK = 3.0  # s: what took no longer is drawn again by itself once a link was made
_KINDS = "Figure (*.png *.svg *.pdf)"


class LineagePanel(QWidget):
    """The tree, drawn when it is asked for; *Link*, *Unlink*, *Mother* of two cells chosen last.

    A click on a line goes to the frame and chooses the cell, as a click on the canvas does.
    """

    def __init__(
        self,
        session: Session,
        owner: str,
        verbs: LinkVerbs,
        layer: Callable[[], Labels | None],
        export: Callable[[], Export],
    ) -> None:
        super().__init__()
        self._session, self._owner, self._verbs = session, owner, verbs
        self._layer, self._export, self._why_not = layer, export, ""
        self._found: Found[Lineage] = Found(session.labels, session.lifetime, self)
        self._took = 0.0
        self.draw = button(
            "Draw lineage", "review.draw_lineage", "Link the cells of all frames; draw their tree"
        )
        self.which = ChoiceEditor(_WHICH)
        self.which.setObjectName("review.lineage_of")
        self.tree = Hint(name="review.lineage_line")
        self.plot = LineagePlot()
        self.plot.setToolTip("A line for each cell over time; a click goes there and chooses it")
        self.view = LineageView(self.plot)
        self.save = SaveRow(
            "review.save_lineage", "review.lineage_path", "lineage.svg", _KINDS,
            ".png, .svg or .pdf", "What is drawn, as a figure",
        )  # fmt: skip
        self.line = Hint(_NONE, name="review.pair")
        self.buttons = {
            name: button(VERBS[name].title, f"review.{name}", VERBS[name].tip)
            for name in LINK_VERBS
        }
        for name, made in self.buttons.items():
            made.clicked.connect(partial(self._act, name))
        shown = Flow(self.draw, self.which, shares=(0, 1))
        verb_row = Flow(*self.buttons.values())
        Column(self).add(shown, self.tree, self.view, self.line, verb_row, self.save)
        self.draw.clicked.connect(lambda *_: self._on_draw())
        self.which.valueChanged.connect(lambda *_: self._show_tree())
        self.plot.picked.connect(self._on_picked)
        self.save.asked.connect(self._on_save)
        verbs.changed.connect(self._on_chosen)
        verbs.linked.connect(self._on_linked)
        session.lifetime.connect(action_manager.events.shortcut_changed, self._show_keys, self)
        session.lifetime.connect(session.movie.frame_changed, self._mark, self)
        self._show_keys()
        self._show_tree()

    def update_state(self, why_not: str) -> None:
        """Switch the buttons on, or off with the reason; say what is old."""
        self._why_not = why_not
        allow(self.draw, why_not)
        layer, whole = self._layer(), self._whole()
        self.save.allow(why_not or ("" if whole is not None else "Draw the lineage first"))
        if whole is None and self.which.isVisibleTo(self):  # it was another layer's
            self._found.forget()
            self._show_tree()
        elif whole is not None and not self._found.holds(layer):
            self.tree.say(_SINCE, warn=True)
        self._show_pair()

    # ---- a user acts ------------------------------------------------------------------------

    def _act(self, name: str, *_: object) -> None:
        self._verbs.act(name, at_cursor=False)

    def _on_draw(self) -> None:
        layer = self._layer()
        if layer is None:
            return
        keep, began = self._found.begin(layer), time.monotonic()
        with self._session.job.refusing(self._owner):
            export = self._export()

            def done(found: Lineage) -> str:
                keep(found)
                self._took = time.monotonic() - began
                self._show_tree()
                n = len(found.lines)
                return f"{counted(n, 'track')}, {counted(found.n_divisions, 'division')}."

            task = Task(
                self._owner,
                "Linking cells",
                lambda: _linking(export),
                total=len(export.frames),
                on_done=done,
            )
            self._session.job.start(task)

    def _on_linked(self) -> None:
        """Draw it again after a link, where that is quick; else it is said to be old."""
        idle = not self._session.job.running
        if self._whole() is not None and self.isVisible() and idle and self._took <= _QUICK:
            self._on_draw()

    def _on_picked(self, frame: int, cell: int) -> None:
        layer, whole = self._layer(), self._whole()
        if layer is None or whole is None:
            return
        go_to_frame(self._session.viewer, layer, frame)
        layer.selected_label = cell
        self._verbs.choose(frame, cell)
        track = whole.track_of(frame, cell)
        place = whole.lines[track].at(frame).place
        bring_to_middle(self._session.viewer, layer, (frame, *place))

    def _on_save(self, path: Path, replace: bool) -> None:
        if self._whole() is None:
            return
        lineage, stack = self.plot.lineage, self._session.movie.require_stack()

        def write() -> None:
            from napari_unet.engine.export.plots.lineage_figure import write_lineage
            from napari_unet.engine.export.target.writing import WriteOptions

            write_lineage(path, lineage, stack, WriteOptions(overwrite=replace))

        with self._session.job.refusing(self._owner):
            if path.suffix.lower() not in (".png", ".svg", ".pdf"):
                raise BadInput(f"{path.name} is no figure", ".png, .svg or .pdf", "name it so")
            if not self._found.holds(self._layer()):
                raise BadInput("the labels changed since", "what is drawn", "draw again")
            self._session.job.save(self._owner, path.absolute(), write)

    # ---- what is shown ----------------------------------------------------------------------

    def _whole(self) -> Lineage | None:
        """Return the tree of the layer that is chosen now, where it was asked for."""
        return self._found.of(self._layer())

    def _on_chosen(self) -> None:
        self._show_pair()
        if self.which.value() == "family":
            self._show_tree()
        self._mark()

    def _show_tree(self) -> None:
        """Draw the part of the tree that is wanted, or say why there is nothing."""
        whole, which = self._whole(), self.which.value()
        for part in (self.view, self.save, self.which):
            part.setVisible(whole is not None)
        if whole is None:
            self.tree.say("")
            return
        chosen = self._verbs.chosen
        track = whole.track_of(*chosen) if chosen is not None else 0
        if which == "dividing":
            shown, none = whole.dividing(), "No cell divides: take All cells."
        elif which == "family":
            shown, none = whole.family(track), "Choose a cell to see what it comes from."
        else:
            shown, none = whole, "There are no cells."
        self.view.show_lineage(shown)
        n = counted(len(shown.lines), "track")
        self.tree.say(f"{n}, {counted(shown.n_divisions, 'division')}" if shown else none)
        self._mark()

    def _mark(self, _: Any = None) -> None:
        cells = [cell for cell in (self._verbs.chosen, self._verbs.before) if cell is not None]
        self.plot.mark(self._session.movie.frame, cells)
        if cells:
            self.view.show_row(self.plot.lineage.track_of(*cells[0]))

    def _show_pair(self) -> None:
        chosen, before = self._verbs.chosen, self._verbs.before
        pair = chosen is not None and before is not None and chosen[0] != before[0]
        two = "" if pair else _NONE
        for name, made in self.buttons.items():
            one = "" if chosen is not None else "Choose a cell first"
            allow(made, self._why_not or (one if name == "unlink" else two))
        if chosen is None:
            self.line.say(_NONE)
        elif pair and before is not None:
            (s, was), (t, now) = sorted((before, chosen))
            self.line.say(f"Cell {was} of frame {s}, and cell {now} of frame {t}")
        else:
            self.line.say(f"Cell {chosen[1]} of frame {chosen[0]}, and one of another frame")

    def _show_keys(self, event: object = None) -> None:
        if getattr(event, "name", action_of("link")) in map(action_of, LINK_VERBS):
            for name, made in self.buttons.items():
                made.setText(with_key(name))


def _linking(export: Export) -> Generator[int, None, Lineage]:
    from napari_unet.engine.tracks.lineage import find_lineage

    export.check_cells()
    linker = yield from export.find_linker()
    return (yield from find_lineage(export.labels, export.frames, linker, export.stated))
