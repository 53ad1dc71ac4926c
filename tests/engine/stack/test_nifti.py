"""NIfTI files: voxels as they are stored, with Z before Y before X, or one plain line."""

import builtins
import struct
import sys

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack

nibabel = pytest.importorskip("nibabel")
VOLUME = Selection(z="volume")
RNG = np.random.default_rng(20)
# X Y Z, then what stands behind
FOUR = RNG.integers(-50, 4000, (7, 6, 5, 4), dtype=np.int16)


def save(path, stored, zooms=None, units=("mm", "sec")):
    kind = nibabel.Nifti2Image if path.name.startswith("two") else nibabel.Nifti1Image
    image = kind(stored, np.eye(4))
    image.header.set_zooms(zooms or (1.0,) * stored.ndim)
    image.header.set_xyzt_units(*units)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["one.nii", "one.nii.gz", "two.nii"])
def test_four_channels_of_a_volume(tmp_path, name):
    path = save(tmp_path / name, FOUR, (0.5, 0.6, 2.0, 1.0))
    with Stack.open(path, VOLUME.replace(channel=(0, 1, 2, 3))) as stack:
        assert (stack.source_axes, stack.shape, stack.dtype) == ("CZYX", (1, 4, 5, 6, 7), np.int16)
        np.testing.assert_array_equal(stack[0], FOUR.transpose(3, 2, 1, 0))
        assert stack.spacing == pytest.approx((2000, 600, 500))
        (notice,) = stack.notices
        assert notice.level == "check" and "channels" in notice.line
        with stack.select(z="frames", channel=2) as sections:
            np.testing.assert_array_equal(sections[3], FOUR[:, :, 3, 2].T)
        first = stack.fingerprint
    with Stack.open(path, Selection(axes="TZYX", z="volume")) as movie:
        assert (movie.shape, movie.fingerprint != first) == ((4, 5, 6, 7), True)
        np.testing.assert_array_equal(movie[3], FOUR[..., 3].T)


@pytest.mark.parametrize(
    ("stored", "axes", "shape"),
    [
        (FOUR[..., 0], "ZYX", (1, 5, 6, 7)),
        (FOUR[..., :1], "ZYX", (1, 5, 6, 7)),
        (FOUR[..., [0, 1, 2, 3, 0, 1]], "TZYX", (6, 5, 6, 7)),  # too many for channels
        (FOUR[:, :, :, None], "CZYX", (1, 5, 6, 7)),
        (np.stack([FOUR] * 2, -1), "TCZYX", (4, 5, 6, 7)),
    ],
)
def test_axes_by_their_place(tmp_path, stored, axes, shape):
    with Stack.open(save(tmp_path / "a.nii", stored), VOLUME) as stack:
        assert (stack.source_axes, stack.shape) == (axes, shape)
        turned = stored.reshape(7, 6, 5, -1)[..., 0].T
        np.testing.assert_array_equal(stack[0], turned)


def test_time_and_small_units(tmp_path):
    movie = FOUR[..., [0, 1, 2, 3, 0, 1]]
    path = save(tmp_path / "m.nii.gz", movie, (0.3, 0.3, 1.0, 500.0), ("micron", "msec"))
    with Stack.open(path, VOLUME) as stack:
        assert stack.spacing == pytest.approx((1, 0.3, 0.3)) and stack.frame_interval == 0.5
        assert not stack.notices


@pytest.mark.parametrize(
    ("step", "units", "words"),
    [
        (3.0, ("unknown", "unknown"), "taken for mm"),
        (np.nan, ("mm", "sec"), "no true distance"),
    ],
)
def test_what_is_unclear_is_said(tmp_path, step, units, words):
    path = save(tmp_path / "a.nii", FOUR[..., 0], units=units)
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 88, step)  # pixdim[3] of the header
    path.write_bytes(content)
    with Stack.open(path, VOLUME) as stack:
        assert any(words in notice.line for notice in stack.notices)


def test_scaled_values_are_floats(tmp_path):
    path = tmp_path / "scaled.nii"
    image = nibabel.Nifti1Image(FOUR[..., 0], np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, path)
    with Stack.open(path, VOLUME) as stack:
        assert stack.dtype == np.float32
        np.testing.assert_allclose(stack[0], FOUR[..., 0].T * 0.5 + 10)


def test_what_is_refused(tmp_path):
    whole = save(tmp_path / "a.nii.gz", FOUR)
    short = tmp_path / "short.nii.gz"
    short.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(BadInput, match="damaged or cut short"), Stack.open(short, VOLUME) as stack:
        stack.select(channel=3)[0]
    (tmp_path / "text.nii").write_text("no volume")
    with pytest.raises(BadInput, match="damaged or cut short"):
        Stack.open(tmp_path / "text.nii")
    with pytest.raises(BadInput, match="one section"):
        Stack.open(save(tmp_path / "flat.nii", FOUR[:, :, :1, 0]), VOLUME)
    with pytest.raises(BadInput, match="no position 1"):
        Stack.open(whole, Selection(position=1))


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    path, found = save(tmp_path / "a.nii", FOUR), builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "nibabel":
            raise ImportError(name)
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "napari_unet.engine.stack.extras.nifti_source", raising=False)
    with pytest.raises(BadInput, match=r"napari-unet-live\[nifti\]"):
        Stack.open(path)
