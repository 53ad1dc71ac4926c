"""Which folder of movies, or file of several positions, the table of positions shows."""

from __future__ import annotations

from pathlib import Path

from psygnal import Signal

_PLUGIN, _NAME = "napari-unet-live", "Positions"


class Positions:
    """What a user asked the table to show; one per viewer. The table asks what is in it."""

    changed = Signal()

    def __init__(self) -> None:
        self.source: Path | None = None

    def show(self, source: Path, window: object) -> None:
        """Show the movies of a folder, or the positions of a file, in the table; open it."""
        self.source = source
        open_dock = getattr(window, "add_plugin_dock_widget", None)
        if open_dock is not None:
            holder, _ = open_dock(_PLUGIN, _NAME)
            holder.show()
            holder.raise_()
        self.changed.emit()
