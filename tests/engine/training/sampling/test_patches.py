"""Crops for training: the same again from the same state, true to their labels however changed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.settings import Augmentation
from napari_unet.engine.training.losses import border_weight
from napari_unet.engine.training.sampling.patches import (
    FrameSampler,
    PatchSampler,
    change_intensities,
    prepare_frame,
)
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL

CPU = torch.device("cpu")
NONE = Augmentation.preset("none")
GEOMETRY = {
    "none": {},
    "flips": {"flip": True},
    "rotation": {"rotate": 180},
    "zoom in": {"zoom_high": 2.0},
    "zoom out": {"zoom_low": 0.5},
    "elastic": {"elastic": 4.0},
    "all": {"flip": True, "rotate": 90, "zoom_low": 0.7, "zoom_high": 1.4, "elastic": 2.0},
}


def frame(labels, image=None, *, complete=True):
    """A training frame; the image is made from the labels where not given."""
    image = (labels > 0)[None].astype(np.float32) if image is None else image
    annotation = annotate(labels, complete=complete)
    return prepare_frame(image, annotation, border_weight(annotation.labels, 5.0, 5.0), CPU)


def sampler(frames, augmentation=NONE, size=48, seed=0):
    return PatchSampler(frames, size, augmentation, torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def labels():
    return sample_movie(frames=1, shape=(96, 128), density=10)[1][0].astype(np.int32)


@pytest.mark.parametrize("preset", ["none", "light", "default", "strong"])
def test_the_same_state_draws_the_same_batch(labels, preset):
    drawer = sampler([frame(labels)], Augmentation.preset(preset))
    state = drawer.generator.get_state()
    first, second = drawer.batch(3), drawer.batch(3)
    drawer.generator.set_state(state)
    again = drawer.batch(3)
    for name in ("image", "labels", "supervised", "weight"):
        assert torch.equal(getattr(first, name), getattr(again, name)), name
    assert not torch.equal(first.image, second.image)


@pytest.mark.parametrize("shape", [(96, 128), (95, 71), (60, 127)])
def test_whole_frames_are_the_frames(labels, shape):
    cut = labels[: shape[0], : shape[1]]
    image = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    drawer = FrameSampler([frame(cut, image)], NONE, torch.Generator().manual_seed(0))
    batch = drawer.batch(2)
    assert batch.image.shape[-2:] == tuple(edge + edge % 2 for edge in shape)
    for n in range(2):
        inside = np.s_[n, :, : shape[0], : shape[1]]
        np.testing.assert_allclose(batch.image[inside], image, atol=1e-4)
        np.testing.assert_array_equal(batch.labels[inside][0], cut)
        assert batch.supervised[inside].all()
        assert batch.supervised[n].sum() == cut.size


@pytest.mark.parametrize("geometry", GEOMETRY.values(), ids=GEOMETRY)
def test_whole_frames_stay_with_their_labels(labels, geometry):
    drawer = FrameSampler([frame(labels)], NONE.replace(**geometry), torch.Generator())
    batch = drawer.batch(8)
    inside = batch.supervised > 0
    wrong = ((batch.image > 0.5) != (batch.labels > 0)) & inside
    assert wrong.sum() < 0.02 * inside.sum()
    assert inside.float().mean() > 0.3


def test_every_frame_comes_once_before_any_again(labels):
    frames = [frame(np.full((32, 32), n, np.int32) * (np.arange(32) > 9)) for n in range(1, 6)]
    drawer = FrameSampler(frames, NONE, torch.Generator().manual_seed(3))
    seen = [int(value) for _ in range(5) for value in drawer.batch(3).labels.amax((1, 2, 3))]
    assert [sorted(seen[i : i + 5]) for i in (0, 5, 10)] == [[1, 2, 3, 4, 5]] * 3
    later = FrameSampler(frames, NONE, torch.Generator().manual_seed(3), drawn=5)
    assert [int(value) for value in later.batch(10).labels.amax((1, 2, 3))] == seen[5:]


@pytest.mark.parametrize("geometry", GEOMETRY.values(), ids=GEOMETRY)
def test_image_and_labels_stay_together(labels, geometry):
    drawer = sampler([frame(labels)], NONE.replace(**geometry), size=64)
    batch = drawer.batch(12)
    inside = batch.supervised > 0
    object_there = (batch.labels > 0).float()
    # linear and nearest sampling differ by at most a pixel at outlines
    assert (batch.image - object_there)[inside].abs().mean() < 0.06
    both = torch.stack((batch.image[inside], object_there[inside]))
    assert torch.corrcoef(both)[0, 1] > 0.9


@pytest.mark.parametrize("geometry", GEOMETRY.values(), ids=GEOMETRY)
def test_labels_stay_whole_numbers_of_the_frame(labels, geometry):
    batch = sampler([frame(labels)], NONE.replace(**geometry)).batch(8)
    assert set(batch.labels.unique().tolist()) <= set(np.unique(labels).tolist())
    assert set(batch.supervised.unique().tolist()) <= {0.0, 1.0}
    for planes in (batch.image, batch.labels, batch.supervised, batch.weight):
        assert planes.shape == (8, 1, 48, 48)
        assert torch.isfinite(planes).all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(3, 70),
    st.integers(3, 70),
    st.sampled_from((32, 48)),
    st.sampled_from(sorted(GEOMETRY)),
    st.integers(0, 1000),
)
def test_outside_the_frame_nothing_is_supervised(height, width, size, geometry, seed):
    everywhere = frame(np.ones((height, width), np.int32))
    batch = sampler([everywhere], NONE.replace(**GEOMETRY[geometry]), size, seed).batch(3)
    assert torch.equal(batch.supervised, batch.labels)  # both are 1 inside and 0 outside
    if geometry == "none":
        assert (batch.supervised.sum((1, 2, 3)) <= height * width).all()
        # the image goes on, mirrored
        assert (batch.image - 1).abs().max() < 1e-5


def test_a_crop_without_changes_is_a_piece_of_the_frame():
    movie, truth = sample_movie(SMALL)
    drawer = sampler([frame(truth[0].astype(np.int32), movie[0][None].astype(np.float32))])
    batch = drawer.batch(6)
    pieces = np.lib.stride_tricks.sliding_window_view(movie[0], (8, 8))
    for image, supervised in zip(batch.image[:, 0], batch.supervised[:, 0], strict=True):
        rows, columns = (np.flatnonzero(supervised.amax(k).numpy()) for k in (1, 0))
        piece = image[rows[0] : rows[0] + 8, columns[0] : columns[0] + 8].round().numpy()
        assert (np.abs(pieces - piece).max((2, 3)) <= 1).sum() == 1


def test_crops_are_drawn_where_someone_vouches(labels):
    only = labels.copy()
    only[only != np.unique(only)[3]] = 0
    batch = sampler([frame(only, complete=False)]).batch(30)
    assert (batch.supervised.flatten(1).sum(1) > 0).float().mean() > 0.9
    empty = np.zeros_like(labels)
    two = [frame(empty, complete=False), frame(only, complete=False)]
    assert (sampler(two).batch(20).labels.max() > 0).item()


def test_frames_with_more_supervision_are_drawn_more_often(labels):
    little = np.zeros_like(labels)
    little[40:44, 40:44] = 99
    drawn = sampler([frame(labels), frame(little, complete=False)]).batch(60).labels
    from_little = (drawn == 99).flatten(1).any(1).sum()
    assert 0 < from_little < 30


@pytest.mark.parametrize(
    "change", [{"brightness": 0.3}, {"contrast": 0.5}, {"gamma": 0.5}, {"noise": 0.1}, {"blur": 2}]
)
def test_intensities_change_and_keep_their_order(labels, change):
    image = torch.rand(16, 2, 24, 24, generator=torch.Generator().manual_seed(0))
    image[:, :, 12:] += 1  # a dark and a bright half
    g = torch.Generator().manual_seed(1)
    changed = change_intensities(image, NONE.replace(**change), g)
    assert changed.shape == image.shape
    assert torch.isfinite(changed).all()
    assert not torch.equal(changed, image)
    assert (changed[:, :, 16:].mean((2, 3)) > changed[:, :, :8].mean((2, 3))).all()
    assert torch.equal(change_intensities(image, NONE, g), image)


def test_gamma_of_negative_values_is_finite():
    image = torch.linspace(-2, 2, 64).reshape(1, 1, 8, 8)
    g = torch.Generator().manual_seed(1)
    changed = change_intensities(image, NONE.replace(gamma=0.9), g)
    assert torch.isfinite(changed).all()
    assert torch.equal(changed.sign(), image.sign())


def test_blur_keeps_the_mean_and_flattens():
    image = torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    g = torch.Generator().manual_seed(2)
    blurred = change_intensities(image, NONE.replace(blur=2.0), g)
    torch.testing.assert_close(blurred.mean((2, 3)), image.mean((2, 3)), atol=0.02, rtol=0)
    assert (blurred.std((2, 3)) <= image.std((2, 3)) + 1e-5).all()
    assert (blurred.std((2, 3)) < 0.7 * image.std((2, 3))).any()


def test_exposure_makes_crops_brighter_each_by_its_own_factor():
    image = torch.rand((32, 1, 8, 8), generator=torch.Generator().manual_seed(0)) - 0.2
    g = torch.Generator().manual_seed(1)
    factors = change_intensities(image, NONE.replace(exposure=3.0), g) / image
    torch.testing.assert_close(factors, factors[:, :, :1, :1].expand_as(factors))
    each = factors[:, 0, 0, 0]
    assert 1 <= each.min() < 1.3
    assert 2.5 < each.max() <= 3


@pytest.mark.parametrize(("cells", "spread", "least"), [(1.0, 0.1, 0.35), (2.0, 0.2, 0.13)])
def test_cells_dim_one_by_one_and_the_ground_stays(labels, cells, spread, least):
    image = np.where(labels > 0, 1, 0)[None].astype(np.float32)
    batch = sampler([frame(labels, image)], NONE.replace(cells=cells), 64).batch(4)
    ground = torch.nn.functional.max_pool2d(batch.labels, 7, stride=1, padding=3) == 0
    inside = batch.supervised > 0
    assert not batch.image[ground & inside].any()
    bright = batch.image[(batch.labels > 0) & inside]
    assert bright.std() > spread
    assert (bright > least).all()
    assert (bright < 1.001).all()


# --- volumes ---


@pytest.fixture(scope="module")
def volume():
    """Balls in a thin volume ``(Z, Y, X)``, each with its id."""
    z, y, x = np.mgrid[:24, :60, :70]
    labels = np.zeros(z.shape, np.int32)
    for k, (cz, cy, cx) in enumerate([(8, 20, 20), (14, 40, 50), (12, 15, 55)], start=1):
        labels[(z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 < 49] = k
    return labels


@pytest.mark.parametrize("depth", [12, 32])
@pytest.mark.parametrize("change", GEOMETRY)
def test_crops_of_volumes_are_true_to_their_labels(volume, change, depth):
    augmentation = NONE.replace(**GEOMETRY[change])
    drawer = PatchSampler(
        [frame(volume)],
        32,
        augmentation,
        torch.Generator().manual_seed(0),
        depth=depth,
        cubes=True,
    )
    state = drawer.generator.get_state()
    batch = drawer.batch(4)
    assert batch.image.shape == batch.labels.shape == (4, 1, depth, 32, 32)
    assert batch.supervised.shape == batch.weight.shape == (4, 1, depth, 32, 32)
    # nearest labels and the linear image of the same grid agree but for their rims
    inside = batch.supervised > 0
    agree = ((batch.image > 0.5) == (batch.labels > 0))[inside].float().mean()
    assert agree > 0.97 and (batch.labels > 0).any()
    drawer.generator.set_state(state)
    assert torch.equal(drawer.batch(4).image, batch.image)


def test_a_volume_is_flipped_and_only_cubes_are_turned_out_of_the_plane(volume):
    ramp = np.broadcast_to(np.arange(24.0)[:, None, None], volume.shape)[None].astype(np.float32)
    flips = NONE.replace(flip=True)

    def rises(depth, *, cubes):
        drawn = PatchSampler(
            [frame(volume, ramp)],
            16,
            flips,
            torch.Generator().manual_seed(1),
            depth=depth,
            cubes=cubes,
        ).batch(24)
        image = drawn.image[:, 0]
        return {axis: image.diff(dim=axis).mean((1, 2, 3)) for axis in (1, 2, 3)}

    flat = rises(16, cubes=False)
    assert (flat[1] > 0).any() and (flat[1] < 0).any()
    assert flat[2].abs().max() < 1e-3 and flat[3].abs().max() < 1e-3
    turned = rises(16, cubes=True)
    assert all((along.abs() > 0.05).any() for along in turned.values())


@pytest.mark.parametrize("preset", ["light", "strong"])
def test_intensities_of_volumes_change(volume, preset):
    image = frame(volume).image[None].repeat(2, 1, 1, 1, 1)
    a = Augmentation.preset(preset).replace(defocus=2.0, bleach=0.5, cells=0.5)
    changed = change_intensities(image.clone(), a, torch.Generator().manual_seed(0))
    assert changed.shape == image.shape and torch.isfinite(changed).all()
    assert not torch.equal(changed, image)
