"""An OME-Zarr of several resolutions: the coarser ones are drawn, the finest is worked on."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.gui.viewer.regions import region_on_screen

zarr = pytest.importorskip("zarr")
MOVIE = np.random.default_rng(3).integers(0, 4000, (5, 2, 96, 128), dtype=np.uint16)  # T C Y X
SCALE = (60.0, 1.0, 0.5, 0.5)
UNITS = (("t", "time", "second"), ("c", "channel", None), ("y", "space", "micrometer"))


@pytest.fixture
def levels(tmp_path):
    """A movie of two channels, at full, half and a quarter of the resolution."""
    group = zarr.open_group(tmp_path / "levels.zarr", mode="w", zarr_format=2)
    axes = [{"name": n, "type": kind} | ({"unit": u} if u else {}) for n, kind, u in UNITS]
    datasets = []
    for k in (1, 2, 4):
        group.create_array(str(k), data=MOVIE[..., ::k, ::k], chunks=(1, 1, 32, 32))
        step = [*SCALE[:2], SCALE[2] * k, SCALE[3] * k]
        datasets.append(
            {"path": str(k), "coordinateTransformations": [{"type": "scale", "scale": step}]}
        )
    axes.append({"name": "x", "type": "space", "unit": "micrometer"})
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return tmp_path / "levels.zarr"


def drawn(layer):
    return np.asarray(layer._slice.image.raw)


def test_coarser_levels_are_drawn_and_the_finest_is_worked_on(hand, viewer, levels, model_file):
    dock = hand.open("Segment")
    hand.open_movie(dock, levels)
    session = hand.session
    layer = session.movie.image
    assert layer.multiscale and len(viewer.layers) == 2
    assert session.movie.require_layer() is layer
    stack = session.movie.stack
    assert (stack.shape, stack.pixel_size) == ((5, 96, 128), 0.5)
    fine, _, coarse = layer.data
    for level in (2, 1):
        layer.locked_data_level = level
        for t in (4, 0, 3):
            viewer.dims.set_point(0, t * SCALE[0])
            np.testing.assert_array_equal(drawn(layer), MOVIE[t, 0, :: 2**level, :: 2**level])
            assert session.movie.frame == t
    before = set(fine._frames)
    assert before <= {0, 2}  # the brightness, and the frame that napari goes to
    assert set(coarse._frames) >= {0, 3, 4}
    assert region_on_screen(viewer, layer) == (slice(0, 96), slice(0, 128))

    live, labels = session.labels.show()
    assert live.shape == (5, 96, 128)
    np.testing.assert_allclose(labels.extent.world, layer.extent.world)
    labels.brush_size = 1
    labels.paint((3, 70, 101), 5)
    assert np.argwhere(live[3]).tolist() == [[70, 101]]
    session.movie.select(channel=1)
    assert session.movie.image is not layer and session.movie.image.multiscale

    hand.load_model(dock, model_file)
    hand.click(dock, "segment.run_movie")
    hand.done()
    assert session.labels.live.probabilities.computed.all()
    assert session.labels.live.probabilities[0].shape[-2:] == (96, 128)


def test_another_position_is_shown_at_all_its_resolutions(hand, viewer, tmp_path):
    root = zarr.open_group(tmp_path / "plate.zarr", mode="w", zarr_format=2)
    root.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "A/2"}]}
    for well, n_levels in (("A/1", 3), ("A/2", 2)):
        group = root.require_group(well)
        group.attrs["well"] = {"images": [{"path": "0"}]}
        image = group.create_group("0")
        for k in range(n_levels):
            step = 2**k
            image.create_array(str(k), data=MOVIE[:, n_levels - 2, ::step, ::step])
        axes = [{"name": name, "type": "space"} for name in "tyx"]
        paths = [{"path": str(k)} for k in range(n_levels)]
        image.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": paths}]
    dock = hand.open("Segment")
    hand.open_movie(dock, tmp_path / "plate.zarr")
    movie, layer = hand.session.movie, hand.session.movie.image
    assert len(layer.data) == 3
    movie.select(position=1)
    hand.qtbot.waitUntil(lambda: len(layer.data) == 2, timeout=10000)
    assert movie.image is layer and movie.stack.selection.position == 1
    layer.locked_data_level = 1
    viewer.dims.set_point(0, 4)
    np.testing.assert_array_equal(drawn(layer), MOVIE[4, 0, ::2, ::2])
