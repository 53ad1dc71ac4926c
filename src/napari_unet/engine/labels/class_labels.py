"""From the probabilities of exclusive classes to labels: at each pixel the number of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.labels.codes import threshold_code
from napari_unet.engine.labels.labels import label_frame, object_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.settings import LabelSettings

_PREFIX = "class "


def class_outputs(classes: Sequence[int]) -> tuple[str, ...]:
    """Name the outputs of a network that tells classes apart: *object*, then one for each."""
    return ("object", *(f"{_PREFIX}{number}" for number in classes))


def classes_of(outputs: Sequence[str]) -> tuple[int, ...]:
    """Numbers of the classes that outputs tell apart; () for a model of objects."""
    return tuple(class_number(name) for name in outputs if name.startswith(_PREFIX))


def class_number(name: str) -> int:
    """Return the number of the class that an output tells."""
    return int(name.removeprefix(_PREFIX))


def labels_of(
    codes: NDArray[np.uint8], outputs: Sequence[str], settings: LabelSettings
) -> NDArray[np.uint16]:
    """Label one frame of codes ``(C, Y, X)`` of named outputs: classes, or ids of objects."""
    if classes_of(outputs):
        return label_classes(codes, outputs, settings)
    return label_frame(object_codes(codes, outputs), settings)


def label_classes(
    codes: NDArray[np.uint8], outputs: Sequence[str], settings: LabelSettings
) -> NDArray[np.uint16]:
    """Class of each pixel, ``(Y, X)`` uint16; 0 where it is none.

    A pixel where *object* is above the threshold has the likeliest of the classes that are above
    their own thresholds. Sizes are of objects and play no part.
    """
    best = np.zeros(codes.shape[1:], np.uint8)
    labels = np.zeros(codes.shape[1:], np.uint16)
    inside = codes[0] >= threshold_code(settings.threshold)
    least = dict(enumerate(settings.class_thresholds))
    planes = [i for i, name in enumerate(outputs) if name.startswith(_PREFIX)]
    for k, (plane, number) in enumerate(zip(planes, classes_of(outputs), strict=True)):
        likelier = inside & (codes[plane] > best)
        if least.get(k, 0.0) > 0:
            likelier &= codes[plane] >= threshold_code(least[k])
        best[likelier], labels[likelier] = codes[plane][likelier], number
    return labels
