"""Entries of napari's own menus."""

import napari


def open_segment(viewer: napari.Viewer) -> None:
    """Open the Segment dock, from *Layers ▸ Segment*."""
    viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment")
