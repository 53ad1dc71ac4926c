"""How far masks through JPEG or interpolation are from real ones: the share of pieces of 1-3 px.

That share is what `engine/labels/label_doubts.py` looks at. Needs the real masks in ../shared/data
(or NAPARI_UNET_DATA).

    python -m benchmarks.label_doubts --write
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from skimage.io import imread
from skimage.measure import label
from skimage.transform import resize

from benchmarks._page import DATA, markdown, write_between_markers

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SETS = {
    "HeLa": "Fluo-N2DL-HeLa/01_ST/SEG",
    "HeLa, DIC": "DIC-C2DH-HeLa/01_ST/SEG",
    "PSC": "PhC-C2DL-PSC/01_ST/SEG",
    "DSB 2018": "dsb2018_fluo/masks",
    "DSB 2018, colour": "dsb2018_colour/masks",
}
TINY, AT_ONCE, GROUPS = 3, 8, 6  # px; frames looked at together; groups of each set


def resized(mask: NDArray[np.integer]) -> NDArray[np.integer]:
    """Resize with interpolation, as an image editor does."""
    shape = tuple(round(0.7 * n) for n in mask.shape)
    found = resize(mask.astype(np.float64), shape, order=1, preserve_range=True)
    return np.rint(found).astype(np.int64)


def through_jpeg(mask: NDArray[np.integer]) -> NDArray[np.integer]:
    """Save as JPEG of 8 bit and read again."""
    file = io.BytesIO()
    Image.fromarray((mask % 256).astype(np.uint8)).save(file, "JPEG")
    return np.asarray(Image.open(file)).astype(np.int64)


WAYS: dict[str, Callable[[NDArray[np.integer]], NDArray[np.integer]]] = {
    "as they are": lambda mask: mask,
    "resized": resized,
    "through JPEG": through_jpeg,
}


def tiny_share(masks: list[NDArray[np.integer]]) -> float:
    """Return the share of connected pieces that are 1-3 px large."""
    pieces = [label(mask, background=0, connectivity=2) for mask in masks]
    sizes = np.concatenate([np.bincount(image.ravel())[1:] for image in pieces])
    return float(np.mean(sizes <= TINY)) if sizes.size else 0.0


def main() -> None:
    """Measure all sets that are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    options = parser.parse_args()
    rows = []
    for name, folder in SETS.items():
        files = [p for p in sorted(Path(DATA, folder).glob("*")) if p.suffix in (".tif", ".png")]
        groups = [files[i : i + AT_ONCE] for i in range(0, len(files), AT_ONCE)]
        groups = groups[:: max(1, len(groups) // GROUPS)]
        if not groups:
            continue
        masks = [[imread(path).astype(np.int64) for path in group] for group in groups]
        cells = [name, str(sum(map(len, groups)))]
        for change in WAYS.values():
            shares = [tiny_share([change(mask) for mask in group]) for group in masks]
            cells.append(f"{min(shares):.2f} to {max(shares):.2f}")
        rows.append(tuple(cells))
    print(table := markdown(("masks", "frames", *WAYS), rows))
    if options.write:
        write_between_markers("label doubts", table)


if __name__ == "__main__":
    main()
