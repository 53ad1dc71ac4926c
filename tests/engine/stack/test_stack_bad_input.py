"""Whatever a user points at: the movie, or one plain line. Never a silently short stack."""

from __future__ import annotations

import random

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.frame_matching import match_frames
from napari_unet.engine.stack.stack import Stack
from tests.engine.stack.damage import DAMAGES, outcome
from tests.engine.stack.tiff_writers import WRITERS

FILES = {"cut": 20, "flip": 20, "zero": 8, "insert": 8}  # for each writer: 448 files


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("writer", WRITERS)
def test_damaged_files_are_refused_or_whole(tmp_path, writer, damage, caplog):
    """The campaign of benchmarks/fuzz_tiff.py in small."""
    movie = np.random.default_rng(0).integers(0, 4000, (6, 40, 48)).astype(np.uint16)
    path = tmp_path / "a.tif"
    WRITERS[writer](path, movie)
    whole = path.read_bytes()
    chance = random.Random(writer)
    outcomes = []
    for _ in range(FILES[damage]):
        content = bytearray(whole)
        DAMAGES[damage](content, chance)
        path.write_bytes(content)
        outcomes.append(outcome(path, movie))
    assert "short" not in outcomes
    assert set(outcomes) <= {"refused", "right"} or damage != "cut"
    assert "tifffile" not in {r.name for r in caplog.records}  # said once, by us


def write_text(path):
    path.write_text("not pixels")


def write_nothing(path):
    path.touch()


def write_pages_of_two_sizes(path):
    with tifffile.TiffWriter(path) as tif:
        for n in (8, 8, 9):
            tif.write(np.zeros((n, n), np.uint8), metadata=None)


def write_complex(path):
    tifffile.imwrite(path, np.zeros((2, 8, 8), np.complex64))


def write_missing_planes(path):
    """As a stopped acquisition leaves it: ten frames declared, three there."""
    options = {"photometric": "minisblack"}
    movie = np.ones((3, 8, 8), np.uint8)
    tifffile.imwrite(path, movie, ome=True, metadata={"axes": "TYX"}, **options)
    xml = tifffile.tiffcomment(path).replace('SizeT="3"', 'SizeT="10"')
    tifffile.imwrite(path, movie, description=xml, metadata=None, **options)


def write_huge_page(path):
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8), compression="zlib", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = tif.pages[0].tags[name]
            tif.filehandle.seek(tag.valueoffset)
            size = 2 if tag.dtype == tifffile.DATATYPE.SHORT else 4
            tif.filehandle.write((65000).to_bytes(size, "little"))


@pytest.mark.parametrize(
    ("name", "write", "found"),
    [
        ("a.tif", None, "does not exist"),
        ("a.tif", write_text, "is not a TIFF file in spite of its name"),
        ("a.vsi", write_text, r"is not a TIFF file.*Fiji"),
        ("a.tif", write_nothing, "is empty"),
        ("a.tif", write_pages_of_two_sizes, r"different sizes: 2 of \(8, 8\), 1 of \(9, 9\)"),
        ("a.tif", write_complex, "pixels of type complex64"),
        ("a.ome.tif", write_missing_planes, r"missing 7 frames.*give its axes"),
        ("a.tif", write_huge_page, "damaged|pages of"),
    ],
)
def test_bad_files(tmp_path, name, write, found):
    path = tmp_path / name
    if write:
        write(path)
    with pytest.raises(BadInput, match=found):
        with Stack.open(path) as stack:
            stack[0]


def test_a_broken_chain_of_pages_is_doubted(tmp_path):
    """Nothing says how many pages there were: but there is room for more of them."""
    movie = np.random.default_rng(0).integers(0, 4000, (6, 40, 48)).astype(np.uint16)
    WRITERS["pages"](tmp_path / "a.tif", movie)
    with Stack.open(tmp_path / "a.tif") as stack:
        assert not stack.notices
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tif:
        third = tif.pages[2]
        tif.filehandle.seek(third.offset + 2 + 12 * len(third.tags))
        tif.filehandle.write(bytes(4))
    with Stack.open(tmp_path / "a.tif") as stack:
        assert len(stack) == 3
        assert "belong to no page: frames may be missing after the 3" in stack.notices[0].line


