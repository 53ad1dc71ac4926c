import errno
import os

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files import raw_file
from napari_unet.engine.files.raw_file import RawFile


@pytest.fixture(params=["pread", "seek"])
def file(request, tmp_path, monkeypatch):
    if request.param == "seek":  # as on Windows
        monkeypatch.setattr(raw_file, "_HAS_PREAD", False)
        monkeypatch.delattr(os, "preadv", raising=False)
    (tmp_path / "f").write_bytes(bytes(range(200)))
    return RawFile.open(tmp_path / "f")


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<f4"])
def test_arrays_of_any_byte_order_go_in_and_out(file, dtype):
    values = np.arange(20, dtype=dtype).reshape(4, 5)
    file.write_at(values, 33)
    back = np.empty_like(values)
    file.read_into(back, 33)
    np.testing.assert_array_equal(back, values)
    assert file.size() == 200
    assert file.read_at(10, 195) == bytes(range(195, 200))


def test_reading_beyond_the_end_is_told(file):
    with pytest.raises(BadInput, match="ends at byte 200"):
        file.read_into(np.empty(10, np.uint8), 195)


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "is full"), (errno.EBADF, "is read-only"), (errno.EIO, "cannot be written")],
)
def test_failed_writes_say_why(file, monkeypatch, number, says):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(RawFile, "_write", fail)
    with pytest.raises(BadInput, match=says):
        file.write_at(np.zeros(3, np.uint8), 0)
