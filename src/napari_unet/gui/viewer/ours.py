"""What is remembered of a layer: the name we gave it, its suited brush, the export it is of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.gui.viewer.layers import OURS

if TYPE_CHECKING:
    from napari.layers import Labels, Layer
    from napari.viewer import Viewer

    from napari_unet.engine.stack.stack import Stack


def name_layer(layer: Layer, name: str) -> None:
    """Give a layer of ours a name, and remember that it is ours."""
    layer.name = name
    layer.metadata[OURS]["name"] = layer.name


def named_by_us(layer: Layer) -> bool:
    """Whether a layer still has the name that we gave it."""
    ours = layer.metadata.get(OURS)
    return isinstance(ours, dict) and ours.get("name") == layer.name


def note_export(layer: Labels, stack: Stack, file: Path) -> None:
    """Remember that labels are those that were exported of a movie, and where they lie."""
    layer.metadata.setdefault(OURS, {})["exported"] = (_name_of(stack), str(file))


def export_of(viewer: Viewer, stack: Stack) -> Path | None:
    """Return where the exported labels of a movie lie that are among the layers; None of none."""
    for layer in viewer.layers:
        ours = layer.metadata.get(OURS)
        movie, file = ours.get("exported", ("", "")) if isinstance(ours, dict) else ("", "")
        if file and movie == _name_of(stack):
            return Path(file)
    return None


def _name_of(stack: Stack) -> str:
    return f"{stack.path}, {stack.selection.position or 0}"


def suit_brush(layer: Labels, frame: int) -> None:
    """Give the brush a third of the diameter of the frame's cells, once for each layer."""
    ours = layer.metadata.setdefault(OURS, {})
    if not isinstance(ours, dict) or "brush" in ours:
        return
    shown = np.asarray(layer.data[frame] if layer.ndim > 2 else layer.data)
    if shown.ndim > 2:  # of a volume a section in the middle: the brush is flat
        shown = shown[len(shown) // 2]
    sizes = np.bincount(shown.ravel())[1:BACKGROUND_ID]
    if sizes.any():
        diameter = 2 * np.sqrt(np.median(sizes[sizes > 0]) / np.pi)
        ours["brush"] = layer.brush_size = max(1, round(float(diameter) / 3))
