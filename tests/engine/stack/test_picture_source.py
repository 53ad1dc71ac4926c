"""PNG, JPEG and BMP as frames: every number as it is stored, or one plain line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.label_stack import LabelStack
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack

GREY = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)
COLOURS = np.stack([GREY, 255 - GREY, GREY // 2], -1)
DEEP = GREY.astype(np.uint16) * 200


def save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("pixels", "suffix"),
    [(GREY, ".png"), (DEEP, ".png"), (GREY > 90, ".png"), (GREY, ".bmp"), (GREY, ".PNG")],
    ids=["8 bits", "16 bits", "mask", "bmp", "capitals"],
)
def test_grey_numbers_are_as_stored(tmp_path, pixels, suffix):
    with Stack.open(save(tmp_path / f"a{suffix}", pixels)) as stack:
        assert stack.shape == (1, 20, 30)
        assert stack.dtype == pixels.dtype
        np.testing.assert_array_equal(stack[0], pixels)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_png_comes_back(tmp_path_factory, data):
    kind = data.draw(st.sampled_from([np.uint8, np.uint16]))
    shape = data.draw(array_shapes(min_dims=2, max_dims=2, min_side=8, max_side=24))
    pixels = data.draw(arrays(kind, shape))
    with Stack.open(save(tmp_path_factory.mktemp("any") / "a.png", pixels)) as stack:
        np.testing.assert_array_equal(stack[0], pixels)


def test_colours_are_grey_or_three_channels(tmp_path):
    path = save(tmp_path / "stain.png", COLOURS)
    with Stack.open(path) as grey, Stack.open(path, Selection(channel=(0, 1, 2))) as all_three:
        assert grey.channel_names == ("red", "green", "blue")
        assert grey[0].shape == (20, 30)
        np.testing.assert_array_equal(all_three[0], np.moveaxis(COLOURS, -1, 0))


def test_a_jpeg_is_read(tmp_path):
    with Stack.open(save(tmp_path / "tissue.jpg", np.full_like(COLOURS, 77))) as stack:
        assert abs(int(stack[0].mean()) - 77) <= 1


@pytest.mark.parametrize("suffix", [".png", ".jpeg"])
def test_a_folder_of_pictures_is_a_movie(tmp_path, suffix):
    for number in (9, 10, 7):
        save(tmp_path / f"t{number:03d}{suffix}", np.full((20, 30), number, np.uint8))
    (tmp_path / "notes.txt").write_text("of the day")
    with Stack.open(tmp_path) as movie:
        assert movie.numbers == (7, 9, 10)
        assert [int(frame.mean()) for frame in movie] == [7, 9, 10]
        assert len(movie.fingerprint) == 64 and movie.first(2).numbers == (7, 9)


def test_pictures_beside_tiffs_are_no_frames(tmp_path):
    import tifffile

    for number in range(3):
        tifffile.imwrite(tmp_path / f"t{number}.tif", GREY + number)
    save(tmp_path / "t0.png", GREY)
    with Stack.open(tmp_path) as movie:
        assert len(movie) == 3


def test_numbers_of_a_palette_are_the_ids(tmp_path):
    ids = (GREY // 60).astype(np.uint8)
    picture = Image.fromarray(ids, mode=None).convert("P")
    picture.putpalette(list(np.random.default_rng(0).integers(0, 255, 768)))
    picture.save(tmp_path / "labels.png")
    with Stack.open(tmp_path / "labels.png") as stack:
        assert any("palette" in notice.line for notice in stack.notices)
        np.testing.assert_array_equal(LabelStack.of(stack)[0], ids)


def animated(path):
    frames = [Image.fromarray(GREY + n) for n in range(2)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def cut(path):
    save(path, GREY)
    path.write_bytes(path.read_bytes()[:60])


def deep_colours(path):
    save(path, COLOURS)
    content = bytearray(path.read_bytes())
    content[24] = 16
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (animated, "holds 2 pictures; expected one a file"),
        (cut, "is damaged or no picture"),
        (deep_colours, "colours of 16 bits, which would be cut to 8"),
        (lambda path: path.write_text("hello"), "is damaged or no picture"),
        (lambda path: path.write_bytes(b""), "is damaged or no picture"),
        (lambda path: None, "does not exist"),
    ],
    ids=["animated", "cut short", "16 bits a colour", "text", "empty", "not there"],
)
def test_what_cannot_be_read_whole_is_refused(tmp_path, make, words):
    make(tmp_path / "a.png")
    with pytest.raises(BadInput, match=words) as found:
        Stack.open(tmp_path / "a.png")
    assert "\n" not in str(found.value)


def test_cmyk_and_two_kinds_are_refused(tmp_path):
    Image.new("CMYK", (30, 20)).save(tmp_path / "print.jpg")
    with pytest.raises(BadInput, match="pixels of mode CMYK"):
        Stack.open(tmp_path / "print.jpg")
    save(tmp_path / "t1.png", GREY)
    with pytest.raises(BadInput, match=r"holds \.jpg and \.png files"):
        Stack.open(tmp_path)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(position=1), "no position 1"),
        (Selection(axes="TYX"), "3 letters|2 dimensions|2 letters"),
    ],
)
def test_a_selection_that_does_not_fit_is_refused(tmp_path, selection, words):
    with pytest.raises(BadInput, match=words):
        Stack.open(save(tmp_path / "a.png", GREY), selection)
