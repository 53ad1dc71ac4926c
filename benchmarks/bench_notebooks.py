"""The recipes of the notebooks as they are: random frames of HeLa 01 to learn from and to test on.

    python benchmarks/bench_notebooks.py unet-notebook --threads 1
    python benchmarks/bench_notebooks.py resnet18-unet --threads 1

The first learns for 30 epochs; the second for 10, from a network that learned for as many on
DSB 2018 here. Published for them are test IoU of 0.948 and of 0.926 to 0.95. Four fifths of the
frames, drawn at random, are learned from, the rest is the test: neighbours of what was learned,
which flatters. Prints the IoU, mean over the frames of the test. Needs ../shared/data (or
NAPARI_UNET_DATA).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile

import napari_unet as nu
from _page import DSB, HELA

EDGE, SIDE = 25, 256  # px: the band that is not annotated, and the smallest image of DSB 2018


def main() -> None:
    """Train by a recipe and print the IoU of the test."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("recipe", choices=("unet-notebook", "resnet18-unet"))
    words.add_argument("--threads", type=int)
    words.add_argument("--device", default="auto")
    words.add_argument("--steps", type=int, help="in place of the epochs, to try it")
    words.add_argument("--seed", type=int, default=0)
    options = words.parse_args()
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
    epochs = f"{settings.epochs} epochs, " if settings.epochs else ""
    print(f"{options.recipe}: {epochs}{model.record['steps']} steps, test frames {test}")
    print(f"IoU {np.mean(iou):.3f} (worst frame {min(iou):.3f})")


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
