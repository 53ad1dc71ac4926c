"""Marks come after their frames, whatever happens in between."""

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.raw_file import RawFile
from napari_unet.engine.prediction.probability_file import Header, ProbabilityFile

HEADER = Header((4, 1, 8, 8), {"model": "m"})
CODES = np.full((1, 8, 8), 9, np.uint8)


@pytest.fixture
def path(tmp_path):
    ProbabilityFile.write_empty(tmp_path / "p", HEADER)
    return tmp_path / "p"


def test_a_mark_waits_for_the_flush(path):
    file = ProbabilityFile.open(path)
    file._flushed = float("inf")  # never due by itself
    file.write(2, CODES)
    assert not ProbabilityFile.open(path).marks().any()
    file.flush()
    assert np.flatnonzero(ProbabilityFile.open(path).marks()).tolist() == [2]


def test_a_flush_that_fails_marks_nothing_and_is_made_up_for(path, monkeypatch):
    file = ProbabilityFile.open(path)
    file._flushed = float("inf")
    file.write(1, CODES)
    with monkeypatch.context() as patch:
        patch.setattr(RawFile, "sync", broken_disk)
        with pytest.raises(BadInput):
            file.flush()
    assert not ProbabilityFile.open(path).marks().any()
    file.close()
    assert np.flatnonzero(ProbabilityFile.open(path).marks()).tolist() == [1]


def test_writing_a_frame_again_unmarks_it_first(path, monkeypatch):
    file = ProbabilityFile.open(path)
    file.write(0, CODES)
    file.flush()
    order = []
    write_at = RawFile.write_at

    def note(self, array, offset):
        order.append(("mark", int(array[0])) if array.size == 1 else "frame")
        write_at(self, array, offset)

    monkeypatch.setattr(RawFile, "write_at", note)
    monkeypatch.setattr(RawFile, "sync", lambda self: order.append("sync"))
    file.write(0, CODES)
    file.flush()
    assert order == [("mark", 0), "frame", "sync", ("mark", 1), "sync"]


def broken_disk(self):
    raise BadInput("the disk is full", "free space", "free some")
