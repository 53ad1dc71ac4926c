"""Open napari with the sample movie and the docks: what ``make napari`` runs."""

import napari

PLUGIN = "napari-unet-live"

viewer = napari.Viewer()
viewer.open_sample(PLUGIN, "nuclei")
for name in ("Export", "Train", "Segment"):  # the last one is on top
    viewer.window.add_plugin_dock_widget(PLUGIN, name)

if __name__ == "__main__":
    napari.run()
