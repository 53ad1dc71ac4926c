"""Which files of a folder are frames, and in which order: never shuffled or short in silence."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.file_order import order_files
from napari_unet.engine.stack.stack import Stack


def shuffled(names):
    files = [Path("exp") / f"{name}.tif" for name in names]
    random.Random(1).shuffle(files)
    return files


IN_ORDER = {
    "incucyte": ["B2_1_00d21h00m", "B2_1_00d23h00m", "B2_1_01d00h00m", "B2_1_01d01h00m"],
    "date and clock": ["img_20240105_230000", "img_20240105_232000", "img_20240106_000000"],
    "with a count": ["i_20240105_230000_001", "i_20240105_232000_002", "i_20240106_000000_003"],
    "half hours": ["c_12h00m", "c_12h30m", "c_13h00m", "c_13h30m"],
    "stage at the end": ["t000_x105", "t001_x101", "t002_x103"],
    "spaces and dots": ["2024-01-05 23.00.00", "2024-01-05 23.20.00", "2024-01-06 00.00.00"],
    "iso": ["20240105T230000", "20240106T000000", "20240106T010000"],
    "day first": ["31-01-2024_23-00", "01-02-2024_00-00", "02-02-2024_01-00"],
    "day first, in one": ["31012024", "01022024", "02022024"],
    "month first": ["12-31-2023_1", "01-01-2024_2", "01-02-2024_3"],
    "named months": ["05Jan2024_2300", "06Jan2024_0000", "01Feb2024_0000"],
    "words": ["day1_hour23", "day2_hour0", "day2_hour1"],
    "a date and twelve hours": ["4Jan2024_10-00PM", "4Jan2024_11-00PM", "5Jan2024_12-00AM"],
    "twelve hours": ["i_11-00AM", "i_12-00PM", "i_01-00PM", "i_02-30PM"],
    "initials": ["i_10_00am", "i_11_00am", "i_12_00am"],
    "fractions": ["t0.25", "t0.50", "t1.00"],
    "case of letters": ["T001", "t002", "t003"],
}


@pytest.mark.parametrize("kind", IN_ORDER)
def test_frames_are_in_the_order_of_time(kind):
    found = order_files(shuffled(IN_ORDER[kind]))
    assert [f.stem for f in found.files] == IN_ORDER[kind]
    assert not found.notices
    if found.numbers is not None:
        assert list(found.numbers) == sorted(set(found.numbers))


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (
            ["x105_t000", "x101_t001", "x103_t002"],
            "x101_t001.tif.*or by the number at the end x105",
        ),
        (["p1_t005", "p1_t006", "p2_t001"], "from the left p1_t005.*p2_t001.tif, p1_t005"),
        (["05-01-2024", "06-01-2024", "01-02-2024"], "with the day first.*with the month first"),
        (["c_230000", "c_232000", "c_000000", "c_002000"], "over midnight c_230000"),
        (["c_23h40m", "c_23h50m", "c_00h00m"], "over midnight c_23h40m"),
        (["i_10-00PM", "i_11-00PM", "i_12-00AM", "i_01-00AM"], "over midnight i_10-00PM"),
        (["i_11-40-00pm", "i_11-50-00pm", "i_12-10-00am"], "over midnight i_11-40-00pm"),
        (["t0.5", "t0.25", "t1.0"], "by decimal fractions t0.25"),
        (["a_t0", "a_t1", "a_t2", "b_t0", "b_t1"], "several kinds of files: 3 like a_t#"),
        (["t0", "t1", "t2", "MAX", "AVG"], "several kinds of files: 3 like t#"),
        (["t1_c0", "t1_c1", "t2_c0", "t2_c1"], "differ in several numbers"),
    ],
)
def test_where_two_orders_are_possible_both_are_shown(names, shown):
    with pytest.raises(BadInput, match=shown):
        order_files(shuffled(names))


def write_frames(folder, n, *, shape=(8, 9), dtype=np.uint8, **options):
    folder.mkdir(exist_ok=True)
    for k in range(n):
        tifffile.imwrite(folder / f"t{k:03d}.tif", np.full(shape, k, dtype), **options)


@pytest.mark.parametrize(
    "stranger", ["MAX_movie", "dark", "t005 (1)", "t005 - Copy", "AVG_t000-t009"]
)
def test_a_lone_stranger_is_left_out_and_said(tmp_path, stranger):
    write_frames(tmp_path / "f", 10)
    tifffile.imwrite(tmp_path / "f" / f"{stranger}.tif", np.full((8, 9), 200, np.uint8))
    with Stack.open(tmp_path / "f") as stack:
        assert stack.numbers == tuple(range(10)) and stack.numbered
        assert [int(stack[t].max()) for t in range(len(stack))] == list(range(10))
        (notice,) = stack.notices
    assert notice.level == "check"
    assert f"{stranger}.tif, named otherwise, is left out" in notice.line


def test_names_without_numbers_are_doubted(tmp_path):
    for name in ("after", "before", "later"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((8, 9), np.uint8))
    with Stack.open(tmp_path) as stack:
        assert "in the order of their names, after.tif, before.tif" in stack.notices[0].line


def test_a_dead_link_is_no_frame_fewer(tmp_path):
    write_frames(tmp_path / "real", 4)
    (tmp_path / "links").mkdir()
    for k in range(4):
        (tmp_path / "links" / f"t{k}.tif").symlink_to(tmp_path / "real" / f"t{k:03d}.tif")
    (tmp_path / "real" / "t002.tif").unlink()
    with pytest.raises(BadInput, match=r"t2\.tif in the folder links is a link to a file"):
        Stack.open(tmp_path / "links")
    with pytest.raises(BadInput, match="link to a file that is gone"):
        Stack.open(tmp_path / "links" / "t2.tif")


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (np.zeros((9, 9), np.uint8), "has Y 9, X 9; expected Y 8, X 9, as in t000.tif"),
        (np.zeros((3, 8, 9), np.uint8), "has C 3, Y 8, X 9; expected Y 8, X 9"),
        (np.zeros((8, 9, 3), np.uint8), "has Y 8, X 9, S 3; expected Y 8, X 9"),
    ],
)
def test_a_file_of_another_size_is_refused_by_name(tmp_path, other, found):
    write_frames(tmp_path / "f", 5)
    options = {"photometric": "rgb" if other.shape[-1] == 3 else "minisblack"}
    tifffile.imwrite(tmp_path / "f" / "t003.tif", other, **options)
    with pytest.raises(BadInput, match=f"t003.tif in the folder f {found}"):
        Stack.open(tmp_path / "f")


def test_a_file_of_another_type_is_said(tmp_path):
    write_frames(tmp_path / "f", 5)
    tifffile.imwrite(tmp_path / "f" / "t003.tif", np.zeros((8, 9), np.uint16))
    with Stack.open(tmp_path / "f") as stack:
        (notice,) = stack.notices
    assert "several types (t000.tif uint8; t003.tif uint16): as uint16" in notice.line


@pytest.mark.parametrize("which", [range(10), range(3, 7)])
def test_a_warning_is_one_a_movie(tmp_path, which):
    write_frames(tmp_path / "f", 10)
    for k in which:
        tifffile.imwrite(
            tmp_path / "f" / f"t{k:03d}.tif", np.zeros((8, 9), np.uint8), photometric="miniswhite"
        )
    with Stack.open(tmp_path / "f") as stack:
        (notice,) = stack.notices
    assert notice.line.startswith(f"t{which[0]:03d}.tif in the folder f is white-is-zero")
    assert notice.line.endswith("(so are 3 more of its files)") == (len(which) == 4)
