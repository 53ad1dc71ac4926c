"""The movie of an image layer: the one it was opened from, else the file behind it or its array."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.kinds import MOVIE_SUFFIXES
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.levels import finest

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_unet.engine.settings import Selection
    from napari_unet.engine.stack.stack import Stack

logger = logging.getLogger(__name__)


def stack_of(image: Image, selection: Selection) -> Stack:
    """Return the movie that a layer shows, with the scale that the layer says where no file does.

    Raises
    ------
    BadInput
        Where the file or the array is no movie of images, or lacks what the selection asks for.

    """
    from napari_unet.engine.stack.stack import Stack

    shown = layers.stack_behind(image)
    if shown is not None:
        return shown if shown.selection == selection else shown.select(**dict(selection))
    pixel_size, frame_interval, z_step = layers.scale_of(image)
    opened = _behind(image, selection)
    if opened is not None:
        return opened.select(
            # its own stays its own: pixels may be oblong
            pixel_size=selection.pixel_size or (None if opened.pixel_size else pixel_size),
            frame_interval=selection.frame_interval or opened.frame_interval or frame_interval,
            z_step=selection.z_step or (None if opened.z_step else z_step),
        )
    return Stack.from_array(
        finest(image),
        selection,
        axes=selection.axes or layers.axes_of(image),
        name=image.name,
        pixel_size=pixel_size,
        z_step=z_step,
        frame_interval=frame_interval,
    )


def _behind(image: Image, selection: Selection) -> Stack | None:
    """Open the file or folder that another reader made the layer from, where it shows the same.

    Then corrections are kept beside it; an array is kept nowhere.
    """
    from napari_unet.engine.stack.stack import Stack

    path = image.source.path
    if path is None or image.multiscale:
        return None
    if not (path.lower().endswith(MOVIE_SUFFIXES) or Path(path).is_dir()):
        return None
    try:
        stack = Stack.open(Path(path), selection)
    except BadInput as error:
        logger.info("%s is taken from its layer: %s", path, error)
        return None
    missing_too = stack.dtype.kind == "f"  # NaN is no other NaN's equal, unless one asks for it
    looked_at = {0, len(stack) // 2, len(stack) - 1}  # files may have another order there
    if stack.shape == image.data.shape and all(
        np.array_equal(stack[t], np.asarray(image.data[t]), equal_nan=missing_too)
        for t in looked_at
    ):
        return stack
    stack.close()
    return None
