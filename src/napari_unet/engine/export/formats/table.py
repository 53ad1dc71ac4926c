"""``objects.csv``: one row for each object and frame, units in the names of the columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.export.formats.measuring import Measured, Measuring
from napari_unet.engine.export.target.outputs import (
    FrameInfo,
    check_labels,
    check_target,
    output_file,
    time_of,
    writing,
)
from napari_unet.engine.export.target.sidecar import sidecar_beside
from napari_unet.engine.export.target.table_file import require_format, table_file
from napari_unet.engine.export.target.writing import WriteOptions, Writer, write_one
from napari_unet.engine.files.names import printable
from napari_unet.engine.settings import TableSettings
from napari_unet.engine.text import counted
from napari_unet.engine.tracks.track_objects import measure_objects
from napari_unet.engine.tracks.tracking import Linker

if TYPE_CHECKING:
    from napari_unet.engine.stack.stack import Stack

_BYTES_PER_FRAME = 30_000  # about a hundred objects

MeasuredBefore = Callable[[int], Measured | None]
Touched = Callable[[int], Collection[int]]  # by frame, the ids that a user touched
Stated = Callable[[int, NDArray[Any]], Mapping[int, str]]  # states of a frame's labels, by id


def write_table(
    path: str | Path,
    frames: Iterable[NDArray[Any]],
    stack: Stack,
    options: WriteOptions | None = None,
    **how: Any,
) -> Generator[int, None, Path]:
    """Write the table of labels, one frame (Y, X) after the other; yields each frame.

    ``frames`` holds one array for each frame that ``options`` choose; ``how`` as `table_writer`
    takes it.
    """
    options = options or WriteOptions()
    writer = table_writer(path, stack, options, **how)
    return write_one(writer, options.chosen(stack), frames)


def table_writer(
    path: str | Path,
    stack: Stack,
    options: WriteOptions | None = None,
    *,
    settings: TableSettings | None = None,
    threshold: float | None = None,
    corrected: Touched | None = None,
    stated: Stated | None = None,
    linker: Linker | None = None,
    measured: MeasuredBefore | None = None,
) -> Writer:
    """Return the writer of a table: one row for each object and frame.

    Intensities are raw, of every channel of ``stack``. ``corrected`` gives the ids that a user
    touched in a frame, ``stated`` the states of its cells, for a column of them; ``threshold`` is
    noted in each row, ``linker`` makes ``track_id`` and ``parent_id`` (overlap linking by
    default); ``measured`` gives what was measured of a frame already.
    """
    options = options or WriteOptions()
    require_format(str(path))
    info = FrameInfo.of(stack, options.frames)
    settings = _suited(settings, info)
    target = check_target(path, options.overwrite, len(info) * _BYTES_PER_FRAME)
    rows = _Measured(
        stack, settings, threshold, corrected, linker or Linker(spacing=info.spacing), measured
    )
    rows.stated = stated
    return _writer(target, rows, info, options)


def gather_table(
    stack: Stack,
    labelled: Iterable[tuple[int, NDArray[Any]]],
    *,
    linker: Linker,
    settings: TableSettings | None = None,
    threshold: float | None = None,
    corrected: Touched | None = None,
    stated: Stated | None = None,
    measured: MeasuredBefore | None = None,
) -> Generator[int, None, dict[str, NDArray[Any]]]:
    """Return the columns of a table of some frames, in memory; yields each frame.

    ``labelled`` are frames with their labels (Y, X), in order; the rest as `table_writer` takes it.
    """
    info = FrameInfo.of(stack)
    settings = _suited(settings, info)
    rows = _Measured(stack, settings, threshold, corrected, linker, measured)
    rows.stated = stated
    found = []
    for frame, labels in labelled:
        found.append(rows.columns(check_labels(labels, info.shape), frame))
        yield frame
    names = found[0] if found else ()
    return {name: np.concatenate([columns[name] for columns in found]) for name in names}


def _suited(settings: TableSettings | None, info: FrameInfo) -> TableSettings:
    """Return the settings; a ring is refused where nothing says how long a µm is."""
    settings = settings or TableSettings()
    if settings.ring is not None and not info.spacing:
        what = "pixel size" if len(info.shape) == 2 else "pixel size or section distance"
        raise BadInput(
            f"the ring is in µm, and the {what} of the movie is not known",
            f"a {what.replace(' or ', ' and a ')}",
            f"set the {what.replace(' or ', ' and the ')}, or leave the ring out",
        )
    return settings


class _Measured:
    """Turns labels of a frame into rows."""

    def __init__(
        self,
        stack: Stack,
        settings: TableSettings,
        threshold: float | None,
        corrected: Touched | None,
        linker: Linker,
        measured: MeasuredBefore | None,
    ) -> None:
        self.stack, self.settings, self.threshold = stack, settings, threshold
        self.corrected, self.linker = corrected, linker
        self.stated: Stated | None = None
        self.measuring, self.measured = Measuring(stack, settings), measured
        self.channels = self.measuring.channels
        self.file = printable(stack.name if stack.path is None else stack.path.name)
        self._missing: dict[int, int] = {}  # by frame, pixels of cells without a value

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the numbers leave out of the cells."""
        pixels, frames = sum(self._missing.values()), len(self._missing)
        if not pixels:
            return ()
        line = (
            f"{counted(pixels, 'pixel')} of cells in {counted(frames, 'frame')} of "
            f"{self.stack.name} have no value (NaN or infinite): the brightness in the table is "
            "found without them, so sums are too small there"
        )
        return (Notice("check", line),)

    def columns(self, labels: NDArray[Any], frame: int) -> dict[str, NDArray[Any]]:
        """Return the columns of one frame, an entry for each object; NaN is not known."""
        done = self.measured(frame) if self.measured else None
        found, missing = done or self.measuring(labels, frame)
        if missing:
            self._missing[frame] = missing
        self.linker.link(measure_objects(labels), frame)
        track_of = self.linker.id_of()
        ids = found.pop("label").tolist()
        touched = frozenset(self.corrected(frame)) if self.corrected else frozenset()
        tracks = np.array([track_of[label] for label in ids], np.int64).reshape(-1, 2)
        cut = list(found).index("touches_border") + 1  # the last of shape, before intensities
        shape, light = list(found.items())[:cut], list(found.items())[cut:]
        return {
            "file": np.full(len(ids), self.file, object),
            "position": np.full(len(ids), self.stack.selection.position, np.int64),
            "frame": np.full(len(ids), frame, np.int64),
            "time_s": _all(time_of(self.stack, frame), len(ids)),
            "label": np.array(ids, np.int64),
            "track_id": tracks[:, 0],
            "parent_id": tracks[:, 1],
            **dict(shape),
            "hand_corrected": np.array([label in touched for label in ids], np.int64),
            **self._states(labels, frame, ids),
            "threshold": _all(self.threshold, len(ids)),
            **dict(light),
        }

    def _states(
        self, labels: NDArray[Any], frame: int, ids: list[int]
    ) -> dict[str, NDArray[np.object_]]:
        """Return the column of states, where there are any in this movie."""
        if self.stated is None:
            return {}
        states = self.stated(frame, labels)
        return {"state": np.array([printable(states.get(label, "")) for label in ids], object)}


def _all(value: float | None, n: int) -> NDArray[np.float64]:
    return np.full(n, math.nan if value is None else value, np.float64)


def _writer(path: Path, measured: _Measured, info: FrameInfo, options: WriteOptions) -> Writer:
    sidecar = sidecar_beside(
        path,
        measured.stack,
        options.provenance,
        kind="table",
        frames=list(info.frames),
        table=measured.settings.model_dump(mode="json"),
        channels=list(measured.channels),
    )
    with sidecar as note, output_file(path, options.overwrite) as temporary:
        with table_file(temporary, path.name) as table:
            while (given := (yield)) is not None:
                frame, labels = given
                columns = measured.columns(check_labels(labels, info.shape), frame)
                with writing(path):
                    table.write(columns)
            with writing(path):
                table.finish()
        note(temporary, measured.notices)
    options.found.extend(measured.notices)
    return path
