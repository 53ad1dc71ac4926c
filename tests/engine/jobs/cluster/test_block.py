"""Blocks: the same frames in the same files, whole or refused."""

import numpy as np
import pytest

from napari_unet.engine.export.formats.measuring import Measured
from napari_unet.engine.jobs.cluster.block import Block, BlockDone, blocks_of, frames_of_a_block
from napari_unet.engine.jobs.cluster.block_folder import BlockFolder, is_seen
from napari_unet.engine.jobs.stages.frame_work import FrameDone
from napari_unet.engine.jobs.stages.frame_worker import Packed


def made(n, objects=None, measured=True):
    """Blocks of ``n`` frames, each with more objects than the one before."""
    rng = np.random.default_rng(n)
    done = []
    for t in range(n):
        labels = np.zeros((12, 20), np.uint16)
        count = t if objects is None else objects
        for i in range(count):
            labels[2 * (i % 6), i : i + 3] = i + 1
        ids = np.arange(1, count + 1)
        columns = {"label": ids, "area_px": rng.integers(9, size=count), "mean": ids / 3}
        done.append(FrameDone(labels, Measured(columns, t) if measured else None))
    codes = rng.integers(0, 256, (n, 2, 12, 20), dtype=np.uint8)
    return done, BlockDone(tuple(range(5, 5 + n)), codes, tuple(Packed.of(one) for one in done))


@pytest.mark.parametrize(
    "block",
    [made(4), made(1), made(3, objects=0), made(3, measured=False)],
    ids=["some", "one", "empty", "not measured"],
)
def test_what_is_packed_comes_back(block):
    done, packed = block
    again = list(BlockDone.read(packed.packed()).each())
    assert [t for t, _, _ in again] == list(packed.frames)
    for (_, codes, found), frame, expected in zip(again, packed.codes, done, strict=True):
        np.testing.assert_array_equal(codes, frame)
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert (found.measured is None) == (expected.measured is None)
        if expected.measured is not None:
            assert found.measured.missing == expected.measured.missing
            assert list(found.measured.columns) == list(expected.measured.columns)
            for name, column in expected.measured.columns.items():
                assert found.measured.columns[name].dtype == column.dtype
                np.testing.assert_array_equal(found.measured.columns[name], column)


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.99])
def test_half_a_block_is_none(tmp_path, cut):
    content = made(4)[1].packed()
    with pytest.raises(ValueError, match="cannot be read"):
        BlockDone.read(content[: int(cut * len(content))])
    folder = BlockFolder(tmp_path, {})
    (folder.path / "0000005-4-00000000.npz").write_bytes(content[: int(cut * len(content))])
    assert folder.index() == {}


@pytest.mark.parametrize(
    ("shape", "frames"), [((64, 64), 1024), ((700, 1100), 8), ((2048, 2048), 2), ((9000, 9000), 1)]
)
def test_a_block_holds_as_many_pixels_whatever_the_frames(shape, frames):
    assert frames_of_a_block(shape) == frames


def test_blocks_begin_at_the_same_frames_whichever_are_missing():
    names = {b.name for b in blocks_of(range(20), 8)}
    assert {b.frames for b in blocks_of([*range(5), 9, 17, 19], 8)} == {
        (0, 1, 2, 3, 4),
        (9,),
        (17, 19),
    }
    assert {b.name for b in blocks_of(range(8, 20), 8)} < names
    assert Block((1, 3)).name != Block((1, 2)).name


def test_a_folder_knows_what_is_in_it(tmp_path):
    block = made(4)[1]
    folder = BlockFolder(tmp_path, {"model": "a"})
    path = folder.keep(Block(block.frames).name, block.packed())
    assert folder.index() == dict.fromkeys(block.frames, (path, True))
    for _, _, frame in block.each():
        frame.measured.columns.pop("label")  # as who writes a table does
    folder.without_codes(path, block)
    assert all("label" in frame.measured.columns for _, _, frame in BlockDone.read(path).each())
    assert folder.index() == dict.fromkeys(block.frames, (path, False))
    assert [labels.labels.max() for _, _, labels in BlockDone.read(path).each()] == [0, 1, 2, 3]
    assert BlockFolder(tmp_path, {"model": "b"}).index() == {}
    again = BlockFolder(tmp_path, {"model": "a"})
    assert len(again.index()) == 4
    assert is_seen(again.path, again.token)
    assert not is_seen(again.path, folder.token)  # of the client before
    assert not is_seen(tmp_path / "elsewhere", again.token)
    again.clear()
    assert not again.path.exists()
