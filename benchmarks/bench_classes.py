"""Labels of classes and of regions at 2048 x 2048: what small pieces cost that are given up.

``python benchmarks/bench_classes.py [--rounds 9] [--write]``

One thread. The probability is made from the class masks of a section of drosophila_vnc_multiclass
(five classes, laid out twice each way), or of a generated one: a plane a class, blurred, with
noise.
The dock labels a frame anew at each move of a class's slider.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from functools import partial

import numpy as np
import tifffile
from scipy import ndimage as ndi

from _interleave import interleave, timed
from _page import DATA, markdown, write_between_markers
from napari_unet.engine.labels.class_labels import class_outputs, label_classes
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.settings import LabelSettings
from napari_unet.sample.movie import sample_movie

SIZE, LEAST, SURE = 2048, 16, 0.9
REGIONS = (
    "object",
    "region a=1,2,3,4,5",
    "region b=2,3,4",
    "region c=4",
    "region d=3",
    "region e=5",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="put the table on the page")
    options = parser.parse_args()
    classes = class_masks()
    codes = noisy_codes([classes > 0, *(classes == number for number in range(1, 6))])
    rules = {
        "no rule": LabelSettings(),
        f"below {LEAST} px to what is around": LabelSettings(class_sizes=(LEAST,) * 5),
        f"below {LEAST} px and under {SURE}": LabelSettings(
            class_sizes=(LEAST,) * 5, class_sure=(SURE,) * 5
        ),
    }
    rows = []
    for kind, outputs in (("classes", class_outputs(range(1, 6))), ("regions", REGIONS)):
        ways = {
            name: timed(partial(label_classes, codes, outputs, settings))
            for name, settings in rules.items()
        }
        seconds = interleave(ways, options.rounds)
        rows += [
            (f"five {kind}", name, f"{1e3 * statistics.median(values):.0f}")
            for name, values in seconds.items()
        ]
    text = [
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, one thread used; "
        f"{SIZE} x {SIZE} px, medians of {options.rounds}. "
        "The dock labels a frame anew at each move of a class's slider.",
        markdown(("one frame of", "small pieces", "ms"), rows),
    ]
    print("\n\n".join(text))
    if options.write:
        write_between_markers("bench:classes", "### Classes and regions\n\n" + "\n\n".join(text))


def class_masks() -> np.ndarray:
    """Numbers of classes ``(SIZE, SIZE)``: of a section where the data is, else generated."""
    paths = sorted((DATA / "drosophila_vnc_multiclass" / "labels_class").glob("*.tif"))
    if paths:
        one = tifffile.imread(paths[0])
    else:
        ids = sample_movie(frames=1, shape=(SIZE // 2, SIZE // 2))[1][0]
        one = np.where(ids > 0, ids % 4 + 2, 1)
    times = [-(-SIZE // edge) for edge in one.shape]
    return np.tile(one, times)[:SIZE, :SIZE]


def noisy_codes(masks: list[np.ndarray]) -> np.ndarray:
    """Return codes ``(C, Y, X)`` as a network might give them for masks."""
    chance = np.random.default_rng(0)
    planes = []
    for mask in masks:
        noise = 4 * ndi.gaussian_filter(chance.normal(size=mask.shape), 2)
        planes.append(
            encode_logits(14 * (ndi.gaussian_filter(mask.astype(float), 1.5) - 0.5) + noise)
        )
    return np.stack(planes)


if __name__ == "__main__":
    main()
