"""Labels as NIfTI: what nibabel reads, and where they lie beside a movie that is NIfTI."""

import gzip

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.labels.given.open_labels import open_labels
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack

nibabel = pytest.importorskip("nibabel")
RNG = np.random.default_rng(20)
LABELS = RNG.integers(0, 9, (3, 5, 6, 7), dtype=np.uint16)  # T Z Y X
TURNED = np.array([[0, -0.6, 0, 4], [0.5, 0, 0, -3], [0, 0, 2, 7], [0, 0, 0, 1.0]])


def written(path, labels, movie, **options):
    for _ in write_labels(path, iter(labels), movie, WriteOptions(**options), format="nifti"):
        pass
    return path


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_labels_lie_on_a_movie_that_is_nifti(kind, big_endian, tmp_path):
    image = kind(RNG.integers(-50, 900, (7, 6, 5, 6), dtype=np.int16), TURNED)
    image.header.set_slope_inter(0.5, 10)
    image.header.set_xyzt_units("mm", "msec")
    image.header.set_zooms((0.5, 0.6, 2.0, 250.0))
    image.header["cal_max"] = 4000
    if big_endian:
        image = kind(image.get_fdata(), TURNED, image.header.as_byteswapped(">"))
    nibabel.save(image, tmp_path / "movie.nii")
    with Stack.open(tmp_path / "movie.nii", Selection(z="volume")) as movie:
        path = written(tmp_path / "l.nii.gz", LABELS, movie, frames=(1, 3, 5))
    found = nibabel.load(path)
    assert found.get_data_dtype() == np.uint16 and found.header["cal_max"] == 0
    np.testing.assert_array_equal(np.asarray(found.dataobj).T, LABELS)
    np.testing.assert_allclose(found.affine, nibabel.load(tmp_path / "movie.nii").affine)
    assert found.header.get_xyzt_units() == ("mm", "sec")
    assert found.header.get_zooms() == pytest.approx((0.5, 0.6, 2.0, 0.5))
    with open_labels(path) as back, back.select(z="volume") as volumes:
        assert volumes.source_axes == "TZYX" and volumes.frame_interval == 0.5
        np.testing.assert_array_equal(volumes[2], LABELS[2])


@pytest.mark.parametrize("frames", [1, 3])
def test_frames_of_images_and_the_same_bytes_again(frames, tmp_path):
    labels = LABELS[:frames, 0]
    movie = Stack.from_array(labels, axes="TYX", pixel_size=0.25, frame_interval=60.0)
    one, two = (written(tmp_path / name, labels, movie) for name in ("a.nii.gz", "b.nii.gz"))
    assert gzip.decompress(one.read_bytes())[344:352] == b"n+1" + bytes(5)
    assert one.read_bytes() == two.read_bytes()
    with open_labels(one) as back:
        assert back.shape == labels.shape and back.pixel_size == pytest.approx(0.25)
        np.testing.assert_array_equal(back[frames - 1], labels[-1])


def test_what_does_not_fit_is_refused(tmp_path):
    movie = Stack.from_array(LABELS, Selection(z="volume"), axes="TZYX")
    with pytest.raises(BadInput, match="Choose OME-TIFF"):
        written(tmp_path / "a.nii.gz", LABELS.astype(np.uint32) + 65_530, movie)
    with pytest.raises(BadInput, match=r"ends in \.nii\.gz"):
        written(tmp_path / "a.nii", LABELS, movie)
    assert not list(tmp_path.iterdir())


def test_an_axis_longer_than_nifti_1_counts(tmp_path):
    labels = RNG.integers(0, 3, (2, 2, 40_000), dtype=np.uint16)
    path = written(tmp_path / "long.nii.gz", labels, Stack.from_array(labels, axes="TYX"))
    assert isinstance(nibabel.load(path), nibabel.Nifti2Image)
    np.testing.assert_array_equal(np.asarray(nibabel.load(path).dataobj)[:, :, 0].T, labels)
