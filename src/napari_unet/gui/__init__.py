"""The docks: the only Qt, magicgui and napari code."""
