"""Train the bundled model `nuclei-fluorescence` on DSB 2018 fluorescence images (CC0).

    python scripts/train_bundled.py DSB2018 --minutes 75 --threads 1

DSB2018 holds the folders images and masks. Writes src/napari_unet/models/nuclei-fluorescence
.safetensors with its card and a small replay set. Every sixth image is kept aside for choosing
among settings; none of them is trained on.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from skimage.transform import resize

from napari_unet.engine.annotations import Annotations, FrameAnnotation
from napari_unet.engine.checking import check
from napari_unet.engine.errors import BadInput
from napari_unet.engine.heap import keep_heap
from napari_unet.engine.normalisation import Normaliser
from napari_unet.engine.self_check import made_check
from napari_unet.engine.settings import Augmentation, Normalisation, TrainSettings
from napari_unet.engine.stack import Stack
from napari_unet.engine.training import train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.engine.model import Model

logger = logging.getLogger("train_bundled")
NAME = "nuclei-fluorescence"
CANVAS = 384
KEPT_ASIDE = 6  # every sixth image
REPLAY = 8
NORMALISATION = Normalisation()
FILTERS = (16, 32, 64, 128, 256)
AUGMENTATION = Augmentation(
    zoom_low=0.65,
    zoom_high=1.6,
    brightness=0.1,
    contrast=0.4,
    gamma=0.5,
    noise=0.04,
    blur=1.5,
    cells=2.0,
)
SMALL, LARGE = 18.0, 32.0  # px across: such nuclei are shown enlarged and reduced as well
# Masks of other people's movies are wider than those of DSB 2018; on the images kept aside 0.35
# and 0.5 score alike.
THRESHOLD, SMALLEST = 0.35, 20
CARD = {
    "for": "nuclei in fluorescence (DAPI, Hoechst, H2B), bright on dark, 10 to 60 px across",
    "not_for": "bright field, phase contrast, histology, membranes, cytoplasm, 3D stacks",
    "data": "438 fluorescence images of BBBC038 (Data Science Bowl 2018, stage 1) with the "
    "community's corrected masks",
    "terms": "CC0 (images and masks); the weights are BSD-3-Clause like the program",
    "command": "python scripts/train_bundled.py DSB2018 --minutes 75 --threads 1",
    "citation": "Caicedo et al. 2019, doi:10.1038/s41592-019-0612-7",
}


def read(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images and instance masks ``(Y, X)``; colour images as their mean."""
    for path in sorted((folder / "images").glob("*.tif")):
        image = tifffile.imread(path)
        yield (
            image if image.ndim == 2 else image[..., :3].mean(-1).astype(np.uint8),
            tifffile.imread(folder / "masks" / path.name).astype(np.int32),
        )


def diameter(labels: np.ndarray) -> float:
    """Median diameter in px of a disc of each object's area; 0 where there is none."""
    areas = np.bincount(labels.ravel())[1:]
    return float(2 * np.sqrt(np.median(areas[areas > 0]) / np.pi)) if areas.any() else 0.0


