"""Volumes in every format: voxels, distances, times and numbers are read back as they were."""

import csv
from functools import partial

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.table import write_table
from napari_unet.engine.export.formats.write_labels import LABEL_FORMATS, write_labels
from napari_unet.engine.jobs import progress
from napari_unet.engine.jobs.export import Export
from napari_unet.engine.labels.given.open_labels import open_labels
from napari_unet.engine.labels.label_stack import LabelStack
from napari_unet.engine.settings import Selection, TableSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.tissue import VolumeWorld
from napari_unet.sample.volumes import sample_volumes

WORLD = VolumeWorld(frames=3, shape=(7, 40, 52))
NUMBERS = (3, 4, 6)
VOLUME = Selection(z="volume")


@pytest.fixture(scope="module")
def world():
    return sample_volumes(WORLD)


@pytest.fixture(scope="module")
def movie(world):
    return stack_of(world[0], pixel_size=0.4, z_step=1.5, frame_interval=600.0, numbers=NUMBERS)


def stack_of(array, **known):
    return Stack.from_array(array, VOLUME, axes="TZYX", name="Gewebe µ", **known)


def written(path, movie, labels, name):
    for _ in write_labels(path, iter(labels), movie, format=name):
        pass
    return path


@pytest.mark.parametrize("name", ["ome-tiff", "imagej", "zarr", "nifti"])
def test_labels_are_read_back_with_their_sections_and_distances(name, world, movie, tmp_path):
    if name in ("zarr", "nifti"):
        pytest.importorskip("zarr" if name == "zarr" else "nibabel")
    path = written(tmp_path / f"v{LABEL_FORMATS[name].suffix}", movie, world[1], name)
    with open_labels(path) as found, found.select(z="volume") as back:
        assert back.source_axes == "TZYX" and back.shape == world[1].shape
        for t, labels in enumerate(world[1]):
            assert np.array_equal(back[t], labels)
        assert back.spacing == pytest.approx((1.5, 0.4, 0.4))
        assert back.frame_interval == 600
        if name not in ("zarr", "nifti"):
            assert back.numbers == NUMBERS


@pytest.mark.parametrize("name", ["tiffs", "ctc"])
def test_a_folder_has_a_file_of_sections_for_each_time(name, world, movie, tmp_path):
    folder = written(tmp_path / "folder", movie, world[1], name)
    stem = "mask" if name == "ctc" else "t"
    for number, labels in zip(NUMBERS, world[1], strict=True):
        found = tifffile.imread(folder / f"{stem}{number:03d}.tif")
        assert found.shape == labels.shape and np.array_equal(found > 0, labels > 0)
        if name == "tiffs":
            assert np.array_equal(found, labels)
    with Stack.open(folder, VOLUME) as back:
        assert back.frame_shape == world[1].shape[1:]
        assert np.array_equal(back[back.numbers.index(4)] > 0, world[1][1] > 0)


def test_the_challenge_gets_tracks_and_divisions_of_volumes(tmp_path):
    world = VolumeWorld(frames=6, shape=(8, 64, 64))
    movie, labels = sample_volumes(world)
    stack = stack_of(movie, pixel_size=0.4, z_step=1.5)
    folder = written(tmp_path / "01_RES", stack, labels, "ctc")
    rows = [tuple(map(int, r.split())) for r in (folder / "res_track.txt").read_text().splitlines()]
    masks = [tifffile.imread(folder / f"mask{t:03d}.tif") for t in range(len(labels))]
    for label, first, last, parent in rows:
        seen = [t for t, mask in enumerate(masks) if (mask == label).any()]
        assert seen == list(range(first, last + 1)) and parent < label
    mothers = [parent for *_, parent in rows if parent]
    assert mothers and all(mothers.count(parent) == 2 for parent in mothers)


