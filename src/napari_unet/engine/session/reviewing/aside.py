"""Labels of a frame, made aside: a look at all frames must not push out those on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.labels.labels import Basins, object_codes
from napari_unet.engine.session.frame_labels import FrameCache, FrameLabels, seen
from napari_unet.engine.session.predicted_objects import PredictedObjects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.session.live_labels import LiveLabels


def labels_aside(live: LiveLabels, frame: int) -> NDArray[np.uint16] | None:
    """Return the labels (Y, X) or (Z, Y, X) of a frame, whose basins are kept by nobody.

    None where the frame is neither predicted nor corrected. Takes a watershed, where it is not
    among the frames used last.
    """
    predicted = seen(live.probabilities, frame)
    if not predicted and frame not in live.corrections.frames():
        return None
    if live.is_prepared(frame):
        return np.asarray(live[frame], np.uint16)
    settings, corrections = live.settings, live.corrections
    basins = FrameCache.basins(live.probabilities, frame, settings, live.spacing)
    mask = live.state(frame)
    machine = None
    if isinstance(basins, Basins):
        machine = PredictedObjects(basins, mask, corrections.is_complete(frame))
        machine.name(corrections.ids(frame), corrections.reserved)
    return FrameLabels(live.shape[1:], machine, mask).labels(settings)


def count_curve(live: LiveLabels, frame: int) -> NDArray[np.int64]:
    """Count the cells of a frame, by the machine and by hand, at each of 256 thresholds.

    Place ``c`` is the threshold that lets codes above ``c`` through. Takes a watershed, and keeps
    nothing of it.
    """
    settings, corrections = live.settings, live.corrections
    basins = FrameCache.basins(live.probabilities, frame, settings, live.spacing)
    mask = live.state(frame)
    by_hand = len(mask.cells())
    if not isinstance(basins, Basins):
        return np.full(256, by_hand, np.int64)
    machine = PredictedObjects(basins, mask, corrections.is_complete(frame))
    return machine.count_curve(settings, mask.edited()) + by_hand


def levels_of(live: LiveLabels, frame: int) -> NDArray[np.uint8] | None:
    """Return the codes (Y, X) of a frame's cells; None where nothing is predicted."""
    probabilities = live.probabilities
    if probabilities is None or not live.computed(frame):
        return None
    return np.asarray(probabilities[frame][0])


def codes_of(live: LiveLabels, frame: int) -> NDArray[np.uint8] | None:
    """Return the codes (C, Y, X) of a frame's cells and of borders, if the model has any.

    None where nothing is predicted.
    """
    probabilities = live.probabilities
    if probabilities is None or not live.computed(frame):
        return None
    return object_codes(np.asarray(probabilities[frame]), probabilities.outputs)
