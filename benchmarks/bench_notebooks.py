"""The recipes of the notebooks as they are: random frames of HeLa 01 to learn from and to test on.

    python benchmarks/bench_notebooks.py unet-notebook --threads 1 --write
    python benchmarks/bench_notebooks.py resnet18-unet --threads 1 --write

The first learns for 30 epochs; the second for 10, from a network that learned for as many on
DSB 2018 here. Four fifths of the frames, drawn at random, are learned from, the rest is the test:
neighbours of what was learned, which flatters. Prints the IoU, mean over the frames of the test,
beside what was published, and with --write puts it on the page of networks. Needs ../shared/data
(or NAPARI_UNET_DATA).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import tifffile

import napari_unet as nu
from _page import DSB, HELA, NETWORKS, write_row

PUBLISHED = {"unet-notebook": "0.948", "resnet18-unet": "0.926 to 0.95"}
HEAD = ("recipe", "length", "test IoU, mean of frames", "worst frame", "published", "conditions")
EDGE, SIDE = 25, 256  # px: the band that is not annotated, and the smallest image of DSB 2018


def main() -> None:
    """Train by a recipe and print the IoU of the test."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("recipe", choices=("unet-notebook", "resnet18-unet"))
    words.add_argument("--threads", type=int)
    words.add_argument("--device", default="auto")
    words.add_argument("--steps", type=int, help="in place of the epochs, to try it")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--write", action="store_true", help="put the row on the page")
    options = words.parse_args()
    began = time.process_time()
    settings = nu.TrainSettings().with_recipe(options.recipe)
    changes = {"threads": options.threads, "device": options.device, "validation": "none"}
    settings = settings.replace(**changes, seed=options.seed)
    if options.steps:
        settings = settings.replace(epochs=None, steps=options.steps)
    base = None
    if options.recipe == "resnet18-unet":
        crops, masks = first_corners(DSB)
        base = trained(crops, masks, range(len(crops)), settings)
    movie, truth = nu.Stack.open(HELA / "01"), nu.Stack.open(HELA / "01_ST" / "SEG")
    order = np.random.default_rng(options.seed).permutation(len(movie)).tolist()
    n = round(0.8 * len(movie))
    learned, test = sorted(order[:n]), sorted(order[n:])
    model = trained(movie, truth, learned, settings.replace(edge=EDGE), base)
    predict = nu.PredictSettings(threads=options.threads, device=options.device)
    labels = nu.run(nu.segment(movie, model, predict, frames=test))
    inner = slice(EDGE, -EDGE)
    found = [np.asarray(labels[t])[inner, inner] > 0 for t in test]
    right = [truth[t][inner, inner] > 0 for t in test]
    iou = [(a & b).sum() / (a | b).sum() for a, b in zip(found, right, strict=True)]
    steps = f"{model.record['steps']} steps"
    length = f"{settings.epochs} epochs, {steps}" if settings.epochs else steps
    start = f", from {base.record['steps']} steps on DSB 2018" if base else ""
    conditions = (
        f"{n} frames learned{start}, {len(test)} tested, seed {options.seed}, "
        f"{(time.process_time() - began) / 60:.0f} minutes of processor"
    )
    row = (
        f"`{options.recipe}`", length, f"{np.mean(iou):.3f}", f"{min(iou):.3f}",
        PUBLISHED[options.recipe], conditions,
    )  # fmt: skip
    for name, value in zip(HEAD, row, strict=True):
        print(f"{name}: {value}")
    print(f"test frames {test}, drawn at random: their neighbours in time were learned from")
    print("That flatters: what the network says of another movie can be far less.")
    if options.write:
        write_row("bench:notebooks", HEAD, row, NETWORKS)


def first_corners(folder: Path) -> tuple[nu.Stack, nu.Stack]:
    """Return the upper left of each image, and its mask, as stacks of one size.

    Corners without cells are left out.
    """
    corners = []
    for file in sorted((folder / "images").glob("*.tif")):
        image, mask = (
            tifffile.imread(path)[:SIDE, :SIDE] for path in (file, folder / "masks" / file.name)
        )
        if image.min() < image.max() and mask.any():
            corners.append((image, mask))
    images, masks = (np.stack(several) for several in zip(*corners, strict=True))
    return nu.Stack.from_array(images, axes="TYX"), nu.Stack.from_array(masks, axes="TYX")


def trained(
    movie: nu.Stack,
    truth: nu.Stack,
    frames: object,
    settings: nu.TrainSettings,
    base: nu.Model | None = None,
) -> nu.Model:
    """Train on all of some frames."""
    known = nu.Annotations.from_labels(movie, truth, frames, kind="instances")
    return nu.run(nu.train(movie, known, settings, base=base))


if __name__ == "__main__":
    main()