def test_ids_above_65535_widen_the_file_in_the_middle_of_a_volume(world, movie, tmp_path):
    wide = world[1].astype(np.int64)
    wide[1][wide[1] > 0] += 70_000
    path = written(tmp_path / "labels.ome.tif", movie, wide, "ome-tiff")
    back = tifffile.imread(path)
    assert back.dtype == np.uint32 and np.array_equal(back, wide)


def test_rois_lie_on_their_sections(world, movie, tmp_path):
    roifile = pytest.importorskip("roifile")
    path = written(tmp_path / "labels.zip", movie, world[1], "rois")
    found = {
        (r.t_position - 1, r.z_position - 1, int(r.name.split("-")[2]))
        for r in roifile.roiread(path)
    }
    wanted = {
        (t, z, int(i))
        for t, volume in enumerate(world[1])
        for z, section in enumerate(volume)
        for i in np.unique(section[section > 0])
    }
    assert found == wanted


def test_the_table_has_volumes_and_three_coordinates(world, movie, tmp_path):
    path = tmp_path / "objects.csv"
    for _ in write_table(path, iter(world[1]), movie, settings=TableSettings(ring=1.0)):
        pass
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(np.unique(labels)) - 1 for labels in world[1])
    row = rows[0]
    mask = world[1][0] == int(row["label"])
    middle = np.argwhere(mask).mean(0)
    assert [float(row[f"centroid_{a}_px"]) for a in "zyx"] == pytest.approx(middle)
    assert [float(row[f"centroid_{a}_um"]) for a in "zyx"] == pytest.approx(middle * WORLD.spacing)
    assert float(row["volume_um3"]) == pytest.approx(mask.sum() * 0.4 * 0.4 * 1.5)
    assert float(row["intensity_mean"]) == pytest.approx(world[0][0][mask].mean())
    assert 0.5 < float(row["sphericity"]) < 1.2 and row["intensity_ring_mean"]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda path, movie: write_labels(
                path, [np.zeros((7, 40, 52), int)] * 3, movie, format="pngs"
            ),
            "a single section in a PNG",
        ),
        (
            lambda path, movie: write_labels(path, [np.zeros((40, 52), int)] * 3, movie),
            "40 x 52 pixels; expected 7 x 40 x 52",
        ),
        (
            lambda path, movie: write_labels(path, [np.zeros((6, 40, 52), int)] * 3, movie),
            "6 x 40 x 52 pixels; expected 7 x 40 x 52",
        ),
    ],
)
def test_what_does_not_fit_is_refused(write, message, movie, tmp_path):
    with pytest.raises(BadInput, match=message):
        list(write(tmp_path / "out", movie))
    assert not (tmp_path / "out").exists()


def test_a_ring_of_unknown_width_is_refused(world, tmp_path):
    with pytest.raises(BadInput, match="section distance of the movie is not known"):
        write_table(
            tmp_path / "t.csv", iter(world[1]), stack_of(world[0]), settings=TableSettings(ring=1)
        )


@pytest.mark.parametrize("meaning", ["ids", "linked"])
def test_an_export_of_volumes_in_one_go(meaning, world, movie, tmp_path):
    export = Export(movie, world[1], tmp_path, meaning=meaning)
    for steps in (export.write_labels("imagej"), export.write_table()):
        assert sorted(set(steps)) == [0, 1, 2]
    rows, graph = run(export.find_tracks())
    assert rows.shape[1] == 5 and isinstance(graph, dict)
    with Stack.open(tmp_path / "labels.tif", VOLUME) as back:
        assert back.frame_shape == (7, 40, 52)


run = partial(progress.run, quiet=True)


def test_pages_without_an_axis_are_sections_where_the_movie_is_one_volume(world, tmp_path):
    tifffile.imwrite(tmp_path / "one.tif", world[1][0], photometric="minisblack")
    movie = stack_of(world[0][:1])
    with Stack.open(tmp_path / "one.tif") as pages:
        labels = LabelStack.of(pages, movie)
        assert labels.shape == (1, 7, 40, 52) and np.array_equal(labels[0], world[1][0])
        assert "taken for sections" in str(labels.notices)
