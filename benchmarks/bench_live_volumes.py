"""Live labels of volumes: a tick of the threshold, a section turned to, a stroke, the 3D view.

``python benchmarks/bench_live_volumes.py [--rounds 7] [--shape 32 512 512] [--write]``

One thread. The probability is made from generated nuclei (`sample_volumes`), object and border,
blurred; medians of rounds. The table goes into docs/volumes.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from _page import markdown
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.settings import LabelSettings
from napari_unet.sample.volumes import sample_volumes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SPACING = (1.5, 0.4, 0.4)
PAGE = Path(__file__).resolve().parents[1] / "docs" / "volumes.md"
BEGIN, END = "<!-- bench:live_volumes -->", "<!-- end:live_volumes -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--shape", type=int, nargs=3, default=(32, 512, 512))
    parser.add_argument("--write", action="store_true", help="into docs/volumes.md")
    options = parser.parse_args()
    truth = sample_volumes(frames=1, shape=tuple(options.shape))[1][0]
    rows = live_rows(codes_of(truth), options.rounds)
    size, cells = " x ".join(map(str, truth.shape)), len(np.unique(truth)) - 1
    where = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, one thread used"
    text = f"{size} voxels, {cells} nuclei, generated; {where}.\n\n"
    text += markdown(("one frame of volumes", "ms"), rows)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def live_rows(codes: NDArray[np.uint8], rounds: int) -> list[tuple[str, ...]]:
    """Time what a user waits for; the last row runs in the background."""
    settings = LabelSettings()
    thresholds = iter(np.resize(np.linspace(0.3, 0.7, 41), 10**6))
    probabilities = Probabilities.in_memory((1, *codes.shape), {"outputs": ["object", "border"]})
    probabilities.write(0, codes)
    live = LiveLabels((1, *codes.shape[1:]), probabilities, settings, spacing=SPACING)
    begun = time.perf_counter()
    live.prepare(0)
    found = time.perf_counter() - begun
    middle = codes.shape[1] // 2

    def move() -> None:
        live.settings = settings.replace(threshold=float(next(thresholds)))

    def section() -> None:
        move()
        live[0, middle]

    def whole() -> None:
        move()
        live[0, :, :, :]

    places = np.random.default_rng(0).integers(20, min(codes.shape[2:]) - 20, (10**4, 2)).tolist()
    strokes = iter(places)

    def stroke() -> None:
        y, x = next(strokes)
        live[0, middle, y : y + 9, x : x + 9] = 60000
        live[0, middle]

    rows = {
        "a tick of the threshold, the section on screen": section,
        "a tick of the threshold, the 3D view": whole,
        "a dab of the brush": stroke,
    }
    timed = [(name, f"{median_of(act, rounds) * 1e3:.1f}") for name, act in rows.items()]
    timed.append(("a tick of the threshold, the section on screen, after strokes",
                  f"{median_of(section, rounds) * 1e3:.1f}"))  # fmt: skip
    return [*timed, ("cells found, once a volume, in the background", f"{found * 1e3:.0f}")]


def median_of(act: Callable[[], object], rounds: int) -> float:
    """Return the median of some rounds, after one that is not counted."""
    act()
    seconds = []
    for _ in range(rounds):
        begun = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def codes_of(truth: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Object and border codes (2, Z, Y, X) as a network might give them for labels."""
    least = ndi.minimum_filter(np.where(truth > 0, truth, 65535), 3)
    touching = (ndi.maximum_filter(truth, 3) != least) & (least < 65535)
    sigma = [1.5 * SPACING[2] / step for step in SPACING]
    inside = ndi.gaussian_filter((truth > 0).astype(np.float32), sigma)
    border = np.minimum(1.3 * ndi.gaussian_filter(touching.astype(np.float32), sigma), 1)
    noise = 4 * ndi.gaussian_filter(
        np.random.default_rng(0).normal(size=truth.shape).astype(np.float32), (1, 2, 2)
    )
    return np.stack(
        [encode_logits(14 * (inside - 0.5) + noise), encode_logits(10 * (border - 0.5))]
    )


if __name__ == "__main__":
    main()
