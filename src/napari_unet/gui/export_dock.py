"""Export: labels, a table and an overlay movie, streamed to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QFileDialog, QLineEdit
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import OverlaySettings
from napari_unet.gui.dock import Dock
from napari_unet.gui.exporting import (
    FORMATS,
    MOVIE,
    TABLE,
    Export,
    LabelFrames,
    checked_folder,
    labels_name,
)
from napari_unet.gui.forms import ChoiceEditor, SettingsForm
from napari_unet.gui.job import Task
from napari_unet.gui.layer_menu import LabelsMenu
from napari_unet.gui.parts import Hint, JobPanel, add_field, allow, button, form_rows, row

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer

OWNER = "export"
_STYLES = ("contours", "filled", "side_by_side", "probability")
_NOT_IN_FORM = ("style", "tail")  # the style is a menu of its own; tails need tracks
_MEANINGS = {
    "ids": "one id per cell and frame",
    "linked": "one id per cell through time",
    "mask": "1 for every cell",
}


class ExportDock(Dock):
    """From labels on screen to files that open elsewhere."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, OWNER)
        self._again: Callable[[], None] | None = None
        self._proposed = ""
        self._build_what()
        self._build_labels()
        self._build_movie()
        self._build_progress()
        self.column.addStretch(1)
        self.labels.chosen.connect(self.update_state)
        self.format.currentIndexChanged.connect(lambda _: self._forget_question())
        self.folder.textChanged.connect(lambda _: self._forget_question())
        self.session.movie_changed.connect(self._propose_folder)
        self._propose_folder()
        self.watch()

    # ---- parts ------------------------------------------------------------------------------

    def _build_what(self) -> None:
        self.labels = LabelsMenu(self.session, "export.labels", "The labels that are exported")
        self.frames = QLineEdit(objectName="export.frames")
        self.frames.setPlaceholderText("all, or 0,3-5")
        self.frames.setToolTip("Frames to export, counted from 0; empty for all")
        self.folder = QLineEdit(objectName="export.folder")
        self.folder.setPlaceholderText("folder to write to")
        browse = button("Browse…", "export.browse", "Choose the folder")
        browse.clicked.connect(self._on_browse)
        rows = form_rows()
        add_field(rows, "Labels", self.labels)
        add_field(rows, "Frames", self.frames)
        add_field(rows, "Folder", row(self.folder, browse, stretch=0))
        self.why_not = Hint(name="export.hint")
        self.column.section("What and where", rows, self.why_not)

    def _build_labels(self) -> None:
        self.format = QComboBox(objectName="export.format")
        for name, title in FORMATS.items():
            self.format.addItem(title, name)
        self.format.setToolTip("ImageJ opens in Fiji with time and µm; OME-TIFF in most software")
        self.meaning = ChoiceEditor(tuple(_MEANINGS))
        self.meaning.setObjectName("export.meaning")
        for index, words in enumerate(_MEANINGS.values()):
            self.meaning.setItemText(index, words)
        self.save_labels = button("Save labels", "export.save_labels")
        self.save_table = button(
            "Save table", "export.save_table", "One row per cell and frame: place, size, brightness"
        )
        rows = form_rows()
        add_field(rows, "Format", self.format)
        add_field(rows, "Values", self.meaning)
        self.column.section("Labels and table", rows, row(self.save_labels, self.save_table))
        self.save_labels.clicked.connect(self._save_labels)
        self.save_table.clicked.connect(self._save_table)

    def _build_movie(self) -> None:
        self.style_of_movie = ChoiceEditor(_STYLES)
        self.style_of_movie.setObjectName("export.movie_style")
        fields = [f for f in OverlaySettings.model_fields if f not in _NOT_IN_FORM]
        self.look = SettingsForm(OverlaySettings(), fields, OWNER, plain=("fps",), more="Look")
        self.save_movie = button(
            "Save movie", "export.save_movie", "Write an mp4 that plays anywhere"
        )
        rows = form_rows()
        add_field(rows, "Style", self.style_of_movie)
        self.column.section("Overlay movie", rows, self.look, self.save_movie)
        self.style_of_movie.valueChanged.connect(lambda _: self.update_state())
        self.save_movie.clicked.connect(self._save_movie)

    def _build_progress(self) -> None:
        self.panel = JobPanel(self.session.job, OWNER, OWNER)
        self.replace = button("Replace", "export.replace", "Write over the earlier file")
        self.keep = button("Keep the old one", "export.keep_old")
        question = row(self.replace, self.keep)
        self.replace.clicked.connect(self._on_replace)
        self.keep.clicked.connect(self._forget_question)
        self.column.add(self.panel, question)
        self._forget_question()

    # ---- a person acts ----------------------------------------------------------------------

    def _on_browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the export", self.folder.text())
        if chosen:
            self.folder.setText(chosen)

    def _save_labels(self) -> None:
        format, meaning = self.format.currentData(), self.meaning.value()  # noqa: A001
        stack = self.session.stack
        name = labels_name(stack.name, format) if stack else ""
        self._save("Saving labels", name, lambda export: export.write_labels(format, meaning))

    def _save_table(self) -> None:
        self._save("Saving the table", TABLE, lambda export: export.write_table())

    def _save_movie(self) -> None:
        def write(export: Export) -> Any:
            settings = self._overlay()
            live = self.session.labels.live
            shown = live.probabilities if settings.style == "probability" and live else None
            return export.write_movie(settings, shown)

        self._save("Saving the movie", MOVIE, write)

    def _save(
        self, title: str, name: str, write: Callable[[Export], Any], overwrite: bool = False
    ) -> None:
        """Start writing; an earlier file is replaced only after a yes, asked in the dock."""
        self._forget_question()
        try:
            folder = checked_folder(self.folder.text())
            export = self._export(folder, overwrite)
        except BadInput as error:
            self.session.job.say(OWNER, str(error), failed=True)
            return
        if (folder / name).exists() and not overwrite:
            self.session.job.say(
                OWNER, f"{name} is in that folder already. Replace it?", failed=True
            )
            self._again = lambda: self._save(title, name, write, overwrite=True)
            self.replace.show()
            self.keep.show()
            return
        self.session.job.start(
            Task(
                OWNER,
                title,
                lambda: write(export),
                total=len(export.positions),
                on_done=lambda path: f"Saved {path}",
                cancelled_line="Cancelled. Nothing was written.",
            )
        )

    def _export(self, folder: Path, overwrite: bool) -> Export:
        layer = self.labels.layer()
        if layer is None:
            raise BadInput("no labels are chosen", "a Labels layer", "segment the movie first")
        stack, labels = self.session.require_stack(), self.session.labels
        live = labels.live if layer is labels.layer else None
        return Export(
            stack,
            LabelFrames(layer, stack),
            folder,
            self._positions(),
            overwrite,
            labels.provenance(layer),
            threshold=labels.settings.threshold if live else None,
            corrected=live.corrections.ids if live else None,
        )

    def _positions(self) -> tuple[int, ...]:
        from napari_unet.engine.stack import parse_frames

        stack, text = self.session.require_stack(), self.frames.text().strip()
        return parse_frames(text, len(stack)) if text else tuple(range(len(stack)))

    def _overlay(self) -> OverlaySettings:
        return self.look.value().replace(style=self.style_of_movie.value())

    def _on_replace(self) -> None:
        if self._again is not None:
            self._again()

    def _forget_question(self) -> None:
        self._again = None
        self.replace.hide()
        self.keep.hide()

    # ---- what is shown ----------------------------------------------------------------------

    def _propose_folder(self) -> None:
        """Propose a folder beside the movie; one that a person typed stays."""
        stack = self.session.stack
        if stack is None or self.folder.text() not in ("", self._proposed):
            return
        place = stack.path.parent if stack.path else Path.home()
        name = stack.path.name.split(".")[0] if stack.path else stack.name
        self._proposed = str(place / f"{name} results")
        with signals_blocked(self.folder):
            self.folder.setText(self._proposed)

    def update_state(self) -> None:
        """Resolve which buttons can be pressed, and say why the others cannot."""
        no_labels = (
            ""
            if self.labels.layer() is not None
            else "Segment the movie first: there are no labels"
        )
        why_not = self.busy() or self.no_movie() or no_labels
        for part in (self.save_labels, self.save_table):
            allow(part, why_not)
        live = self.session.labels.live
        unknown = self.style_of_movie.value() == "probability" and (
            live is None or live.probabilities is None
        )
        allow(self.save_movie, why_not or ("Segment the movie first" if unknown else ""))
        mine = self.session.job.state.owner == OWNER and bool(self.busy())
        self.why_not.say(f"{why_not}." if why_not and not mine else self._unfinished())

    def _unfinished(self) -> str:
        live = self.session.labels.live
        if (
            live is None
            or live.probabilities is None
            or self.labels.layer() is not self.session.labels.layer
        ):
            return ""
        missing = len(live) - int(live.probabilities.computed.sum())
        return f"{missing} of {len(live)} frames are not segmented yet." if missing else ""
