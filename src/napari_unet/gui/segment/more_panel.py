"""*More* of Segment: how the network runs, how cells are made of it, files. Built when opened."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QWidget
from superqt.utils import signals_blocked

from napari_unet.gui.segment.recipe_row import RecipeRow
from napari_unet.gui.segment.region_sliders import CLASS_FIELDS
from napari_unet.gui.segment.run_on import RunOn
from napari_unet.gui.widgets.forms import SettingsForm
from napari_unet.gui.widgets.parts import Column, row

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.widgets.plots import LinePlot

LABEL_FIELDS = ("fill_holes", "split_strength", "max_size", "drop_border", "edge", *CLASS_FIELDS)
_RUN_FIELDS = ("diameter", "device", "accurate", "precision", "backend", "tile", "threads", "scale")
_RUN_IN_SIGHT = ("diameter", "device")


class MorePanel(QWidget):
    """Follows the session by itself; what a user edits goes there."""

    run_changed = Signal()

    def __init__(
        self, session: Session, owner: str, curve: LinePlot, load: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._session = session
        self.model_path = QLineEdit(objectName=f"{owner}.model_path")
        self.model_path.setPlaceholderText("path of a model file, then Enter")
        self.model_path.setToolTip(
            "A .safetensors model, .pth weights, a bioimage.io .zip; of several, parted by commas, "
            "the probabilities are averaged"
        )
        self.labels = SettingsForm(session.labels.settings, LABEL_FIELDS, owner, LABEL_FIELDS)
        self.run = SettingsForm(
            session.models.settings, _RUN_FIELDS, owner, _RUN_IN_SIGHT, "Speed and precision"
        )
        column = Column(self)
        run_on = RunOn(session, owner)
        files = row(self.model_path), RecipeRow(session, owner)
        column.add(self.labels, curve, run_on, self.run, *files)
        curve.show()
        self.model_path.returnPressed.connect(lambda: load(self.model_path.text().strip()))
        self.labels.valueChanged.connect(self._on_labels)
        self.run.valueChanged.connect(self._on_run)
        life = session.lifetime
        news = (session.labels.changed, session.movie.changed)
        life.connect_all((session.labels.settings_changed, *news), self.show_labels, self)
        life.connect_all((session.models.changed, *news), self.show_run, self)
        self.show_labels()

    def _on_labels(self, settings: Any) -> None:
        labels = self._session.labels
        changes = {field: getattr(settings, field) for field in LABEL_FIELDS}
        labels.set_settings(labels.settings.replace(**changes))

    def _on_run(self, settings: Any) -> None:
        self._session.models.settings = settings
        self.run_changed.emit()

    def show_run(self, *_: Any) -> None:
        """Show how it runs: the settings are those of another movie."""
        if self.run.value() != self._session.models.settings:
            with signals_blocked(self.run):
                self.run.setValue(self._session.models.settings)

    def show_labels(self, *_: Any) -> None:
        """Show how cells are made, or classes, which are not split."""
        session = self._session
        with signals_blocked(self.labels):
            self.labels.setValue(session.labels.settings)
        live, settings = session.labels.live, session.labels.settings
        of_classes = live is not None and bool(live.classes)
        of_cells = set(LABEL_FIELDS).difference(CLASS_FIELDS)
        self.labels.show_fields(CLASS_FIELDS if of_classes else of_cells)
        stack = session.movie.stack
        self.labels.editors["max_size"].setSuffix(in_pixels(settings.max_size, stack))


def in_pixels(size: int | None, stack: Stack | None) -> str:
    """Return the unit of a size, and what it is in µm² or µm³ where lengths are known."""
    solid = stack is not None and stack.dims == 3
    unit, real = ("voxels", "µm³") if solid else ("px", "µm²")
    if stack is None or stack.spacing is None or size is None:
        return f" {unit}"
    each = prod(stack.spacing) if solid else (stack.pixel_size or 0) ** 2
    return f" {unit} ({size * each:.3g} {real})"
