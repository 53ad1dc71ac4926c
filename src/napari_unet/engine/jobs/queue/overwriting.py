"""When a run that makes results again began: cut off, the same run goes on there, and not anew.

Otherwise a night's work over a plate would begin with its first movie each time.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path, make_folder
from napari_unet.engine.files.read_json import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.jobs.queue.results import Job

NONE_COUNTS = "~"
"""What no result was ``written`` after: all of them are made again."""


@contextmanager
def overwriting(folder: Path, movies: Sequence[Movie], job: Job) -> Iterator[str]:
    """Give from when on results count as made by this run; `NONE_COUNTS` where it is new.

    A file in the folder keeps when it began, until the run ends by itself.
    """
    path = make_folder(folder) / f".overwriting-{_work(movies, job)}.json"
    since = NONE_COUNTS
    with suppress(OSError, ValueError, KeyError, TypeError):
        since = str(read_json(path)["since"])
    if since == NONE_COUNTS:
        with atomic_path(path) as temporary:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            temporary.write_text(json.dumps({"since": now}), encoding="utf-8")
    try:
        yield since
    except BadInput:  # it was not cut off: it cannot go on
        path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)


def _work(movies: Sequence[Movie], job: Job) -> str:
    """Return what tells this run from others: its movies, model and settings."""
    said: dict[str, Any] = {
        "movies": [(str(m.path), m.name, m.selection.model_dump(mode="json")) for m in movies],
        "model": job.model.sha256,
        "predict": job.predict.model_dump(mode="json", exclude={"device", "threads"}),
        "labels": job.labels.model_dump(mode="json"),
        "parts": (job.parts, job.frames, job.linked, job.overlay.model_dump(mode="json")),
    }
    text = json.dumps(said, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]
