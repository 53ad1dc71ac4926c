"""White-is-zero, palettes and look-up tables by one rule; pixels without a value."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.engine.stack.stack import Stack

RAMP = np.arange(256, dtype=np.uint8)
GREY, FALLING = np.stack([RAMP] * 3), np.stack([RAMP[::-1]] * 3)
FIRE = np.stack([np.minimum(RAMP.astype(int) * k, 255) for k in (3, 2, 1)]).astype(np.uint8)


def cells(dtype):
    """A bright square on dark ground."""
    data = np.zeros((3, 20, 24), dtype)
    data[:, 5:12, 6:14] = True if dtype == "bool" else 100
    return data


def stored(data):
    """The numbers that a white-is-zero file holds."""
    if data.dtype == bool or data.dtype.kind == "i":
        return ~data
    return np.iinfo(data.dtype).max - data if data.dtype.kind == "u" else -data


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "uint32", "int16", "float32"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_white_is_zero_is_inverted_and_said(tmp_path, dtype, compression):
    data = cells(dtype)
    path = tmp_path / "a.tif"
    options = {"photometric": "miniswhite", "metadata": {"axes": "TYX"}}
    tifffile.imwrite(path, stored(data), compression=compression, **options)
    with Stack.open(path) as stack:
        assert stack.inverted and stack.dtype == data.dtype
        assert np.array_equal(np.stack([stack[t] for t in range(3)]), data)
        (notice,) = stack.notices
    assert notice.level == "check" and "is white-is-zero" in notice.line


def test_twelve_bits_are_inverted_within_twelve_bits(tmp_path):
    data = np.full((1, 16, 24), 4000, np.uint16)
    options = {"photometric": "miniswhite", "bitspersample": 12}
    try:
        tifffile.imwrite(tmp_path / "a.tif", data, **options)
    except (ValueError, NotImplementedError):
        pytest.skip("this tifffile writes no 12 bits")
    with Stack.open(tmp_path / "a.tif") as stack:
        assert (stack[0] == 95).all()


def test_the_fingerprint_is_that_of_the_file(tmp_path):
    """Corrections made before files were inverted stay with their movie."""
    data = cells("uint8")
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="miniswhite", metadata={"axes": "TYX"})
    with Stack.open(tmp_path / "a.tif") as stack:
        source = stack._source
        source.inverted = False
        before = stack.fingerprint
    with Stack.open(tmp_path / "a.tif") as stack:
        assert stack.fingerprint == before


def write_imagej(path, data, tables):
    """With look-up tables, as Fiji saves a composite."""
    metadata = {"axes": "TYX" if data.ndim == 3 else "TCYX", "mode": "composite", "LUTs": tables}
    tifffile.imwrite(path, data, imagej=True, metadata=metadata)


def test_inverting_tables_of_single_channels(tmp_path):
    data = np.stack([cells("uint8"), cells("uint8") // 2], axis=1)
    kept = data.copy()
    kept[:, 1] = 255 - kept[:, 1]
    write_imagej(tmp_path / "a.tif", kept, [GREY, FALLING])
    with Stack.open(tmp_path / "a.tif") as stack:
        both = stack.select(channel=(1, 0))
        assert np.array_equal(both[1], data[1, ::-1])
        assert np.array_equal(stack.select(channel=1)[2], data[2, 1])
        assert np.array_equal(stack[0], data[0, 0])
        assert "inverting look-up table" in stack.notices[0].line


@pytest.mark.parametrize(
    ("palette", "inverted", "said"), [(GREY, False, 0), (FALLING, True, 1), (FIRE, False, 1)]
)
def test_palettes(tmp_path, palette, inverted, said):
    data = cells("uint8")
    colours = palette.astype(np.uint16) * 257
    options = {"photometric": "palette", "colormap": colours, "metadata": {"axes": "TYX"}}
    tifffile.imwrite(tmp_path / "a.tif", 255 - data if inverted else data, **options)
    with Stack.open(tmp_path / "a.tif") as stack:
        assert np.array_equal(stack[1], data[1])
        assert len(stack.notices) == said


@pytest.mark.parametrize("frames", [1, 3])
def test_movies_of_one_bit_open(tmp_path, frames):
    data = cells("bool")[:frames]
    tifffile.imwrite(tmp_path / "a.tif", data, metadata={"axes": "TYX"}, photometric="minisblack")
    with Stack.open(tmp_path / "a.tif") as stack:
        assert np.array_equal(np.stack([stack[t] for t in range(frames)]), data)
        assert stack.lazy()[frames - 1].dtype == bool


def test_a_movie_with_missing_pixels_is_itself(tmp_path):
    """Any NaN is the same NaN: what it weighs in bits is no content."""
    data = np.ones((3, 20, 24), np.float32)
    data[0, :3], data[1, 4, 4], data[2, 5, 5] = np.nan, np.inf, -np.inf
    other = data.copy()
    other.view(np.uint32)[0, :3] = 0xFFC00001  # another NaN
    first, second = (Stack.from_array(a, axes="TYX") for a in (data, other))
    assert first.fingerprint == second.fingerprint == first.select(z=0).fingerprint
    changed = data.copy()
    changed[0, 10, 10] = 2
    assert Stack.from_array(changed, axes="TYX").fingerprint != first.fingerprint
    tifffile.imwrite(tmp_path / "a.tif", data, metadata={"axes": "TYX"}, photometric="minisblack")
    with Stack.open(tmp_path / "a.tif") as a, Stack.open(tmp_path / "a.tif") as b:
        assert a.fingerprint == b.fingerprint
        assert np.array_equal(a[0], data[0], equal_nan=True)
