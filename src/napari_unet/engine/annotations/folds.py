"""Folds of a cross-validation: blocks of frames, or whole movies where there are several.

Each is scored by what learned from the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie, movie_names
from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.annotations.annotations import Annotations


@dataclass(frozen=True, eq=False)
class Fold:
    """What is learned from, and the block of frames that is scored."""

    number: int  # from 1
    train: Annotations
    test: Annotations


@dataclass(frozen=True, eq=False)
class MovieFold:
    """What is learned from in movies, and what is scored: a block of one of them, or whole ones."""

    number: int  # from 1
    train: tuple[AnnotatedMovie, ...]
    test: tuple[AnnotatedMovie, ...]
    names: tuple[str, ...] = ()
    """Of the movies that are scored, where there are several movies."""


def movie_folds(
    movies: Sequence[AnnotatedMovie], folds: int, gap: int = 1
) -> tuple[MovieFold, ...]:
    """Return folds of whole movies; of a single one, those of `time_blocks`.

    Raises
    ------
    BadInput
        Where there are too few movies or frames for them, or a fold has no cells.

    """
    if len(movies) == 1:
        stack, known = movies[0]
        return tuple(
            MovieFold(
                fold.number,
                (AnnotatedMovie(stack, fold.train),),
                (AnnotatedMovie(stack, fold.test),),
            )
            for fold in time_blocks(known, folds, gap)
        )
    if len(movies) < folds:
        raise BadInput(
            f"{counted(len(movies), 'movie')} cannot make {folds} folds of whole movies",
            f"{folds} movies or more",
            "ask for fewer folds, or give more movies",
        )
    made, names = [], movie_names([movie.stack for movie in movies])
    for number, block in enumerate(np.array_split(np.arange(len(movies)), folds), 1):
        parts = [
            tuple(movie for i, movie in enumerate(movies) if (i in block) is wanted)
            for wanted in (False, True)
        ]
        for what, part in zip(("to learn from", "to score"), parts, strict=True):
            if not any(movie.annotations.n_objects for movie in part):
                raise BadInput(
                    f"fold {number} of {folds} has no cells {what}",
                    "cells in each movie",
                    "ask for fewer folds, or leave movies without cells out",
                )
        train, test = parts
        made.append(MovieFold(number, train, test, tuple(names[i] for i in block)))
    return tuple(made)


def time_blocks(annotations: Annotations, folds: int, gap: int = 1) -> tuple[Fold, ...]:
    """Return folds of contiguous blocks of the annotated frames, as equal as they can be.

    Neighbours in time show the same cells: ``gap`` annotated frames on both sides of a block are
    neither learned from nor scored in its fold.

    Raises
    ------
    BadInput
        Where there are fewer frames than blocks, or a fold has no cells to learn from or to score.

    """
    frames = annotations.frame_indices
    if len(frames) < folds:
        raise BadInput(
            f"{counted(len(frames), 'frame')} with labels cannot make {folds} blocks",
            f"{folds} frames or more",
            "ask for fewer folds, or give more labels",
        )
    blocks = [part.tolist() for part in np.array_split(np.arange(len(frames)), folds)]
    made = []
    for number, block in enumerate(blocks, 1):
        far = [i for i in range(len(frames)) if not block[0] - gap <= i <= block[-1] + gap]
        fold = Fold(
            number,
            annotations.only(frames[i] for i in far),
            annotations.only(frames[i] for i in block),
        )
        _check(fold, folds, gap)
        made.append(fold)
    return tuple(made)


def _check(fold: Fold, folds: int, gap: int) -> None:
    if fold.train.n_objects and fold.test.n_objects:
        return
    what = "to score" if fold.train.n_objects else "to learn from"
    place = f"fold {fold.number} of {folds}, with a gap of {counted(gap, 'frame')},"
    raise BadInput(
        f"{place} has no cells {what}",
        "cells in each block and beside it",
        "ask for fewer folds or no gap, or give more labels",
    )
