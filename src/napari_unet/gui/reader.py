"""The lazy way into napari: ``viewer.open(path, plugin="napari-unet-live")``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_SUFFIXES = (".tif", ".tiff")


def get_reader(
    path: str | list[str],
) -> Callable[[str], list[tuple[Any, dict[str, Any], str]]] | None:
    """Give the reader for a TIFF or a folder of TIFFs; None for anything else."""
    if not isinstance(path, str):
        return None
    place = Path(path)
    if place.is_dir():
        found = any(p.suffix.lower() in _SUFFIXES for p in place.iterdir())
    else:
        found = place.name.lower().endswith(_SUFFIXES)
    return read_movie if found else None


def read_movie(path: str) -> list[tuple[Any, dict[str, Any], str]]:
    """Layers of a movie, one a channel: lazy, with axis labels, scale and units."""
    from napari_unet.engine.stack import Stack
    from napari_unet.gui.layers import movie_layers

    return movie_layers(Stack.open(path))
