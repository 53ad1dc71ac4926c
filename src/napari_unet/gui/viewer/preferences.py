"""What a user set for this plugin in napari's *Preferences*, where this napari has that (0.9)."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QColor

PLUGIN = "napari-unet-live"  # as in the manifest, which describes each preference
_DEFAULTS: dict[tuple[str, str], Any] = {
    ("run", "device"): "auto",
    ("sessions", "place"): "",
    ("sessions", "user"): "",
    ("doubts", "flips"): 12,
    ("colours", "correct"): "#ffaa00",
    ("colours", "background"): "#8c8c8c",
}


def preference(group: str, name: str) -> Any:
    """Return a preference; its default where this napari has none for plugins."""
    default = _DEFAULTS[group, name]
    if not _were_set():
        return default
    try:
        from napari.settings import get_plugin_settings

        return getattr(getattr(get_plugin_settings(PLUGIN), group), name)
    except (ImportError, KeyError, AttributeError):
        return default


def colour(name: str) -> QColor:
    """Return a colour as it is preferred; its default where that is none."""
    chosen = QColor(str(preference("colours", name)))
    return chosen if chosen.isValid() else QColor(_DEFAULTS["colours", name])


def _were_set() -> bool:
    """Whether there is a file of them: to ask napari takes as long as all of a dock."""
    from napari.settings import get_settings

    config = get_settings().config_path
    return config is not None and config.with_name(f"{PLUGIN}.yaml").is_file()