def test_pages_that_are_there_can_be_read_by_giving_the_axes(tmp_path):
    write_missing_planes(tmp_path / "a.ome.tif")
    with Stack.open(tmp_path / "a.ome.tif", Selection(axes="TYX")) as stack:
        assert len(stack) == 3 and stack[2].all()


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({"axes": "YX"}, "which has 3 dimensions: T 6, Y 96, X 128; expected 3 letters"),
        ({"axes": "TXX"}, "axes 'TXX'"),
        ({"axes": "TYQ"}, "axes 'TYQ'"),
        ({"channel": 1}, "no channel 1 in toy.ome.tif, which has channel 0"),
        ({"channel": "GFP"}, "channel GFP"),
        ({"channel": (0, 1)}, "channel"),
        ({"z": 1}, "no z 1 in toy.ome.tif, which has 1 section"),
        ({"position": 1}, "no position 1 in toy.ome.tif, which has 1"),
    ],
)
def test_selections_that_the_file_does_not_have(toy_file, selection, found):
    with pytest.raises(BadInput, match=found.replace("(", r"\(")):
        Stack.open(toy_file, Selection(**selection))


def frames(*names, shape=(8, 8)):
    return [(name, shape) for name in names]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([], "holds no files"),
        ([("notes.txt", None)], r"holds only \.txt files"),
        (frames("t0.tif", "t1.tif") + frames("t2.tif", shape=(9, 8)), "has Y 9, X 8; expected Y 8"),
        (frames("t0_c0.tif", "t0_c1.tif", "t1_c0.tif", "t1_c1.tif"), "several numbers"),
        (frames("t1.tif", "t01.tif"), "same number twice"),
        (frames("a0.tif", "a1.tif", "mask0.tif", "mask1.tif"), "several kinds of files"),
        (frames("t0.tif", shape=(12, 8, 8)), "has Z 12"),
    ],
)
def test_bad_folders(tmp_path, files, found):
    for name, shape in files:
        if shape is None:
            (tmp_path / name).touch()
        else:
            tifffile.imwrite(tmp_path / name, np.zeros(shape, np.uint8))
    if found == "has Z 12":  # the pages of one file are sections, never frames of the movie
        assert len(Stack.open(tmp_path)) == 1
        return
    with pytest.raises(BadInput, match=found):
        Stack.open(tmp_path)


def test_a_folder_of_movies_says_to_open_the_file(tmp_path):
    for i in range(2):
        movie = np.zeros((7, 8, 8), np.uint8)
        tifffile.imwrite(tmp_path / f"p{i}.tif", movie, metadata={"axes": "TYX"})
    with pytest.raises(BadInput, match=r"has 7 frames.*Open the file itself"):
        Stack.open(tmp_path)


def stack_of(n, numbers=None, name="a"):
    return Stack.from_array(np.zeros((n, 4, 4)), axes="TYX", numbers=numbers, name=name)


@pytest.mark.parametrize(
    ("a", "b", "pairs"),
    [
        ((3, None), (3, None), [(0, 0), (1, 1), (2, 2)]),
        ((3, (5, 7, 9)), (2, (9, 5)), [(0, 1), (2, 0)]),
        ((3, (5, 7, 9)), (3, None), [(0, 0), (1, 1), (2, 2)]),
        ((3, None), (2, None), None),
        ((3, (5, 7, 9)), (2, None), None),
        ((2, (1, 2)), (2, (3, 4)), None),
    ],
)
def test_matching_frames(a, b, pairs):
    if pairs is None:
        with pytest.raises(BadInput):
            match_frames(stack_of(*a), stack_of(*b))
    else:
        assert match_frames(stack_of(*a), stack_of(*b)) == pairs
