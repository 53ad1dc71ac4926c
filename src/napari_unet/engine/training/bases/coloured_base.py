"""A model of one channel as the start for coloured images: it takes the colour that suits it best.

Nuclei that are bright in fluorescence absorb red in tissue, so a model of such nuclei sees them in
the red channel turned over. What it knows of outlines and touching cells is worth many minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_unet.engine.labels.codes import threshold_code
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.model_files import bundled_models
from napari_unet.engine.network.network import network_codes
from napari_unet.engine.network.networks import build
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.unet import PlainUNetConfig
from napari_unet.engine.prediction.ensemble import Ensemble
from napari_unet.engine.stack.channels import RGB
from napari_unet.engine.training.bases.adapted_base import AdaptedBase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
    from napari_unet.engine.settings import Normalisation

Way = tuple[int, bool]  # a colour, and whether it is turned over
_LOOKED_AT = 3  # frames
_MIDDLE = 512  # px of each
_BETTER = 0.1  # of Dice: by less than that, grey levels stay
_TURNED = ("percentile", "minmax")  # normalisations that a turn leaves between 0 and 1
_FITS = 0.6  # of Dice: a model that sees less of the cells is no start for them


def coloured_base(movies: Sequence[AnnotatedMovie], base: Model) -> AdaptedBase | None:
    """Return a base of one channel for coloured movies; None where grey levels suit them as well.

    Each colour is tried as it is and turned over, on a few annotated frames of each movie.
    """
    if not all(map(_has_colours, movies)) or not _sees_objects(base):
        return None
    found = _overlaps(movies, base)
    best = max((way for way in found if way is not None), key=found.__getitem__)
    if found[best] < found[None] + _BETTER:
        return None
    return taking_colours(base, *best)


def _has_colours(movie: AnnotatedMovie) -> bool:
    return movie.stack.seen_by(len(RGB)) is not movie.stack


def fitting_base(movies: Sequence[AnnotatedMovie]) -> tuple[Model | None, float]:
    """Return the model of those that come with the program which sees the annotated cells best.

    And its Dice coefficient there, in grey levels or one of the colours; no model below 0.6. Of
    volumes it is looked at in the section that has most of the cells.
    """
    fits: Model | None = None
    best = 0.0
    for name in bundled_models():
        model = Model.load(name)
        grey = all(len(movie.stack.shape) == 1 + movie.stack.dims for movie in movies)
        if any(known.classes for _, known in movies) or not grey or not _sees_objects(model):
            continue
        overlap = max(_overlaps(movies, model).values())
        if overlap > best:
            fits, best = model, overlap
    return (fits if best >= _FITS else None), best


def _sees_objects(base: Model) -> bool:
    """Whether a model finds objects in one channel, with a network whose first layer is known."""
    if isinstance(base, Ensemble) or base.config.in_channels != 1:
        return False
    plain = isinstance(base.config, PlainUNetConfig) and base.config.dims == 2
    return plain and not base.config.classes


def _overlaps(movies: Sequence[AnnotatedMovie], base: Model) -> dict[Way | None, float]:
    """Return the mean Dice coefficient in grey levels (None) and in each colour of all movies.

    On some frames of each.
    """
    turns = (False, True) if _can_turn(base.normalisation) else (False,)
    ways = [(k, turn) for k in range(len(RGB)) for turn in turns]
    ways = ways if all(map(_has_colours, movies)) else []
    overlaps: dict[Way | None, list[float]] = {way: [] for way in (None, *ways)}
    for stack, known in movies:
        colours = stack.seen_by(len(RGB))
        frames = list(known.frames.items())
        frames = frames[:: max(1, len(frames) // _LOOKED_AT)][:_LOOKED_AT]
        for t, annotation in frames:
            grey = np.asarray(stack[t])
            planes = np.asarray(colours[t]) if ways else grey
            truth, counts = annotation.labels > 0, annotation.supervised
            if stack.dims == 3:
                fullest = int((truth & counts).sum((1, 2)).argmax())
                grey, truth, counts = grey[fullest], truth[fullest], counts[fullest]
            for way, found in overlaps.items():
                seen = grey if way is None else _seen(planes, *way)
                found.append(_overlap(base, seen, truth, counts))
    return {way: float(np.mean(found)) for way, found in overlaps.items()}


def _can_turn(settings: Normalisation) -> bool:
    return settings.kind in _TURNED and settings.scope == "frame"


def _seen(planes: NDArray[Any], colour: int, turned: bool) -> NDArray[np.float32]:
    plane: NDArray[np.float32] = planes[colour].astype(np.float32)
    return np.negative(plane) if turned else plane


def _overlap(
    base: Model, image: NDArray[Any], truth: NDArray[np.bool_], counts: NDArray[np.bool_]
) -> float:
    """Return the Dice coefficient of what a model sees in the middle of a raw image (Y, X)."""
    frame = Normaliser(base.normalisation)(image)
    box = tuple(slice(max(0, (n - _MIDDLE) // 2), (n + _MIDDLE) // 2) for n in truth.shape)
    codes = network_codes(base.network, np.ascontiguousarray(frame[:, *box]))
    found = (codes[0] >= threshold_code(0.5)) & counts[box]
    right = truth[box] & counts[box]
    return float(2 * (found & right).sum() / max(1, found.sum() + right.sum()))


def taking_colours(base: Model, colour: int, turned: bool) -> AdaptedBase:
    """Return the model with a first layer of three channels, of which one counts at first."""
    network = build(base.config.replace(in_channels=len(RGB)))
    network.load_state_dict(dict(_with_colours(base.network.state_dict(), colour, turned)))
    light = "what absorbs " if turned else ""
    words = f"{base.name} begins with {light}{RGB[colour]}"
    seen = _turned(base.normalisation) if turned else base.normalisation
    return AdaptedBase.made_of(base, network, words, normalisation=seen)


def _with_colours(
    state: Mapping[str, torch.Tensor], colour: int, turned: bool
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield weights: the first layer sees ``1 - x`` of a colour where it is turned, else ``x``."""
    first = state["down.0.0.weight"]  # (O, 1, 3, 3)
    weight = torch.zeros(len(first), len(RGB), *first.shape[2:])
    weight[:, colour] = -first[:, 0] if turned else first[:, 0]
    constant = first.sum((1, 2, 3)) if turned else 0.0
    has_bias = "down.0.0.bias" in state
    for name, tensor in state.items():
        if name == "down.0.0.weight":
            yield name, weight
        elif name == "down.0.0.bias":
            yield name, tensor + constant
        elif name == "down.0.1.running_mean" and not has_bias:
            yield name, tensor - constant
        else:
            yield name, tensor


def _turned(settings: Normalisation) -> Normalisation:
    """Return the normalisation under which ``1 - x`` is what the other gave of turned images."""
    return settings.replace(low=100 - settings.high, high=100 - settings.low, peak=None)
