"""Export: labels, a table, tracks and an overlay movie, streamed to a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.formats import (
    LABEL_FORMATS,
    PROBABILITIES,
    TABLE,
    labels_name,
    missing_extra,
    movie_name,
    still_name,
)
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.jobs.export import Export
from napari_unet.engine.settings import TableSettings
from napari_unet.gui.dock.dock import Dock
from napari_unet.gui.dock.layer_menu import LabelsMenu
from napari_unet.gui.export.cells_panel import CellsPanel
from napari_unet.gui.export.export_target import ExportTarget
from napari_unet.gui.export.movie_form import Linking, MovieForm
from napari_unet.gui.session.job import Ended, Task
from napari_unet.gui.viewer.label_frames import LayerFrames, frozen_by_hand
from napari_unet.gui.widgets.editors import ChoiceEditor
from napari_unet.gui.widgets.forms import SettingsForm
from napari_unet.gui.widgets.parts import (
    Hint,
    add_field,
    allow,
    button,
    form_rows,
    narrow,
    row,
)
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    import napari.viewer

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
        self._build_what()
        self._build_labels()
        self.movie = MovieForm(self.session, OWNER, self.labels.layer, self._linking)
        self.save_movie = button("Save movie", "export.save_movie", "Write the overlay movie")
        self.save_still = button(
            "Save this frame", "export.save_still", "Write the picture above as PNG at 300 dpi"
        )
        self.column.section("Overlay movie", self.movie, row(self.save_movie, self.save_still))
        self._build_cells()
        self.column.addStretch(1)
        self._build_progress()
        self._connect()
        self.watch()

    @property
    def labels(self) -> LabelsMenu:
        """The labels that are exported."""
        return self.target.labels

    # ---- parts ------------------------------------------------------------------------------

    def _build_what(self) -> None:
        self.target = ExportTarget(self.session, OWNER)
        self.why_not = Hint(name="export.hint")
        self.column.section("What and where", self.target, self.why_not)

    def _build_labels(self) -> None:
        self.format = QComboBox(objectName="export.format")
        for kind in LABEL_FORMATS.values():
            self.format.addItem(kind.title, kind.name)
        for name, title in PROBABILITIES.items():
            self.format.addItem(title, name)
        self.format.setCurrentIndex(self.format.findData("imagej"))
        self.format.setToolTip("ImageJ opens in Fiji with time and µm; OME-TIFF in most software")
        self.meaning = ChoiceEditor(_MEANINGS)
        self.meaning.setObjectName("export.meaning")
        for menu in (self.format, self.meaning):
            _switch_off_missing(narrow(menu))
        self.meaning.setProperty("tip", "What the pixels of a cell hold; also the table's track_id")
        self.save_labels = button("Save labels", "export.save_labels", "Write the labels")
        self.save_table = button(
            "Save table", "export.save_table", "One row per cell and frame: place, size, brightness"
        )
        self.columns = SettingsForm(
            TableSettings(), None, OWNER, plain=(), more="Columns of the table"
        )
        rows = form_rows()
        add_field(rows, "Format", self.format)
        add_field(rows, "Values", self.meaning)
        buttons = row(self.save_labels, self.save_table)
        self.column.section("Labels and table", rows, self.columns, buttons)

    def _build_cells(self) -> None:
        self.cells = CellsPanel(self.session, OWNER, self.labels.layer, self._to_link)
        self.column.section("Cells on screen", self.cells)

    def _build_progress(self) -> None:
        self.foot.cancel.setProperty("tip", "Stop; nothing is written")
        self.replace = button("Replace", "export.replace", "Write over the earlier file")
        self.keep = button("Keep the old one", "export.keep_old")
        self.foot.add(Flow(self.replace, self.keep))
        self._forget_question()

    def _connect(self) -> None:
        for part, act in (
            (self.save_labels, self._save_labels),
            (self.save_table, self._save_table),
            (self.save_movie, self._save_movie),
            (self.save_still, self._save_still),
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
            self.format.currentIndexChanged,
        ):
            signal.connect(lambda *_: self.update_state())
        for signal in (self.format.currentIndexChanged, self.target.folder_changed):
            signal.connect(lambda *_: self._forget_question())
        session = self.session
        session.lifetime.connect(session.movie.frame_changed, self._show_frame, self)

    # ---- a user acts ----------------------------------------------------------------------

    def _save_labels(self) -> None:
        chosen = self.format.currentData()
        stack = self.session.movie.stack
        name = labels_name(stack.name, chosen) if stack else ""
        self._save("Saving labels", name, lambda export: export.write_labels(chosen))

    def _save_table(self) -> None:
        self._save("Saving the table", TABLE, lambda x: x.write_table(self.columns.value()))

    def _save_movie(self) -> None:
        kind = self.movie.kind()

        def write(export: Export) -> Any:
            movie = self.movie
            return export.write_movie(movie.overlay(), movie.screen_look(), kind, movie.earlier())

        def steps(export: Export) -> int:
            return export.movie_steps(self.movie.overlay())

        self._save("Saving the movie", movie_name(kind), write, steps=steps)

    def _save_still(self) -> None:
        frame = self.session.movie.frame

        def write(export: Export) -> Any:
            movie = self.movie
            return export.write_still(movie.overlay(), movie.screen_look(), frame, movie.earlier())

        def steps(export: Export) -> int:
            return export.still_steps(self.movie.overlay(), frame)

        self._save("Saving the frame", still_name(frame), write, steps=steps)

    def _save(
        self,
        title: str,
        name: str,
        write: Callable[[Export], Any],
        overwrite: bool = False,
        steps: Callable[[Export], int] = lambda export: len(export.frames),
    ) -> None:
        """Start writing; an earlier file is replaced only after a yes, asked in the dock."""
        self._forget_question()
        job = self.session.job
        with job.refusing(OWNER):
            folder = self.target.place()
            export = self._export(folder, overwrite)
            total = steps(export)
            if (folder / name).exists() and not overwrite:
                job.say(OWNER, f"{name} is in that folder already. Replace it?", failed=True)
                self._again = lambda: self._save(title, name, write, True, steps)
                self.replace.show()
                self.keep.show()
                return
            job.start(
                Task(
                    OWNER,
                    title,
                    lambda: _noticing(write(export), export),
                    total=total,
                    on_done=lambda done: Ended(f"Saved {done[0]}", done[1]),
                    cancelled_line="Cancelled. Nothing was written.",
                )
            )

    def _to_link(self) -> Export:
        self._forget_question()
        return self._export(Path(), overwrite=False)

    def _linking(self) -> Linking:
        live = self.target.live()
        frozen = partial(frozen_by_hand, live.corrections if live else None)
        return Linking(self.meaning.value(), self.target.positions(), frozen)

    def _export(self, folder: Path, overwrite: bool) -> Export:
        layer = self.labels.layer()
        if layer is None:
            raise BadInput("no labels are chosen", "a Labels layer", "segment the movie first")
        stack, labels = self.session.movie.require_stack(), self.session.labels
        live, frames = self.target.live(), LayerFrames(layer.data, stack, layer.name)
        corrections = live.corrections if live else None
        found = [*frames.notices, *self.target.notices()]  # grows as it is written
        made_by = replace(labels.provenance(layer), notices=found)
        return Export(
            stack,
            frames,
            folder,
            WriteOptions(self.target.positions(), overwrite, made_by, found),
            meaning=self.meaning.value(),
            threshold=labels.settings.threshold if live else None,
            corrected=corrections.ids if corrections else None,
            probabilities=live.probabilities if live else None,
            frozen=partial(frozen_by_hand, corrections),
            classes=bool(live and live.classes),
        )

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
        allow(self.save_table, why_not)
        self.cells.allow(why_not)
        live, chosen = self.target.live(), self.format.currentData()
        pixels = chosen in PROBABILITIES
        unknown = pixels and (live is None or live.probabilities is None)
        allow(self.save_labels, why_not or ("Segment the movie first" if unknown else ""))
        self.save_labels.setText("Save probabilities" if pixels else "Save labels")
        always = "These files always have one id per cell through time" if chosen == "ctc" else ""
        allow(self.meaning, "Probabilities have no ids" if pixels else always)
        for part in (self.save_movie, self.save_still):
            allow(part, why_not or self.movie.why_not())
        mine = self.session.job.state.owner == OWNER and bool(self.busy())
        self.why_not.say(f"{why_not}." if why_not and not mine else self.target.unfinished())
        self._show_frame()

    def _show_frame(self, *_: Any) -> None:
        """Show the frame on screen in the preview and in the table."""
        self.movie.preview.update_scene()
        self.cells.update_cells()


def _noticing(writing: Any, export: Export) -> Any:
    """Write, and return the path with what was left out, or is odd about the labels."""
    found, labels = export.options.found, export.labels
    assert isinstance(labels, LayerFrames)
    found.extend(labels.odd())
    path = yield from writing
    return path, found


def _switch_off_missing(menu: QComboBox) -> None:
    """Switch off what needs an extra that is not installed, and say which."""
    items = menu.model()
    assert isinstance(items, QStandardItemModel)
    for index in range(menu.count()):
        extra, item = missing_extra(menu.itemData(index)), items.item(index)
        if extra and item is not None:
            item.setEnabled(False)
            item.setText(f"{item.text()} (needs [{extra}])")
            item.setToolTip(f'Not installed: pip install "napari-unet-live[{extra}]"')
