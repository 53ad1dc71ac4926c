"""Windows to look at as pictures and a table to fill in; read back, their rate of errors.

``sample.csv`` has a row for each window, in the order in which they were drawn: who stops early
has looked at a random part all the same. ``sample.json`` says of which labels it is: when those
change, what was found no longer holds.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.overlay.overlay import Picture, as_bytes, compose
from napari_unet.engine.files.atomic import atomic_path, make_folder
from napari_unet.engine.files.read_json import read_json
from napari_unet.engine.jobs.check.rate import ErrorRate, Looked, error_rate
from napari_unet.engine.jobs.check.windows import Window, labels_mark
from napari_unet.engine.settings import OverlaySettings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.engine.export.overlay.overlay import Look
    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack

TABLE, ABOUT = "sample.csv", "sample.json"
_PLACE = ("window", "frame", "y", "x", "height", "width", "cells")
_ERRORS = ("wrong", "missed", "invented")
_SHOWN = 480  # px of the longer side of a picture
_RIM = 6  # a sixth of a window is shown around it


def write_sheet(
    folder: Path,
    stack: Stack,
    labels: Frames,
    windows: Sequence[Window],
    look: Look,
    mark: str,
) -> Generator[int, None, Path]:
    """Write pictures and the table; yields the number of each window, returns the table's path."""
    make_folder(folder)
    rows = []
    for number, window in enumerate(windows, start=1):
        found = np.asarray(labels[window.frame])
        _picture(np.asarray(stack[window.frame]), found, window, look).save(
            folder / f"window_{number:03d}.png"
        )
        rows.append((number, *asdict(window).values(), window.cells(found)))
        yield number
    with atomic_path(folder / ABOUT) as temporary:
        about = {"movie": stack.name, "fingerprint": stack.fingerprint, "labels": mark}
        temporary.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    with (
        atomic_path(folder / TABLE) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow((*_PLACE, *_ERRORS))
        table.writerows((*row, "", "", "") for row in rows)
    return folder / TABLE


def read_sheet(folder: Path, labels: Iterable[NDArray[Any]]) -> tuple[ErrorRate | None, int]:
    """Return the rate of errors in the windows that were looked at, and how many are left.

    Rows with nothing filled in were not looked at; the rate is None where fewer than two were.

    Raises
    ------
    BadInput
        Where labels have changed since the windows were drawn, or a row makes no sense.

    """
    try:
        mark = read_json(folder / ABOUT)["labels"]
        with (folder / TABLE).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        looked = [_looked(row) for row in rows]
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"{folder / TABLE} cannot be read ({error})",
            "windows that were drawn, with whole numbers filled in",
            "draw windows again, in a new folder",
        ) from error
    if labels_mark(labels) != mark:
        raise BadInput(
            f"the labels have changed since the windows in {folder} were drawn",
            "the labels that were looked at",
            "draw windows again, in a new folder: what was found is of other labels",
        )
    done = [one for one in looked if one is not None]
    return (error_rate(done) if len(done) > 1 else None), len(looked) - len(done)


def _looked(row: dict[str, str]) -> Looked | None:
    given = [(row[name] or "").strip() for name in _ERRORS]
    if not any(given):
        return None
    wrong, missed, invented = (int(text or 0) for text in given)
    cells = int(row["cells"])
    if min(wrong, missed, invented) < 0 or wrong + invented > cells:
        raise BadInput(
            f"window {row['window']} has {cells} cells, of which {wrong} are said to be wrong and "
            f"{invented} invented",
            "no more of both together than cells",
            "count each cell once",
        )
    return Looked(cells, wrong, missed, invented)


def _picture(frame: NDArray[Any], labels: NDArray[Any], window: Window, look: Look) -> Image.Image:
    """Draw a window, marked, in what is around it; and beside it the same with outlines."""
    rim = max(window.height, window.width) // _RIM
    y0, x0 = max(0, window.y - rim), max(0, window.x - rim)
    y1, x1 = window.y + window.height + rim, window.x + window.width + rim
    y1, x1 = min(y1, labels.shape[0]), min(x1, labels.shape[1])
    zoom = float(min(8, max(1, round(_SHOWN / max(y1 - y0, x1 - x0)))))
    settings = OverlaySettings(
        crop=(y0, x0, y1, x1),
        zoom=zoom,
        line_width=1,
        style="side_by_side",
        show_time=False,
        show_scale_bar=False,
    )
    pixels = as_bytes(compose(Picture(frame, labels), settings, look))[..., :3]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    draw = ImageDraw.Draw(picture)
    top, left = (window.y - y0) * zoom, (window.x - x0) * zoom
    for panel in (0, picture.width - (x1 - x0) * zoom):
        right, bottom = left + window.width * zoom - 1, top + window.height * zoom - 1
        draw.rectangle((panel + left, top, panel + right, bottom), outline="white")
    return picture
