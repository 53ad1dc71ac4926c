"""``python -m napari_unet``, and what ``torchrun -m napari_unet`` starts."""

from napari_unet.cli import main

main()
