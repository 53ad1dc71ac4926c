"""A frame that counts whole but is half painted would teach that cells are background."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
from napari_unet.engine.annotations.frame_annotation import unpainted
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack

_LOOKED_AT = 4  # frames, those with the fewest cells: the likeliest to be half painted
_FEWEST, _SHARE = 3, 0.2  # cells not painted: fewer are the model's mistakes, not the user's


def missing_cells(annotation: FrameAnnotation, seen: NDArray[np.integer]) -> int:
    """Count objects that a model has ``seen (Y, X)`` on supervised ground and nobody painted."""
    another = unpainted(seen, annotation.labels > 0)
    return int(np.count_nonzero(another[np.unique(seen[annotation.supervised])]))


def warning(
    annotations: Annotations, seen: Callable[[int], NDArray[Any] | None], remedy: str
) -> str:
    """Say where a model sees clearly more cells than are painted; empty where nowhere.

    ``seen(t)`` gives the labels that a model makes of frame ``t``, or None where it was not run;
    ``remedy`` is what to do if the cells are not to be painted.
    """
    if annotations.classes:
        return ""
    whole = {t: len(np.unique(a.labels)) - 1 for t, a in annotations.frames.items() if a.complete}
    for t in sorted(whole, key=whole.__getitem__)[:_LOOKED_AT]:
        labels = seen(t)
        if labels is None:
            continue
        missed = missing_cells(annotations.frames[t], labels)
        if missed >= _FEWEST and missed > _SHARE * whole[t]:
            return (
                f"Frame {t} counts as whole, yet the model sees {counted(missed, 'cell')} there "
                f"that are not painted. Paint them, or {remedy}: otherwise it learns that they "
                "are background."
            )
    return ""


def warning_of(model: Model | None, stack: Stack, annotations: Annotations, remedy: str) -> str:
    """Run a model on a few frames, and say where it sees clearly more cells than are painted."""
    if model is None:
        return ""
    from napari_unet.engine.labels.class_labels import labels_of
    from napari_unet.engine.prediction.predictor import open_predictor
    from napari_unet.engine.training.bases.start import adapted

    model = adapted([AnnotatedMovie(stack, annotations)], model)
    stack = stack.seen_by(model.config.in_channels)
    with closing(open_predictor(model)) as predictor:

        def seen(t: int) -> NDArray[np.uint16]:
            told = model.config.outputs, model.label_settings, stack.spacing
            return labels_of(predictor(stack[t]), *told)

        return warning(annotations, seen, remedy)


def missing_in_words(painted: Annotations, learned: Annotations) -> str:
    """Say how much of what is painted has no value in the movie; empty where all of it has."""
    of_all = sum(int(f.supervised.sum()) for f in painted.frames.values())
    without = of_all - sum(int(f.supervised.sum()) for f in learned.frames.values())
    if not without:
        return ""
    share = max(0.1, 100 * without / of_all)
    return f"{share:.2g} % of it is NaN or infinite in the movie and does not count"
