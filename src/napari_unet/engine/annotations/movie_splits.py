"""What of several movies is held out: whole ones where there are enough, else frames of each.

Positions of a dish differ more than frames of one do: a movie that nobody learned from says what a
model is worth on the next one. With one movie all is as `holdout` has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_unet.engine.annotations.annotated_movie import described, together
from napari_unet.engine.annotations.holdout import (
    BLOCK_FROM,
    HoldOut,
    Split,
    hold_out,
    kept_for_test,
    split_in_words,
)
from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.engine.annotations.annotations import Annotations

_MOVIES_FROM = 3  # movies with cells from which whole ones are held out
_SHARE = 6  # one of so many movies, as of frames
_NAMED = 3  # movies
Validation = Literal["auto", "none"] | tuple[int, ...]


@dataclass(frozen=True, eq=False)
class MovieSplits:
    """How the annotations of each movie are parted, in their order; and their ``names``."""

    parts: tuple[Split, ...]
    names: tuple[str, ...]

    @property
    def joins(self) -> bool:
        """Whether what is held out is checked on first and trained on later."""
        return any(part.joins for part in self.parts)

    @property
    def join(self) -> str:
        """The verb that goes with the words."""
        return "join" if sum(part.validation is not None for part in self.parts) > 1 else "joins"

    @property
    def words(self) -> str:
        """What is checked on: ``frames 3-4``, ``movie c.tif``, ``frame 2 of a.tif, frame …``."""
        if len(self.parts) == 1:
            return self.parts[0].words
        held = [(i, part) for i, part in enumerate(self.parts) if part.validation is not None]
        if not held:
            return self.parts[0].words
        if all(is_whole(part) for _, part in held):
            names = [self.names[i] for i, _ in held]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            return f"movie{'s' * (len(names) > 1)} {', '.join(names[:_NAMED])}{more}"
        return ", ".join(f"{part.words} of {self.names[i]}" for i, part in held)

    def describe(self, annotations: Sequence[Annotations]) -> str:
        """Return in words what there is to learn from, and what of that is checked on."""
        if len(self.parts) == 1:
            return self.parts[0].describe(annotations[0])
        held = [part.validation for part in self.parts if part.validation is not None]
        trains = together([part.train for part in self.parts])
        gap = next((part.hold_out.gap for part in self.parts if part.hold_out.gap), None)
        as_one = HoldOut(gap=gap, joins=self.joins)
        split = Split(trains, together(held) if held else None, as_one)
        return split_in_words(described(annotations), together(annotations), split, self.words)


def is_whole(split: Split) -> bool:
    """Whether all that is known of a movie is held out."""
    return split.validation is not None and not split.train.frames


def hold_out_movies(
    annotations: Sequence[Annotations], names: Sequence[str], validation: Validation = "auto"
) -> MovieSplits:
    """Hold out part of the annotations of several movies for checking.

    With three movies or more a whole one, or a sixth of them, which joins the training where there
    are few frames in all; with two, frames of each as if it were alone. Chosen frames are those of
    each movie.

    Raises
    ------
    BadInput
        Where the frames chosen to check on are not annotated or leave nothing to learn from.

    """
    return MovieSplits(_parts(annotations, validation), tuple(names))


def _parts(annotations: Sequence[Annotations], validation: Validation) -> tuple[Split, ...]:
    if len(annotations) == 1:
        return (hold_out(annotations[0], validation),)
    if validation in ("none", ()):
        return tuple(HoldOut().part(one) for one in annotations)
    if isinstance(validation, tuple):
        return _chosen(annotations, validation)
    return _whole_movies(annotations) or _each(annotations)


def _whole_movies(annotations: Sequence[Annotations]) -> tuple[Split, ...]:
    """Hold out movies with a middling number of cells; nothing where too few have any."""
    objects = [one.n_objects for one in annotations]
    order = sorted((i for i, n in enumerate(objects) if n), key=objects.__getitem__)
    if len(order) < _MOVIES_FROM:
        return ()
    n = max(1, round(len(order) / _SHARE))
    first = (len(order) - n) // 2
    held = order[first : first + n]
    joins = sum(len(one.frames) for one in annotations) < BLOCK_FROM
    return tuple(
        (whole(one, joins=joins) if i in held else HoldOut()).part(one)
        for i, one in enumerate(annotations)
    )


def whole(annotations: Annotations, *, joins: bool = False) -> HoldOut:
    """Hold out all of a movie, frames painted later included."""
    span = (0, annotations.shape[0] - 1)
    return HoldOut(annotations.frame_indices, gap=span, joins=joins)


def _each(annotations: Sequence[Annotations]) -> tuple[Split, ...]:
    """Part each movie as if it were alone; one that keeps frames for good is checked on alone."""
    splits = [hold_out(one) for one in annotations]
    if any(split.validation is not None and not split.joins for split in splits):
        parts = zip(splits, annotations, strict=True)
        splits = [HoldOut().part(one) if split.joins else split for split, one in parts]
    return tuple(splits)


def _chosen(annotations: Sequence[Annotations], frames: tuple[int, ...]) -> tuple[Split, ...]:
    _check_among(annotations, frames, "check on")
    splits = tuple(
        HoldOut(tuple(t for t in frames if t in one.frames)).part(one) for one in annotations
    )
    if not any(split.train.n_objects for split in splits):
        raise BadInput(
            f"all cells are on the frames to check on, {', '.join(map(str, frames))}",
            "cells on the other annotated frames, to learn from",
            "choose other frames to check on",
        )
    return splits


def _check_among(annotations: Sequence[Annotations], frames: tuple[int, ...], what: str) -> None:
    """Refuse frames that no movie has annotated, or that are all there is in every one."""
    known = {t for one in annotations for t in one.frames}
    if not set(frames) <= known or known <= set(frames):
        raise BadInput(
            f"the frames to {what} are {', '.join(map(str, sorted(set(frames))))}",
            f"some, but not all, of those annotated in {counted(len(annotations), 'movie')}",
            f"choose other frames to {what}",
        )


def movies_kept_for_test(
    annotations: Sequence[Annotations], test: tuple[int, ...], validation: Validation = "auto"
) -> tuple[Annotations, ...]:
    """Return what of each movie a model is tested on at its end; () for nothing.

    Raises
    ------
    BadInput
        Where these frames are not annotated, are all there is, or are to be checked on, too.

    """
    if not test:
        return ()
    if len(annotations) == 1:
        one = kept_for_test(annotations[0], test, validation)
        return (one,) if one is not None else ()
    _check_among(annotations, test, "test on")
    if isinstance(validation, tuple) and set(test) & set(validation):
        raise BadInput(
            f"the frames to test on are {', '.join(map(str, sorted(set(test))))}",
            "others than those checked on, which choose the weights",
            "choose other frames to test on",
        )
    return tuple(one.only(t for t in test if t in one.frames) for one in annotations)


def splits_as(
    state: Mapping[str, Any],
    annotations: Sequence[Annotations],
    names: Sequence[str],
    validation: Validation = "auto",
) -> MovieSplits:
    """Part annotations as the run of a checkpoint's ``state`` did, or as `hold_out_movies` does.

    Raises
    ------
    BadInput
        Where that run learned from another number of movies.

    """
    record = state.get("held_out") or state.get("aside")  # as version 0.1.0 called it
    if not record:
        return hold_out_movies(annotations, names, validation)
    records = [record, *(one["held_out"] for one in state.get("other_movies", ()))]
    if len(records) != len(annotations):
        raise BadInput(
            f"the checkpoint belongs to a training on {counted(len(records), 'movie')}",
            f"one on {counted(len(annotations), 'movie')}",
            "give the movies it was begun with, or start a new training",
        )
    pairs = zip(records, annotations, strict=True)
    parts = tuple(HoldOut.from_record(known).part(one) for known, one in pairs)
    return MovieSplits(parts, tuple(names))
