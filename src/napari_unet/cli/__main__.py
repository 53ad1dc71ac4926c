"""``python -m napari_unet.cli``."""

from napari_unet.cli import main

main()
