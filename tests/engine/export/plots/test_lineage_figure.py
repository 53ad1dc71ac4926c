"""The figure of lineages, in each kind of file."""

from __future__ import annotations

import io
import re
import zlib
from xml.etree import ElementTree as xml

import numpy as np
import pytest
from PIL import Image

from napari_unet.engine.annotations.states import state_colours
from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.plots.drawing import Drawing
from napari_unet.engine.export.plots.lineage_figure import draw_lineage, write_lineage
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.tracks.lineage import Lineage, TrackedCell, TrackLine

SVG = "{http://www.w3.org/2000/svg}"


def line(track, parent, frames, state=""):
    return TrackLine(track, parent, tuple(TrackedCell(t, track, (1, 1), state) for t in frames))


TREE = Lineage.of(
    [line(1, 0, range(4)), line(2, 1, range(4, 9)), line(3, 1, range(4, 7), "dead")], range(9)
)


def words(svg: bytes) -> list[str]:
    return [one.text or "" for one in xml.fromstring(svg).iter(f"{SVG}text")]


def test_tracks_divisions_and_states_are_drawn():
    svg = draw_lineage(TREE).to_bytes("svg")
    assert {"1", "2", "3", "frame", "dead", "3 tracks, 1 division"} <= set(words(svg))
    lines = list(xml.fromstring(svg).iter(f"{SVG}line"))
    flat = [one for one in lines if one.get("y1") == one.get("y2")]
    across = [one for one in lines if one not in flat and one.get("x1") != one.get("x2")]
    assert len(across) == 2  # from the mother to each daughter
    coloured = [
        one.get("stroke") for one in flat if one.get("stroke")[1:] not in ("222222", "dddddd")
    ]
    assert coloured == [state_colours(())["dead"]] * 2  # and in the legend
    timed = words(draw_lineage(TREE, 300.0).to_bytes("svg"))
    assert "time (min)" in timed and "time (h)" in words(draw_lineage(TREE, 3600.0).to_bytes("svg"))


@pytest.mark.parametrize("tree", [TREE, Lineage.of([], range(3)), Lineage.of([], ())])
def test_each_kind_of_file_can_be_read(tree):
    drawing = draw_lineage(tree)
    picture = Image.open(io.BytesIO(drawing.to_bytes("png")))
    assert picture.size == (round(drawing.width * 2), round(drawing.height * 2))
    pdf = drawing.to_bytes("pdf")
    assert pdf.startswith(b"%PDF-1.4") and pdf.endswith(b"%%EOF\n")
    start = int(re.search(rb"startxref\n(\d+)", pdf)[1])
    assert pdf[start:].startswith(b"xref\n0 6\n")
    for number, offset in enumerate(re.findall(rb"(\d{10}) 00000 n", pdf), start=1):
        assert pdf[int(offset) :].startswith(b"%d 0 obj" % number)
    packed = re.search(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)[1]
    page = zlib.decompress(packed).decode("latin-1")
    assert page.count(" Tj ET") == len(words(drawing.to_bytes("svg")))


def test_words_with_signs_of_the_file_stay_words():
    drawing = Drawing(50, 20)
    drawing.text(2, 10, r"a < b & (c\)")
    assert words(drawing.to_bytes("svg")) == [r"a < b & (c\)"]
    packed = re.search(rb"stream\n(.*?)\nendstream", drawing.to_bytes("pdf"), re.DOTALL)[1]
    assert rb"(a < b & \(c\\\))" in zlib.decompress(packed)


def test_a_figure_of_thousands_of_tracks_stays_a_page():
    many = Lineage.of([line(i, 0, range(3)) for i in range(1, 4001)], range(3))
    assert draw_lineage(many).height < 13000


def test_the_file_has_a_sidecar_and_is_not_written_over(tmp_path):
    stack = Stack.from_array(np.zeros((9, 8, 8), np.uint16), axes="TYX")
    path = write_lineage(tmp_path / "lineage.svg", TREE, stack, WriteOptions())
    assert path.read_bytes() == draw_lineage(TREE).to_bytes("svg")
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(BadInput, match="exists already"):
        write_lineage(path, TREE, stack, WriteOptions())
