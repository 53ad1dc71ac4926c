from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.sample.kinds import (
    KINDS,
    open_epithelium,
    open_organoids,
    open_rods,
    sample_kind,
)
from napari_unet.sample.movie import open_sample, sample_movie, sample_parents
from napari_unet.sample.phantoms import sample_phantoms
from napari_unet.sample.random_cells import random_cells
from napari_unet.sample.random_looks import LOOKS
from napari_unet.sample.volumes import open_volumes, sample_volumes, volume_parents
from napari_unet.sample.world import FRAME_INTERVAL, SMALL, SampleWorld


@pytest.fixture(scope="module")
def world():
    return sample_movie()


def test_the_default_movie_is_what_the_tutorial_says(world):
    movie, labels = world
    assert movie.shape == labels.shape == (48, 256, 320)
    assert movie.dtype == labels.dtype == np.uint16
    counts = [len(np.unique(frame)) - 1 for frame in labels]
    assert 25 < min(counts) and max(counts) < 80


def test_same_seed_same_movie_and_a_short_one_is_the_beginning_of_a_long_one():
    movie, labels = sample_movie(SMALL)
    longer, more = sample_movie(SMALL, frames=9)
    assert np.array_equal(movie, longer[:6])
    assert np.array_equal(labels, more[:6])
    assert not np.array_equal(movie, sample_movie(SMALL, seed=1)[0])


def test_nuclei_are_bright_and_the_background_is_uneven(world):
    movie, labels = world
    frame, truth = movie[0].astype(float), labels[0]
    background = frame[ndimage.distance_transform_edt(truth == 0) > 8]
    assert np.median(frame[truth > 0]) > background.mean() + 10 * background.std()
    left, right = frame[:, :60][truth[:, :60] == 0], frame[:, -60:][truth[:, -60:] == 0]
    assert abs(np.median(left) - np.median(right)) > 20
    means = ndimage.mean(frame, truth, np.unique(truth)[1:])
    assert means.max() > 2 * means.min()  # uneven brightness from cell to cell


def test_every_nucleus_is_one_piece_and_some_touch(world):
    _, labels = world
    touching = 0
    for frame in labels[::8]:
        for ident in np.unique(frame)[1:]:
            assert ndimage.label(frame == ident, np.ones((3, 3)))[1] == 1
        a, b = frame[:, :-1], frame[:, 1:]
        touching += np.count_nonzero((a != b) & (a > 0) & (b > 0))
    assert touching > 50


def test_divisions_give_new_ids_and_end_the_mother(world):
    _, labels = world
    parents = sample_parents()
    seen = {i: np.flatnonzero((labels == i).any(axis=(1, 2))) for i in np.unique(labels)[1:]}
    divisions = [(c, m) for c, m in parents.items() if c in seen and m in seen]
    assert len(divisions) >= 6
    for child, mother in divisions:
        assert seen[mother].max() < seen[child].min()
    assert all(list(parents.values()).count(m) == 2 for m in parents.values())


def test_nuclei_keep_their_id_while_they_move(world):
    _, labels = world
    for ident in np.intersect1d(labels[0], labels[40])[1:6]:
        path = [ndimage.center_of_mass(f == ident) for f in labels[:41] if (f == ident).any()]
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
        assert steps.max() < 8
        assert steps.sum() > 5


@pytest.mark.parametrize("changes", [{"shape": (33, 47)}, {"density": 0.0}, {"frames": 1}])
def test_odd_worlds(changes):
    movie, labels = sample_movie(SMALL, **changes)
    assert movie.shape == labels.shape
    assert movie.max() > 0


def test_napari_sample_is_the_movie_without_the_truth():
    ((data, options, kind),) = open_sample()
    assert kind == "image"
    assert data.shape == (48, 256, 320)
    assert options["axis_labels"] == ("t", "y", "x")
    assert options["metadata"]["frame_interval"] == FRAME_INTERVAL
    assert len(options["scale"]) == len(options["units"]) == data.ndim


