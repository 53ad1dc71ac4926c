"""Movies that were opened before, the latest first; kept with the user's data."""

from __future__ import annotations

import json
from pathlib import Path

from platformdirs import user_data_path

from napari_unet.engine.files.atomic import atomic_path, make_folder
from napari_unet.engine.files.read_json import read_json

_MOST = 8


def recent_movies() -> list[Path]:
    """Return their files and folders; whether they are still there is not asked."""
    try:
        found = read_json(_file())
        return [Path(path) for path in found if isinstance(path, str)][:_MOST]
    except (OSError, ValueError, TypeError):
        return []


def remember_movie(path: str | Path) -> None:
    """Put a movie on top of the list; a list that cannot be written is no reason to stop."""
    path = Path(path).absolute()
    paths = [path, *(other for other in recent_movies() if other != path)][:_MOST]
    try:
        make_folder(_file().parent)
        with atomic_path(_file()) as temporary:
            temporary.write_text(json.dumps([str(p) for p in paths], indent=2), encoding="utf-8")
    except (OSError, ValueError):
        return


def _file() -> Path:
    return user_data_path("napari-unet", appauthor=False) / "recent.json"
