"""Train the bundled model `nuclei-fluorescence` on DSB 2018 fluorescence images (CC0).

    python scripts/train_bundled.py DSB2018 --threads 1

DSB2018 holds the folders images and masks. Writes src/napari_unet/models/nuclei-fluorescence
.safetensors with its card and a small replay set: from new, then in stages, each from the mean
weights of some before it and with other changes of the crops, six hours in all. Every sixth
image is kept aside for choosing among settings; none of them is trained on.
"""

from __future__ import annotations

import argparse
import copy
import logging
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from skimage.segmentation import expand_labels
from skimage.transform import resize

from napari_unet.cli.heap import keep_heap
from napari_unet.engine.annotations.annotations import Annotations, FrameAnnotation
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.labels.objects import areas_of, median_diameter
from napari_unet.engine.labels.scores import frame_scores, pool
from napari_unet.engine.network.network import network_codes
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.self_check import made_check
from napari_unet.engine.settings import Augmentation, Normalisation, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training import train

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.unet import UNet
    from napari_unet.engine.settings import LabelSettings

logger = logging.getLogger("train_bundled")
NAME = "nuclei-fluorescence"
CANVAS = 384
KEPT_ASIDE = 6  # every sixth image
REPLAY = 8
BRIGHTEST = 2.5
# In many movies a few cells that divide outshine the others: these shall not look dim. Where a
# frame holds few cells, that percentile is of their ground, and they are made no brighter than
# what was learned. Frames are made a little brighter than those learned from: cells of movies are
# then found whole at the threshold that suits the images, too.
LEARNED = Normalisation(high=99, peak=BRIGHTEST)
NORMALISATION = LEARNED.replace(high=98.3)
FILTERS = (16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Stage:
    """One training, from the mean of earlier stages' weights, each with its share.

    Of every so many images (0: of none) large nuclei are ``widened``.
    """

    minutes: float
    augmentation: Augmentation
    start: Mapping[str, int] = field(default_factory=dict)
    learning_rate: float | None = 0.003
    normalisation: Normalisation = LEARNED
    freeze_norm: bool = False
    widened: int = 0


FIRST = Augmentation(
    zoom_low=0.65,
    zoom_high=1.6,
    brightness=0.1,
    contrast=0.4,
    gamma=0.5,
    noise=0.04,
    blur=1.5,
    cells=2.0,
)
THEN = FIRST.replace(zoom_low=0.5, zoom_high=1.7, blur=1.0)  # as cells of movies look
# What is far from the images takes room that their own cells need: in the end milder changes.
LAST = FIRST.replace(zoom_low=0.8, zoom_high=1.25, cells=1.0, noise=0.02, blur=0.5)
LIT = LAST.replace(exposure=BRIGHTEST)
# At the very end the images nearly as they are: outlines and gaps get sharp.
NEAR = Augmentation(
    zoom_low=0.9,
    zoom_high=1.1,
    elastic=0.0,
    brightness=0.03,
    contrast=0.15,
    gamma=0.15,
    noise=0.005,
    blur=0.2,
)
USUAL = Normalisation()
FAR = {"bright": 1, "lit": 1, "lit again": 1, "lit, dim cells": 1}
MIDDLE = {**FAR, "near": 4, "wide": 4}
LATE = {**MIDDLE, "wide": 8, "half wide": 4, "narrow": 4}
STAGES = {
    "new": Stage(75, FIRST, learning_rate=None, normalisation=USUAL),
    "sizes": Stage(18, THEN, {"new": 1}, None, USUAL),
    "milder": Stage(20, LAST, {"sizes": 1}, None, USUAL),
    "longer": Stage(70, LAST, {"milder": 1}, normalisation=USUAL),
    "bright": Stage(24, LAST, {"sizes": 1, "milder": 1, "longer": 1}),
    "lit": Stage(7, LIT, {"bright": 1}),
    "lit again": Stage(7, LIT, {"lit": 1}),
    "lit, dim cells": Stage(7, LIT.replace(cells=2.0), {"lit again": 1}),
    "near": Stage(30, NEAR, FAR),
    "wide": Stage(35, NEAR, {"near": 1}, freeze_norm=True, widened=1),
    "half wide": Stage(27, NEAR, MIDDLE, freeze_norm=True, widened=2),
    "narrow": Stage(18, NEAR, MIDDLE, freeze_norm=True),
    "half wide again": Stage(28, NEAR, LATE, freeze_norm=True, widened=2),
}
BUNDLED = {**LATE, "half wide again": 8}
SMALL, LARGE = 18.0, 32.0  # px across: such nuclei are shown enlarged and reduced as well
# The threshold lies between what suits the images kept aside (0.6) and HeLa (0.5).
LABELS = {"threshold": 0.57, "split_strength": 0.35, "min_size": 15}
CARD = {
    "for": "nuclei in fluorescence (DAPI, Hoechst, H2B), bright on dark, 10 to 60 px across",
    "not_for": "bright field, phase contrast, histology, membranes, cytoplasm, 3D stacks",
    "stain": "DNA (DAPI, Hoechst and others), widefield and confocal fluorescence",
    "data": "438 fluorescence images of BBBC038 (Data Science Bowl 2018, stage 1) with the "
    "community's corrected masks",
    "terms": "CC0 (images and masks); the weights are BSD-3-Clause like the program",
    "command": "python scripts/train_bundled.py DSB2018 --threads 1",
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
    areas = areas_of(labels)
    return median_diameter(areas) if areas.size else 0.0


def scaled(image: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return a normalised image at sizes beside its own that its nuclei are seen at elsewhere."""
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


def widened(labels: np.ndarray) -> np.ndarray:
    """Grow large nuclei by a pixel: in movies people outline such wider than in DSB 2018."""
    return expand_labels(labels, 1) if diameter(labels) >= SMALL else labels


def canvases(
    image: np.ndarray, labels: np.ndarray, *, mirror: bool
) -> Iterator[tuple[np.ndarray, ...]]:
    """Cut a normalised image into even parts on canvases of one size; the rest is unsupervised.

    To learn from, the rest mirrors the part; to check on, it is empty, since cells at the edge
    would grow into their mirror images.
    """
    rows, columns = (-(-size // CANVAS) for size in image.shape)
    for ys in np.array_split(np.arange(image.shape[0]), rows):
        for xs in np.array_split(np.arange(image.shape[1]), columns):
            part = np.ix_(ys, xs)
            size = (CANVAS - len(ys), CANVAS - len(xs))
            pad = [(0, missing) for missing in size]
            yield (
                np.pad(image[part], pad, mode="symmetric" if mirror else "constant"),
                np.pad(labels[part], pad),
                np.pad(np.ones((len(ys), len(xs)), bool), pad),
            )


def world(folder: Path, stage: Stage) -> tuple[Stack, Annotations, tuple[int, ...]]:
    """All images as one stack, their annotations, and the positions kept aside."""
    normaliser = Normaliser(stage.normalisation)
    frames: list[np.ndarray] = []
    annotations: dict[int, FrameAnnotation] = {}
    aside: list[int] = []
    for number, (image, labels) in enumerate(read(folder)):
        kept = number % KEPT_ASIDE == 0
        wide = not kept and stage.widened and number % stage.widened == 0
        whole = normaliser(image)[0]
        for sized, ids_there in ((whole, labels), *([] if kept else scaled(whole, labels))):
            outlines = widened(ids_there) if wide else ids_there
            for part, ids, supervised in canvases(sized, outlines, mirror=not kept):
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
    """Return a few training images and masks that travel with the model (CC0), cut to 192 px."""
    images, masks = [], []
    pairs = [pair for n, pair in enumerate(read(folder)) if n % KEPT_ASIDE]
    for image, labels in pairs[:: max(1, len(pairs) // REPLAY)][:REPLAY]:
        images.append(image[:192, :192])
        masks.append(labels[:192, :192].astype(np.uint16))
    return {"replay/frames": np.stack(images), "replay/labels": np.stack(masks)}


def figures_aside(folder: Path, network: UNet, labels: LabelSettings) -> dict[str, float]:
    """Score a network on the whole images kept aside."""
    normaliser = Normaliser(NORMALISATION)
    scores = pool(
        frame_scores(label_frame(network_codes(network, normaliser(image)), labels), truth)
        for image, truth in islice(read(folder), 0, None, KEPT_ASIDE)
    )
    return {key: round(getattr(scores, key), 3) for key in ("iou", "seg", "f1")}


def learn(arguments: argparse.Namespace, stage: Stage, base: Model | None) -> Model:
    """Train for some minutes, from new or from a model; images kept aside choose the weights."""
    stack, annotations, aside = world(arguments.folder, stage)
    settings = TrainSettings(
        minutes=stage.minutes * arguments.of_the_time,
        threads=arguments.threads,
        validation=aside,
        augmentation=stage.augmentation,
        learning_rate=stage.learning_rate,
        freeze_norm=stage.freeze_norm,
        normalisation=Normalisation(kind="none"),
        ema=0.998,
        border_weight=1.0,
        filters=FILTERS,
        crop=160,
        batch=8,
    )
    steps = train(stack, annotations, settings, base=base, name=NAME)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            model: Model = end.value
            return replace(model, record={**model.record, "frames": f"{len(stack)} parts"})
        if step.step % 50 == 0 or step.validation:
            left = step.seconds_left or 0
            logger.info("%s/%s loss %.3f, %.0f s left", step.step, step.steps, step.loss, left)
        if step.validation:
            logger.info("kept aside: %s", step.validation)


def mean(models: Mapping[str, Model], shares: Mapping[str, int]) -> Model:
    """Return a model with the mean weights: of all some strength (Wortsman et al. 2022)."""
    last = models[list(shares)[-1]]
    network, total = copy.deepcopy(last.network), sum(shares.values())
    each = [(models[name].network.state_dict(), share / total) for name, share in shares.items()]
    network.load_state_dict(
        {
            name: sum(share * weights[name].double() for weights, share in each).to(value.dtype)
            for name, value in network.state_dict().items()
        }
    )
    return replace(last, network=network.eval())


def finished(model: Model, folder: Path) -> Model:
    """Return the model with its label settings, card, replay set and self-check."""
    labels = model.label_settings.replace(**LABELS)
    figures = figures_aside(folder, model.network, labels)
    made = made_check(model.network, NORMALISATION, labels, model.diameter or 20.0)
    return replace(
        model,
        normalisation=NORMALISATION,
        label_settings=labels,
        record={**model.record, "movie": "BBBC038"},
        card={**model.card, **CARD, "scores_on_images_kept_aside": figures},
        arrays={**replay(folder), **made},
    )


def main() -> None:
    """Read the arguments, train, save."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--of-the-time", type=float, default=1.0, help="to try it out: 0.01")
    parser.add_argument("--threads", type=int)
    out = Path(__file__).parent.parent / "src" / "napari_unet" / "models"
    parser.add_argument("--out", type=Path, default=out / f"{NAME}.safetensors")
    arguments = parser.parse_args()
    keep_heap()
    models: dict[str, Model] = {}
    for name, stage in STAGES.items():
        logger.info("%s", name)
        base = mean(models, stage.start) if stage.start else None
        models[name] = learn(arguments, stage, base)
    model = finished(mean(models, BUNDLED), arguments.folder)
    logger.info("%s", model.save(arguments.out))
    logger.info("%s", model.card)


if __name__ == "__main__":
    main()
