"""Volumes: one to learn from, another scored, beside sections joined by overlap and a watershed.

    python benchmarks/bench_volumes.py --steps 200            # a busy machine gives the same
    python benchmarks/bench_volumes.py --minutes 5 --write    # into docs/benchmarks.md
    python benchmarks/bench_volumes.py --base nuclei-fluorescence    # both networks begun from it
    python benchmarks/bench_volumes.py --inside end --steps 200    # 1135 alone, for settings

Nuclei of a plant (plant_nuclei_3d in ../shared/data, or NAPARI_UNET_DATA): 1135 is learned from,
1136 scored, and with ``--other`` the other way round. What each row does is fixed here, before any
volume is scored: nothing is chosen by the scores. All but the watershed run the command line.
``--inside`` learns from two thirds of 1135 and scores what lies at one end of x.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from scipy import ndimage

from _page import DATA, markdown, write_row
from bench_kinds import cli
from napari_unet.engine.labels.scores import frame_scores, pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PLANT = DATA / "plant_nuclei_3d"
HEAD = ("cells", "SEG", "F1@0.5", "missed", "invented", "merged", "split")
MARKER = "bench:volumes"
WAYS = ("volumes", "sections", "watershed")
JOINED = 0.25  # IoU from which the outlines of two sections are one cell
SMOOTH, APART = 1.0, 5  # px: before Otsu's threshold, and between the seeds of a watershed


def parted(side: str, folder: Path) -> None:
    """Write two thirds of 1135 as ``rest``, and the third at one end of x as that ``side``."""
    for kind in ("raw", "label"):
        volume = tifffile.imread(PLANT / f"1135_{kind}.tif")
        third = volume.shape[2] // 3
        last, first = np.split(volume, [third], 2), np.split(volume, [-third], 2)
        kept, rest = last if side == "start" else first[::-1]
        for name, part in ((side, kept), ("rest", rest)):
            path, pixels = folder / f"{name}_{kind}.tif", np.ascontiguousarray(part)
            tifffile.imwrite(path, pixels, metadata={"axes": "ZYX"})


def by_model(
    z: str, taught: str, scored: str, length: tuple[str, ...], work: Path, data: Path
) -> NDArray[np.integer]:
    """Train and segment by the command line, as a volume or with each section as a frame."""
    model, out = work / f"{z}-{taught}.safetensors", work / f"{z}-{scored}"
    how = ("--axes", "ZYX", "--z", z)
    cli(
        "train", data / f"{taught}_raw.tif", data / f"{taught}_label.tif", "--out", model,
        "--labels-are", "instances", *how, *length,
    )  # fmt: skip
    cli("segment", data / f"{scored}_raw.tif", "--out", out, "--model", model, "--no-movie", *how)
    return np.squeeze(tifffile.imread(out / "labels.tif"))


def joined(sections: NDArray[np.integer]) -> NDArray[np.integer]:
    """Give outlines of neighbouring sections that overlap most, each in the other, one id."""
    volume, last, n = np.zeros(sections.shape, np.int64), np.zeros(sections.shape[1:], np.int64), 0
    for z, section in enumerate(sections):
        ids, now = [k for k in np.unique(section) if k], np.zeros_like(last)
        for k in ids:
            inside = section == k
            below = np.bincount(last[inside], minlength=n + 1)
            below[0] = 0
            best = int(below.argmax())
            whole = np.count_nonzero((last == best) | inside) if best else 1
            same = best and below[best] / whole >= JOINED and not (now == best).any()
            n += not same
            now[inside] = best if same else n
        volume[z] = last = now
    return volume


def watershed(image: NDArray[np.integer]) -> NDArray[np.integer]:
    """Part what is above Otsu's threshold by a watershed of the distance to its rim."""
    from skimage.feature import peak_local_max
    from skimage.filters import threshold_otsu
    from skimage.segmentation import watershed as flood

    smooth = ndimage.gaussian_filter(image.astype(np.float32), SMOOTH)
    mask = smooth > threshold_otsu(smooth)
    depth = ndimage.distance_transform_edt(mask)
    peaks = peak_local_max(depth, min_distance=APART, labels=mask.astype(int), exclude_border=False)
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return np.asarray(flood(-depth, seeds, mask=mask))


def rows(
    taught: str, scored: str, length: tuple[str, ...], said: str, only: str | None, data: Path
) -> Iterator[tuple[str, ...]]:
    """Yield each way, or ``only`` one, with its scores on the volume that nothing learned from."""
    raw, truth = (tifffile.imread(data / f"{scored}_{kind}.tif") for kind in ("raw", "label"))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        ways = {
            f"U-Net of volumes, {said}": lambda: by_model(
                "volume", taught, scored, length, work, data
            ),
            f"U-Net by section, joined by overlap, {said}": lambda: joined(
                by_model("frames", taught, scored, length, work, data)
            ),
            "Otsu and 3D watershed": lambda: watershed(raw),
        }
        for kind, (words, way) in zip(WAYS, ways.items(), strict=True):
            if only not in (None, kind):
                continue
            found = pool([frame_scores(way(), truth)])
            shares = (f"{found.seg:.3f}", f"{found.f1:.3f}")
            errors = (found.missed, found.invented, found.merged, found.split)
            yield f"{scored}: {words}", *shares, *(f"{error:.1f}" for error in errors)


def main() -> None:
    """Print the table, and write it into docs/benchmarks.md where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="in place of minutes")
    length.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--base", help="a model of images that both networks begin from")
    parser.add_argument("--only", choices=WAYS, help="one of the ways")
    parser.add_argument("--other", action="store_true", help="learn from 1136, score 1135")
    parser.add_argument("--inside", choices=("start", "end"), help="score a third of 1135")
    parser.add_argument("--write", action="store_true", help="put the rows into the docs")
    options = parser.parse_args()
    given = (
        ("--steps", str(options.steps)) if options.steps else ("--minutes", f"{options.minutes:g}")
    )
    said = f"{options.steps} steps" if options.steps else f"{options.minutes:g} min"
    threads = ("--threads", str(options.threads)) if options.threads else ()
    begun = ("--base", options.base) if options.base else ()
    said = f"{said} from {options.base}" if options.base else said
    pair = ("1136", "1135") if options.other else ("1135", "1136")
    print(markdown(HEAD, []), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        data = PLANT
        if options.inside:
            data, pair = Path(folder), ("rest", options.inside)
            parted(options.inside, data)
        for row in rows(*pair, (*given, *threads, *begun), said, options.only, data):
            print(markdown(HEAD, [row]).splitlines()[-1], flush=True)
            if options.write and not options.inside:
                write_row(MARKER, HEAD, row)


if __name__ == "__main__":
    main()
