"""Files whose names say another kind than they are: said by what they begin with."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.given.open_labels import open_labels
from napari_unet.engine.stack.stack import Stack


def tiff(path):
    with path.open("wb") as file:
        movie = np.zeros((3, 20, 24), np.uint16)
        tifffile.imwrite(file, movie, photometric="minisblack", metadata={"axes": "TYX"})


def png(path):
    Image.fromarray(np.zeros((20, 24), np.uint8)).save(path, "PNG")


def gzipped(path):
    tiff(path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def zipped(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("t0.tif", b"frame")


def of(content):
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("a.nd2", tiff, r"a\.nd2 is a TIFF in spite of its name; expected ND2\. Name it \.tif"),
        ("a.czi", tiff, r"is a TIFF in spite of its name; expected CZI"),
        ("a.lif", tiff, r"is a TIFF in spite of its name; expected LIF"),
        ("a.nii.gz", tiff, r"is a TIFF in spite of its name; expected NIfTI"),
        ("a.ozx", tiff, r"is a TIFF in spite of its name; expected OME-Zarr"),
        ("a.png", tiff, r"is a TIFF in spite of its name; expected PNG, JPEG or BMP"),
        ("a.nd2", of(b"ZISRAWFILE" + bytes(600)), r"is a CZI in spite .*Name it \.czi"),
        ("a.czi", of(b"\xda\xce\xbe\x0a" + bytes(600)), r"is an ND2 in spite .*Name it \.nd2"),
        ("a.tif", png, r"is a PNG in spite of its name; expected TIFF\. Name it \.png"),
        ("a.stk", png, r"is a PNG in spite of its name"),
        ("a.tif", gzipped, "is a gzip in spite of its name.*Unpack it"),
        ("a.zip", zipped, "is a zip in spite of its name.*Unpack it"),
        ("a.tif", of(b"\n<!DOCTYPE html><html>404"), "is a web page .*Download it again"),
        ("a.tif", of(b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS .* git lfs pull"),
        ("a.ims", of(b"\x89HDF\r\n" + bytes(99)), "is an HDF5 .*export it as OME-TIFF"),
        ("a.mp4", of(bytes(4) + b"ftypisom" + bytes(99)), "is a film .*Export its frames"),
        ("a.nd2", of(b"no image" * 99), r"a\.nd2 is damaged .*file 'it' not recognized as ND2"),
    ],
)
def test_what_a_file_is_is_said(tmp_path, name, write, said):
    write(tmp_path / name)
    with pytest.raises(BadInput, match=f"(?i){said}") as error:
        Stack.open(tmp_path / name)
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("name", ["a.dat", "a", "a.stk", "a.vsi"])
def test_a_tiff_of_no_other_kinds_name_is_read(tmp_path, name):
    tiff(tmp_path / name)
    with Stack.open(tmp_path / name) as stack:
        assert len(stack) == 3


def test_a_png_called_jpg_is_read(tmp_path):
    png(tmp_path / "a.jpg")
    with Stack.open(tmp_path / "a.jpg") as stack:
        assert stack.frame_shape == (20, 24)


def test_a_file_called_zarr_is_no_missing_one(tmp_path):
    tiff(tmp_path / "a.zarr")
    with pytest.raises(BadInput, match=r"a\.zarr is a file; expected a folder"):
        Stack.open(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://example.org/a.tif", "is an address, not a file.*Download it first"),
        ("s3://bucket/a.zarr", "is an address, not a file"),
        ("file:///data/a.nd2", "is an address.*Leave file:// out"),
    ],
)
def test_an_address_is_no_path(address, said):
    with pytest.raises(BadInput, match=said):
        Stack.open(address)


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".json", ".mat", ".txt"])
def test_tables_and_archives_are_no_labels(tmp_path, suffix):
    path = tmp_path / f"cells{suffix}"
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(BadInput, match="no kind of file that labels are read from"):
        open_labels(path)
