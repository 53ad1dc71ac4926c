"""A model of images as the start for volumes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.labels.scores import frame_scores, pool
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.networks import CONFIGS, build
from napari_unet.engine.prediction.ensemble import Ensemble
from napari_unet.engine.settings import LabelSettings, Selection, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.bases.inflated_base import can_be_inflated, inflated_base
from napari_unet.engine.training.training import train
from napari_unet.sample.volumes import VolumeWorld, sample_volumes

FEW = TrainSettings(minutes=None, steps=2, threads=1, crop=32, batch=1, validation="none")
SMALL = {"filters": (4, 8)}


def model_of(network="unet", **options):
    torch.manual_seed(1)
    return Model(build(CONFIGS[network].model_validate(options or SMALL)).eval(), name="flat")


def volumes(step=1.0, shape=(8, 48, 56), frames=1, **changes):
    """A movie of noise, its sections so many pixels apart."""
    pixels = np.random.default_rng(0).integers(0, 4000, (frames, *shape)).astype(np.uint16)
    how = Selection(z="volume", pixel_size=1.0, z_step=step)
    return Stack.from_array(pixels, how.replace(**changes), axes="TZYX")


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("unet", {"filters": (4, 8, 12)}),
        ("unet", {"filters": (4, 8), "norm": False, "bias": True, "head_kernel": 3}),
        ("unet-2015", {"filters": (4, 8)}),
        ("unet-notebook", {"filters": (4, 8), "skip_first": False}),
    ],
)
def test_each_section_is_seen_as_an_image_was(network, options):
    """Exactly, where sections are so far apart that none are pooled."""
    flat = model_of(network, **options)
    solid = inflated_base(volumes(step=50.0), flat)
    assert all(z == 1 for z, _, _ in solid.config.strides)
    x = torch.randn(1, 1, 3, 48, 56)
    with torch.no_grad():
        whole, sections = solid.network(x)[0], [flat.network(x[:, :, z])[0] for z in range(3)]
    torch.testing.assert_close(whole, torch.stack(sections, 1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("step", "first", "smallest"), [(1.0, (2, 2, 2), 752), (2.5, (1, 2, 2), 301)]
)
def test_it_pools_and_counts_as_volumes_do(step, first, smallest):
    flat = model_of()
    flat = Model(flat.network, label_settings=LabelSettings(min_size=100), name="flat")
    solid = inflated_base(volumes(step), flat)
    assert solid.config.strides == (first,)
    assert solid.label_settings.min_size == smallest  # a ball of the diameter of that disc
    assert solid.sha256 == flat.sha256


def test_what_none_can_be_made_of(toy_model):
    assert (
        inflated_base(Stack.from_array(np.zeros((1, 8, 8), np.uint8), axes="TYX"), toy_model)
        is None
    )
    solid = inflated_base(volumes(), model_of())
    assert not can_be_inflated(solid) and not can_be_inflated(Ensemble.of((toy_model, toy_model)))
    other, cells = model_of("resunet", filters=(4, 8)), np.zeros((8, 48, 56), np.uint16)
    cells[2:6, 10:30, 10:30] = 1
    known = Annotations((1, *cells.shape), {0: annotate(cells, complete=True)})
    with pytest.raises(BadInput, match="flat is a model of images"):
        train(volumes(), known, FEW, base=other)


def test_training_goes_on_from_it_and_is_taken_up_again(tmp_path):
    movie, truth = sample_volumes(frames=1, shape=(8, 48, 56))
    stack = Stack.from_array(movie, Selection(z="volume", pixel_size=0.4, z_step=1.5), axes="TZYX")
    known = Annotations.from_labels(
        stack, Stack.from_array(truth, Selection(z="volume"), axes="TZYX"), [0]
    )
    flat, checkpoint = model_of(), tmp_path / "a.checkpoint"
    steps = train(stack, known, FEW, base=flat, checkpoint=checkpoint)
    assert "flat begins with each section as an image" in next(steps).note
    model = run(steps, quiet=True)
    assert model.config.dims == 3 and model.record["parent"] == flat.sha256
    again = Model.load(model.save(tmp_path / "solid.safetensors"))
    assert again.sha256 == model.sha256
    begun = train(stack, known, FEW, base=flat, checkpoint=checkpoint, checkpoint_every=0)
    next(begun)
    next(begun)
    begun.close()
    resumed = run(
        train(stack, known, FEW, base=flat, checkpoint=checkpoint, resume=True), quiet=True
    )
    for one, other in zip(
        model.network.state_dict().values(), resumed.network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)


@pytest.mark.slow
def test_a_few_steps_from_nuclei_in_images_find_nuclei_in_volumes():
    world = VolumeWorld()
    movie, truth = sample_volumes(world, frames=2)
    how = Selection(z="volume", pixel_size=world.spacing[-1], z_step=world.spacing[0])
    stack = Stack.from_array(movie[:1], how, axes="TZYX")
    known = Annotations((1, *stack.frame_shape), {0: annotate(truth[0], complete=True)})
    found = {}
    for base in (Model.load("nuclei-fluorescence"), None):
        settings = FEW.replace(steps=6, crop=48)
        model = run(train(stack, known, settings, base=base), quiet=True)
        labels = run(segment(Stack.from_array(movie[1:], how, axes="TZYX"), model), quiet=True)[0]
        found[base is None] = pool([frame_scores(labels, truth[1])]).f1
    assert found[False] > 0.6 > 0.3 > found[True]
