"""Whether movies can be learned from together, and what is odd about them as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.text import counted
from napari_unet.engine.training.training_record import typical_diameter
from napari_unet.engine.training.working_scale import NEAR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.settings import TrainSettings


def check_together(
    movies: Sequence[AnnotatedMovie], names: Sequence[str], settings: TrainSettings
) -> tuple[Notice, ...]:
    """Return what is odd about movies that one network is to learn from: sizes, names of channels.

    Raises
    ------
    BadInput
        Where they have other numbers of channels, or frames of several sizes are learned whole.

    """
    if len(movies) == 1:
        return ()
    kinds = ["volumes" if movie.stack.dims == 3 else "images" for movie in movies]
    if len(set(kinds)) > 1:
        raise BadInput(
            _two(names, kinds, "{}"), "volumes of all movies, or images of all", "choose another z"
        )
    counts = [movie.stack.channels for movie in movies]
    if len(set(counts)) > 1:
        raise BadInput(
            _two(names, [counted(n, "channel") for n in counts], "{}"),
            "the same channels of each movie",
            "choose channels that all of them have, or leave movies out",
        )
    shapes = [movie.stack.frame_shape for movie in movies]
    if settings.whole_frames and len(set(shapes)) > 1:
        sizes = [" x ".join(map(str, shape)) for shape in shapes]
        raise BadInput(
            f"frames are to be learned from whole, and {_two(names, sizes, '{} pixels')}",
            "frames of one size",
            "turn whole frames off, or leave movies out",
        )
    return tuple(Notice("check", line) for line in _odd(movies, names))


def check_labels(parts: Sequence[Annotations], names: Sequence[str]) -> None:
    """Refuse movies of which nothing is known, or of which other things are.

    Raises
    ------
    BadInput
        Where one of several has no frame, or labels are of cells in one and classes in another.

    """
    if len(parts) == 1:
        return
    for part, name in zip(parts, names, strict=True):
        if not part.frames:
            raise BadInput(
                f"no frame of {name} is annotated",
                "at least one frame of each movie",
                "paint some cells there, or leave it out",
            )
    known = [i for i, part in enumerate(parts) if part.n_objects]
    kinds = ["classes" if parts[i].classes else "cells" for i in known]
    if len(set(kinds)) > 1:
        raise BadInput(
            f"the labels are not of one kind: {_two([names[i] for i in known], kinds, '{}')}",
            "cells in all of them, or classes in all",
            "say what the labels are, or leave movies out",
        )


def _two(names: Sequence[str], values: Sequence[object], said: str) -> str:
    """Say the first value and the first other one: ``a.tif gives …, b.tif …``."""
    other = next(i for i, value in enumerate(values) if value != values[0])
    first, second = (said.format(values[i]) for i in (0, other))
    return f"{names[0]} has {first}, {names[other]} {second}"


def _odd(movies: Sequence[AnnotatedMovie], names: Sequence[str]) -> Iterator[str]:
    channels = [movie.stack.selected_channels for movie in movies]
    known = [tuple(name for name in one if not _is_number(name)) for one in channels]
    named = [i for i, one in enumerate(known) if one]
    if len({known[i] for i in named}) > 1:
        said = [", ".join(known[i]) for i in named]
        yield f"channels are taken for the same: {_two([names[i] for i in named], said, '{}')}"
    pixels = [movie.stack.pixel_size for movie in movies]
    if found := _apart(names, pixels):
        yield f"pixels are of other sizes: {found} µm; they are learned from as they are"
    cells = [
        typical_diameter(part) if part.n_objects else None
        for part in (movie.annotations for movie in movies)
    ]
    if found := _apart(names, [None if size is None else round(size, 1) for size in cells]):
        yield f"cells are of other sizes: {found} px; one scale is used for all of them"
    for movie, name, size in zip(movies, names, cells, strict=True):
        if size is None and movie.annotations.frames:
            yield f"the labels of {name} hold no cell: it teaches background alone"


def _is_number(name: str) -> bool:
    """Whether a channel goes by its number alone."""
    return name.startswith("channel ") and name[8:].isdigit()


def _apart(names: Sequence[str], sizes: Sequence[float | None]) -> str:
    """Say the smallest and the largest where they differ by more than one scale serves."""
    known = [(size, name) for size, name in zip(sizes, names, strict=True) if size]
    if not known:
        return ""
    (low, small), (high, large) = min(known), max(known)
    return f"{small} has {low:.3g}, {large} {high:.3g}" if high / low > NEAR else ""
