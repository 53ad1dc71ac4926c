"""Versions that a result depends on, for whatever says how it was made."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PROGRAM = "napari-unet-live"
_PACKAGES = (PROGRAM, "torch", "numpy", "scipy", "scikit-image", "tifffile")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that shape a result, by name."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a source tree that was never installed
            continue
    return found
