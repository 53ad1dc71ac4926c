"""Movies of squares, whose annotations can be counted by hand."""

import numpy as np

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.stack.stack import Stack

SHAPE = (24, 32)


def stack(frames, name="movie"):
    return Stack.from_array(np.asarray(frames), axes="TYX", name=name)


def painted(n_frames, ids=(1, 2), shape=SHAPE):
    """Frames with a 4 x 4 px square for each id, along the x axis."""
    frames = np.zeros((n_frames, *shape), np.uint16)
    for k, ident in enumerate(ids):
        frames[:, 8:12, 3 + 7 * k : 7 + 7 * k] = ident
    return frames


def annotations(n_frames, positions=None, ids=(1, 2, 3, 4)):
    frames = painted(n_frames, ids)
    chosen = range(n_frames) if positions is None else positions
    return Annotations.from_labels(stack(frames), stack(frames), chosen)
