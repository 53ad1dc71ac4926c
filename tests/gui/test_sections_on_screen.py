"""What of a movie with sections is on screen, and in which units: kept however it is taken."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.gui.napari_hooks import read_labels

KNOWN = {"PhysicalSizeX": 0.4, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 1.5}
TIMED = KNOWN | {"TimeIncrement": 600.0, "TimeIncrementUnit": "s"}
PIXELS = np.random.default_rng(0).integers(0, 999, (3, 8, 32, 40)).astype(np.uint16)


@pytest.fixture(autouse=True)
def one_kind_of_units(monkeypatch):
    """Fail where napari says that layers have other units."""

    def warned(line, *_):
        raise AssertionError(line)

    monkeypatch.setattr("napari._vispy.canvas.show_warning", warned, raising=False)


@pytest.fixture(params=[KNOWN, TIMED], ids=["no times", "times"])
def movie(request, tmp_path):
    path = tmp_path / "movie.ome.tif"
    tifffile.imwrite(path, PIXELS, metadata={"axes": "TZYX", **request.param})
    return path


def where(hand):
    """The frame in time and the section that napari shows."""
    step, stack = hand.viewer.dims.current_step, hand.session.movie.stack
    if stack.selection.z == "frames":
        return divmod(step[0], stack.n_z)
    return step[0], step[1] if stack.dims == 3 else stack.selection.z


def test_time_section_and_units_are_kept_in_all_ways_to_take_sections(hand, movie):
    dock = hand.open("Segment")
    hand.open_movie(dock, movie)
    z, labels = hand.find(dock, "movie.z"), hand.session.labels
    labels.show()
    hand.viewer.dims.set_current_step(0, 2)
    z.setCurrentText("volume")
    assert where(hand) == (2, 4)  # the middle: none was looked at
    labels.show()
    hand.viewer.dims.set_current_step(1, 6)
    hand.viewer.dims.set_current_step(0, 1)
    assert where(hand) == (1, 6)
    labels.live[1, 6, 5:9, 5:9] = 5
    for words, seen in (
        ("maximum of all", (1, "max")), ("volume", (1, 6)), ("each section as a frame", (1, 6)),
        ("3", (1, 3)), ("volume", (1, 3)),
    ):  # fmt: skip
        z.setCurrentText(words)
        labels.show()
        assert where(hand) == seen
        image, layer = hand.session.movie.image, labels.layer
        assert layer in hand.viewer.layers
        assert tuple(layer.units) == tuple(image.units)
        np.testing.assert_allclose(layer.scale, image.scale)
    hand.viewer.dims.ndisplay = 3
    hand.viewer.dims.ndisplay = 2
    assert where(hand) == (1, 3)


def test_the_section_is_found_again(hand, movie):
    dock, session = hand.open("Segment"), hand.session
    hand.open_movie(dock, movie)
    hand.find(dock, "movie.z").setCurrentText("volume")
    session.labels.show()[0][2, 6, 5:9, 5:9] = 5
    hand.viewer.dims.set_current_step(0, 2)
    hand.qtbot.waitUntil(lambda: session.place.folder.state.frame == 2, timeout=10000)
    hand.viewer.dims.set_current_step(1, 6)
    hand.qtbot.waitUntil(lambda: session.place.folder.state.section == 6, timeout=10000)
    hand.viewer.layers.clear()
    hand.open_movie(dock, movie)
    hand.qtbot.waitUntil(lambda: session.labels.live is not None, timeout=10000)
    hand.qtbot.waitUntil(lambda: where(hand) == (2, 6), timeout=10000)


@pytest.mark.parametrize("way", ["volume", "maximum of all"])
def test_labels_that_say_no_units_lie_on_the_movie(hand, movie, way):
    dock = hand.open("Segment")
    hand.open_movie(dock, movie)
    hand.find(dock, "movie.z").setCurrentText(way)
    given = PIXELS % 9 if way == "volume" else (PIXELS % 9).max(1)
    path = movie.with_name("theirs.tif")
    axes = "TZYX" if way == "volume" else "TYX"
    tifffile.imwrite(path, given, imagej=True, metadata={"axes": axes})
    ((data, how, kind),) = read_labels(str(path))
    layer = hand.viewer.add_labels(data, **how)
    image = hand.session.movie.image
    assert (kind, tuple(layer.units)) == ("labels", tuple(image.units))
    np.testing.assert_allclose(layer.scale, image.scale)


def test_an_array_stays_on_its_frame_as_it_is_unfolded(hand):
    dock = hand.open("Segment")
    units = ("second", *("micrometer",) * 3)
    named = {"axis_labels": ("t", "z", "y", "x"), "scale": (600, 1.5, 0.4, 0.4), "units": units}
    hand.viewer.add_image(PIXELS, name="array", **named)
    hand.viewer.dims.set_current_step(0, 2)
    hand.viewer.dims.set_current_step(1, 6)
    for words, seen in (("volume", (2, 6)), ("maximum of all", (2, "max")), ("volume", (2, 6))):
        hand.find(dock, "movie.z").setCurrentText(words)
        _, layer = hand.session.labels.show()
        assert where(hand) == seen
        assert str(layer.units[0]) == "second"
