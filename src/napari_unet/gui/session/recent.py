"""Movies that were opened before, the latest first, and the last cluster; with the user's data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


def recent_cluster() -> str:
    """Return the address or file of the cluster that was named last; empty where none was."""
    try:
        found = read_json(_cluster_file())["cluster"]
    except (OSError, ValueError, TypeError, LookupError):
        return ""
    return found if isinstance(found, str) else ""


def remember_cluster(named: str) -> None:
    """Keep the address or file of a cluster."""
    if named != recent_cluster():
        _write(_cluster_file(), {"cluster": named})


def remember_movie(path: str | Path) -> None:
    """Put a movie on top of the list; a list that cannot be written is no reason to stop."""
    path = Path(path).absolute()
    paths = [path, *(other for other in recent_movies() if other != path)][:_MOST]
    _write(_file(), [str(p) for p in paths])


def _write(path: Path, value: Any) -> None:
    try:
        make_folder(path.parent)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(value, indent=2), encoding="utf-8")
    except (OSError, ValueError):
        return


def _file() -> Path:
    return user_data_path("napari-unet", appauthor=False) / "recent.json"


def _cluster_file() -> Path:
    return _file().with_name("cluster.json")
