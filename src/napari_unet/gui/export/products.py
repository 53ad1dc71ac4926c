"""What one press of *Export* writes: files, each with its name, its writer and its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.engine.labels.sections import JoinedSections
from napari_unet.gui.viewer.label_frames import LayerFrames

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_unet.engine.errors import Notice
    from napari_unet.engine.jobs.export import Export


def _frames(export: Export) -> int:
    return len(export.frames)


@dataclass(frozen=True)
class Product:
    """A file or folder: ``what`` it is in words, its ``name``, and how it is written.

    One that does not go into the chosen folder has a ``place`` of its own.
    """

    what: str
    name: str
    write: Callable[[Export], Generator[int, None, Path]]
    steps: Callable[[Export], int] = _frames
    place: Path | None = None

    def is_there(self, folder: Path) -> bool:
        """Whether there is an earlier one."""
        return (self.place or folder / self.name).exists()


def write_products(
    products: Sequence[Product], export: Export, written: list[Path]
) -> Generator[int, None, list[Notice]]:
    """Write one after the other into ``written``; return what was left out, or is odd.

    Each is whole or not there: one that fails or is stopped leaves those before it.
    """
    found, labels = export.options.found, export.labels
    labels = labels.sections if isinstance(labels, JoinedSections) else labels
    assert isinstance(labels, LayerFrames)
    found.extend(labels.odd())
    for product in products:
        path = yield from product.write(export)
        written.append(path)
    return found


def stopped(written: Sequence[Path]) -> str:
    """Say what there is after *Stop*."""
    if not written:
        return "Cancelled. Nothing was written."
    return f"Cancelled. Only {', '.join(path.name for path in written)} was written."
