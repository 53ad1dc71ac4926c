"""A movie with what a user vouches for of it, and several of them: what one network learns from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.stack.stack import Stack


class AnnotatedMovie(NamedTuple):
    """A movie, and what a user vouches for of it; a plain pair of both does as well."""

    stack: Stack
    annotations: Annotations


def annotated_movies(
    movies: Stack | Sequence[tuple[Stack, Annotations]], annotations: Annotations | None
) -> tuple[AnnotatedMovie, ...]:
    """Return what a call was given, a movie with its annotations or pairs of them, as pairs.

    Raises
    ------
    BadInput
        Where there is no movie, or one comes twice.

    """
    if annotations is not None:
        return (AnnotatedMovie(movies, annotations),)  # type: ignore[arg-type]
    if not isinstance(movies, list | tuple):
        raise TypeError("a movie is learned from with its annotations, or pairs of both")
    pairs = tuple(AnnotatedMovie(*pair) for pair in movies)
    if not pairs:
        raise BadInput("no movie is given", "one at least, with its annotations", "give some")
    if len(pairs) > 1:
        _check_distinct(pairs)
    return pairs


def _check_distinct(movies: Sequence[AnnotatedMovie]) -> None:
    # in two places of the list it would be learned from and checked on, as if it were two
    for print_, n in Counter(movie.stack.fingerprint for movie in movies).items():
        if n > 1:
            name = next(m.stack.name for m in movies if m.stack.fingerprint == print_)
            raise BadInput(
                f"the movie {name} is given {n} times",
                "each movie or position once, with all of its labels",
                "leave out the others",
            )


def movie_names(stacks: Sequence[Stack]) -> tuple[str, ...]:
    """Name each movie so that it is told from the others: with its position, folder or number."""
    names = [stack.name for stack in stacks]
    for distinguish in (_with_position, _with_folder):
        alike = Counter(names)
        names = [
            distinguish(name, stack) if alike[name] > 1 else name
            for name, stack in zip(names, stacks, strict=True)
        ]
    alike = Counter(names)
    return tuple(f"{name} #{i}" if alike[name] > 1 else name for i, name in enumerate(names, 1))


def _with_position(name: str, stack: Stack) -> str:
    names, position = stack.position_names, stack.selection.position
    if len(names) < 2:
        return name
    said = names[position] if len(set(names)) == len(names) else position
    return f"{name} position {said}"


def _with_folder(name: str, stack: Stack) -> str:
    path = stack.path
    return name if path is None or not path.parent.name else f"{path.parent.name}/{name}"


def together(parts: Sequence[Annotations]) -> Annotations:
    """Return the annotations of several movies as of one: for what is counted over all of them.

    Frames are counted through. Edges are unknown as far as they are in all.
    """
    first, *others = parts
    if not others:
        return first
    frames: dict[int, FrameAnnotation] = {}
    before = 0
    for part in parts:
        frames |= {before + t: part.frames[t] for t in part.frame_indices}
        before += part.shape[0]
    return Annotations(
        (before, *first.shape[1:]),
        frames,
        tuple(sorted({number for part in parts for number in part.classes})),
        tuple(dict.fromkeys(notice for part in parts for notice in part.notices)),
        next((part.regions for part in parts if part.regions), ()),
        min(part.blank for part in parts),
        first.spacing,
    )


def described(parts: Sequence[Annotations]) -> str:
    """Say it in words: ``12 frames of 3 movies, 214 cells, 38 % of the pixels``."""
    frames, _, rest = together(parts).describe().partition(", ")
    n = sum(bool(part.frames) for part in parts)
    return f"{frames} of {counted(n, 'movie')}, {rest}" if len(parts) > 1 else f"{frames}, {rest}"
