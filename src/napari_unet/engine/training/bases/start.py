"""How movies are taken when a training begins, and the base that takes them so.

Pictures are learned from in their colours, and volumes from what a model knows of images.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
from napari_unet.engine.errors import Notice
from napari_unet.engine.stack.channels import RGB
from napari_unet.engine.training.bases.adapted_base import AdaptedBase
from napari_unet.engine.training.bases.coloured_base import coloured_base
from napari_unet.engine.training.bases.inflated_base import inflated_base

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack

_GREY = 0.02  # of the range: how far the channels of a picture without colours may differ


def begun(
    movies: Sequence[AnnotatedMovie],
    names: Sequence[str],
    base: Model | None,
    state: Mapping[str, Any],
) -> tuple[list[AnnotatedMovie], Model | None, tuple[Notice, ...]]:
    """Return movies as they are learned from, what it is begun from, and what to look at.

    A base of one channel takes colours where it sees the annotated cells better in one of them.
    Movies without colours beside such with some make all of them grey. Of volumes, a base of images
    takes each section as one.
    """
    if base is not None:
        base = adapted(movies, base)
    stacks = [in_its_colours(stack, t.frame_indices, base, state) for stack, t in movies]
    odd: tuple[Notice, ...] = ()
    if base is None and not state:
        stacks, odd = _all_or_none([stack for stack, _ in movies], stacks, names)
    pairs = zip(stacks, movies, strict=True)
    return [AnnotatedMovie(stack, movie.annotations) for stack, movie in pairs], base, odd


def adapted(movies: Sequence[AnnotatedMovie], base: Model) -> Model:
    """Return a base as movies need it: of volumes, or of colours; itself where it suits them."""
    base = inflated_base(movies[0].stack, base) or base
    return coloured_base(movies, base) or base


def _all_or_none(
    given: Sequence[Stack], seen: list[Stack], names: Sequence[str]
) -> tuple[list[Stack], tuple[Notice, ...]]:
    """Return all movies in colours where one shows some, or none where one cannot have any."""
    shown = [i for i, stack in enumerate(seen) if stack.selected_channels == RGB]
    coloured = [stack.seen_by(len(RGB)) for stack in given]
    grey = [i for i, stack in enumerate(coloured) if stack.selected_channels != RGB]
    if not shown or len(shown) == len(seen):
        return seen, ()
    if not grey:
        return coloured, ()
    line = f"{names[shown[0]]} is in colours, {names[grey[0]]} is not"
    return list(given), (Notice("check", f"{line}: all are learned from in grey levels"),)


def in_its_colours(
    stack: Stack,
    frames: Sequence[int],
    base: Model | None,
    state: Mapping[str, Any] = MappingProxyType({}),
) -> Stack:
    """Return the movie as it is learned from: as the ``base`` takes it, or as a run began.

    From new, in colours where nobody chose a channel and the first of its ``frames`` has some.
    """
    if state:
        channels = ((state.get("begun_from") or {}).get("config") or {}).get("in_channels", 1)
        return stack.seen_by(channels)
    if base is not None:
        return stack.seen_by(base.config.in_channels)
    coloured = stack.seen_by(len(RGB))
    if coloured is stack or not any(_has_colours(coloured[t]) for t in frames[:1]):
        return stack
    return coloured


def begun_in_words(stack: Stack, base: Model | None) -> str:
    """Say that colours are learned from, and how a base of other images begins; else empty."""
    colours = "red, green and blue are learned from" if stack.selected_channels == RGB else ""
    begins = base.words if isinstance(base, AdaptedBase) else ""
    return ": ".join(filter(None, (colours, begins)))


def _has_colours(frame: NDArray[Any]) -> bool:
    """Whether the channels of a raw frame ``(3, Y, X)`` differ by more than a compression does."""
    values = np.nan_to_num(frame.astype(np.float32), posinf=0, neginf=0)
    return bool(np.ptp(values, axis=0).mean() > _GREY * np.ptp(values))
