"""The region of a frame that is on screen, in pixels of the movie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_unet.engine.tiles import Box

_BEYOND = 32  # px on each side, so that a cell at the edge of the window is whole


def region_on_screen(viewer: Viewer, image: Image) -> Box:
    """Give the y and x slices of a movie's frame that the window shows, and a little around them.

    Raises
    ------
    BadInput
        Where the window shows none of it, or shows it in 3D.

    """
    low, high = (corner[-2:].tolist() for corner in image.corner_pixels)
    if viewer.dims.ndisplay == 3 or any(b <= a for a, b in zip(low, high, strict=True)):
        raise BadInput(
            "no part of a frame is on screen", "some of it, in 2D", "press napari's Home button"
        )
    y, x = (
        slice(max(0, a - _BEYOND), min(n, b + 1 + _BEYOND))
        for a, b, n in zip(low, high, image.data.shape[-2:], strict=True)
    )
    return y, x
