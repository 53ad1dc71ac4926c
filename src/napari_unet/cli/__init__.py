"""The command line: napari-unet COMMAND, each in the file of its name (`app.COMMANDS`).

Summaries go to stdout, progress and errors to stderr. Torch, scipy and tifffile are imported
inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line: the console script ``napari-unet``."""
    from napari_unet.cli.interrupt import answer_signals, ignore_signals

    answer_signals()  # before all else: importing takes its time, too
    from napari_unet.cli.app import app
    from napari_unet.cli.heap import keep_heap
    from napari_unet.cli.streams import take_any_name

    keep_heap()
    take_any_name()
    try:
        app()
    finally:
        ignore_signals()


__all__ = ["main"]
