"""Scrolling through an OME-Zarr of large frames: what a step to the next frame reads and takes.

``python benchmarks/bench_levels.py [--edge 8192]``: a movie of three resolutions in chunks of 512
px, looked at as napari asks for it: whole, by the coarsest level; and enlarged, by a part of the
finest. The table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from _page import markdown, write_between_markers
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie

FRAMES, CHUNK, SCREEN = 5, 512, (800, 1000)


def write(folder: Path, edge: int) -> None:
    """Write frames of nuclei at three resolutions, each a quarter of the one before."""
    nuclei, _ = sample_movie(frames=1, shape=(512, 512))
    frame = np.tile(nuclei[0], (edge // 512, edge // 512))
    group = zarr.open_group(folder, mode="w", zarr_format=3)
    datasets = []
    for level in range(3):
        small = frame[:: 4**level, :: 4**level]
        array = group.create_array(
            str(level), shape=(FRAMES, *small.shape), chunks=(1, CHUNK, CHUNK), dtype=frame.dtype
        )
        for t in range(FRAMES):
            array[t] = np.roll(small, t, axis=1)
        scale = [1.0, 4.0**level, 4.0**level]
        steps = [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    axes = [{"name": a, "type": "time" if a == "t" else "space"} for a in "tyx"]
    said = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    group.attrs["ome"] = said


def steps(frames: Any, part: tuple[slice, slice]) -> float:
    """Return the median seconds of a step to a frame that was not read yet."""
    took = []
    for t in range(1, FRAMES):
        began = time.perf_counter()
        np.asarray(frames[(slice(None), *part)][t])
        took.append(time.perf_counter() - began)
    return float(np.median(took))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=8192, help="px of a frame")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "large.zarr"
        write(path, options.edge)
        middle = tuple(slice((options.edge - n) // 2, (options.edge - n) // 2 + n) for n in SCREEN)
        every = (slice(None), slice(None))
        with Stack.open(path) as stack:
            fine, *_, coarse = stack.levels()
            small, enlarged = steps(coarse, every), steps(fine, middle)
            all_of_it = steps(fine, every)
    rows = [
        ("all of a frame on screen, the coarsest resolution", f"{1000 * small:.0f} ms"),
        (f"{SCREEN[0]}x{SCREEN[1]} px of the finest, enlarged", f"{1000 * enlarged:.0f} ms"),
        ("the finest, whole", f"{1000 * all_of_it:.0f} ms"),
    ]
    text = (
        f"A step to the next frame of an OME-Zarr of {options.edge}x{options.edge}, uint16, in "
        f"chunks of {CHUNK} px, with three resolutions, as napari asks for it."
    )
    result = "### Scrolling through large frames\n\n" + text + "\n\n"
    result += markdown(("what is read", "time"), rows)
    print(result)
    write_between_markers("bench:levels", result)


if __name__ == "__main__":
    main()
