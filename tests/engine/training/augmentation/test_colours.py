"""Coloured images: learned from as they are, and with other stains and lamps."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.settings import Augmentation, Selection, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.augmentation.colours import change_colours, lit_from_behind
from napari_unet.engine.training.sampling.patches import PatchSampler, prepare_frame
from napari_unet.engine.training.training import train
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL

LABELS = sample_movie(SMALL, frames=1)[1][0].astype(np.int32)
HAEMATOXYLIN = np.exp(-np.array([0.65, 0.70, 0.29]))
QUICK = TrainSettings(minutes=None, steps=2, threads=1, filters=(4, 8), crop=64, batch=1,
                      validation="none")  # fmt: skip


def tissue(labels=LABELS, *, grey=False):
    """A light ground with purple nuclei, (Y, X, 3) uint8; some noise."""
    random = np.random.default_rng(0)
    image = np.where(labels[..., None] > 0, HAEMATOXYLIN, 0.95)
    image = image.mean(-1, keepdims=True).repeat(3, -1) if grey else image
    return (
        (255 * image + random.normal(0, 2, labels.shape)[..., None]).clip(0, 255).astype(np.uint8)
    )


def save_tiff(path, image):
    tifffile.imwrite(path, image, photometric="rgb")


def save_picture(path, image):
    Image.fromarray(image).save(path)


def save_with_alpha(path, image):
    Image.fromarray(image).convert("RGBA").save(path)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("a.tif", save_tiff),
        ("a.png", save_picture),
        ("a.jpg", save_picture),
        ("alpha.png", save_with_alpha),
    ],
)
def test_a_coloured_image_is_learned_and_segmented_in_its_colours(tmp_path, name, save):
    save(tmp_path / name, tissue())
    with Stack.open(tmp_path / name) as stack:
        annotations = Annotations(stack.shape, {0: annotate(LABELS, complete=True)})
        steps = train(stack, annotations, QUICK)
        assert "red, green and blue are learned from" in next(steps).note
        model = run(steps)
        assert model.config.in_channels == 3 and model.card["channel"] == "red, green, blue"
        assert model.record["movie_fingerprint"] == stack.fingerprint
        labels = run(segment(stack, model))
        assert labels[0].shape == LABELS.shape
        again = run(train(stack, annotations, QUICK, base=model))
        assert again.config.in_channels == 3


@pytest.mark.parametrize(
    ("image", "selection"),
    [(tissue(grey=True), Selection()), (tissue(), Selection(channel=1))],
    ids=["no colours", "one chosen"],
)
def test_what_is_grey_or_chosen_stays_one_channel(image, selection):
    stack = Stack.from_array(image[None], selection, axes="TYXS")
    annotations = Annotations(stack.shape, {0: annotate(LABELS, complete=True)})
    model = run(train(stack, annotations, QUICK))
    assert model.config.in_channels == 1
    assert stack.seen_by(1) is stack


def test_a_movie_seen_in_colours_is_the_same_movie(tmp_path):
    save_tiff(tmp_path / "a.tif", tissue())
    with Stack.open(tmp_path / "a.tif") as stack, stack.select(channel=(0, 1, 2)) as chosen:
        seen = stack.seen_by(3)
        assert seen.shape == (1, 3, *LABELS.shape) and seen is stack.seen_by(3)
        assert seen.fingerprint == stack.fingerprint != chosen.fingerprint
        assert chosen.seen_by(3) is chosen
    with pytest.raises(ValueError, match="is closed"):
        seen[0]


def crops(coloured, **changes):
    planes = np.moveaxis(tissue(), -1, 0).astype(np.float32) / 255
    annotation = annotate(LABELS, complete=True)
    weight = np.zeros(LABELS.shape, np.float32)
    frame = prepare_frame(planes, annotation, weight, torch.device("cpu"), coloured=coloured)
    augmentation = Augmentation.preset("none").replace(**changes)
    return PatchSampler([frame], 48, augmentation, torch.Generator().manual_seed(0)).batch(4)


def test_colours_change_and_other_channels_do_not():
    plain, stained = crops(False, stain=0.5, colour=0.3), crops(True, stain=0.5, colour=0.3)
    assert torch.equal(plain.image, crops(False).image)  # the same numbers are drawn
    assert torch.equal(crops(True).image, plain.image)
    assert torch.equal(stained.labels, plain.labels)
    ratio = stained.image.mean((2, 3)) / plain.image.mean((2, 3))
    assert ratio.std(1).min() > 0.001 and ratio.std(0).min() > 0.01  # each crop, each colour


@pytest.mark.parametrize(("stain", "colour"), [(0.3, 0.0), (0.0, 0.3), (0.3, 0.3)])
def test_changed_colours_keep_what_is_darker(stain, colour):
    planes = torch.from_numpy(np.moveaxis(tissue(), -1, 0).astype(np.float32) / 255)
    assert lit_from_behind(planes) and not lit_from_behind(1 - planes)
    g = torch.Generator().manual_seed(1)
    image = planes.expand(8, -1, -1, -1)
    changed = change_colours(image, torch.ones(8, dtype=torch.bool), stain, colour, g)
    assert torch.isfinite(changed).all()
    nuclei = torch.from_numpy(LABELS > 0)
    for crop in changed:
        assert (crop[0][nuclei].mean() < crop[0][~nuclei].mean()).item()
    ground = changed[..., ~nuclei].mean((1, 2))
    if not colour:  # what absorbs nothing stays as it is
        torch.testing.assert_close(ground, image[..., ~nuclei].mean((1, 2)), atol=0.05, rtol=0)
        dark = torch.zeros(8, dtype=torch.bool)
        assert torch.equal(change_colours(image, dark, stain, 0, g), image)
