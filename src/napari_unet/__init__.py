"""U-Net Live: segment a time-lapse with a U-Net, in napari and from the shell."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-unet-live")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
