"""How the overlay movie looks: style, what it is compared with, *Look*, and a live preview."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.export.target.formats import MOVIE_FORMATS
from napari_unet.engine.settings import OverlaySettings
from napari_unet.gui.dock.layer_menu import LabelsMenu
from napari_unet.gui.export.preview import KeptLinks, Preview, Scene
from napari_unet.gui.export.screen_look import ScreenLook, look_on_screen
from napari_unet.gui.viewer.label_frames import LayerFrames
from napari_unet.gui.widgets.editors import ChoiceEditor
from napari_unet.gui.widgets.forms import SettingsForm
from napari_unet.gui.widgets.parts import Column, Fold, add_field, allow, button, form_rows, narrow
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.layers import Labels

    from napari_unet.engine.export.target.formats import Meaning
    from napari_unet.engine.export.tracks.family_links import FamilyLinks
    from napari_unet.engine.export.tracks.links import Links
    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.tracks.by_hand import ByHand
    from napari_unet.gui.export.join_sections import JoinSections
    from napari_unet.gui.session.session import Session

_STYLES = {
    "contours": "Outlines",
    "filled": "Filled",
    "side_by_side": "Raw | overlay",
    "probability": "Raw | prob. | overlay",
    "before_after": "Before | after",
}
_NOT_IN_LOOK = ("style", "fps", "section")  # always in sight, or of volumes only
_BY_PERCENTILE = ("low", "high")


@dataclass(frozen=True)
class Linking:
    """How cells are linked through time in what is exported, over which frames; which cells alone.

    Without ``cells`` (frame, id) all are exported.
    """

    meaning: Meaning
    positions: tuple[int, ...]
    by_hand: Callable[[], ByHand]
    cells: tuple[tuple[int, int], ...] = ()


class MovieForm(QWidget):
    """Edits an `OverlaySettings` and shows the frame on screen with it.

    ``style_of_movie`` stands where the dock wants it.
    """

    changed = Signal()

    def __init__(
        self,
        session: Session,
        owner: str,
        layer: Callable[[], Labels | None],
        linking: Callable[[], Linking],
        join: JoinSections,
    ) -> None:
        super().__init__()
        self._session, self._layer, self._linking = session, layer, linking
        self._join = join
        self.style_of_movie = ChoiceEditor(_STYLES)
        self.style_of_movie.setObjectName(f"{owner}.movie_style")
        self.before = LabelsMenu(session, f"{owner}.before", "The labels shown as before")
        self.format = QComboBox(objectName=f"{owner}.movie_format")
        for kind, words in MOVIE_FORMATS.items():
            self.format.addItem(words, kind)
        self.format.setToolTip("mp4 plays anywhere; AVI opens in Fiji")
        narrow(self.format)
        self.section = QComboBox(objectName=f"{owner}.section")
        self.section.setToolTip("What of a volume the movie shows")
        narrow(self.section)
        self._build_look(owner)
        self.preview = Preview(self.scene)
        connect = partial(session.lifetime.connect, owner=self)
        self._kept_links = KeptLinks(self.preview.update_scene, connect)
        self._rows = form_rows()
        add_field(self._rows, "Before", self.before.native)
        add_field(self._rows, "Sections", self.section)
        fps = self.speed.editor("fps")
        fps.setSuffix(" fps")
        column = Column(self)
        column.add(self._rows, Flow(self.format, fps, shares=(1, 0)))
        column.add(self.preview, self.preview.note, self.more)
        self._watch(session)
        self._show_sections()
        self._resolve()

    def _build_look(self, owner: str) -> None:
        fields = [f for f in OverlaySettings.model_fields if f not in _NOT_IN_LOOK]
        self.speed = SettingsForm(OverlaySettings(), (), owner, apart=("fps",))
        self.look = SettingsForm(OverlaySettings(), fields, owner, plain=fields)
        self.on_screen = QCheckBox("Contrast as on screen", objectName=f"{owner}.as_on_screen")
        self.on_screen.setToolTip("Else black and white are percentiles of the whole movie")
        self.on_screen.setChecked(True)
        self.crop_view = button(
            "Crop to view",
            f"{owner}.crop_view",
            "Show only the part that is on screen; again for all",
        )
        inside = QWidget()
        Column(inside).add(self.on_screen, self.look, self.crop_view)
        self.more = Fold("Look", lambda: inside)

    def _watch(self, session: Session) -> None:
        join = self._join.toggled
        for signal in (self.style_of_movie.valueChanged, self.on_screen.toggled, join):
            signal.connect(self._resolve)
        self.look.valueChanged.connect(self._announce)
        session.lifetime.connect(self.before.chosen, self._announce, self)
        self.crop_view.clicked.connect(self._on_crop)
        self.section.currentIndexChanged.connect(self._announce)
        session.lifetime.connect(session.movie.changed, self._show_sections, self)

    # ---- what is chosen ---------------------------------------------------------------------

    def overlay(self) -> OverlaySettings:
        """Return the settings; `BadInput` names a field that cannot be."""
        fps, style = self.speed.value().fps, self.style_of_movie.value()
        look = self.look.value().replace(fps=fps, style=style)
        return look.replace(section=self.section.currentData())

    def kind(self) -> str:
        """Return the movie's suffix; empty for one picture for each frame."""
        return str(self.format.currentData())

    def screen_look(self) -> ScreenLook:
        """Return contrast and colours, as on screen or to be measured."""
        return look_on_screen(self._session, self._layer(), contrast=self.on_screen.isChecked())

    def earlier(self) -> Frames | None:
        """Return the labels to compare with, where the style does."""
        layer = self.before.layer()
        if self.style_of_movie.value() != "before_after" or layer is None:
            return None
        stack = self._session.movie.require_stack()
        return self._join.labels(LayerFrames(layer.data, stack, layer.name))

    def probabilities(self) -> Any:
        """Return the movie's probabilities, where the style shows them."""
        live = self._session.labels.live
        shown = self.style_of_movie.value() == "probability" and live is not None
        return live.probabilities if shown and live else None

    def why_not(self) -> str:
        """Why the chosen style cannot be made now; empty where it can."""
        style = self.style_of_movie.value()
        if style == "probability" and self.probabilities() is None:
            return "Segment the movie first"
        if style == "before_after" and self.before.layer() in (None, self._layer()):
            return "Choose other labels under Before to compare with"
        return ""

    def scene(self) -> Scene | None:
        """Return what the preview shows; None where there is nothing to show."""
        layer, stack = self._layer(), self._session.movie.stack
        if layer is None or stack is None or self.why_not():
            return None
        scene = Scene(
            stack,
            LayerFrames(layer.data, stack, layer.name),
            self._session.movie.frame,
            self.overlay(),
            self.screen_look(),
            self.probabilities(),
            self.earlier(),
            None if self._join.wanted else self._links(layer, stack),
        )
        return self._join.scene(scene)

    def _links(self, layer: Labels, stack: Stack) -> Links | FamilyLinks | None:
        """Return what tails, linked colours or some cells alone need; None where nothing does."""
        chosen = self._linking()
        follows = self.overlay().tail > 0 or chosen.meaning in ("linked", "laptrack")
        wanted = follows or chosen.cells
        if not wanted or self._session.movie.frame not in chosen.positions:
            return None
        frames = LayerFrames(layer.data, stack, layer.name)
        key = (id(layer.data), stack, chosen.meaning, chosen.positions, chosen.cells)
        key = (*key, follows) if chosen.cells else key
        return self._kept_links.find(layer, key, lambda: _begin(chosen, frames, stack, follows))

    # ---- what follows -----------------------------------------------------------------------

    def _announce(self, *_: Any) -> None:
        self.changed.emit()

    def _resolve(self, *_: Any) -> None:
        """Show the fields that the choices call for."""
        self._rows.setRowVisible(self.before.native, self.style_of_movie.value() == "before_after")
        for name in _BY_PERCENTILE:
            editor = self.look.editors[name]
            editor.setProperty("tip", editor.property("tip") or editor.toolTip())
            allow(editor, "Contrast is as on screen" if self.on_screen.isChecked() else "")
        allow(self.look.editors["opacity"], "" if self._filled() else "Only in style Filled")
        self.changed.emit()

    def _show_sections(self) -> None:
        """Offer the sections of volumes, of which a movie shows one or their maximum."""
        stack = self._session.movie.stack
        n = stack.n_z if stack is not None and stack.dims == 3 else 0
        if self.section.count() != n + 1:
            with signals_blocked(self.section):
                self.section.clear()
                self.section.addItem("maximum of all", None)
                for z in range(n):
                    self.section.addItem(str(z), z)
        self._rows.setRowVisible(self.section, n > 0)

    def _filled(self) -> bool:
        return self.style_of_movie.value() == "filled"

    def _on_crop(self) -> None:
        """Crop to what the canvas shows; back to the whole frame where that is cropped already."""
        image, stack = self._session.movie.image, self._session.movie.stack
        if image is None or stack is None:
            return
        (y0, x0), (y1, x1) = np.asarray(image.corner_pixels)[:, -2:].tolist()
        height, width = stack.frame_shape[-2:]
        crop = max(0, y0), max(0, x0), min(height, y1 + 1), min(width, x1 + 1)
        settings = self.look.value()
        whole = crop == (0, 0, height, width) or crop == settings.crop
        empty = crop[2] - crop[0] < 2 or crop[3] - crop[1] < 2
        self.look.setValue(settings.replace(crop=None if whole or empty else crop))


def _begin(chosen: Linking, labels: Frames, stack: Stack, follows: bool) -> Links | FamilyLinks:
    """Return links that have found nothing yet; of some cells alone where they are chosen."""
    from napari_unet.engine.export.tracks.family_links import FamilyLinks
    from napari_unet.engine.export.tracks.links import Links

    def follow(found: Frames) -> Links:
        spacing = stack.spacing if stack.dims == 3 else None
        how = chosen.positions, chosen.meaning, chosen.by_hand, spacing
        return Links(found, stack.frame_shape, *how)

    if not chosen.cells:
        return follow(labels)
    search = _search(chosen, labels, stack)
    return FamilyLinks(chosen.positions, search, follow if follows else None)


def _search(chosen: Linking, labels: Frames, stack: Stack) -> Generator[int, None, Frames]:
    """Find the chosen cells as the export does."""
    from napari_unet.engine.export.target.writing import WriteOptions
    from napari_unet.engine.jobs.export import Export

    options = WriteOptions(chosen.positions)
    whole = Export(stack, labels, Path(), options, chosen.meaning, by_hand=chosen.by_hand)
    return (yield from whole.of_cells(chosen.cells)).labels
