"""Scores by frame as a table and as curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.export.plots.curves import Curve, Panel, plot_curves
from napari_unet.engine.export.target.table_file import columns_of, write_columns
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.labels.scores import pool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.engine.labels.scores import FrameScores

    Row = dict[str, float | int | None]

SHARES = {"iou": "IoU", "dice": "Dice", "seg": "SEG", "det": "DET", "f1": "F1"}
_DIGITS = 6  # in a CSV
ERRORS = ("missed", "merged", "split", "invented")  # per 100 cells


def frame_rows(frames: Sequence[int], scored: Sequence[FrameScores]) -> list[Row]:
    """Return a row for each frame; ``errors`` and its kinds are per 100 cells of the truth."""
    rows: list[Row] = []
    for frame, scores in zip(frames, scored, strict=True):
        alone = pool([scores])
        row: Row = {"frame": frame, "number": scores.number}
        row |= {name: getattr(alone, name) for name in (*SHARES, "right", *ERRORS)}
        row["errors"] = sum(getattr(alone, name) for name in ERRORS)
        rows.append(row | {"cells": scores.n_truth, "found": scores.n_predicted})
    return rows


def write_scores(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows as curves where the name ends in ``.png``, else as a table."""
    if path.suffix.lower() != ".png":
        write_columns(path, columns_of(rows), _DIGITS)
        return
    with atomic_path(path.absolute()) as temporary:
        temporary.write_bytes(plot_scores(rows))


def plot_scores(rows: Sequence[Row]) -> bytes:
    """Return a PNG: how well each frame agrees, its errors, and how many cells it has."""

    def curve(name: str, title: str) -> Curve:
        return Curve(title, [(float(row["frame"] or 0), float(row[name] or 0)) for row in rows])

    panels = [
        Panel("agreement", [curve(*pair) for pair in SHARES.items()], share=True),
        Panel("errors per 100 cells", [curve(name, name) for name in ("errors", *ERRORS)]),
        Panel("cells", [curve("cells", "of the truth"), curve("found", "found")]),
    ]
    return plot_curves(panels, "frame")