def scaled(image: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give a normalised image at sizes beside its own that its nuclei are seen at elsewhere."""
    across = diameter(labels)
    factors = [1.5] * (0 < across < SMALL) + [0.5] * (across > LARGE)
    for factor in factors:
        size = [round(edge * factor) for edge in image.shape]
        yield (
            resize(image, size, order=1, anti_aliasing=factor < 1).astype(np.float32),
            resize(labels, size, order=0, preserve_range=True, anti_aliasing=False).astype(
                np.int32
            ),
        )


def canvases(image: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Cut a normalised image into even parts on canvases of one size.

    The rest of a canvas mirrors the part, as the image edge does in prediction, unsupervised.
    """
    rows, columns = (-(-size // CANVAS) for size in image.shape)
    for ys in np.array_split(np.arange(image.shape[0]), rows):
        for xs in np.array_split(np.arange(image.shape[1]), columns):
            part = np.ix_(ys, xs)
            size = (CANVAS - len(ys), CANVAS - len(xs))
            pad = [(0, missing) for missing in size]
            yield (
                np.pad(image[part], pad, mode="symmetric"),
                np.pad(labels[part], pad),
                np.pad(np.ones((len(ys), len(xs)), bool), pad),
            )


def world(folder: Path) -> tuple[Stack, Annotations, tuple[int, ...]]:
    """All images as one stack, their annotations, and the positions kept aside."""
    normaliser = Normaliser(NORMALISATION)
    frames: list[np.ndarray] = []
    annotations: dict[int, FrameAnnotation] = {}
    aside: list[int] = []
    for number, (image, labels) in enumerate(read(folder)):
        kept = number % KEPT_ASIDE == 0
        whole = normaliser(image)[0]
        for sized in ((whole, labels), *([] if kept else scaled(whole, labels))):
            for part, ids, supervised in canvases(*sized):
                if part.min() == part.max():
                    continue
                if kept:
                    aside.append(len(frames))
                annotations[len(frames)] = FrameAnnotation(ids, supervised, complete=True)
                frames.append(part)
    if not frames:
        raise BadInput(f"{folder} holds no images", "folders images and masks", "check the path")
    stack = Stack.from_array(np.stack(frames), axes="TYX", name="DSB 2018")
    return stack, Annotations((len(frames), CANVAS, CANVAS), annotations), tuple(aside)


def replay(folder: Path) -> dict[str, np.ndarray]:
    """Give a few training images and masks that travel with the model (CC0), cut to 192 px."""
    images, masks = [], []
    pairs = [pair for n, pair in enumerate(read(folder)) if n % KEPT_ASIDE]
    for image, labels in pairs[:: max(1, len(pairs) // REPLAY)][:REPLAY]:
        images.append(image[:192, :192])
        masks.append(labels[:192, :192].astype(np.uint16))
    return {"replay/frames": np.stack(images), "replay/labels": np.stack(masks)}


def learn(arguments: argparse.Namespace, checkpoint: Path) -> Model:
    """Train, choosing the best weights on the images kept aside."""
    folder: Path = arguments.folder
    stack, annotations, aside = world(folder)
    settings = TrainSettings(
        minutes=arguments.minutes,
        threads=arguments.threads,
        validation=aside,
        augmentation=AUGMENTATION,
        normalisation=Normalisation(kind="none"),
        ema=0.998,
        border_weight=1.0,
        filters=FILTERS,
        crop=160,
        batch=8,
    )
    steps = train(
        stack, annotations, settings, name=NAME, checkpoint=checkpoint, resume=arguments.resume
    )
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            model: Model = end.value
            break
        if step.step % 50 == 0 or step.validation:
            left = step.seconds_left or 0
            logger.info("%s/%s loss %.3f, %.0f s left", step.step, step.steps, step.loss, left)
        if step.validation:
            logger.info("kept aside: %s", step.validation)
    record = {**model.record, "movie": "BBBC038", "frames": f"{len(stack)} parts of images"}
    labels = model.label_settings.replace(threshold=THRESHOLD, min_size=SMALLEST)
    held = [(np.asarray(stack[t])[None], annotations.frames[t]) for t in aside]
    scores = check(model.network, held, labels)
    figures = {k: round(getattr(scores, k), 3) for k in ("iou", "seg", "f1")}
    return replace(
        model,
        normalisation=NORMALISATION,
        label_settings=labels,
        record=record,
        card={**model.card, **CARD, "scores_on_images_kept_aside": figures},
        arrays={
            **replay(folder),
            **made_check(model.network, NORMALISATION, labels, model.diameter or 20.0),
        },
    )


def main() -> None:
    """Read the arguments, train, save."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--resume", action="store_true")
    out = Path(__file__).parent.parent / "src" / "napari_unet" / "models"
    parser.add_argument("--out", type=Path, default=out / f"{NAME}.safetensors")
    arguments = parser.parse_args()
    keep_heap()
    checkpoint = arguments.out.with_suffix(".checkpoint")
    model = learn(arguments, checkpoint)
    logger.info("%s", model.save(arguments.out))
    logger.info("%s", model.card)


if __name__ == "__main__":
    main()
