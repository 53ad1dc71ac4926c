"""How a movie is computed, settled by one machine and adopted by others: they compute the same."""

# ruff: noqa: SLF001 - what belongs to a predictor, and to no file of its own but by length

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.prediction.precision import Settled
from napari_unet.engine.prediction.predictor import CALIBRATION_FRAMES, EnsemblePredictor

if TYPE_CHECKING:
    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.stack.stack import Stack


def settled_by(predictor: Predictor) -> Settled:
    """Return what a predictor measured and checked on its movie, and what computes."""
    if isinstance(predictor, EnsemblePredictor):
        members = tuple(settled_by(one) for one in predictor._each)
        return members[0]._replace(scaling=None, members=members)
    one, scaling = predictor._backend, predictor._normaliser.fixed
    return Settled(one.device.type, one.name.split()[0], one.precision, scaling)


def adopt(predictor: Predictor, settled: Settled, movie: Stack) -> None:
    """Let a predictor do as another one settled for a movie: nothing is measured or checked."""
    if isinstance(predictor, EnsemblePredictor):
        for one, member in zip(predictor._each, settled.members, strict=True):
            adopt(one, member, movie)
        return
    with predictor._lock:
        predictor._measured, predictor._checked = movie, True
        predictor._normaliser.fixed = settled.scaling
        if settled.precision != predictor._exact.precision:
            learns = settled.precision == "int8"  # from frames, the same ones everywhere
            samples = predictor._samples(movie, CALIBRATION_FRAMES * learns)
            predictor._backend = predictor._exact.at(settled.precision, samples)
