"""What one press of *Export* writes: files, each with its name, its writer and its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.engine.export.target.formats import (
    IN_PLACE,
    IN_PLACE_LABELS,
    labels_name,
    movie_name,
    still_name,
    table_name,
)
from napari_unet.engine.labels.sections import JoinedSections
from napari_unet.gui.viewer.label_frames import LayerFrames

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_unet.engine.errors import Notice
    from napari_unet.engine.jobs.export import Export
    from napari_unet.engine.settings import TableSettings
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.export.movie_form import MovieForm

    Cell = tuple[int, int]  # a frame, and an id on it


def _frames(export: Export) -> int:
    return len(export.frames)


@dataclass(frozen=True)
class Product:
    """A file or folder: ``what`` it is in words, its ``name``, and how it is written.

    One that does not go into the chosen folder has a ``place`` of its own. One that is not
    ``of_cells`` is the same whichever cells are chosen.
    """

    what: str
    name: str
    write: Callable[[Export], Generator[int, None, Path]]
    steps: Callable[[Export], int] = _frames
    place: Path | None = None
    of_cells: bool = True

    def is_there(self, folder: Path) -> bool:
        """Whether there is an earlier one."""
        return (self.place or folder / self.name).exists()


def labels_file(format: str, stack: Stack | None) -> Product:
    """Return what writes labels, or probabilities, in a format."""
    place = None
    if format == IN_PLACE.name:
        folder = stack.labels_folder if stack else None
        place = folder / IN_PLACE_LABELS if folder else None
        name = f"labels called {IN_PLACE_LABELS}"
    else:
        name = labels_name(stack.name, format) if stack else ""
    return Product("labels", name, lambda x: x.write_labels(format), place=place)


def table_file(format: str, columns: TableSettings) -> Product:
    """Return what writes the table of all cells."""
    name = table_name(format)
    return Product("the table", name, lambda x: x.write_table(columns, x.folder / name))


def movie_file(movie: MovieForm) -> Product:
    """Return what writes the movie, as it looks while it is written."""
    kind = movie.kind()

    def write(export: Export) -> Generator[int, None, Path]:
        return export.write_movie(movie.overlay(), movie.screen_look(), kind, movie.earlier())

    def steps(export: Export) -> int:
        return export.movie_steps(movie.overlay())

    return Product("the movie", movie_name(kind), write, steps)


def still_file(movie: MovieForm, frame: int) -> Product:
    """Return what writes a frame of the movie as a picture."""

    def write(export: Export) -> Generator[int, None, Path]:
        return export.write_still(movie.overlay(), movie.screen_look(), frame, movie.earlier())

    def steps(export: Export) -> int:
        return export.still_steps(movie.overlay(), frame)

    return Product("the frame", still_name(frame), write, steps)


def total_steps(products: Sequence[Product], export: Export, cells: Sequence[Cell]) -> int:
    """Return how often `write_products` yields, about."""
    return sum(p.steps(export) for p in products) + (len(export.frames) if cells else 0)


def write_products(
    products: Sequence[Product], export: Export, written: list[Path], cells: Sequence[Cell] = ()
) -> Generator[int, None, list[Notice]]:
    """Write one after the other into ``written``; return what was left out, or is odd.

    Each is whole or not there: one that fails or is stopped leaves those before it. Where some
    ``cells`` are chosen, they and their daughters are found first, and written alone.
    """
    found, labels = export.options.found, export.labels
    labels = labels.sections if isinstance(labels, JoinedSections) else labels
    assert isinstance(labels, LayerFrames)
    found.extend(labels.odd())
    if cells:
        export = yield from export.of_cells(cells)
    for product in products:
        path = yield from product.write(export)
        written.append(path)
    return found


def stopped(written: Sequence[Path]) -> str:
    """Say what there is after *Stop*."""
    if not written:
        return "Stopped. Nothing was written."
    return f"Stopped. Only {', '.join(path.name for path in written)} was written."
