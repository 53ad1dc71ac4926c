"""Figures of export: frames beside their truth, probabilities, measurements against time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.overlay.look import PlainLook
from napari_unet.engine.export.target.formats import COMPARISON, OVER_TIME, lineage_name, map_name

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from napari_unet.engine.jobs.export import Export
    from napari_unet.engine.labels.label_frames import LabelFrames
    from napari_unet.engine.settings import OverlaySettings

Part = tuple["Callable[[], Generator[int, None, Path]]", int]


@dataclass(frozen=True)
class Figures:
    """Figures that are asked for: frames beside their truth, one frame's probabilities."""

    truth: LabelFrames | None
    names: str | None  # of the classes
    named: bool  # the frames were, and are not to be chosen
    mapped: int | None
    colours: Literal["viridis", "jet"]
    over_time: str | None = None  # columns of the table
    lineage: str | None = None  # the kind of file

    def parts(self, job: Export, look: OverlaySettings) -> dict[str, Part]:
        """Return what writes them, by name."""
        from napari_unet.engine.export.target.outputs import check_frames

        found: dict[str, Part] = {}
        if self.truth is not None:
            found[COMPARISON] = self._comparison(job, look, self.truth)
        if (frame := self.mapped) is not None:
            check_frames([frame], len(job.stack))
            if job.probabilities is None:
                raise BadInput(
                    "there are no probabilities", "those of this movie", "segment it first"
                )
            write = partial(job.write_map, look, PlainLook(), frame, self.colours)
            found[map_name(frame)] = write, 1
        if self.over_time is not None:
            found[OVER_TIME] = partial(_over_time, job, self.over_time), len(job.frames)
        if self.lineage is not None:
            job.check_cells()
            write = partial(_lineage, job, lineage_name(self.lineage))
            found[lineage_name(self.lineage)] = write, len(job.frames)
        return found

    def _comparison(self, job: Export, look: OverlaySettings, right: LabelFrames) -> Part:
        """Take the frames that were named, else a few that have a truth."""
        from napari_unet.engine.export.overlay.write_figure import require_truth, shown_frames

        if self.named:
            right.require(shown_frames(job.frames, named=True))
        else:
            require_truth(job.frames, right)
        said = tuple(name.strip() for name in self.names.split(",")) if self.names else ()
        write = partial(job.write_comparison, look, PlainLook(), right, said, named=self.named)
        return write, job.comparison_steps(named=self.named)


def _over_time(job: Export, columns: str) -> Generator[int, None, Path]:
    """Draw columns of the table against time, a curve for each track."""
    from napari_unet.engine.export.plots.over_time import CellsOverTime, write_over_time
    from napari_unet.engine.export.target.outputs import check_target

    path = check_target(job.folder / OVER_TIME, job.options.overwrite)
    cells = CellsOverTime((yield from job.measure()))
    names = [name.strip() for name in columns.split(",")]
    return write_over_time(path, cells, cells.tracks, names, minutes=cells.timed)


def _lineage(job: Export, name: str) -> Generator[int, None, Path]:
    """Draw the families in which a cell divides; all tracks where none does."""
    from napari_unet.engine.export.plots.lineage_figure import write_lineage
    from napari_unet.engine.tracks.lineage import find_lineage

    linker = yield from job.find_linker()
    found = yield from find_lineage(job.labels, job.frames, linker, job.stated)
    return write_lineage(job.folder / name, found.dividing() or found, job.stack, job.options)
