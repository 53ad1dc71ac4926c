"""A tick of the threshold slider against labelling anew, and what splitting once costs in SEG.

``python benchmarks/bench_labels.py [--rounds 9] [--thresholds 0.2 0.35 0.5 0.65 0.8]``

One thread, interleaved in one run; ratios and the milliseconds of this machine. The probability is
made from instance masks (HeLa of the Cell Tracking Challenge, or the generated movie): object and
border planes, blurred, with noise. The table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from scipy import ndimage as ndi
from skimage.measure import label, regionprops
from skimage.segmentation import watershed

from _interleave import interleave, ratio, timed
from _page import HELA, markdown, write_between_markers
from napari_unet.engine.labels.codes import encode_logits, threshold_code
from napari_unet.engine.labels.labels import frame_basins, label_frame
from napari_unet.engine.labels.scores import frame_scores, pool
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.settings import LabelSettings
from napari_unet.sample.movie import sample_movie

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TICK, ANEW, SKIMAGE, WATERSHED, STACK = (
    "LiveLabels: move the threshold, read the frame",
    "basins found again",
    "skimage label + regionprops",
    "distance transform + watershed + regionprops",
    "threshold of the whole stack (60 frames)",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="one round; the table is not kept")
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.2, 0.35, 0.5, 0.65, 0.8])
    options = parser.parse_args()
    rounds, truth = 1 if options.quick else options.rounds, bench_truth()
    codes = [noisy_codes(frame, seed) for seed, frame in enumerate(truth)]
    rows = []
    for frame in (codes[0], np.tile(codes[0], (1, 3, 2))[:, :2048, :2048].copy()):
        rows += tick_rows(frame, rounds)
    text = [
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, one thread used. "
        "Touching cells are split and small ones left out at every tick.",
        markdown(("one tick at", "", "ms", "LiveLabels is … times faster"), rows),
        markdown(
            ("threshold", "SEG, split once", "SEG, split again at the threshold"),
            seg_rows(codes, truth, options.thresholds),
        ),
    ]
    print("\n\n".join(text))
    if not options.quick:
        write_between_markers("bench:labels", "### Live threshold\n\n" + "\n\n".join(text))


def tick_rows(codes: NDArray[np.uint8], rounds: int) -> list[tuple[str, ...]]:
    """Time the ways to follow the slider on one frame."""
    settings = LabelSettings()
    thresholds = iter(np.resize(np.linspace(0.3, 0.7, 41), 10**6))
    probabilities = Probabilities.in_memory((1, *codes.shape), {"outputs": ["object", "border"]})
    probabilities.write(0, codes)
    live = LiveLabels((1, *codes.shape[1:]), probabilities, settings)
    stack = np.repeat(codes[None, 0], 60, axis=0)

    def tick() -> NDArray[np.uint16]:
        live.settings = settings.replace(threshold=float(next(thresholds)))
        return live[0, :, :]

    def with_threshold(way: Callable[[NDArray[np.uint8], int], object]) -> Callable[[], object]:
        return lambda: way(codes[0], threshold_code(float(next(thresholds))))

    seconds = interleave(
        {
            TICK: timed(tick, 5),
            ANEW: timed(lambda: label_frame(codes, settings)),
            SKIMAGE: timed(with_threshold(skimage_labels)),
            WATERSHED: timed(with_threshold(watershed_labels)),
            STACK: timed(lambda: stack >= threshold_code(float(next(thresholds)))),
        },
        rounds,
        slow={ANEW: 3, WATERSHED: 3, SKIMAGE: 5},
    )
    size = " x ".join(map(str, codes.shape[1:]))
    rows = []
    for name, values in seconds.items():
        times = f"{1 / ratio(seconds, TICK, name)[0]:.1f}" if name != TICK else "1"
        rows.append((size, name, f"{statistics.median(values) * 1e3:.1f}", times))
    return rows


def skimage_labels(levels: NDArray[np.uint8], code: int) -> NDArray[np.int64]:
    """Connected components and the size filter, as plugins do at each tick."""
    labels = label(levels >= code)
    for found in regionprops(labels):
        if found.area < 30:
            labels[labels == found.label] = 0
    return labels


def watershed_labels(levels: NDArray[np.uint8], code: int) -> NDArray[np.int64]:
    """The textbook's splitting at each tick."""
    mask = levels >= code
    depth = ndi.gaussian_filter(ndi.distance_transform_edt(mask), 1)
    peaks = (ndi.maximum_filter(depth, 7) == depth) & mask
    labels = watershed(-depth, label(peaks), mask=mask)
    for found in regionprops(labels):
        if found.area < 30:
            labels[labels == found.label] = 0
    return labels


def seg_rows(
    codes: list[NDArray[np.uint8]], truth: NDArray[np.uint16], thresholds: list[float]
) -> list[tuple[str, ...]]:
    """SEG of basins found once, and of basins whose ground is that of the threshold itself."""
    settings = LabelSettings()
    basins = [frame_basins(frame, settings) for frame in codes]
    rows = []
    for threshold in thresholds:
        chosen = settings.replace(threshold=threshold)
        once = [label_frame(f, chosen, b) for f, b in zip(codes, basins, strict=True)]
        again = [split_again(frame, chosen) for frame in codes]
        rows.append((f"{threshold}", *(f"{seg(labels, truth):.4f}" for labels in (once, again))))
    return rows


def split_again(codes: NDArray[np.uint8], settings: LabelSettings) -> NDArray[np.uint16]:
    """Label a frame in which nothing below the threshold exists."""
    above = codes.copy()
    above[0][codes[0] < threshold_code(settings.threshold)] = 0
    return label_frame(above, settings)


def seg(labels: list[NDArray[np.uint16]], truth: NDArray[np.uint16]) -> float:
    """SEG pooled over the objects of all frames."""
    return pool([frame_scores(a, b, border=25) for a, b in zip(labels, truth, strict=True)]).seg


def bench_truth() -> NDArray[np.uint16]:
    """Instance masks: some HeLa frames where the data is, else the generated movie."""
    paths = sorted((HELA / "01_ST" / "SEG").glob("*.tif"))[::6]
    if paths:
        return np.stack([tifffile.imread(path) for path in paths])
    return sample_movie(frames=6, shape=(700, 1100))[1]


def noisy_codes(truth: NDArray[np.uint16], seed: int) -> NDArray[np.uint8]:
    """Object and border codes (2, Y, X) as a network might give them for instance masks."""
    rng = np.random.default_rng(seed)
    least = ndi.minimum_filter(np.where(truth > 0, truth, 65535), 3)
    touching = ndi.binary_dilation((ndi.maximum_filter(truth, 3) != least) & (least < 65535))
    object_ = ndi.gaussian_filter(((truth > 0) | touching).astype(np.float32), 1.5)
    border = np.minimum(1.3 * ndi.gaussian_filter(touching.astype(np.float32), 1.0), 1)
    noise = [4 * ndi.gaussian_filter(rng.normal(size=truth.shape), 2) for _ in range(2)]
    return np.stack(
        [
            encode_logits(14 * (object_ - 0.5) + noise[0]),
            encode_logits(10 * (border - 0.5) + noise[1]),
        ]
    )


if __name__ == "__main__":
    main()
