"""The command line: napari-unet demo | segment | train | evaluate | export | models | info.

Summaries go to stdout, progress and errors to stderr. Torch, scipy and tifffile are imported
inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line: the console script ``napari-unet``."""
    from napari_unet.cli.app import app
    from napari_unet.cli.heap import keep_heap

    keep_heap()
    app()


__all__ = ["main"]
