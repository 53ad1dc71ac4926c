"""``objects.csv``: one row for each object and frame, units in the header, UTF-8."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.outputs import (
    FrameInfo,
    check_frame,
    check_target,
    counted,
    output_file,
    time_of,
    writing,
)
from napari_unet.engine.export.target.sidecar import Provenance, sidecar_beside
from napari_unet.engine.labels.measurement import measure_frame
from napari_unet.engine.settings import TableSettings
from napari_unet.engine.tracks.tracking import Linker

if TYPE_CHECKING:
    from napari_unet.engine.stack.stack import Stack

Row = dict[str, Any]
_BYTES_PER_FRAME = 30_000  # about a hundred objects


def write_table(
    path: str | Path,
    frames: Iterable[NDArray[Any]],
    stack: Stack,
    *,
    positions: Sequence[int] | None = None,
    settings: TableSettings | None = None,
    threshold: float | None = None,
    corrected: Callable[[int], Collection[int]] | None = None,
    linker: Linker | None = None,
    overwrite: bool = False,
    provenance: Provenance | None = None,
) -> Generator[int, None, Path]:
    """Write the table of labels, one frame (Y, X) after the other; yields each position.

    Intensities are raw, of every channel of ``stack``. ``corrected`` gives the ids that a user
    touched in a frame, ``threshold`` is noted in each row, ``linker`` makes ``track_id`` and
    ``parent_id`` (overlap linking by default).
    """
    settings = settings or TableSettings()
    info = FrameInfo.of(stack, positions)
    if settings.ring is not None and not info.pixel_size:
        raise BadInput(
            "a ring in µm for a movie of unknown pixel size",
            "a pixel size",
            "set the pixel size or leave the ring out",
        )
    target = check_target(path, overwrite, len(info) * _BYTES_PER_FRAME)
    cleaned = (check_frame(f, info.shape) for f in frames)
    measured = _Measured(stack, settings, threshold, corrected, linker or Linker())
    return _write(target, cleaned, measured, info, provenance)


class _Measured:
    """Turns labels of a frame into rows."""

    def __init__(
        self,
        stack: Stack,
        settings: TableSettings,
        threshold: float | None,
        corrected: Callable[[int], Collection[int]] | None,
        linker: Linker,
    ) -> None:
        self.stack, self.settings, self.threshold = stack, settings, threshold
        self.corrected, self.linker = corrected, linker
        names = stack.channel_names
        several = len(names) > 1
        self.raw = stack.select(channel=tuple(range(len(names)))) if several else stack
        self.channels = _distinct(names) if several else ("intensity",)
        self.file = stack.name if stack.path is None else stack.path.name

    def rows(self, labels: NDArray[Any], position: int) -> tuple[list[str], list[list[Any]]]:
        """Return header and rows of one frame."""
        found = measure_frame(
            labels,
            np.asarray(self.raw[position]),
            self.channels,
            pixel_size=self.stack.pixel_size,
            settings=self.settings,
        )
        self.linker(labels, position)
        track_of = self.linker.id_of()
        ids = found.pop("label").tolist()
        touched = frozenset(self.corrected(position)) if self.corrected else frozenset()
        start = [self.file, self.stack.selection.position, position, time_of(self.stack, position)]
        header = ["file", "position", "frame", "time_s", "label", "track_id", "parent_id"]
        shape, light = _split(found)
        header += [*shape, "hand_corrected", "threshold", *light]
        table = [
            [
                *start, label, *track_of[label],
                *(column[i] for column in shape.values()),
                int(label in touched), self.threshold,
                *(column[i] for column in light.values()),
            ]
            for i, label in enumerate(ids)
        ]  # fmt: skip
        return header, table


def _write(
    path: Path,
    frames: Iterable[NDArray[Any]],
    measured: _Measured,
    info: FrameInfo,
    provenance: Provenance | None,
) -> Generator[int, None, Path]:
    sidecar = sidecar_beside(
        path,
        measured.stack,
        provenance,
        kind="table",
        frames=list(info.positions),
        table=measured.settings.model_dump(mode="json"),
        channels=list(measured.channels),
    )
    with sidecar as note, output_file(path) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for position, frame in zip(info.positions, counted(frames, len(info)), strict=True):
                header, rows = measured.rows(frame, position)
                with writing(path):
                    if position == info.positions[0]:
                        writer.writerow(header)
                    writer.writerows([_cell(value) for value in row] for row in rows)
                yield position
            with writing(path):
                file.flush()
        note(temporary)
    return path


def _split(columns: dict[str, Any]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Return shape columns and intensity columns; the last of shape is ``touches_border``."""
    names = list(columns)
    cut = names.index("touches_border") + 1
    lists = {name: columns[name].tolist() for name in names}
    return {n: lists[n] for n in names[:cut]}, {n: lists[n] for n in names[cut:]}


def _cell(value: Any) -> Any:
    """Show unknown as an empty cell, and numbers with ten digits at most."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.10g}" if isinstance(value, float) else value


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return column prefixes from channel names: letters, digits and _, no two alike."""
    found: list[str] = []
    for i, name in enumerate(names):
        prefix = re.sub(r"\W+", "_", name).strip("_") or f"channel_{i}"
        found.append(prefix if prefix not in found else f"{prefix}_{i}")
    return tuple(found)
