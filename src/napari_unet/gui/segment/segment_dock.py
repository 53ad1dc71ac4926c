"""Segment: choose a model, run it on a frame or the whole movie, and move the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QLineEdit, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.settings import LabelSettings
from napari_unet.gui.dock.class_legend import ClassLegend
from napari_unet.gui.dock.dock import Dock
from napari_unet.gui.dock.loading import load_model
from napari_unet.gui.dock.model_menu import ModelMenu
from napari_unet.gui.segment.cell_count import CellCount
from napari_unet.gui.segment.curves_panel import CurvesPanel
from napari_unet.gui.segment.more_panel import MorePanel, in_pixels
from napari_unet.gui.segment.region_sliders import RegionSliders
from napari_unet.gui.session.segmenting import segment
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer.regions import region_on_screen
from napari_unet.gui.widgets.number_boxes import TINY, DecimalBox, WholeBox
from napari_unet.gui.widgets.parts import (
    Column,
    Fold,
    Hint,
    allow,
    button,
    label,
    primary,
    row,
    titled,
    together,
    what_is,
)
from napari_unet.gui.widgets.threshold_slider import ThresholdSlider
from napari_unet.gui.widgets.wrapping import Flow, WrapCheck

if TYPE_CHECKING:
    import napari.viewer

    from napari_unet.gui.segment.auto_threshold import Auto

OWNER = "segment"
_THRESHOLD = (
    "The network gives each pixel a probability of being in a cell. Pixels above the threshold "
    "become cells. Lower it where cells are missed or too small, raise it where background is taken"
)
_FIELDS = LabelSettings.model_fields


class SegmentDock(Dock):
    """From a movie and a model to labels that follow the threshold."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, OWNER)
        session = self.session
        self._auto = Latest(self, wait_ms=0)
        self._more: MorePanel | None = None
        self._build_model()
        self._build_cells()
        self.more = Fold("More", self._build_more)
        self.column.addWidget(self.more)
        self.column.addStretch(1)
        session.lifetime.connect(session.labels.settings_changed, self._show_settings, self)
        session.lifetime.connect(session.movie.changed, self._show_settings, self)
        self._show_settings()
        self.watch()

    # ---- parts ------------------------------------------------------------------------------

    def _build_model(self) -> None:
        session = self.session
        self.model = ModelMenu(session, "segment.model")
        self.load = button("…", "segment.load_model", "Open a model file and choose it")
        self.run_movie = button(
            "Segment movie", "segment.run_movie", "Every frame that is not segmented yet"
        )
        self.run_frame = button("This frame", "segment.run_frame", "Segment the frame on screen")
        self.others = button(
            "⋯", "segment.more_runs", "Only what is on screen, or some frames", checkable=True
        )
        self.why_not = Hint(name="segment.hint")
        runs = Flow(primary(self.run_movie), self.run_frame, self.others, shares=(2, 1, 0))
        chosen = row(self.model, self.load, stretch=0)
        self.group("Model", chosen, runs, self._other_runs())
        self.column.addWidget(self.why_not)
        self.load.clicked.connect(self._on_load)
        self.run_movie.clicked.connect(lambda: segment(session, OWNER, None))
        self.run_frame.clicked.connect(lambda: segment(session, OWNER, (session.movie.frame,)))

    def _other_runs(self) -> QWidget:
        """Return the ways to segment a part of the movie, shown by *⋯*."""
        self.run_region = button(
            "Visible region", "segment.run_region", "Segment what of the frame is on screen"
        )
        self.frames = QLineEdit(objectName="segment.frames")
        self.frames.setPlaceholderText("frames: 0,3-5")
        self.run_frames = button(
            "These frames", "segment.run_frames", "Segment those of them that are not segmented yet"
        )
        inside = QWidget()
        column = Column(inside)
        column.add(self.run_region, row(self.frames, self.run_frames, stretch=0))
        inside.hide()
        self.others.toggled.connect(inside.setVisible)
        self.run_region.clicked.connect(self._on_region)
        self.run_frames.clicked.connect(self._on_these_frames)
        self.frames.returnPressed.connect(self.run_frames.click)
        self.frames.textChanged.connect(self.update_state)
        return inside

    def _build_cells(self) -> None:
        self.threshold = ThresholdSlider()
        self.threshold.setObjectName("segment.threshold")
        self.threshold.setToolTip("Pixels above this probability belong to a cell")
        self.number = DecimalBox(TINY, 1 - TINY, step=0.01)
        self.number.setObjectName("segment.threshold_number")
        self.auto = button("Auto", "segment.auto")
        self.auto.setProperty("tip", "The threshold that gives the best cells where that is known")
        self.auto_words = Hint(name="segment.auto_words")
        self.split = WrapCheck("Split touching", "segment.split")
        self.split.setToolTip(_FIELDS["split"].description or "")
        self.min_size = WholeBox()
        self.min_size.setObjectName("segment.min_size")
        self.min_size.setToolTip(_FIELDS["min_size"].description or "")
        self.count = CellCount(self.session, OWNER)
        self.curves = CurvesPanel(self.session)
        self.group(
            "Cells",
            Flow(
                together(label("Threshold"), what_is(_THRESHOLD)),
                together(self.number, self.auto, stretch=0),
                shares=(0, 1),
            ),
            self.threshold,
            ClassLegend(self.session, OWNER),
            RegionSliders(self.session, OWNER),
            self.auto_words,
            Flow(self.split, titled("Smallest", self.min_size), shares=(0, 1)),
            self.count,
            self.curves,
        )
        self.count.size_hint.taken.connect(self._on_diameter)
        self.auto.clicked.connect(self._on_auto)
        self._auto.answered.connect(self._on_auto_found)
        self._auto.failed.connect(lambda line: self.auto_words.say(line, warn=True))
        self.threshold.valueChanged.connect(lambda t: self._change(threshold=t))
        self.number.valueChanged.connect(lambda _: self._change(threshold=self.number.value()))
        self.split.toggled.connect(lambda on: self._change(split=on))
        self.min_size.valueChanged.connect(lambda n: self._change(min_size=n))

    def _build_more(self) -> QWidget:
        self._more = MorePanel(self.session, OWNER, self.curves.threshold, self._load)
        self._more.run_changed.connect(self.count.soon)
        return self._more

    # ---- a user acts ----------------------------------------------------------------------

    def _on_region(self) -> None:
        session, before = self.session, self.session.movie.image
        with session.job.refusing(OWNER):
            image = session.movie.require_layer()
            whole = tuple(slice(0, n) for n in session.movie.require_stack().frame_shape)
            # a layer that was unfolded just now has not been drawn
            region = region_on_screen(session.viewer, image) if image is before else whole
            segment(session, OWNER, (session.movie.frame,), None if region == whole else region)

    def _on_these_frames(self) -> None:
        from napari_unet.engine.stack.frame_numbers import parse_frames

        session = self.session
        with session.job.refusing(OWNER):
            frames = parse_frames(self.frames.text(), len(session.movie.require_stack()))
            segment(session, OWNER, frames)

    def _on_load(self) -> None:
        path = self._more.model_path.text().strip() if self._more is not None else ""
        if not path:
            paths, _ = QFileDialog.getOpenFileNames(
                self, "Load a model", "", "Models (*.safetensors *.pth *.pt *.zip);;All files (*)"
            )
            path = ",".join(paths)
        self._load(path)

    def _load(self, path: str) -> None:
        if path:
            load_model(self.session, OWNER, path)

    def _on_diameter(self, diameter: float) -> None:
        models = self.session.models
        models.settings = models.settings.replace(diameter=diameter)
        models.changed.emit()

    def _change(self, **changes: Any) -> None:
        self.session.labels.set_settings(self.session.labels.settings.replace(**changes))

    def _on_auto(self) -> None:
        session = self.session
        live, model, frame = session.labels.live, session.labels.model, session.movie.frame
        stack = session.movie.require_stack()
        if live is None:
            return

        def choose() -> Any:
            from napari_unet.gui.segment.auto_threshold import auto_threshold, never_learned

            kept = never_learned(model.record, stack.fingerprint) if model is not None else ()
            return auto_threshold(live, kept, frame)

        self.auto_words.say("Choosing…")
        self._auto.ask(choose)

    def _on_auto_found(self, auto: Auto) -> None:
        self._change(threshold=auto.threshold)
        self.auto_words.say(f"{auto.threshold:g}: {auto.words}.")

    # ---- what is shown ----------------------------------------------------------------------

    def _show_settings(self) -> None:
        settings, stack = self.session.labels.settings, self.session.movie.stack
        shown = (
            (self.threshold, settings.threshold),
            (self.number, settings.threshold),
            (self.min_size, settings.min_size),
        )
        for part, value in shown:
            with signals_blocked(part):
                part.setValue(value)
        with signals_blocked(self.split):
            self.split.setChecked(settings.split)
        self.min_size.setSuffix(in_pixels(settings.min_size, stack))
        if not self.auto_words.text().startswith(f"{settings.threshold:g}:"):
            self.auto_words.say("")

    def update_state(self) -> None:
        """Resolve which buttons can be pressed, and say why the others cannot."""
        busy = self.busy()
        no_model = (
            ""
            if self.session.models.chosen
            else "Load a model first, or train one in the Train dock"
        )
        why_not = busy or self.no_movie() or no_model
        stack = self.session.movie.stack
        whole = "Volumes are segmented whole" if stack is not None and stack.dims == 3 else ""
        for part in (self.run_frame, self.run_movie):
            allow(part, why_not)
        allow(self.run_region, why_not or whole)
        typed = self.frames.text().strip()
        allow(self.run_frames, why_not or ("" if typed else "Type which frames, such as 0,3-5"))
        allow(self.load, busy)
        live = self.session.labels.live
        segmented = (
            live is not None
            and live.probabilities is not None
            and live.probabilities.computed.any()
        )
        allow(self.auto, "" if segmented else "Segment a frame first")
        of_classes = live is not None and bool(live.classes)
        for part in (self.split, self.min_size):  # classes are not split, and have no sizes
            part.setEnabled(not of_classes)
        mine = self.session.job.state.owner == OWNER
        self.why_not.say("" if busy and mine else f"{why_not}." if why_not else "")
        self.count.soon()
