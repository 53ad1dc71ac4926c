"""Which files of a folder are frames, and in which order: never shuffled or short in silence."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.names.file_order import order_files
from napari_unet.engine.stack.stack import Stack


def shuffled(names):
    files = [Path("exp") / f"{name}.tif" for name in names]
    random.Random(1).shuffle(files)
    return files


# fmt: off
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
    "incucyte by date": ["V1_B2_1_2017y04m06d_23h30m", "V1_B2_1_2017y04m07d_00h00m"],
    "opera": [f"r02c03f01p01-ch1sk{i}fk1fl1" for i in range(1, 12)],
    "metamorph": [f"exp_w1DAPI_s1_t{i}" for i in range(1, 12)],
    "twelve hours after a date": [
        "2024-01-05 09-00 AM", "2024-01-05 11-00 PM", "2024-01-06 09-00 AM", "2024-01-06 11-00 PM",
    ],
    "all with one mark": ["2024_01_05_09_00_AM", "2024_01_05_11_00_PM", "2024_01_06_09_00_AM"],
    "a.m.": ["20240105 9.00 a.m.", "20240105 11.00 p.m.", "20240106 9.00 a.m."],
    "american": ["1-5-2024 9-00-00 AM", "1-5-2024 1-00-00 PM", "1-13-2024 12-00-00 AM"],
    "german, two digits of the year": ["30.01.24", "31.01.24", "01.02.24"],
    "american, two digits of the year": ["1-30-24", "1-31-24", "2-1-24"],
    "two digits of the year and a clock": ["240131_2300", "240201_0000", "240201_0100"],
    "named months, two digits of the year": ["30Jan24", "31Jan24", "01Feb24"],
    "named months without a year": ["30Jan_2000", "30Jan_2001", "31Jan_2000", "01Feb_1900"],
    "named months first": ["Jan30", "Jan31", "Feb01"],
    "month first, in one": ["12302023", "12312023", "01012024"],
    "japanese": ["2024年01月31日23時00分", "2024年02月01日00時00分", "2024年02月01日01時00分"],
    "iso with thousandths": ["2024-01-31T23-59-59.900Z", "2024-02-01T00-00-00.100Z"],
    "elapsed": ["e_00-59-30", "e_01-00-00", "e_01-00-30"],
    "a phone": ["PXL_20240105_235959123", "PXL_20240106_000001001", "PXL_20240106_000003500"],
    "german months": ["28.Feb.2024", "01.März.2024", "30.Mai.2024", "01.Okt.2024"],
    "two writings of an umlaut": ["z\u00fcri_1", "zu\u0308ri_2", "z\u00fcri_10"],
    "digits of another script": ["t\uff11", "t\uff12", "t\uff11\uff10"],
}
# fmt: on


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
        (["05-01-24", "06-01-24", "01-02-24"], "with the day first.*with the month first"),
        (
            ["300124", "310124", "010224"],
            "from the left 010224.*as dates with the day first 300124",
        ),
        (["3001", "3101", "0102"], "from the left 0102.*as dates with the day first 3001"),
        (["30.01", "31.01", "01.02"], "from the left 01.02.*as dates with the day first 30.01"),
        (["12-30", "12-31", "01-01"], "from the left 01-01.*over New Year 12-30"),
        (["x1_2", "x2_1"], "from the left x1_2.*or by the number at the end x2_1"),
        (["30Dec", "31Dec", "01Jan"], "over New Year 30Dec"),
        (["c_22.00", "c_23.00", "c_00.00"], "over midnight c_22.00"),
        (["01-01", "01-02", "02-01", "02-02"], "differ in several numbers"),
        (["a_01-01-01", "a_01-02-02", "a_02-01-02"], "differ in several numbers"),
        (["t1", "t01", "t2", "t3"], "the same number twice .such as t0?1.tif and t0?1.tif"),
        (["t0.5", "t0.25", "t1.0"], "by decimal fractions t0.25"),
        (["a_t0", "a_t1", "a_t2", "b_t0", "b_t1"], "several kinds of files: 3 like a_t#"),
        (["t0", "t1", "t2", "MAX", "AVG"], "several kinds of files: 3 like t#"),
        (["t1_c0", "t1_c1", "t2_c0", "t2_c1"], "differ in several numbers"),
    ],
)
def test_where_two_orders_are_possible_both_are_shown(names, shown):
    with pytest.raises(BadInput, match=shown):
        order_files(shuffled(names))


def test_numbers_that_are_too_large_to_keep_are_none():
    found = order_files(shuffled(["2024-01-31T23-59-59.900000", "2024-02-01T00-00-00.100000"]))
    assert found.numbers is None and [f.stem[5:10] for f in found.files] == ["01-31", "02-01"]
    assert order_files(shuffled(["t" + "9" * 25])).numbers is None


def test_a_stranger_among_clocks_of_twelve_hours_is_left_out():
    names = [f"i_{h}-00{half}" for half in ("AM", "PM") for h in ("09", "10", "11")]
    found = order_files(shuffled([*names, "dark"]))
    assert [f.stem for f in found.files] == names and "dark.tif" in found.notices[0].line


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


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (["._t001.tif", ".DS_Store", "Thumbs.db", "notes.txt", "t000.xml", "a.png"], []),
        (["t003.tif.part"], ["t003.tif.part in the folder f is not finished: left out"]),
        (
            ["t003.tif.tmp", "t004.TIFF.crdownload"],
            ["t004.TIFF.crdownload in the folder f are not"],
        ),
        (["t003.tif/"], ["t003.tif in the folder f is no file: left out"]),
        ([f"t{k}.png" for k in range(4)], ["3 TIFFs and 4 pictures: the pictures are left out"]),
    ],
)
def test_what_looks_like_frames_and_is_none_is_said(tmp_path, others, said):
    write_frames(tmp_path / "f", 3)
    for other in others:
        place = tmp_path / "f" / other
        place.mkdir() if other.endswith("/") else place.write_bytes(b"?")
    with Stack.open(tmp_path / "f") as stack:
        assert len(stack) == 3
        assert len(stack.notices) == len(said)
        assert all(text in n.line for text, n in zip(said, stack.notices, strict=True))


def test_a_folder_of_folders_says_so(tmp_path):
    for k in range(1, 7):  # as ImageXpress has them
        (tmp_path / f"TimePoint_{k}").mkdir()
    with pytest.raises(BadInput, match=r"only folders \(TimePoint_1, .*TimePoint_4 …\)"):
        Stack.open(tmp_path)


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
        (np.zeros((8, 9, 3), np.uint8), "has Y 8, X 9, S 3; .* Save all .* the same colours"),
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
