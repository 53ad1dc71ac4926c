"""Lineages as a figure: a line for each track over time, divisions, states in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.export.plots.curves import ticks_of
from napari_unet.engine.export.plots.drawing import Drawing
from napari_unet.engine.export.target.outputs import check_target, writing
from napari_unet.engine.export.target.sidecar import sidecar_beside
from napari_unet.engine.files.atomic import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.export.target.writing import WriteOptions
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.tracks.lineage import Lineage, TrackLine

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 900, 56, 24, 34, 46  # px
_ROW, _LEAST, _HIGHEST = 14.0, 2.0, 12000.0  # px of a row, at least, and of all of them
_WORDS = 9.0  # px of a row from which on tracks have their number
_INK, _GRID = "#222222", "#dddddd"
_HOURS = 180.0  # minutes from which on hours are better read


def write_lineage(path: Path, lineage: Lineage, stack: Stack, options: WriteOptions) -> Path:
    """Write lineages as PNG, SVG or PDF, by the name's ending, with a sidecar."""
    target = check_target(path, options.overwrite)
    drawn = draw_lineage(lineage, stack.frame_interval).to_bytes(path.suffix[1:].lower())
    frames = list(lineage.frames)
    with (
        sidecar_beside(target, stack, options.provenance, kind="lineage", frames=frames) as note,
        atomic_path(target) as temporary,
    ):
        with writing(target):
            temporary.write_bytes(drawn)
        note(temporary)
    return target


def draw_lineage(lineage: Lineage, interval: float | None = None) -> Drawing:
    """Return the drawing; frames are ``interval`` s apart, where that is known."""
    row = max(_LEAST, min(_ROW, _HIGHEST / max(1, lineage.n_rows)))
    drawing = Drawing(_WIDTH, _TOP + max(1, lineage.n_rows) * row + _BOTTOM)
    first, last = min(lineage.frames, default=0), max(lineage.frames, default=1)
    scale = (_WIDTH - _LEFT - _RIGHT) / max(1, last - first)

    def x_of(frame: float) -> float:
        return _LEFT + (frame - first) * scale

    def y_of(track: int) -> float:
        return _TOP + (lineage.rows[track] + 0.5) * row

    _axis(drawing, first, last, interval)
    colours = {word: lineage.colours[word] for word in lineage.states}
    thick = max(1.0, min(2.0, row / 5))
    for track, line in lineage.lines.items():
        y = y_of(track)
        drawing.line(x_of(line.first), y, x_of(line.last), y, _INK, thick)
        for start, end, state in _stretches(line):
            drawing.line(x_of(start - 0.5), y, x_of(end + 0.5), y, colours[state], 2.5 * thick)
        for daughter in line.daughters:
            below, begins = y_of(daughter), x_of(lineage.lines[daughter].first)
            drawing.line(x_of(line.last), y, begins, below, _INK, thick)
        if row >= _WORDS:
            root = line.parent not in lineage.lines
            place = (x_of(line.first) - 5, y) if root else (x_of(line.first) + 3, y - row / 2 + 1)
            drawing.text(*place, str(track), "right" if root else "left", 9 if root else 7)
    _legend(drawing, lineage, colours)
    return drawing


def _stretches(line: TrackLine) -> list[tuple[int, int, str]]:
    """Return from which frame to which a cell has a state."""
    found: list[tuple[int, int, str]] = []
    for cell in line.cells:
        if cell.state and found and found[-1][2] == cell.state and found[-1][1] == cell.frame - 1:
            found[-1] = (found[-1][0], cell.frame, cell.state)
        elif cell.state:
            found.append((cell.frame, cell.frame, cell.state))
    return found


def _axis(drawing: Drawing, first: int, last: int, interval: float | None) -> None:
    unit, each = "frame", 1.0
    if interval:
        minutes = interval / 60
        unit, each = ("min", minutes) if last * minutes < _HOURS else ("h", minutes / 60)
    low, high = first * each, max(last, first + 1) * each
    foot = drawing.height - _BOTTOM + 6
    for tick in ticks_of(low, high):
        if low <= tick <= high:
            x = _LEFT + (tick - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)
            drawing.line(x, _TOP, x, foot, _GRID, 1)
            drawing.text(x, foot + 11, f"{tick:g}", "middle")
    title = "frame" if unit == "frame" else f"time ({unit})"
    drawing.text(_LEFT + (_WIDTH - _LEFT - _RIGHT) / 2, foot + 28, title, "middle", 12)


def _legend(drawing: Drawing, lineage: Lineage, colours: dict[str, str]) -> None:
    n, divided = len(lineage.lines), lineage.n_divisions
    said = f"{n} track{'s' * (n != 1)}, {divided} division{'s' * (divided != 1)}"
    drawing.text(_LEFT, 14, said, "left", 12)
    x = float(_WIDTH - _RIGHT)
    for word, colour in reversed(colours.items()):
        x -= 6.5 * len(word) + 8
        drawing.text(x, 14, word)
        drawing.line(x - 24, 14, x - 5, 14, colour, 4)
        x -= 36
