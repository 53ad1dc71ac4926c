"""What Train learns from: the painting tools, the layer and its frames, and that said in words."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLineEdit, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.gui.dock.class_legend import ClassLegend
from napari_unet.gui.dock.labels_file import LabelsFile
from napari_unet.gui.dock.layer_menu import LabelsMenu
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.train.movie_ticks import MovieTicks
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.live_layer import actions_of
from napari_unet.gui.viewer.ours import suit_brush
from napari_unet.gui.viewer.regions import rectangles, shapes_layers
from napari_unet.gui.widgets.parts import (
    Column,
    Fold,
    Hint,
    add_field,
    allow,
    button,
    form_rows,
    narrow,
    primary,
    what_is,
)
from napari_unet.gui.widgets.wrapping import Flow, WrapCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.train.annotation_source import AnnotationSource
    from napari_unet.gui.train.describe import Described
    from napari_unet.gui.train.other_movies import OtherMovie
    from napari_unet.gui.viewer.live_layer import LiveLayer

OWNER = "train"
_KINDS = {
    "auto": "guessed",
    "instances": "cells, each with its own number",
    "binary": "a mask of the cells",
    "classes": "classes, a number for each",
}
_CHECKED = (
    "A frame is kept for checking: the network does not learn from it, so that it can be asked "
    "there how many cells it gets right by itself. Frames near it are left out, too, since they "
    "look almost the same"
)
_PAINT = "Paint a few cells, on two or three {} far apart."
_NOTHING = "Nothing painted yet. Outline a few cells, and a little background."
_GUESSED = {True: "guessed: classes", False: "guessed: cells"}
_WHOLE = {
    (False, False): "Every cell on these frames is outlined",
    (False, True): "Every cell on this frame is outlined",
    (True, False): "The rest of these frames is background",
    (True, True): "The rest of this frame is background",
}  # by: of classes, painted here


class AnnotationPanel(QWidget):
    """Chooses and paints what there is to learn from, and says it before anything starts."""

    changed = Signal()

    def __init__(self, session: Session, settings: Callable[[], TrainSettings]) -> None:
        super().__init__()
        self._session, self._settings = session, settings
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()
        self._of_classes = False
        self._kept: tuple[OtherMovie, ...] = ()
        self._brushes: weakref.WeakSet[LiveLayer] = weakref.WeakSet()
        self._describe = Latest(self)
        self._build()
        self.annotate.clicked.connect(self._on_annotate)
        self.new_cell.clicked.connect(self._on_new_cell)
        self.background.toggled.connect(self._on_background)
        self.whole.toggled.connect(self._on_whole)
        # a menu in a fold that was never opened outlives the dock, so what it tells ends with us
        session.lifetime.connect(self.labels.chosen, self.ask, self)
        session.lifetime.connect(self.labels.chosen, self._on_labels, self)
        self.kind.currentIndexChanged.connect(self.ask)
        self.frames.textChanged.connect(self.ask)
        self._describe.answered.connect(self._on_described)
        self._describe.failed.connect(lambda line: self.summary.say(line, warn=True))
        self.others.changed.connect(self.ask)
        self.file.opened.connect(self._on_file)
        session.lifetime.connect(session.movie.changed, self.ask, self)
        session.lifetime.connect(session.movie.layers_changed, self._watch_shapes, self)
        others = (session.movie.changed, session.movie.layers_changed)
        session.lifetime.connect_all(others, self._look_for_others, self)
        news = (session.labels.changed, session.training.ticked)
        session.lifetime.connect_all(news, self._show_others, self)
        session.lifetime.connect(session.labels.changed, self._watch_brush, self)
        self._watch_shapes()
        self._watch_brush()
        self._look_for_others()

    def _build(self) -> None:
        self.labels = LabelsMenu(self._session, "train.labels", "Layer in which cells are painted")
        self.annotate = button(
            "Start painting",
            "train.annotate",
            "Paint cells on the movie: a brush with a new cell's id. "
            "C confirms the cell under the cursor as it is",
        )
        self.new_cell = button(
            "New cell", "train.new_cell", "Paint the next cell, with an id of its own (M)"
        )
        self.background = button(
            "Background",
            "train.background",
            "Background brush: paint where there is no cell, it learns that too (Shift+B)",
            checkable=True,
        )
        self.whole = WrapCheck(name="train.complete")
        self.kind = QComboBox(objectName="train.labels_are")
        set_up = self._session.training.form
        for kind, words in _KINDS.items():
            self.kind.addItem(words, kind)
        self.kind.setCurrentIndex(self.kind.findData(set_up.kind))
        narrow(self.kind)
        self.kind.setToolTip(
            "What the numbers in the labels are. Classes tell kinds of pixels apart: "
            "the network learns which is which, not which cell"
        )
        self.frames = QLineEdit(set_up.frames, objectName="train.frames")
        self.frames.setPlaceholderText("all with labels, or 0,3-5")
        self.frames.setToolTip(
            "Frames to learn from, counted from 0; empty for all that have labels"
        )
        self.summary = Hint(name="train.summary")
        self.others = MovieTicks("train.movies", self._session.training)
        self.file = LabelsFile(self._session, "train", "labels")
        rows, which = form_rows(), QWidget()
        add_field(rows, "Labels", self.labels.native)
        add_field(rows, "", self.file)
        add_field(rows, "They are", self.kind)
        add_field(rows, "Frames", self.frames)
        which.setLayout(rows)
        self.which = Fold("Labels and frames", lambda: which)
        column = Column(self)
        brushes = Flow(self.annotate, self.new_cell, self.background)
        legend = ClassLegend(self._session, OWNER)
        column.add(brushes, legend, self.whole, self.others, self.summary, self.which)
        self.about = what_is(_CHECKED)

    # ---- painting ---------------------------------------------------------------------------

    def _on_annotate(self) -> None:
        with self._session.job.refusing(OWNER):
            live, layer = self._session.labels.show()
            if live.is_prepared(self._session.movie.frame):  # else its cells are not found yet
                suit_brush(layer, self._session.movie.frame)
            layers.paint(self._session.viewer, layer, live.new_id())
            self.changed.emit()

    def _on_new_cell(self) -> None:
        live, layer = self._session.labels.live, self._session.labels.layer
        if live is not None and layer is not None:
            layers.paint(self._session.viewer, layer, live.new_id())

    def _on_background(self, on: bool) -> None:
        live, layer = self._session.labels.live, self._session.labels.layer
        if live is not None and layer is not None:
            label = BACKGROUND_ID if on else live.new_id()
            layers.paint(self._session.viewer, layer, label)

    def _watch_brush(self) -> None:
        layer = self._session.labels.layer
        actions = actions_of(layer) if layer is not None else None
        if actions is not None and actions not in self._brushes:
            self._brushes.add(actions)
            actions.brush_changed.connect(self._show_brush)
        self._show_brush()

    def _show_brush(self) -> None:
        """Press the button exactly while the background brush is in the hand."""
        layer = self._session.labels.layer
        actions = actions_of(layer) if layer is not None else None
        with signals_blocked(self.background):
            self.background.setChecked(actions is not None and actions.paints_background)

    def _on_labels(self) -> None:
        self._show_others()
        self.changed.emit()

    def _on_whole(self, on: bool) -> None:
        live = self._session.labels.live
        if live is not None and self._live_is_chosen():
            live.confirm_frame(self._session.movie.frame, on)
        else:
            self._session.training.set_form(whole=on)
        self.ask()

    # ---- what it will train on --------------------------------------------------------------

    def ask(self, *_: Any) -> None:
        """Find out in the background what there is to learn from, and say it."""
        self._show_whole()  # first: the words are about what the box says
        self._session.training.set_form(frames=self.frames.text(), kind=self.kind.currentData())
        layer, stack = self.labels.layer(), self._session.movie.stack
        if layer is None or stack is None:
            self._describe.forget()
            where = "sections" if stack is not None and stack.dims == 3 else "frames"
            self.summary.say(_PAINT.format(where) if stack else "")
            return
        source = self.source()
        if source.live is not None and not _is_painted(source.live):
            self._describe.forget()
            self.summary.say(_NOTHING)
            return
        try:
            settings = self._settings()
        except BadInput as error:
            self.summary.say(str(error), warn=True)
            return
        others = self.others.ticked()
        if self.summary.text() in (
            "",
            _NOTHING,
            _PAINT.format("frames"),
            _PAINT.format("sections"),
        ):
            self.summary.say("Looking at what is painted…")
        self._describe.ask(lambda: _described(source, others, settings))

    def gist(self) -> str:
        """Return what it will train on in one line: frames and cells, or what is wrong."""
        words = self.summary.text()
        return ", ".join(words.split(", ")[:2]) or "…"

    def source(self) -> AnnotationSource:
        """Return what there is to learn from; `BadInput` where there is nothing."""
        from napari_unet.gui.train.annotation_source import AnnotationSource, Scope

        layer = self.labels.layer()
        if layer is None:
            raise BadInput(
                "no labels are chosen", "a layer with painted cells", "press Start painting"
            )
        stack = self._session.movie.require_stack()
        image = self._session.movie.image
        scope = Scope(
            frames=self.frames.text(),
            whole=self._session.training.form.whole,
            areas=rectangles(self._session.viewer, image) if image is not None else (),
            kind=self.kind.currentData(),
        )
        return AnnotationSource(
            stack=stack,
            labels=layer.data,
            name=layer.name,
            scope=scope,
            shown=self._session.labels.live,
        )

    def _look_for_others(self, *_: Any) -> None:
        """Look which movies were corrected earlier, and show all that can teach."""
        from napari_unet.gui.train.other_movies import kept_movies

        self._kept = tuple(kept_movies(self._session))
        self._show_others()

    def _show_others(self, *_: Any) -> None:
        """Show the other movies that can teach, those ticked still ticked."""
        from napari_unet.gui.train.other_movies import other_movies

        self.others.show_movies(other_movies(self._session, self.labels.layer(), self._kept))

    def _on_file(self, layer: Labels, frames: str) -> None:
        """Learn from labels that were opened from a file, and from their frames."""
        self.labels.value = layer
        self.frames.setText(frames)

    def _on_described(self, described: Described) -> None:
        words = f"Trains on {described.words}"
        warning = described.warning
        self.summary.say(f"{warning} {words}" if warning else words, warn=bool(warning))
        self._of_classes = bool(described.classes)
        self.kind.setItemText(0, _GUESSED[self._of_classes])
        self._show_whole()

    def _watch_shapes(self) -> None:
        """Say it anew when a rectangle is drawn, moved or taken away."""
        for layer in shapes_layers(self._session.viewer):
            if layer not in self._watched:
                self._watched.add(layer)
                self._session.lifetime.connect(layer.events.data, self.ask, self)
        if len(self._watched):
            self.ask()

    # ---- what is shown ----------------------------------------------------------------------

    def why_not(self) -> str:
        """Why there is nothing to learn from yet; empty where there is."""
        live = self._session.labels.live
        if self.labels.layer() is None:
            return "Paint some cells first: press Start painting"
        if self._live_is_chosen() and live is not None and not _is_painted(live):
            return "Paint some cells first"
        return ""

    def update_state(self, no_movie: str) -> None:
        """Resolve which tools can be used, and say why the others cannot."""
        allow(self.annotate, no_movie)
        primary(self.annotate, bool(self.why_not()))
        painting = self._session.labels.layer is not None
        live = self._session.labels.live
        self.new_cell.setText("Next class" if live is not None and live.classes else "New cell")
        for tool in (self.new_cell, self.background):
            allow(tool, "" if painting else "Press Start painting first")
        self._show_whole()

    def _live_is_chosen(self) -> bool:
        layer = self.labels.layer()
        return layer is not None and layer is self._session.labels.layer

    def _show_whole(self) -> None:
        live, live_chosen = self._session.labels.live, self._live_is_chosen()
        with signals_blocked(self.whole):
            self.whole.setText(_WHOLE[self._of_classes, live_chosen])
            if live_chosen and live is not None:
                self.whole.setToolTip("Then all of the frame counts, empty ground too (Shift+C)")
                self.whole.setChecked(live.corrections.is_complete(self._session.movie.frame))
            else:
                self.whole.setToolTip(
                    "Untick where some cells are not painted: only painted ones count then"
                )
                self.whole.setChecked(self._session.training.form.whole)
        self.whole.setVisible(self.labels.layer() is not None)


def _is_painted(live: LiveLabels) -> bool:
    """Whether a user painted or confirmed something that is not undone."""
    return bool(live.corrections.touched or live.corrections.complete_frames)


def _described(
    source: AnnotationSource, others: Sequence[OtherMovie], settings: TrainSettings
) -> Described:
    """Open the other movies and say what all of them teach, in a worker."""
    from napari_unet.gui.train.describe import describe

    return describe([source, *(other.open(source.scope) for other in others)], settings)
