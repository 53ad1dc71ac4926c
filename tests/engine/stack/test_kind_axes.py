"""What an axis, a series or a missing part is: understood, doubted, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.queue.movies import find_movies
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack
from tests.engine.stack.vendor_writers import write_micromanager, write_stk


def values(stack):
    return [int(stack[t].max()) for t in range(len(stack))]


# --- letters ---


@pytest.mark.parametrize("letter", "RMPJK")
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("order", ["TpYX", "pTYX", "TpCYX"])
def test_places_on_the_stage_are_positions(tmp_path, letter, compression, order):
    axes = order.replace("p", letter)
    lengths = {"T": 3, letter: 2, "C": 2, "Y": 20, "X": 24}
    data = np.arange(np.prod([lengths[a] for a in axes])).reshape([lengths[a] for a in axes])
    data = (data // (20 * 24)).astype(np.uint16)
    options = {"photometric": "minisblack", "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", data, metadata={"axes": axes}, **options)
    for position in range(2):
        with Stack.open(tmp_path / "a.tif", Selection(position=position)) as stack:
            assert stack.position_names == ("position 0", "position 1")
            assert stack.source_axes == axes.replace(letter, "")
            at = axes.index(letter)
            right = data.take(position, at)
            right = right[:, 0] if "C" in axes else right
            assert np.array_equal(np.stack([stack[t] for t in range(3)]), right)
    with Stack.open(tmp_path / "a.tif", Selection(axes=axes.replace(letter, "Z"), z=1)) as stack:
        assert stack.position_names == ("series 0",) and stack.n_z == 2
    assert len(find_movies([str(tmp_path / "a.tif")], Selection(), every_position=True)) == 2


@pytest.mark.parametrize(
    ("axes", "found"),
    [
        ("AYX", "an axis of 4 angles: A 4, Y 20, X 24"),
        ("TLYX", "an axis of 4 exposures"),
        ("HTYX", "an axis of 4 lifetimes"),
        ("VYX", "an axis of 4 events"),
        ("WTYX", "an axis of 4 something called W"),
        ("CEYX", "an axis of 4 wavelengths"),
    ],
)
def test_other_axes_are_refused_by_name(tmp_path, axes, found):
    lengths = {"T": 3, "C": 3, "Y": 20, "X": 24}
    data = np.zeros([lengths.get(a, 4) for a in axes], np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", metadata={"axes": axes})
    with pytest.raises(BadInput, match=found):
        Stack.open(tmp_path / "a.tif")
    given = "".join("Z" if a in "ALHVWE" else a for a in axes)
    with Stack.open(tmp_path / "a.tif", Selection(axes=given)) as stack:
        assert stack.n_z == 4


def test_wavelengths_are_channels(tmp_path):
    data = np.zeros((3, 4, 20, 24), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", metadata={"axes": "TEYX"})
    with Stack.open(tmp_path / "a.tif") as stack:
        assert (stack.source_axes, len(stack.channel_names)) == ("TCYX", 4)


# --- vendors ---


@pytest.mark.parametrize(
    ("options", "axes", "doubted"),
    [
        ({}, "TYX", False),
        ({"distance": 1}, "TYX", True),
        ({"distance": 1, "seconds": [1] * 6}, "ZYX", True),
        ({"colours": [488, 561] * 3}, "TCYX", False),
    ],
)
def test_planes_of_metamorph(tmp_path, options, axes, doubted):
    for name in ("a.stk", "a.tif"):
        write_stk(tmp_path / name, [100, 101, 102, 103, 104, 105], **options)
        with Stack.open(tmp_path / name) as stack:
            assert stack.source_axes == axes
            assert bool(stack.notices) == doubted
            if axes == "TYX":
                assert values(stack) == [100, 101, 102, 103, 104, 105]
            if axes == "TCYX":
                assert values(stack.select(channel=1)) == [101, 103, 105]
    movies = find_movies([str(tmp_path / "*.stk")], Selection(), every_position=True)
    assert [(movie.name, movie.path.name) for movie in movies] == [("a", "a.stk")]


def test_wavelengths_in_no_order_are_refused(tmp_path):
    write_stk(tmp_path / "a.stk", [1, 2, 3, 4, 5], colours=[488, 488, 561, 488, 561])
    with pytest.raises(BadInput, match="5 planes of 2 wavelengths in no order that repeats"):
        Stack.open(tmp_path / "a.stk")
    with Stack.open(tmp_path / "a.stk", Selection(axes="TYX")) as stack:
        assert values(stack) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("channels", [1, 2])
def test_positions_of_micromanager(tmp_path, channels):
    planes = [
        ((c, 0, t, p), 1000 * p + 100 * c + 10 * t)
        for p in range(2)
        for t in range(4)
        for c in range(channels)
    ]
    named = [{"Label": "left"}, {"Label": "right"}]
    path = tmp_path / "a_MMStack.ome.tif"
    write_micromanager(path, planes, Channels=channels, Positions=2, StagePositions=named)
    for p in range(2):
        with Stack.open(path, Selection(position=p)) as stack:
            assert stack.position_names == ("left", "right")
            assert values(stack) == [1000 * p + 10 * t for t in range(4)]
            assert not stack.notices
    with pytest.raises(BadInput, match=r"no position 2 in a_MMStack\.ome\.tif, which has 2"):
        Stack.open(path, Selection(position=2))


def test_a_part_of_an_acquisition(tmp_path):
    """A stopped one is shorter than planned, and said; a later part alone is refused."""
    stopped = tmp_path / "a_MMStack.ome.tif"
    write_micromanager(stopped, [((0, 0, t, 0), 10 * t) for t in range(4)], Frames=8)
    with Stack.open(stopped) as stack:
        assert values(stack) == [0, 10, 20, 30]
        assert "holds 4 of the 8 planes that its summary names" in stack.notices[0].line
    part = tmp_path / "part.tif"
    write_micromanager(part, [((0, 0, t, 0), 10 * t) for t in range(4, 8)], Frames=8, Prefix="zz")
    with pytest.raises(BadInput, match=r"4 of the 8 planes.*zz_MMStack\*\.tif are missing"):
        Stack.open(part)
    with Stack.open(part, Selection(axes="TYX")) as stack:
        assert values(stack) == [40, 50, 60, 70]


def ome_of_two_files(folder, *, companion):
    """Two files whose metadata lie in a third one, as Bio-Formats writes them."""
    template = folder / "template.ome.tif"
    data = np.stack([np.full((20, 24), t, np.uint8) for t in range(2)])
    tifffile.imwrite(template, data, metadata={"axes": "TYX"})
    xml = tifffile.tiffcomment(template)
    template.unlink()
    uuids = [f"urn:uuid:0000000{t}-0000-0000-0000-000000000000" for t in range(2)]
    parts = "".join(
        f'<TiffData IFD="0" PlaneCount="1" FirstT="{t}">'
        f'<UUID FileName="t{t}.ome.tif">{uuids[t]}</UUID></TiffData>'
        for t in range(2)
    )
    xml = xml.replace('<TiffData IFD="0" PlaneCount="2"/>', parts)
    (folder / companion).write_text(xml, encoding="utf-8")
    for t in range(2):
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{uuids[t]}"><BinaryOnly MetadataFile="{companion}" '
            f'UUID="urn:uuid:00000009-0000-0000-0000-000000000000"/></OME>'
        )
        tifffile.imwrite(folder / f"t{t}.ome.tif", data[t], description=text, metadata=None)


def test_a_companion_file_is_believed(tmp_path):
    ome_of_two_files(tmp_path, companion="movie.companion.ome")
    prints = set()
    for t in range(2):
        with Stack.open(tmp_path / f"t{t}.ome.tif") as stack:
            assert values(stack) == [0, 1]
            prints.add(stack.fingerprint)
    (tmp_path / "t1.ome.tif").rename(tmp_path / "elsewhere.tif")
    with pytest.raises(BadInput, match=r"t1\.ome\.tif"):
        Stack.open(tmp_path / "t0.ome.tif")
    (tmp_path / "movie.companion.ome").unlink()
    with pytest.raises(BadInput, match=r"metadata in movie\.companion\.ome, which is not in"):
        Stack.open(tmp_path / "t0.ome.tif")


# --- what is no position ---


def test_levels_of_a_pyramid_are_no_positions(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (3, 64, 96), np.uint8)
    flat, nested = tmp_path / "flat.ome.tif", tmp_path / "nested.ome.tif"
    with tifffile.TiffWriter(flat, ome=True) as tif:
        for step in (1, 2, 4):
            tif.write(data[:, ::step, ::step], metadata={"axes": "TYX"})
    with tifffile.TiffWriter(nested, ome=True) as tif:
        tif.write(data, subifds=1, metadata={"axes": "TYX"})
        tif.write(data[:, ::2, ::2], subfiletype=1)
    for path in (flat, nested):
        with Stack.open(path) as stack:
            assert len(stack.position_names) == 1
            assert np.array_equal(stack[2], data[2])
    with Stack.open(flat) as stack:
        assert "2 smaller copies" in stack.notices[0].line


def test_a_thumbnail_is_no_position(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for t in range(3):
            tif.write(np.full((64, 96), t, np.uint8), metadata=None, contiguous=False)
        tif.write(np.zeros((20, 30), np.uint8), metadata=None, subfiletype=1)
    with Stack.open(tmp_path / "a.tif") as stack:
        assert values(stack) == [0, 1, 2]
        assert [n.level for n in stack.notices] == ["noted"]


# --- plain pages ---


@pytest.mark.parametrize(
    "options",
    [
        {"metadata": None, "contiguous": False},
        {"compression": "zlib"},  # each page with a description of its own
        {"compression": "zlib", "metadata": None},
    ],
)
def test_pages_of_one_size_are_frames(tmp_path, options):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for t in range(4):
            tif.write(np.full((20, 24), t, np.uint8), **options)
    with Stack.open(tmp_path / "a.tif") as stack:
        assert values(stack) == [0, 1, 2, 3] and len(stack.position_names) == 1


def test_pages_that_are_packed_differently_are_frames_still(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for t in range(4):
            compression = "zlib" if t == 2 else None
            page = np.full((20, 24), t, np.uint8)
            tif.write(page, metadata=None, contiguous=False, compression=compression)
    with Stack.open(tmp_path / "a.tif") as stack:
        assert values(stack) == [0, 1, 2, 3]


@pytest.mark.parametrize("described", [True, False])
def test_pages_that_differ_need_a_position(tmp_path, described):
    metadata = {} if described else None
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for t in range(3):
            tif.write(np.full((20, 24), t, np.uint8), metadata=metadata, compression="zlib")
        tif.write(np.full((9, 9), 200, np.uint8), metadata=metadata, compression="zlib")
    with pytest.raises(BadInput, match=r"pages of different sizes.*a position from 0 to"):
        Stack.open(tmp_path / "a.tif")
    last = 3 if described else 1
    with Stack.open(tmp_path / "a.tif", Selection(position=last)) as stack:
        assert stack.shape == (1, 9, 9)
    with Stack.open(tmp_path / "a.tif", Selection(position=0)) as stack:  # said, too
        assert stack.frame_shape == (20, 24)


@pytest.mark.parametrize(
    ("changed", "options", "found"),
    [
        (np.zeros((9, 9), np.uint16), {}, r"sizes: 3 of \(20, 24\), 1 of \(9, 9\);"),
        (np.zeros((20, 24), np.uint8), {}, r"types: 3 of \(20, 24\) uint16, 1 of .* uint8"),
        (np.zeros((20, 24, 3), np.uint16), {"photometric": "rgb"}, r"colours: .*\(20, 24, 3\)"),
        (np.zeros((20, 24), np.uint16), {"photometric": "miniswhite"}, "colours: .* white-is-zero"),
    ],
)
def test_what_differs_between_pages_is_said(tmp_path, changed, options, found):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for t in range(4):
            page, own = (changed, options) if t == 3 else (np.zeros((20, 24), np.uint16), {})
            tif.write(
                page, contiguous=False, **{"photometric": "minisblack", "metadata": None} | own
            )
    with pytest.raises(BadInput, match=f"pages of different {found}"):
        Stack.open(tmp_path / "a.tif")


# --- what a file says of its pages is wrong ---

IMAGEJ = "ImageJ=1.53\nimages={}\nchannels={}\nslices={}\nframes={}\nhyperstack=true\n"


@pytest.mark.parametrize(
    "said", [IMAGEJ.format(8, 1, 1, 8), IMAGEJ.format(4, 3, 1, 2), IMAGEJ.format(-4, 1, 1, "x")]
)
def test_an_imagej_stack_of_other_counts_is_refused_or_read_by_its_pages(tmp_path, said):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for t in range(4):
            page = np.full((20, 24), t, np.uint16)
            tif.write(page, metadata=None, contiguous=False, description=None if t else said)
    with pytest.raises(BadInput, match=r"ImageJ.*give its axes"):
        Stack.open(tmp_path / "a.tif")
    with Stack.open(tmp_path / "a.tif", Selection(axes="TYX")) as stack:
        assert values(stack) == [0, 1, 2, 3]


def test_broken_ome_xml_is_refused_or_read_by_its_pages(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((3, 20, 24), np.uint8), metadata={"axes": "TYX"})
    tifffile.tiffcomment(path, tifffile.tiffcomment(path).replace("</Pixels>", "").encode())
    with pytest.raises(BadInput, match=r"ParseError.*give its axes"):
        Stack.open(path)
    with Stack.open(path, Selection(axes="TYX")) as stack:
        assert len(stack) == 3


@pytest.mark.parametrize(
    ("photometric", "samples", "found"),
    [("separated", 4, "inks"), ("cielab", 3, r"L\*a\*b"), ("ycbcr", 3, "YCbCr")],
)
def test_colours_that_are_not_red_green_and_blue_are_refused(tmp_path, photometric, samples, found):
    data = np.zeros((3, 20, 24, samples), np.uint8)
    options = {"metadata": {"axes": "TYXS"}, "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", data, photometric=photometric, **options)
    with pytest.raises(BadInput, match=f"has colours as .*{found}.*Save it as RGB"):
        Stack.open(tmp_path / "a.tif")


def test_jpeg_is_decoded_to_rgb(tmp_path):
    data = np.full((48, 64, 3), (76, 85, 255), np.uint8)  # red, in YCbCr
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="ycbcr", compression="jpeg")
    with Stack.open(tmp_path / "a.tif", Selection(channel=(0, 1, 2))) as stack:
        assert np.allclose(stack[0].mean((1, 2)), (254, 0, 0), atol=3)


# --- narrow images ---


@pytest.mark.parametrize("shape", [(96, 128, 6), (96, 128, 2), (20, 5, 64)])
def test_narrow_images_are_doubted(tmp_path, shape):
    data = np.zeros(shape, np.uint16)
    with pytest.raises(BadInput, match=r"pixels (wide|high), if its axes are as they look"):
        Stack.from_array(data)
    assert Stack.from_array(data, axes="YXT").shape == (shape[2], *shape[:2])
    tifffile.imwrite(tmp_path / "named.tif", data, metadata={"axes": "TYX"})
    with Stack.open(tmp_path / "named.tif") as stack:
        assert "pixels" in stack.notices[0].line and "give the axes" in stack.notices[0].line
    with Stack.open(tmp_path / "named.tif", Selection(axes="TYX")) as stack:
        assert not stack.notices
    assert not Stack.from_array(np.zeros((3, 4, 5))).notices  # small all over: a test's
