"""*Save archive*: one zip of all behind the labels, for a repository of data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.formats import ARCHIVE
from napari_unet.gui.export.products import Product
from napari_unet.gui.widgets.parts import Column, allow, button
from napari_unet.gui.widgets.wrapping import Flow, WrapCheck

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_unet.engine.jobs.export import Export
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.settings import TableSettings
    from napari_unet.gui.export.export_target import ExportTarget
    from napari_unet.gui.session.session import Session

_TIP = (
    "Write one zip for a repository of data: model, recipe, corrections, labels, table, "
    "versions, checksums and methods text. napari-unet verify makes the labels again from it"
)


class ArchiveRow(QWidget):
    """The button, and whether the movie and the names of users go with it."""

    def __init__(self, session: Session, owner: str, target: ExportTarget) -> None:
        super().__init__()
        self._session, self._target = session, target
        self.save = button("Save archive", f"{owner}.save_archive", _TIP)
        self.with_image = WrapCheck("with the movie", f"{owner}.with_image")
        self.with_image.setProperty("tip", "Put the movie's files into the zip, too")
        self.with_names = WrapCheck("with names", f"{owner}.with_names")
        self.with_names.setProperty(
            "tip", "Say by name who corrected; without it they are user 1, user 2 and so on"
        )
        Column(self).add(Flow(self.save, self.with_image, self.with_names, shares=(1, 0, 0)))

    def update_state(self, why_not: str) -> None:
        """Resolve whether there is something to archive, and say why not."""
        allow(self.save, why_not or self._why_not())
        stack = self._session.movie.stack
        no_file = stack is None or stack.path is None
        allow(self.with_image, "The movie is not a file" if no_file else "")
        live = self._target.live()
        named = live is not None and bool(live.corrections.authors)
        allow(self.with_names, "" if named else "Nobody corrected these labels")

    def _why_not(self) -> str:
        live = self._target.live()
        if live is None or live.probabilities is None:
            return "An archive is of labels that a model made here: segment the movie first"
        return "" if self._session.labels.model is not None else "Their model is not open yet"

    def product(self, columns: TableSettings) -> Product:
        """Return what writes it."""
        from napari_unet.engine.jobs.archive.write_archive import archive_steps

        live, model = self._target.live(), self._session.labels.model
        assert live is not None
        assert model is not None
        boxes = {"with_image": self.with_image, "with_names": self.with_names}
        parts = {name: box.isEnabled() and box.isChecked() for name, box in boxes.items()}

        def write(export: Export) -> Generator[int, None, Path]:
            return _write(export, live, model, columns, **parts)

        return Product("the archive", ARCHIVE, write, archive_steps, of_cells=False)


def _write(
    export: Export, live: LiveLabels, model: Model, columns: TableSettings, **parts: bool
) -> Generator[int, None, Path]:
    from napari_unet.engine.jobs.archive.write_archive import (
        MadeFrom,
        predicted_with,
        write_archive,
    )

    probabilities: Probabilities = live.probabilities
    if probabilities.key.get("model") != model.sha256:
        raise BadInput(
            f"the model {model.name} is not the one that made these labels",
            f"sha256 {probabilities.key.get('model')}",
            "segment the movie with the model that is chosen",
        )
    segmented = tuple(t for t, done in enumerate(probabilities.computed) if done)
    settings = predicted_with(probabilities.key)
    made = MadeFrom(model, settings, live.settings, segmented, live.corrections)
    path, inside = export.folder / ARCHIVE, replace(export, meaning="ids")
    return (yield from write_archive(path, inside, made, columns, **parts))
