"""A movie at several resolutions in one layer: napari draws as fine a one as the screen shows.

The finest is what is segmented, painted on and exported: the layer's shape and place are its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_unet.engine.stack.lazy_frames import LazyFrames


def finest(layer: Image) -> Any:
    """Return the layer's array; of several resolutions the finest."""
    return layer.data[0] if layer.multiscale else layer.data


def as_layer(levels: list[LazyFrames]) -> tuple[Any, dict[str, Any]]:
    """Return what an Image layer takes for its data, and what it is told of it."""
    return (levels, {"multiscale": True}) if len(levels) > 1 else (levels[0], {})


def show_frames(layer: Image, levels: list[LazyFrames]) -> None:
    """Show another channel, z or position of the movie in the layer that showed the former one."""
    layer.data = levels if layer.multiscale else levels[0]


def read_ahead(data: Any, frame: int | None = None) -> None:
    """Read the frame that napari goes to, else the middle one, at each resolution of ``data``.

    It is kept until it is drawn.
    """
    for frames in data if isinstance(data, list) else [data]:
        frames[(len(frames) - 1) // 2 if frame is None else min(frame, len(frames) - 1)]