def test_importing_it_brings_neither_napari_nor_torch():
    code = (
        "import sys, napari_unet.sample.movie;"
        "sys.exit(bool({'napari', 'torch', 'qtpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_world_is_a_value():
    assert SampleWorld() == SampleWorld()
    assert hash(SampleWorld(seed=3)) != hash(SampleWorld())


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param, *sample_kind(request.param, frames=3, shape=(128, 160))


def test_a_kind_follows_from_its_seed(kind):
    name, movie, labels = kind
    assert movie.dtype == labels.dtype == np.uint16 and movie.shape == labels.shape
    shorter, fewer = sample_kind(name, frames=2, shape=(128, 160))
    assert np.array_equal(movie[:2], shorter) and np.array_equal(labels[:2], fewer)
    assert not np.array_equal(labels[0], labels[2])
    assert not np.array_equal(movie[0], sample_kind(name, frames=1, shape=(128, 160), seed=1)[0][0])


def test_cells_of_a_kind_are_what_it_is_for(kind):
    name, movie, labels = kind
    frame, truth = movie[0].astype(float), labels[0]
    areas = np.bincount(truth.ravel())[1:]
    areas = areas[areas > 0]
    a, b = truth[:-1], truth[1:]
    touching = (a != b) & (a > 0) & (b > 0)
    assert touching.sum() > 5
    for ident in np.unique(truth[truth > 0]):
        piece = ndimage.label(truth == ident, np.ones((3, 3)))[0]
        sizes = np.bincount(piece.ravel())[1:]
        assert sizes.max() >= 0.98 * sizes.sum()
    if name == "epithelium":  # a sheet without ground, whose membranes are bright
        assert truth.min() == 1 or truth.all()
        assert frame[:-1][touching].mean() > 2 * np.median(frame)
    if name == "rods":  # long ones, dark
        boxes = [box for box in ndimage.find_objects(truth) if box]
        assert np.median([s.stop - s.start for s, _ in boxes]) > 2 * np.median(
            [s.stop - s.start for _, s in boxes]
        )
        assert np.median(frame[truth > 0]) < np.median(frame[truth == 0])
    if name == "organoids":  # small ones beside large ones, with a lumen as light as the ground
        assert areas.max() > 25 * np.median(np.sort(areas)[:2])
        largest = truth == 1 + np.bincount(truth.ravel())[1:].argmax()
        depth = ndimage.distance_transform_edt(largest)
        wall = frame[largest & (depth < 4)].mean()
        assert wall < frame[depth > 0.7 * depth.max()].mean()


VOLUMES = {"frames": 3, "shape": (10, 64, 80)}


def test_volumes_follow_from_their_seed():
    movie, labels = sample_volumes(**VOLUMES)
    assert movie.shape == labels.shape == (3, 10, 64, 80)
    assert movie.dtype == labels.dtype == np.uint16
    shorter, fewer = sample_volumes(**VOLUMES | {"frames": 2})
    assert np.array_equal(movie[:2], shorter) and np.array_equal(labels[:2], fewer)
    assert not np.array_equal(movie, sample_volumes(**VOLUMES, seed=1)[0])


@pytest.fixture(scope="module")
def volumes():
    return sample_volumes()


def test_nuclei_in_3d_are_whole_touch_and_span_sections(volumes):
    _, labels = volumes
    first = labels[0]
    boxes = [(i, box) for i, box in enumerate(ndimage.find_objects(first), 1) if box]
    assert len(boxes) > 80
    for ident, box in boxes:
        assert ndimage.label(first[box] == ident, np.ones((3, 3, 3)))[1] == 1
    assert np.median([z.stop - z.start for _, (z, _, _) in boxes]) >= 5
    for axis in range(3):
        a, b = np.moveaxis(first, axis, 0)[1:], np.moveaxis(first, axis, 0)[:-1]
        assert np.count_nonzero((a != b) & (a > 0) & (b > 0)) > 50


def test_deeper_nuclei_in_3d_are_dimmer_and_more_blurred(volumes):
    movie, labels = (stack[0] for stack in volumes)
    bright, sharp = [], []
    for section, truth in ((movie[1], labels[1]), (movie[-2], labels[-2])):
        inside = ndimage.binary_erosion(truth > 0, iterations=2)
        ground = ndimage.distance_transform_edt(truth == 0) > 6
        bright.append(np.median(section[inside]) - np.median(section[ground]))
        rim = (truth > 0) & ~ndimage.binary_erosion(truth > 0)
        slope = ndimage.gaussian_gradient_magnitude(section.astype(float), 0.7)
        sharp.append(np.median(slope[rim]) / bright[-1])
    assert bright[1] < 0.75 * bright[0] and sharp[1] < 0.75 * sharp[0]


def test_nuclei_in_3d_divide_and_keep_their_ids(volumes):
    _, labels = volumes
    seen = {i: np.flatnonzero((labels == i).any(axis=(1, 2, 3))) for i in np.unique(labels)[1:]}
    divisions = [(c, m) for c, m in volume_parents().items() if c in seen and m in seen]
    assert len(divisions) >= 6
    assert all(seen[mother].max() < seen[child].min() for child, mother in divisions)
    for ident in np.intersect1d(labels[0], labels[-1])[1:8]:
        path = np.array([ndimage.center_of_mass(frame == ident) for frame in labels])
        assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() < 4


def test_napari_opens_nuclei_in_3d_with_their_spacing():
    ((data, options, kind),) = open_volumes()
    assert kind == "image" and data.shape == (6, 16, 128, 160)
    assert options["scale"] == (600.0, 1.5, 0.4, 0.4)
    assert options["axis_labels"] == ("t", "z", "y", "x")


@pytest.mark.parametrize("opens", [open_epithelium, open_rods, open_organoids])
def test_kinds_open_from_the_menu(opens):
    ((data, options, kind),) = opens()
    assert kind == "image" and data.shape == (8, 256, 320)
    assert options["units"] == ("second", "micrometer", "micrometer")


@pytest.mark.parametrize("look", LOOKS)
def test_cells_of_random_kinds_have_exact_truth(look):
    shape = (96, 128)
    made = random_cells(5, shape, looks=(look,), across=16)
    again, other = (random_cells(seed, shape, looks=(look,), across=16) for seed in (5, 6))
    assert np.array_equal(made.image, again.image) and np.array_equal(made.labels, again.labels)
    assert not np.array_equal(made.labels, other.labels)
    assert made.look == look and made.image.dtype == np.uint8
    assert made.image.shape == (shape if look != "stained" else (*shape, 3))
    assert np.ptp(made.image) > 100
    areas = np.bincount(made.labels.ravel())[1:]
    assert len(areas) > 3 and areas.min() >= 0.15 * np.pi / 4 * 16**2  # dense, no crumbs
    for ident in range(1, len(areas) + 1):
        assert ndimage.label(made.labels == ident)[1] == 1


def test_random_kinds_are_of_every_look_and_crowding():
    made = [random_cells(seed, (64, 64)) for seed in range(24)]
    assert len({one.look for one in made}) > len(LOOKS) / 2
    covered = [np.mean(one.labels > 0) for one in made]
    assert min(covered) < 0.25 and max(covered) > 0.9


def test_heads_of_nested_parts_show_in_four_contrasts():
    heads, classes = sample_phantoms(count=3)
    assert heads.shape == (3, 4, 32, 48, 48) and heads.dtype == np.uint16
    again, _ = sample_phantoms(count=2)
    np.testing.assert_array_equal(again, heads[:2])
    assert not np.array_equal(again, sample_phantoms(count=2, seed=1)[0])
    for head, truth in zip(heads, classes, strict=True):
        assert np.unique(truth).tolist() == [0, 1, 2, 4]
        inside = head.min(0) > 0
        np.testing.assert_array_equal(inside, head.max(0) > 0)  # 0 around it, in all contrasts
        assert not truth[~inside].any()
        for inner, outer in (((4,), (1, 4)), ((1, 4), (1, 2, 4))):  # none lies at its whole's rim
            around = ndimage.binary_dilation(np.isin(truth, inner)) & inside
            assert np.isin(truth[around], outer).mean() > 0.98
        means = {k: head[:, inside & (truth == k)].mean(1) for k in (0, 1, 2, 4)}
        assert (
            max(means, key=lambda k: means[k][1]) == 4
            and max(means, key=lambda k: means[k][3]) == 2
        )
