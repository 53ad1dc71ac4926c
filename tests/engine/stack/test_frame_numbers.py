from __future__ import annotations

import html
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.frame_numbers import (
    NUMBERS_KEY,
    decode_numbers,
    encode_numbers,
    parse_frames,
)
from napari_unet.engine.stack.names.file_order import order_files
from napari_unet.engine.stack.stack import Stack


@pytest.mark.parametrize(
    ("text", "frames"),
    [("0", (0,)), ("0,3-5", (0, 3, 4, 5)), (" 7 , 2 - 3 ", (7, 2, 3)), ("1,1,0-2", (1, 0, 2))],
)
def test_parse_frames(text, frames):
    assert parse_frames(text, 8) == frames


@pytest.mark.parametrize("text", ["", "a", "1,", "5-3", "-1", "1.5", "8", "0-8", "99999999999"])
def test_frames_that_make_no_sense(text):
    with pytest.raises(BadInput, match="frame"):
        parse_frames(text, 8)


@given(st.lists(st.integers(0, 10**6)))
def test_numbers_survive_any_container(numbers):
    text = encode_numbers(numbers)
    for contained in (text, f"<Value>{html.escape(text)}</Value>", json.dumps({"k": text})):
        assert decode_numbers(contained) == tuple(numbers)


def test_text_without_numbers():
    assert decode_numbers('{"shape": [3, 4]} ImageJ=1.53') is None


@pytest.mark.parametrize(
    "options",
    [
        {"ome": True, "metadata": {"axes": "TYX", "MapAnnotation": {NUMBERS_KEY: "NUMBERS"}}},
        {"imagej": True, "metadata": {"axes": "TYX", "Info": f"{NUMBERS_KEY}=NUMBERS"}},
        {"metadata": {"axes": "TYX", NUMBERS_KEY: "NUMBERS"}},
    ],
)
def test_label_files_keep_the_numbers_of_their_frames(tmp_path, options):
    numbers = (7, 9, 31)

    def fill(value):
        if isinstance(value, dict):
            return {k: fill(v) for k, v in value.items()}
        return (
            value.replace("NUMBERS", encode_numbers(numbers)) if isinstance(value, str) else value
        )

    path = tmp_path / "labels.tif"
    tifffile.imwrite(
        path, np.zeros((3, 9, 8), np.uint16), photometric="minisblack", **fill(options)
    )
    with Stack.open(path) as stack:
        assert stack.numbered and stack.numbers == numbers
    tifffile.imwrite(
        path, np.zeros((5, 9, 8), np.uint16), photometric="minisblack", **fill(options)
    )
    with Stack.open(path) as stack:  # numbers of other frames do not count
        assert not stack.numbered


@pytest.mark.parametrize(
    ("names", "ordered", "numbers"),
    [
        (["t10", "t9", "t2"], ["t2", "t9", "t10"], (2, 9, 10)),
        (["man_seg031", "man_seg007"], ["man_seg007", "man_seg031"], (7, 31)),
        (
            ["2024-01-05_t2_c1", "2024-01-05_t1_c1"],
            ["2024-01-05_t1_c1", "2024-01-05_t2_c1"],
            (1, 2),
        ),
        (["f1_at_30s", "f0_at_10s"], ["f0_at_10s", "f1_at_30s"], (10, 30)),
        (["cells005"], ["cells005"], (5,)),
        (["after", "before"], ["after", "before"], None),
        (["b2", "a10", "a9"], ["a9", "a10", "b2"], None),
        (["frame"], ["frame"], None),
    ],
)
def test_files_are_ordered_by_their_number(names, ordered, numbers):
    found = order_files([Path(f"{n}.tif") for n in names])
    assert [f.stem for f in found.files] == ordered
    assert found.numbers == numbers
