"""Export: labels, a table, tracks and an overlay movie, streamed to a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices, QGuiApplication
from qtpy.QtWidgets import QComboBox, QWidget

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.formats import (
    IN_PLACE,
    LABEL_FORMATS,
    PROBABILITIES,
    TABLE_FORMATS,
    TRACKMATE,
    always_links,
)
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.jobs.export import Export
from napari_unet.engine.settings import TableSettings
from napari_unet.gui.dock.dock import Dock
from napari_unet.gui.dock.layer_menu import LabelsMenu
from napari_unet.gui.export.archive_row import ArchiveRow
from napari_unet.gui.export.export_target import ExportTarget
from napari_unet.gui.export.extras import switch_off_missing
from napari_unet.gui.export.figures_form import FiguresForm
from napari_unet.gui.export.join_sections import JoinSections
from napari_unet.gui.export.movie_form import Linking, MovieForm
from napari_unet.gui.export.only_cells import OnlyCells
from napari_unet.gui.export.products import (
    Product,
    labels_file,
    movie_file,
    still_file,
    stopped,
    table_file,
    total_steps,
    write_products,
)
from napari_unet.gui.session.job import Ended, Task
from napari_unet.gui.viewer.label_frames import LayerFrames, said_by_hand
from napari_unet.gui.widgets.editors import ChoiceEditor
from napari_unet.gui.widgets.forms import SettingsForm
from napari_unet.gui.widgets.parts import Column, Fold, Hint, allow, button, narrow, primary
from napari_unet.gui.widgets.wrapping import Flow, WrapCheck

if TYPE_CHECKING:
    import napari.viewer

    from napari_unet.engine.errors import Notice

OWNER = "export"
_MEANINGS = {
    "ids": "ids of each frame",
    "linked": "ids through time",
    "laptrack": "through time, LapTrack",
    "mask": "1 for every cell",
}


class ExportDock(Dock):
    """From labels on screen to files that open elsewhere."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, OWNER)
        self._again: Callable[[], None] | None = None
        self._written = Path()
        self._build_target()
        self.join = JoinSections(self.session, OWNER)
        self.only = OnlyCells(self.session, OWNER, self.target, self.join)
        self.movie = MovieForm(self.session, OWNER, self.labels.layer, self._linking, self.join)
        self.figures = FiguresForm(self.session, OWNER, self.target, self.movie)
        self._build_what()
        self._build_more()
        self.column.addStretch(1)
        self._build_end()
        self._connect()
        self.watch()

    @property
    def labels(self) -> LabelsMenu:
        """The labels that are exported."""
        return self.target.labels

    # ---- parts ------------------------------------------------------------------------------

    def _build_target(self) -> None:
        self.target = ExportTarget(self.session, OWNER)
        self.why_not = Hint(name="export.hint")
        self.column.addWidget(self.target)
        self.column.addWidget(self.why_not)

    def _build_what(self) -> None:
        self.format = QComboBox(objectName="export.format")
        for kind in LABEL_FORMATS.values():
            self.format.addItem(kind.title, kind.name)
        for kind in (TRACKMATE, IN_PLACE):
            self.format.addItem(kind.title, kind.name)
        for name, title in PROBABILITIES.items():
            self.format.addItem(title, name)
        self.format.setCurrentIndex(self.format.findData("imagej"))
        self.format.setToolTip("ImageJ opens in Fiji with time and µm; OME-TIFF in most software")
        self.meaning = ChoiceEditor(_MEANINGS)
        self.meaning.setObjectName("export.meaning")
        self.table_format = ChoiceEditor(TABLE_FORMATS)
        self.table_format.setObjectName("export.table_format")
        self.table_format.setToolTip("CSV opens anywhere; Parquet is for pandas, R, DuckDB, …")
        for menu in (self.format, self.meaning, self.table_format):
            switch_off_missing(narrow(menu))
        self.meaning.setProperty("tip", "What the pixels of a cell hold; also the table's track_id")
        self.columns = SettingsForm(TableSettings(), None, OWNER, plain=(), more="Columns")
        self.with_labels = WrapCheck("Labels", "export.with_labels")
        self.with_table = WrapCheck("Table of all cells", "export.with_table")
        self.with_movie = WrapCheck("Movie", "export.with_movie")
        self.join.toggled.connect(self.update_state)
        for check in self._checks():
            check.setChecked(True)
            check.toggled.connect(self.update_state)
        self.run = button("Export", "export.run", "Write what is ticked")
        self.save_still = button(
            "This frame as PNG", "export.save_still", "Write the picture above as PNG at 300 dpi"
        )
        self.group(
            "What",
            Flow(self.with_labels, self.format, shares=(0, 1)),
            self.meaning,
            self.join,
            self.only,
            Flow(self.with_table, self.table_format, shares=(0, 1)),
            self.columns,
            Flow(self.with_movie, self.movie.style_of_movie, shares=(0, 1)),
            self.movie,
        )
        self.pinned.add(Flow(primary(self.run), self.save_still, shares=(2, 1)))

    def _checks(self) -> tuple[WrapCheck, ...]:
        return self.with_labels, self.with_table, self.with_movie

    def _build_more(self) -> None:
        self.archive = ArchiveRow(self.session, OWNER, self.target)
        self.save_labels = button("Save labels", "export.save_labels", "Write the labels")
        self.save_table = button(
            "Save table", "export.save_table", "One row per cell and frame: place, size, brightness"
        )
        self.save_movie = button("Save movie", "export.save_movie", "Write the overlay movie")
        single = QWidget()
        Column(single).add(Flow(self.save_labels, self.save_table, self.save_movie), self.archive)
        self.column.addWidget(Fold("One of them alone", lambda: single))
        self.column.addWidget(Fold("Figures", lambda: self.figures))

    def _build_end(self) -> None:
        """Put into the foot what is asked and offered at the end of an export."""
        self.foot.cancel.setProperty("tip", "Stop; nothing is written")
        self.replace = button("Replace", "export.replace", "Write over the earlier file")
        self.keep = button("Keep what is there", "export.keep_old")
        self.open_folder = button("Open folder", "export.open_folder", "Show what was written")
        self.copy_methods = button(
            "Copy methods text",
            "export.copy_methods",
            "Sentences for a paper: program, model, settings, references",
        )
        self.afterwards = QWidget()
        Column(self.afterwards).add(Flow(self.open_folder, self.copy_methods))
        self.foot.add(Flow(self.replace, self.keep), self.afterwards)
        self.afterwards.hide()
        self._forget_question()

    def _connect(self) -> None:
        for part, act in (
            (self.copy_methods, self._copy_methods),
            (self.save_labels, self._save_labels),
            (self.save_table, self._save_table),
            (self.save_movie, self._save_movie),
            (self.save_still, self._save_still),
            (self.archive.save, self._save_archive),
            (self.figures.save_comparison, self._save_comparison),
            (self.figures.save_map, self._save_map),
            (self.run, self._save_ticked),
            (self.open_folder, self._open_folder),
            (self.replace, self._on_replace),
            (self.keep, self._forget_question),
        ):
            part.clicked.connect(lambda _=False, act=act: act())
        for signal in (
            self.target.chosen,
            self.target.frames.editingFinished,
            self.target.done_only.toggled,
            self.meaning.valueChanged,
            self.movie.changed,
            self.figures.changed,
            self.only.changed,
            self.format.currentIndexChanged,
        ):
            signal.connect(self.update_state)  # a function would be called while the dock goes
        for signal in (self.format.currentIndexChanged, self.target.folder_changed):
            signal.connect(self._forget_question)
        session = self.session
        session.lifetime.connect(session.movie.frame_changed, self._show_frame, self)

    # ---- a user acts ----------------------------------------------------------------------

    def _labels_file(self) -> Product:
        return labels_file(self.format.currentData(), self.session.movie.stack)

    def _table_file(self) -> Product:
        return table_file(self.table_format.value(), self.columns.value())

    def _movie_file(self) -> Product:
        return movie_file(self.movie)

    def _save_labels(self) -> None:
        self._save((self._labels_file(),))

    def _save_table(self) -> None:
        self._save((self._table_file(),))

    def _save_movie(self) -> None:
        self._save((self._movie_file(),))

    def _save_still(self) -> None:
        self._save((still_file(self.movie, self.session.movie.frame),))

    def _save_archive(self) -> None:
        self._save((self.archive.product(self.columns.value()),))

    def _save_comparison(self) -> None:
        with self.session.job.refusing(OWNER):
            self._save((self.figures.comparison(),))

    def _save_map(self) -> None:
        with self.session.job.refusing(OWNER):
            self._save((self.figures.map(),))

    def _save_ticked(self) -> None:
        made = (self._labels_file, self._table_file, self._movie_file)
        ticked = zip(made, self._checks(), strict=True)
        self._save(tuple(make() for make, check in ticked if check.isChecked()))

    def _save(self, products: tuple[Product, ...], overwrite: bool = False) -> None:
        """Start writing; earlier files are replaced only after a yes, asked in the dock."""
        self._forget_question()
        self.afterwards.hide()
        job = self.session.job
        with job.refusing(OWNER):
            folder = self.target.place()
            export = self._export(folder, overwrite)
            cells = self.only.chosen() if all(p.of_cells for p in products) else ()
            total = total_steps(products, export, cells)
            there = [p.name for p in products if p.is_there(folder)]
            if there and not overwrite:
                are, them = ("are", "them") if len(there) > 1 else ("is", "it")
                said = f"{', '.join(there)} {are} in that folder already. Replace {them}?"
                job.say(OWNER, said, failed=True)
                self._again = lambda: self._save(products, overwrite=True)
                self.replace.show()
                self.keep.show()
                return
            written: list[Path] = []
            what = products[0].what if len(products) == 1 else f"{len(products)} files"
            job.start(
                Task(
                    OWNER,
                    f"Saving {what}",
                    lambda: write_products(products, export, written, cells),
                    total=total,
                    on_done=lambda found: self._on_saved(written, found),
                    cancelled_line=lambda: stopped(written),
                )
            )

    def _on_saved(self, paths: list[Path], found: list[Notice]) -> Ended:
        self._written = paths[0].parent
        self.afterwards.show()
        if len(paths) == 1:
            return Ended(f"Saved {paths[0]}", found)
        return Ended(f"Saved {', '.join(p.name for p in paths)} in {self._written}", found)

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._written)))

    def _copy_methods(self) -> None:
        from napari_unet.engine.export.target.sidecar import methods_text

        layer, clipboard = self.labels.layer(), QGuiApplication.clipboard()
        if layer is None or clipboard is None:
            return
        clipboard.setText(methods_text(self.session.labels.provenance(layer)))
        self.session.job.say(OWNER, "Copied. Paste it into your text, and check it.")

    def _linking(self) -> Linking:
        live = self.target.live()
        by_hand = partial(said_by_hand, live.corrections if live else None)
        cells = self.only.chosen()
        return Linking(self.meaning.value(), self.target.positions(), by_hand, cells)

    def _export(self, folder: Path, overwrite: bool) -> Export:
        layer = self.labels.layer()
        if layer is None:
            raise BadInput("no labels are chosen", "a Labels layer", "segment the movie first")
        stack, labels = self.session.movie.require_stack(), self.session.labels
        live, frames = self.target.live(), LayerFrames(layer.data, stack, layer.name)
        corrections = live.corrections if live else None
        found = [*frames.notices, *self.target.notices()]  # grows as it is written
        made_by = replace(labels.provenance(layer), notices=found)
        export = Export(
            stack,
            frames,
            folder,
            WriteOptions(self.target.positions(), overwrite, made_by, found),
            meaning=self.meaning.value(),
            threshold=labels.settings.threshold if live else None,
            corrected=corrections.ids if corrections else None,
            stated=corrections.states.of if corrections and corrections.states else None,
            probabilities=live.probabilities if live else None,
            by_hand=partial(said_by_hand, corrections),
            classes=bool(live and live.classes),
        )
        return self.join.export(export)

    def _on_replace(self) -> None:
        if self._again is not None:
            self._again()

    def _forget_question(self) -> None:
        self._again = None
        self.replace.hide()
        self.keep.hide()

    # ---- what is shown ----------------------------------------------------------------------

    def update_state(self) -> None:
        """Resolve which buttons can be pressed, and say why the others cannot."""
        layer = self.labels.layer()
        no_labels = "" if layer is not None else "Segment the movie first: there are no labels"
        why_not = self.busy() or self.no_movie() or no_labels
        self.target.update_state()
        self.only.update_state()
        of_cells = why_not or self.only.why_not()
        allow(self.save_table, of_cells)
        allow(self.copy_methods, why_not)
        live, chosen = self.target.live(), self.format.currentData()
        pixels = chosen in PROBABILITIES
        unknown = pixels and (live is None or live.probabilities is None)
        as_labels = "Segment the movie first" if unknown else self._no_place()
        as_labels = as_labels or (self.only.refuses("Probabilities are") if pixels else "")
        allow(self.save_labels, of_cells or as_labels)
        self.save_labels.setText("Save probabilities" if pixels else "Save labels")
        these = "these" if self.only.wanted else "all"
        self.with_table.setText(f"Table of {these} cells")
        n_files = sum(check.isChecked() for check in self._checks())
        self.run.setText(f"Export {n_files} files" if n_files > 1 else "Export")
        none = "" if n_files else "Tick what is to be written"
        movie = self.movie.why_not() if self.with_movie.isChecked() else ""
        labels = as_labels if self.with_labels.isChecked() else ""
        allow(self.run, of_cells or none or labels or movie)
        links = always_links(chosen)
        always = "These files always have one id per cell through time" if links else ""
        allow(self.meaning, "Probabilities have no ids" if pixels else always)
        allow(self.save_movie, of_cells or self.movie.why_not())
        alone = why_not or self.join.refuses()
        allow(self.save_still, of_cells or alone or self.movie.why_not())
        self.figures.update_state(alone, self.only.why_not())
        self.archive.update_state(alone or self.only.refuses("An archive is"))
        mine = self.session.job.state.owner == OWNER and bool(self.busy())
        self.why_not.say(f"{why_not}." if why_not and not mine else self.target.status())
        self._show_frame()

    def _no_place(self) -> str:
        """Why labels cannot go beside the image of the movie, where that is chosen."""
        stack = self.session.movie.stack
        folder = stack.labels_folder if stack is not None else None
        if self.format.currentData() != IN_PLACE.name or (folder and folder.parent.is_dir()):
            return ""
        return "This movie is no OME-Zarr folder: choose another format"

    def _show_frame(self, *_: Any) -> None:
        """Show the frame on screen in the preview."""
        self.movie.preview.update_scene()
        self.figures.update_frame()
