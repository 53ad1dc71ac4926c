"""Every exporter by name, for tests in this process and for ones that are limited or killed.

``python exporters.py NAME PATH`` runs one; ``python exporters.py limited FOLDER SHARE`` runs all
over what is there, with files of at most SHARE of the largest that each wrote before.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.table import write_table
from napari_unet.engine.export.formats.write_labels import (
    LABEL_FORMATS,
    write_labels,
    write_probabilities,
)
from napari_unet.engine.export.overlay.write_movie import write_movie, write_still
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import OverlaySettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL

FRAMES = 24  # the small movie again and again: long enough to be killed in the middle


def world():
    movie, labels = sample_movie(SMALL)
    again = np.arange(FRAMES) % len(movie)
    stack = Stack.from_array(movie[again], axes="TYX", pixel_size=0.65, frame_interval=300.0)
    return stack, labels[again]


def _labels(name):
    return lambda path, stack, labels, **o: write_labels(
        path, iter(labels), stack, WriteOptions(**o), format=name
    )


def _probabilities(path, stack, labels, **options):
    probabilities = Probabilities.in_memory((len(stack), 1, *stack.frame_shape))
    for t, frame in enumerate(labels):
        probabilities.write(t, np.where(frame > 0, 230, 20).astype(np.uint8)[None])
    return write_probabilities(path, probabilities, stack, WriteOptions(**options))


def _movie(path, stack, labels, **options):
    settings = OverlaySettings(line_width=2)
    return write_movie(path, stack, labels, settings, WriteOptions(**options))


def _still(path, stack, labels, **options):
    yield 0
    write_still(path, stack, labels, 3, options=WriteOptions(**options))


SUFFIXES = {
    **{name: kind.suffix for name, kind in LABEL_FORMATS.items()},
    "probabilities": ".ome.tif",
    "table": ".csv",
    "mp4": ".mp4",
    "avi": ".avi",
    "movie-pngs": "_frames",
    "still": ".png",
}
EXPORTERS = {
    **{name: _labels(name) for name in LABEL_FORMATS},
    "probabilities": _probabilities,
    "table": lambda path, stack, labels, **o: write_table(
        path, iter(labels), stack, WriteOptions(**o)
    ),
    "mp4": _movie,
    "avi": _movie,
    "movie-pngs": _movie,
    "still": _still,
}


def target(folder, name):
    return folder / f"Zellen µ {name}{SUFFIXES[name]}"


def run(name, path):
    """Export and say each position, as a process that may be killed."""
    for position in EXPORTERS[name](path, *world(), overwrite=True):
        sys.stdout.write(f"{position}\n")
        sys.stdout.flush()


def largest_file(path):
    """Bytes of an export's largest file."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return max(file.stat().st_size for file in files)


def run_all_limited(folder, share):
    """Run every exporter, each into its own folder; say the error of each."""
    import resource

    stack, labels = world()
    for name in sorted(p.name for p in folder.iterdir()):
        path = target(folder / name, name)
        limit = max(1, int(share * largest_file(path)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            list(EXPORTERS[name](path, stack, labels, overwrite=True))
            sys.stdout.write(f"{name}: written\n")
        except BadInput as error:
            sys.stdout.write(f"{name}: {error}\n")


if __name__ == "__main__":
    if sys.argv[1] == "limited":
        run_all_limited(Path(sys.argv[2]), float(sys.argv[3]))
    else:
        run(sys.argv[1], Path(sys.argv[2]))
