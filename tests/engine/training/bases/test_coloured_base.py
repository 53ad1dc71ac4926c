"""A model of nuclei in fluorescence as the start for stained tissue."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.labels.scores import frame_scores, pool
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.networks import build
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.unet import UNetConfig
from napari_unet.engine.settings import Selection, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.bases.coloured_base import (
    coloured_base,
    fitting_base,
    taking_colours,
)
from napari_unet.engine.training.training import train
from napari_unet.sample.volumes import sample_volumes
from tests.engine.training.augmentation.test_colours import LABELS, tissue

QUICK = TrainSettings(minutes=None, steps=1, threads=1, crop=64, batch=2, validation="none")


@pytest.fixture(scope="module")
def bundled():
    return Model.load("nuclei-fluorescence")


def given(image, selection=None):
    stack = Stack.from_array(image[None], selection or Selection(), axes="TYXS")
    known = Annotations((1, *stack.frame_shape), {0: annotate(LABELS, complete=True)})
    return AnnotatedMovie(stack, known)


def test_nuclei_of_tissue_are_seen_by_a_model_of_fluorescent_ones(bundled, tmp_path):
    stack, annotations = given(tissue())
    steps = train(stack, annotations, QUICK, base=bundled)
    assert "nuclei-fluorescence begins with what absorbs" in next(steps).note
    model = run(steps)
    assert model.config.in_channels == 3 and model.record["parent"] == bundled.sha256
    assert "not_for" not in model.card and "replay/frames" not in model.arrays
    again = Model.load(model.save(tmp_path / "tissue.safetensors"))
    labels = run(segment(stack, again))[0]
    assert pool([frame_scores(labels, LABELS)]).f1 > 0.8  # after one step: what the base knew


def test_where_grey_levels_suit_as_well_they_stay(bundled):
    bright = 255 - tissue(grey=True)
    for found in (given(bright), given(tissue(), Selection(channel=0))):
        assert coloured_base([found], bundled) is None
    stack, annotations = given(bright)
    assert run(train(stack, annotations, QUICK, base=bundled)).config.in_channels == 1


def test_a_base_is_taken_where_it_sees_the_cells():
    found, overlap = fitting_base([given(tissue())])
    assert found is not None and found.name == "nuclei-fluorescence" and overlap > 0.8
    stack, annotations = given(np.random.default_rng(0).permuted(tissue(), axis=0))
    assert fitting_base([AnnotatedMovie(stack, annotations)])[0] is None


def test_a_base_is_taken_where_it_sees_the_cells_of_a_section():
    movie, truth = sample_volumes(frames=1)
    stack = Stack.from_array(movie, Selection(z="volume"), axes="TZYX")
    known = Annotations(truth.shape, {0: annotate(truth[0], complete=True)})
    found, overlap = fitting_base([AnnotatedMovie(stack, known)])
    assert found is not None and found.name == "nuclei-fluorescence" and overlap > 0.7


@pytest.mark.parametrize("bias", [False, True])
def test_a_turned_model_sees_a_colour_as_the_base_sees_it_turned(bundled, bias):
    torch.manual_seed(0)
    network = build(UNetConfig(filters=(4, 8), outputs=("object", "border"), bias=bias)).train()
    network(torch.rand(4, 1, 64, 64))  # statistics that are not 0 and 1
    network.eval()
    base = Model(network, bundled.normalisation.replace(peak=None))
    image = tissue()
    stack, _ = given(image)
    turned = taking_colours(base, 1, turned=True)
    seen = Normaliser(base.normalisation)(-image[..., 1].astype(np.float32))
    all_three = Normaliser(turned.normalisation)(stack.seen_by(3)[0])
    with torch.inference_mode():
        one = network(torch.from_numpy(seen)[None])
        two = turned.network(torch.from_numpy(all_three)[None])
    inner = np.s_[..., 16:-16, 16:-16]  # beyond the edge there is 0, turned or not
    torch.testing.assert_close(one[inner], two[inner], atol=1e-3, rtol=1e-3)
