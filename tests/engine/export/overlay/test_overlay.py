"""Composing: where colours, lines and words go, and what stays as it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.engine.export.overlay.colours import (
    CODE_COLOURS,
    LABEL_COLOURS,
    LINE_COLOURS,
    VIRIDIS,
    lifted,
)
from napari_unet.engine.export.overlay.lettering import (
    say_length,
    scale_bar_length,
    text_stamp,
)
from napari_unet.engine.export.overlay.overlay import Look, measure_windows, outlines, picture_shape
from napari_unet.engine.export.overlay.write_movie import compose_overlay
from napari_unet.engine.settings import OverlaySettings

PLAIN = OverlaySettings(show_time=False, show_scale_bar=False)
LOOK = Look(windows=((0.0, 255.0),))


@pytest.fixture
def scene():
    """A grey frame with two touching cells."""
    frame = np.full((40, 50), 100, np.uint8)
    labels = np.zeros((40, 50), np.uint16)
    labels[10:20, 10:20], labels[10:20, 20:30] = 1, 52
    return frame, labels


def test_contours_are_lines_in_the_colour_of_the_id(scene):
    frame, labels = scene
    picture = compose_overlay(frame, labels, PLAIN, LOOK)
    assert picture.shape == (40, 50, 3)
    assert picture.dtype == np.uint8
    assert tuple(picture[10, 12]) == tuple(LINE_COLOURS[0])
    assert tuple(picture[10, 25]) == tuple(LINE_COLOURS[(52 - 1) % len(LINE_COLOURS)])
    assert tuple(picture[15, 19]) == tuple(LINE_COLOURS[0])  # where they touch, both have a line
    assert tuple(picture[15, 20]) == tuple(LINE_COLOURS[2])
    assert tuple(picture[15, 15]) == tuple(picture[0, 0]) == (100, 100, 100)


def test_filled_mixes_colour_with_the_image(scene):
    frame, labels = scene
    picture = compose_overlay(frame, labels, PLAIN.replace(style="filled", opacity=0.5), LOOK)
    expected = (100 + LABEL_COLOURS[0].astype(int)) / 2
    assert np.abs(picture[15, 15] - expected).max() <= 1
    assert tuple(picture[0, 0]) == (100, 100, 100)


@pytest.mark.parametrize("style", ["side_by_side", "probability", "before_after"])
def test_panels_show_what_they_are(scene, style):
    frame, labels = scene
    chosen = PLAIN.replace(style=style)
    codes = np.full(frame.shape, 255, np.uint8)
    picture = compose_overlay(
        frame, labels, chosen, LOOK, probability=codes, before=np.zeros_like(labels)
    )
    assert picture.shape[:2] == picture_shape(frame.shape, chosen)
    assert tuple(picture[10, 12]) == (100, 100, 100)  # raw, or nothing before
    last = picture.shape[1] - 50
    assert tuple(picture[10, last + 12]) == tuple(LINE_COLOURS[0])
    if style == "probability":
        assert tuple(picture[5, 54 + 25]) == tuple(CODE_COLOURS[255])


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.uint16, (9, 11), elements=st.integers(0, 3)), st.integers(1, 4))
def test_lines_grow_inwards_only(labels, width):
    line = outlines(labels, width)
    assert not (line & (labels == 0)).any()
    assert not (outlines(labels, 1) & ~line).any()
    up, left = np.roll(labels, 1, 0), np.roll(labels, 1, 1)
    beside = np.zeros(labels.shape, bool)
    beside[1:] |= labels[1:] != up[1:]
    beside[:, 1:] |= labels[:, 1:] != left[:, 1:]
    assert (line | ~(beside & (labels > 0))).all()


@given(
    st.tuples(st.integers(0, 20), st.integers(0, 20)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from([0.3, 0.5, 1, 1.7, 3]),
    st.sampled_from(["contours", "filled", "side_by_side", "probability"]),
)
@settings(max_examples=60, deadline=None)
def test_any_crop_and_zoom_has_the_shape_that_was_promised(corner, size, zoom, style):
    crop = (*corner, corner[0] + size[0], corner[1] + size[1])
    chosen = OverlaySettings(crop=crop, zoom=zoom, style=style, show_ids=True, title_text="µ")
    labels = np.arange(1600).reshape(40, 40) % 7
    picture = compose_overlay(
        labels * 30.0, labels, chosen, Look(LOOK.windows, pixel_size=0.2), time=3.0
    )
    assert picture.shape == (*picture_shape((40, 40), chosen), 3)


def test_raw_arrays_are_left_as_they_are(scene):
    frame, labels = scene
    before = frame.copy(), labels.copy()
    frame.flags.writeable = labels.flags.writeable = False
    for style in ("contours", "filled", "side_by_side"):
        compose_overlay(frame, labels, OverlaySettings(style=style, show_ids=True, zoom=1))
    assert np.array_equal(frame, before[0])
    assert np.array_equal(labels, before[1])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32])
def test_black_and_white_of_every_type(kind):
    frame = np.array([[10, 60, 110, 120]], kind)
    picture = compose_overlay(
        frame, np.zeros(frame.shape, int), PLAIN, Look(windows=((10.0, 110.0),))
    )
    assert np.abs(picture[0, :, 0].astype(int) - [0, 128, 255, 255]).max() <= 1


def test_windows_are_finite_for_constant_and_broken_frames():
    chosen = OverlaySettings()
    assert measure_windows([np.full((8, 8), 7)], chosen) == ((7.0, 8.0),)
    assert measure_windows([np.full((8, 8), np.nan)], chosen) == ((0.0, 1.0),)
    assert len(measure_windows([np.zeros((3, 8, 8)), np.ones((3, 8, 8))], chosen)) == 3


def test_channels_have_colours():
    frame = np.zeros((2, 6, 6), np.uint8)
    frame[0, :3], frame[1, 3:] = 255, 255
    look = Look(windows=((0.0, 255.0),) * 2, channels=((255, 0, 0), (0, 0, 255)))
    picture = compose_overlay(frame, np.zeros((6, 6), int), PLAIN, look)
    assert picture[0, 0, 0] >= 254
    assert picture[5, 5, 2] >= 254
    assert picture[..., 1].max() == 0
    default = compose_overlay(frame, np.zeros((6, 6), int), PLAIN, Look(windows=look.windows))
    assert (default.max(axis=2) >= 254).all()


def test_words_stand_in_their_corners():
    frame, labels = np.zeros((200, 300), np.uint8), np.zeros((200, 300), int)
    look = Look(LOOK.windows, pixel_size=0.5, interval=60.0)
    corners = {
        (0, 0): OverlaySettings(title_text="Title", show_time=False, show_scale_bar=False),
        (0, 1): OverlaySettings(show_scale_bar=False),
        (1, 1): OverlaySettings(show_time=False),
    }
    for (down, right), chosen in corners.items():
        lit = compose_overlay(frame, labels, chosen, look, time=5400.0).max(axis=2) > 128
        halves = lit.reshape(2, 100, 2, 150).any(axis=(1, 3))
        expected = np.zeros((2, 2), bool)
        expected[down, right] = True
        assert np.array_equal(halves, expected)


def test_tails_lead_to_the_cell(scene):
    frame, labels = scene
    chosen = PLAIN.replace(tail=5)
    picture = compose_overlay(frame, labels, chosen, LOOK, tails={1: [(35, 5), (15, 15)]})
    assert (picture[25, :20] != 100).any()


def test_colours_are_those_of_napari():
    colormaps = pytest.importorskip("napari.utils.colormaps")
    shown = colormaps.label_colormap(49, seed=0.5, background_value=0)
    ids = np.arange(1, 200, dtype=np.uint16)
    theirs = np.rint(shown.map(ids)[:, :3] * 255)
    assert np.abs(theirs - LABEL_COLOURS[(ids - 1) % len(LABEL_COLOURS)]).max() <= 1
    viridis = colormaps.ensure_colormap("viridis").map(np.linspace(0, 1, 256))[:, :3] * 255
    assert np.abs(viridis - VIRIDIS).max() <= 2


def test_lines_are_never_dark_and_bright_colours_stay():
    black, yellow = np.array([[0, 0, 0]], np.uint8), np.array([[250, 240, 20]], np.uint8)
    assert lifted(black).min() > 120
    assert np.abs(lifted(yellow).astype(int) - yellow).max() <= 1


@given(st.integers(16, 5000), st.floats(0.001, 50))
def test_scale_bars_are_round_and_fit(width, pixel_size):
    length = scale_bar_length(width, pixel_size)
    assert width * pixel_size / 13 < length <= width * pixel_size / 5
    assert f"{length:.6e}"[0] in "125"


def test_lengths_have_their_unit():
    assert [say_length(x) for x in (0.5, 20, 2000)] == ["500 nm", "20 µm", "2 mm"]


def test_letters_beyond_ascii_are_drawn():
    empty = text_stamp("\uffff", 20)[1]
    for letter in "µéß中":
        assert not np.array_equal(text_stamp(letter, 20)[1], empty), letter


def test_tails_are_as_wide_as_outlines_allow_and_fade(scene):
    """Zoomed they grow with the outlines; the oldest piece is the faintest; all stay inside."""
    frame, labels = scene
    path = [(20.0, -30.0), (20.0, 10.0), (20.0, 30.0), (20.0, 200.0)]
    look = OverlaySettings(show_time=False, show_scale_bar=False, tail=5, line_width=4)
    for zoom in (1, 2):
        plain, drawn = (
            compose_overlay(frame, labels, look.replace(zoom=zoom), LOOK, tails=tails).astype(int)
            for tails in (None, {1: path})
        )
        changed = np.abs(drawn - plain).sum(axis=2)
        width = (changed[:, 20 * zoom] > 0).sum()
        assert 3 * zoom <= width <= 3 * zoom + 2
        assert changed[20 * zoom, 5 * zoom] < changed[20 * zoom, 20 * zoom]
    nowhere = compose_overlay(
        frame, labels, look, LOOK, tails={1: [(900.0, 900.0), (950.0, 900.0)]}
    )
    np.testing.assert_array_equal(nowhere, compose_overlay(frame, labels, look, LOOK))
