"""Quality at a glance: one pass over a movie, frame by frame; what is odd of it, worst first."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.files.names import printable
from napari_unet.engine.labels.objects import areas_of, median_diameter
from napari_unet.engine.stack.quality.findings import CellMeasures, Finding, judge
from napari_unet.engine.stack.quality.measures import FrameMeasures, measure_frame
from napari_unet.engine.text import counted, say_ranges

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_unet.engine.labels.label_frames import LabelFrames
    from napari_unet.engine.settings import QualitySettings
    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack

_LEAST_CELLS = 3  # whose median says something
COLUMNS = (
    "movie", "frame", "number", "reason", "severity", "in_words", "sharpness", "strength", "mean",
    "shift_y_px", "shift_x_px", "cells", "diameter_px",
)  # fmt: skip


@dataclass(frozen=True)
class Quality:
    """What a look at a movie gives: numbers of each frame, and what is odd, worst first."""

    movie: str
    numbers: tuple[int, ...]  # of the frames, in their file names
    measures: tuple[FrameMeasures, ...]
    cells: tuple[CellMeasures | None, ...]
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        frames: dict[str, list[int]] = {}
        for finding in self.findings:
            frames.setdefault(finding.reason, []).append(finding.frame)
        said = f"{self.movie}: {counted(len(self.measures), 'frame')}"
        if not frames:
            return f"{said}, nothing odd"
        return f"{said}; " + "; ".join(
            f"{reason}: frame {say_ranges(sorted(which))}" for reason, which in frames.items()
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each finding, by the ``COLUMNS``; a number that is not known is None."""
        return [self._row(finding) for finding in self.findings]

    def _row(self, finding: Finding) -> dict[str, Any]:
        one, cells = self.measures[finding.frame], self.cells[finding.frame]
        shift = one.shift or (None, None)
        values: tuple[Any, ...] = (
            self.movie,
            finding.frame,
            self.numbers[finding.frame],
            finding.reason,
            finding.severity,
            finding.words,
            one.sharpness,
            one.strength,
            one.mean,
            *shift,
            cells.count if cells else None,
            cells.diameter if cells else None,
        )
        return dict(zip(COLUMNS, map(_known, values), strict=True))


def check_quality(
    movie: Stack,
    labels: LabelFrames | Frames | None = None,
    settings: QualitySettings | None = None,
    *,
    labelled: Sequence[int] | None = None,
    known_diameter: float | None = None,
) -> Generator[int, None, Quality]:
    """Look at each frame once; yields it, and returns what is odd of the movie.

    ``labels[t]`` (Y, X) are those of frame t, of the frames ``labelled`` or of all;
    ``known_diameter`` px is of the cells that a model knows. Of a frame only numbers are kept.
    """
    of = set(range(len(movie)) if labelled is None else labelled) if labels is not None else set()

    def steps() -> Generator[int, None, Quality]:
        measures: list[FrameMeasures] = []
        cells: list[CellMeasures | None] = []
        before = None
        for t in range(len(movie)):
            one, before = measure_frame(movie[t], before)
            measures.append(one)
            cells.append(measure_cells(labels[t]) if labels is not None and t in of else None)
            yield t
        found = judge(measures, settings, cells, known_diameter)
        return Quality(movie.name, movie.numbers, tuple(measures), tuple(cells), found)

    return steps()


def measure_cells(labels: Any) -> CellMeasures:
    """Return how many cells labels (Y, X) have, and how large they are."""
    areas = areas_of(labels)
    diameter = median_diameter(areas) if len(areas) >= _LEAST_CELLS else math.nan
    return CellMeasures(len(areas), diameter)


def write_quality(path: Path, looked_at: Sequence[Quality]) -> Path:
    """Write a table of what is odd in movies, worst first, UTF-8 with units in the header."""
    rows = [row for quality in looked_at for row in quality.rows()]
    rows.sort(key=lambda row: -row["severity"])  # stable: worst first in each movie
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        for row in rows:
            table.writerow({**row, "movie": printable(row["movie"])})
    return path


def _known(value: Any) -> Any:
    """Round for a table; what is not finite is not known."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.5g}") if math.isfinite(value) else None
