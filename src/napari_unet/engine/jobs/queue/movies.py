"""Which movies a command works on: patterns, positions, names of their results, shards."""

from __future__ import annotations

import contextlib
import glob
import itertools
import math
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.stack.frame_numbers import TIFF_SUFFIXES
from napari_unet.engine.stack.kinds import WHOLE_SUFFIXES, is_zarr, without_suffix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari_unet.engine.settings import Selection

_MOST_READINGS = 64


@dataclass(frozen=True)
class Movie:
    """One position of a file or folder; ``name`` begins the names of its results.

    ``frames`` and ``pixels`` (of all frames) are 0 where the file cannot be opened.
    """

    path: Path
    selection: Selection
    name: str
    frames: int = 0
    pixels: int = 0


def find_movies(words: Sequence[str], wanted: Selection, *, every_position: bool) -> list[Movie]:
    """Return the movies that ``words`` (paths and patterns) name, each position of a file as one.

    A file that cannot be opened is given, too: opening it again says why.
    """
    paths = _paths(words)
    return [
        movie
        for path, name in zip(paths, distinct_names(paths), strict=True)
        for movie in _positions(path, name, wanted, every_position)
    ]


def list_movies(words: Sequence[str]) -> list[str]:
    """Return ``words`` with the movies in a folder in place of the folder.

    One that is a movie stays as it is: its files are frames, or it is an OME-Zarr.
    """
    return [found for word in words for found in _inside(word)]


def holds_movies(path: str | Path) -> bool:
    """Whether a path is a folder of several movies, and not itself one."""
    return user_path(path).is_dir() and len(list_movies([str(path)])) > 1


def _inside(word: str) -> list[str]:
    folder = user_path(word)
    if not folder.is_dir() or is_zarr(folder):
        return [word]
    files = sorted(path for path in folder.iterdir() if _may_be_movie(path))
    frames = [path for path in files if path.is_file() and path.suffix.lower() in TIFF_SUFFIXES]
    is_movie = not files or (frames and _is_frame(frames[0]))  # whatever lies beside its frames
    return [word] if is_movie else [str(path) for path in files]


def _is_frame(path: Path) -> bool:
    """Whether a file holds one frame, or cannot be opened: opening the folder says why."""
    from napari_unet.engine.stack.stack import Stack

    try:
        with Stack.open(path) as stack:
            return len(stack) == 1
    except BadInput:
        return True


def shard(movies: Sequence[Movie], part: tuple[int, int] | None) -> list[Movie]:
    """Return every n-th movie from the i-th on, for ``part`` (i, n) with i from 1."""
    return list(movies) if part is None else list(movies[part[0] - 1 :: part[1]])


def stem(path: Path) -> str:
    """Name of a movie's file or folder without its suffix."""
    return without_suffix(path.name) or "movie"


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Name each file by its stem, with as many of its folders as it takes to tell all apart."""
    names = [stem(path) for path in paths]
    deepest = max((len(path.absolute().parts) for path in paths), default=0)
    for depth in range(1, deepest):
        alike = _alike(names)
        if not alike:
            break
        for i in alike:
            folders = paths[i].absolute().parent.parts[1:][-depth:]
            names[i] = "_".join((*folders, stem(paths[i])))
    for i in _alike(names):  # a.tif beside a.ome.tif
        names[i] = paths[i].name
    return names


def _alike(names: Sequence[str]) -> list[int]:
    """Places of names that a file system may take for the same."""
    count = Counter(name.casefold() for name in names)
    return [i for i, name in enumerate(names) if count[name.casefold()] > 1]


def _paths(words: Iterable[str]) -> list[Path]:
    """Expand patterns; each file once, and none that an earlier run wrote."""
    found: dict[Path, Path] = {}
    for word in words:
        for path in _expand(word):
            found.setdefault(Path(os.path.realpath(path)), path)  # a loop of links, too
    paths = list(found.values())
    return [path for path in paths if not is_result(path)] if len(paths) > 1 else paths


def _expand(word: str) -> Iterator[Path]:
    literal = user_path(word)
    if not glob.has_magic(word) or os.path.lexists(literal):
        yield literal
        return
    movies: list[Path] = []
    for pattern in _readings(literal):
        matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 - absolute ones, too
        movies = [path for path in map(Path, sorted(matches)) if _may_be_movie(path)]
        if movies:
            break
    if not movies:
        raise BadInput(
            f"no movie matches {word}",
            "a pattern that names movies (TIFF, OME-Zarr, ND2, CZI, LIF), or folders of TIFFs",
            "correct the pattern",
        )
    yield from movies


def _readings(word: Path) -> Iterator[str]:
    """Return the patterns that ``word`` may mean: ``[1]`` in it is a 1, or else these letters.

    What is there as it is written is meant so: ``exp [1]/*.tif`` names the movies in ``exp [1]``.
    """
    there, names = Path(word.anchor), list(word.relative_to(word.anchor).parts)
    while names and os.path.lexists(there / names[0]):
        there /= names.pop(0)
    each = [(name, name.replace("[", "[[]")) if "[" in name else (name,) for name in names]
    for reading in itertools.islice(itertools.product(*each), _MOST_READINGS):
        yield str(Path(glob.escape(str(there)), *reading))


def _may_be_movie(path: Path) -> bool:
    """Leave out what a wide pattern catches beside the movies."""
    if path.is_dir() and not is_zarr(path):
        with contextlib.suppress(OSError):  # opening it says why it cannot be read
            return any(child.suffix.lower() in TIFF_SUFFIXES for child in path.iterdir())
    return path.name.lower().endswith(WHOLE_SUFFIXES)


def is_result(path: Path) -> bool:
    """Whether a file was written by an export: its sidecar says so."""
    from napari_unet.engine.export.target.sidecar import sidecar_path
    from napari_unet.engine.files.read_json import read_json

    try:
        content = read_json(sidecar_path(path))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("file") == path.name and "kind" in content


def _positions(path: Path, name: str, wanted: Selection, every: bool) -> Iterator[Movie]:
    from napari_unet.engine.stack.stack import Stack

    try:
        with Stack.open(path, wanted) as stack:
            names = _position_names(stack.position_names)
            frames, pixels = len(stack), math.prod(stack.frame_shape)
    except BadInput:
        yield Movie(path, wanted, name)
        return
    several = len(names) > 1
    for position in range(len(names)) if every else (wanted.position,):
        yield Movie(
            path,
            wanted.replace(position=position),
            f"{name}_{names[position]}" if several else name,
            frames,
            frames * pixels,
        )


def _position_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of the positions for file names; their numbers where those do not tell them apart."""
    plain = [re.sub(r"[^\w.+-]+", "-", name).strip("-.") for name in names]
    if not all(plain) or _alike(plain):
        return tuple(str(i) for i in range(len(names)))
    return tuple(plain)
