"""Pictures of volumes are those of a section, or of the maximum, made by hand."""

import numpy as np
import pytest
from PIL import Image

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.overlay.flat import Flat
from napari_unet.engine.export.overlay.look import PlainLook
from napari_unet.engine.jobs.export import Export
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import OverlaySettings, Selection
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.tissue import VolumeWorld
from napari_unet.sample.volumes import sample_volumes

WORLD = VolumeWorld(frames=2, shape=(6, 40, 52))
KNOWN = {"pixel_size": 0.4, "z_step": 1.5, "frame_interval": 600.0}


@pytest.fixture(scope="module")
def world():
    return sample_volumes(WORLD)


@pytest.fixture(scope="module")
def movie(world):
    return Stack.from_array(world[0], Selection(z="volume"), axes="TZYX", name="m", **KNOWN)


def by_hand(world, section):
    """Frames and labels (T, Y, X) of what is shown."""
    movie, labels = world
    if section is not None:
        return movie[:, section], labels[:, section]
    seen = np.where(labels > 0, movie, 0).argmax(1)
    return movie.max(1), np.take_along_axis(labels, seen[:, None], 1)[:, 0]


def pictures(export, settings):
    export.folder.mkdir()
    list(export.write_movie(settings, PlainLook(), kind=""))
    folder = export.folder / "overlay_frames"
    return [read(path) for path in sorted(folder.glob("*.png"))]


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("section", [None, 0, 3])
@pytest.mark.parametrize("tail", [0, 5])
def test_a_movie_of_volumes_is_that_of_the_flat_one(section, tail, world, movie, tmp_path):
    settings = OverlaySettings(section=section, show_ids=True, tail=tail, show_time=False)
    found = pictures(Export(movie, world[1], tmp_path / "v", meaning="ids"), settings)
    frames, labels = by_hand(world, section)
    flat = Stack.from_array(frames, axes="TYX", pixel_size=0.4)
    wanted = pictures(Export(flat, labels, tmp_path / "f"), settings.replace(section=None, tail=0))
    assert len(found) == 2
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        assert np.array_equal(one, other) == (tail == 0)  # with a past, colours are of paths


def test_a_projection_shows_the_label_of_the_brightest_voxel_of_a_cell():
    raw = np.zeros((1, 3, 2, 2), np.uint8)
    raw[0, :, 0, 0], raw[0, :, 0, 1] = (9, 3, 5), (9, 0, 0)
    labels = np.zeros((3, 2, 2), int)
    labels[1:, 0, 0], labels[2, 0, 1], labels[0, 1, 0] = (1, 2), 3, 4
    stack = Stack.from_array(raw, Selection(z="volume"), axes="TZYX")
    assert Flat(stack, None).labels(0, labels).tolist() == [[2, 3], [4, 0]]
    assert Flat(stack, 1).labels(0, labels).tolist() == [[1, 0], [0, 0]]


def test_a_still_and_its_probability(world, movie, tmp_path):
    codes = Probabilities.in_memory((2, 1, *WORLD.shape))
    for t, labels in enumerate(world[1]):
        codes.write(t, np.where(labels > 0, 230, 20).astype(np.uint8)[None])
    settings = OverlaySettings(style="probability", section=2)
    export = Export(movie, world[1], tmp_path, probabilities=codes, meaning="linked")
    export.check_movie(settings)
    list(export.write_still(settings, PlainLook(), 1))
    assert len(read(tmp_path / "frame0001.png")) == 40


@pytest.mark.parametrize(
    ("section", "flat", "message"),
    [(6, False, "no z 6 in m, which has 6 sections"), (0, True, "read as frames")],
)
def test_a_section_that_is_not_there_is_refused(section, flat, message, world, movie, tmp_path):
    stack = movie.select(z="max") if flat else movie
    with pytest.raises(BadInput, match=message):
        Export(stack, world[1], tmp_path).check_movie(OverlaySettings(section=section))


def test_figures_of_volumes_are_refused_in_a_line(world, movie, tmp_path):
    export = Export(movie, world[1], tmp_path)
    with pytest.raises(BadInput, match="of which no figure is made"):
        list(export.write_map(OverlaySettings(), PlainLook(), 0, "viridis"))
