"""Segment: choose a model, run it on a frame or the whole movie, and move the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QLabel, QLineEdit
from superqt.utils import signals_blocked

from napari_unet.gui.dock.dock import Dock
from napari_unet.gui.dock.loading import load_model
from napari_unet.gui.dock.model_menu import ModelMenu
from napari_unet.gui.segment.cell_count import CellCount
from napari_unet.gui.segment.curves_panel import CurvesPanel
from napari_unet.gui.segment.recipe_row import RecipeRow
from napari_unet.gui.segment.region_sliders import CLASS_FIELDS, RegionSliders
from napari_unet.gui.session.segmenting import segment
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer.regions import region_on_screen
from napari_unet.gui.widgets.forms import SettingsForm
from napari_unet.gui.widgets.number_boxes import TINY, DecimalBox
from napari_unet.gui.widgets.parts import Column, Fold, Hint, allow, button, row
from napari_unet.gui.widgets.threshold_slider import ThresholdSlider

if TYPE_CHECKING:
    import napari.viewer

    from napari_unet.gui.segment.auto_threshold import Auto

OWNER = "segment"
_LABEL_FIELDS = (
    "split",
    "min_size",
    "fill_holes",
    "split_strength",
    "max_size",
    "drop_border",
    *CLASS_FIELDS,
)
_RUN_FIELDS = ("device", "diameter", "accurate", "precision", "backend", "tile", "threads", "scale")


class SegmentDock(Dock):
    """From a movie and a model to labels that follow the threshold."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, OWNER)
        session = self.session
        self._auto = Latest(self, wait_ms=0)
        self._build_run()
        self._build_labels()
        self.column.addStretch(1)
        session.lifetime.connect(session.labels.settings_changed, self._show_settings, self)
        session.lifetime.connect(session.movie.changed, self._show_areas, self)
        self._show_settings()
        self.watch()

    # ---- parts ------------------------------------------------------------------------------

    def _build_run(self) -> None:
        session = self.session
        self.model = ModelMenu(session, "segment.model")
        self.model_path = QLineEdit(objectName="segment.model_path")
        self.model_path.setPlaceholderText("path of a model file")
        self.model_path.setToolTip(
            "A .safetensors model, .pth weights, a bioimage.io .zip; of several, parted by commas, "
            "the probabilities are averaged. Left empty, Load… asks for it"
        )
        self.load = button("Load…", "segment.load_model", "Open a model file and choose it")
        self.run_frame = button("This frame", "segment.run_frame", "Segment the frame on screen")
        self.run_region = button(
            "Visible region", "segment.run_region", "Segment what of the frame is on screen"
        )
        self.run_movie = button(
            "Whole movie", "segment.run_movie", "Segment every frame that is not segmented yet"
        )
        self.frames = QLineEdit(objectName="segment.frames")
        self.frames.setPlaceholderText("frames, such as 0,3-5")
        self.run_frames = button(
            "These frames", "segment.run_frames", "Segment those of them that are not segmented yet"
        )
        self.why_not = Hint(name="segment.hint")
        self.run_form = SettingsForm(session.models.settings, _RUN_FIELDS, OWNER)
        self.column.section(
            "Model",
            self.model,
            row(self.model_path, self.load, stretch=0),
            row(self.run_frame, self.run_region, self.run_movie),
            row(self.frames, self.run_frames, stretch=0),
            self.why_not,
            self.run_form,
        )
        self.load.clicked.connect(self._on_load)
        self.model_path.returnPressed.connect(self._on_load)
        self.run_frame.clicked.connect(lambda: segment(session, OWNER, (session.movie.frame,)))
        self.run_region.clicked.connect(self._on_region)
        self.run_movie.clicked.connect(lambda: segment(session, OWNER, None))
        self.run_frames.clicked.connect(self._on_these_frames)
        self.frames.returnPressed.connect(self.run_frames.click)
        self.frames.textChanged.connect(self.update_state)
        self.run_form.valueChanged.connect(self._on_run_settings)

    def _build_labels(self) -> None:
        self.threshold = ThresholdSlider()
        self.threshold.setObjectName("segment.threshold")
        self.threshold.setToolTip("Pixels above this probability belong to a cell")
        self.number = DecimalBox(TINY, 1 - TINY, step=0.01)
        self.number.setObjectName("segment.threshold_number")
        self.number.setMaximumWidth(110)
        self.auto = button("Auto", "segment.auto")
        self.auto.setProperty("tip", "The threshold that gives the best cells where that is known")
        self.auto_words = Hint(name="segment.auto_words")
        self.form = SettingsForm(self.session.labels.settings, _LABEL_FIELDS, OWNER)
        self.count = CellCount(self.session, OWNER)
        name = QLabel("Threshold")
        cells = Column()
        cells.add(
            row(name, self.number, self.auto, stretch=0),
            self.threshold,
            RegionSliders(self.session, OWNER),
            self.auto_words,
            self.form,
            self.count,
            Fold("Curves", lambda: CurvesPanel(self.session)),
        )
        self.count.size_hint.taken.connect(self.run_form.editor("diameter").setValue)
        self.auto.clicked.connect(self._on_auto)
        self._auto.answered.connect(self._on_auto_found)
        self._auto.failed.connect(lambda line: self.auto_words.say(line, warn=True))
        self.column.section("Cells", cells, RecipeRow(self.session, OWNER))
        self.threshold.valueChanged.connect(lambda t: self._change(threshold=t))
        self.number.valueChanged.connect(lambda _: self._change(threshold=self.number.value()))
        self.form.valueChanged.connect(self._on_label_form)
        self.form.unfolded.connect(self._show_areas)
        self.form.unfolded.connect(self.update_state)

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
        path = self.model_path.text().strip()
        if not path:
            paths, _ = QFileDialog.getOpenFileNames(
                self, "Load a model", "", "Models (*.safetensors *.pth *.pt *.zip);;All files (*)"
            )
            path = ",".join(paths)
        if path:
            load_model(self.session, OWNER, path)

    def _on_run_settings(self, settings: Any) -> None:
        self.session.models.settings = settings
        self.count.soon()

    def _on_label_form(self, settings: Any) -> None:
        changes = {field: getattr(settings, field) for field in _LABEL_FIELDS}
        self._change(**changes)

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
        settings = self.session.labels.settings
        for part, value in (
            (self.threshold, settings.threshold),
            (self.number, settings.threshold),
        ):
            with signals_blocked(part):
                part.setValue(value)
        with signals_blocked(self.form):
            self.form.setValue(settings)
        if not self.auto_words.text().startswith(f"{settings.threshold:g}:"):
            self.auto_words.say("")
        self._show_areas()

    def _show_areas(self) -> None:
        """Say sizes in µm² too, where the pixel size is known."""
        stack = self.session.movie.stack
        pixel = stack.pixel_size if stack is not None else None
        for field in ("min_size", "max_size"):
            size = getattr(self.session.labels.settings, field)
            area = f" ({size * pixel**2:.3g} µm²)" if pixel and size is not None else ""
            if field in self.form.editors:
                self.form.editors[field].setSuffix(f" px{area}")

    def update_state(self) -> None:
        """Resolve which buttons can be pressed, and say why the others cannot."""
        busy = self.busy()
        no_model = (
            ""
            if self.session.models.chosen
            else "Load a model first, or train one in the Train dock"
        )
        why_not = busy or self.no_movie() or no_model
        for part in (self.run_frame, self.run_region, self.run_movie):
            allow(part, why_not)
        typed = self.frames.text().strip()
        allow(self.run_frames, why_not or ("" if typed else "Type which frames, such as 0,3-5"))
        allow(self.load, busy)
        if self.run_form.value() != self.session.models.settings:  # those of another movie
            with signals_blocked(self.run_form):
                self.run_form.setValue(self.session.models.settings)
        live = self.session.labels.live
        segmented = (
            live is not None
            and live.probabilities is not None
            and live.probabilities.computed.any()
        )
        allow(self.auto, "" if segmented else "Segment a frame first")
        of_classes = live is not None and bool(live.classes)
        for field, editor in self.form.editors.items():  # classes are not split
            editor.setEnabled(of_classes == (field in CLASS_FIELDS))
        mine = self.session.job.state.owner == OWNER
        self.why_not.say("" if busy and mine else f"{why_not}." if why_not else "")
        self.count.soon()
