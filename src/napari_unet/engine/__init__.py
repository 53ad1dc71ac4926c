"""The engine: numpy, torch, tifffile, scikit-image. No Qt, no napari."""
