"""napari's layers and the engine's values, each made from the other; all that touches layers."""
