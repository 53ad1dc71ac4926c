from __future__ import annotations

import gc
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.frame_matching import match_frames
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.world import FRAME_INTERVAL, PIXEL_SIZE
from tests.engine.stack.tiff_writers import WRITERS

LENGTHS = {"T": 3, "C": 2, "Z": 4, "Y": 20, "X": 24}


def image(axes, dtype="uint16"):
    """Random pixels of known axes."""
    shape = tuple(LENGTHS[a] for a in axes)
    return np.random.default_rng(0).integers(0, 1000, shape).astype(dtype)


def expected(data, axes, t, channel=0, z="max"):
    """The plane that a stack must give, by plain numpy."""
    for a in "TCZ":
        if a not in axes:
            data, axes = data[None], a + axes
    data = data.transpose([axes.index(a) for a in "TCZYX"])[t, channel]
    return data.max(axis=0) if z == "max" else data[z]


def all_frames(stack):
    return np.stack([stack[t] for t in range(len(stack))])


# --- axes and pixels ---


@pytest.mark.parametrize("writer", WRITERS)
def test_what_was_written_is_read(tmp_path, toy, writer):
    WRITERS[writer](tmp_path / "a.tif", toy.movie)
    with Stack.open(tmp_path / "a.tif") as stack:
        assert stack.source_axes == "TYX"
        assert stack.shape == toy.movie.shape
        assert stack.dtype == np.dtype("uint16") and stack[0].dtype.isnative
        assert np.array_equal(all_frames(stack), toy.movie)


layouts = st.sampled_from(["".join(p) for n in (2, 3, 4, 5) for p in permutations("TCZYX", n)])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    axes=layouts.filter(lambda a: {"Y", "X"} <= set(a)),
    compression=st.sampled_from([None, "zlib"]),
    given_by=st.sampled_from(["file", "user", "array"]),
    channel=st.integers(0, 1),
    z=st.sampled_from(["max", 0, 3]),
)
def test_any_order_of_axes(tmp_path, axes, compression, given_by, channel, z):
    data = image(axes)
    channel, z = (channel if "C" in axes else 0), (z if "Z" in axes else "max")
    selection = Selection(channel=channel, z=z, axes=axes if given_by == "user" else None)
    if given_by == "array":
        stack = Stack.from_array(data, selection, axes=axes)
    else:
        metadata = {"axes": axes} if given_by == "file" else {}
        tifffile.imwrite(
            tmp_path / "a.tif",
            data,
            compression=compression,
            photometric="minisblack",
            metadata=metadata,
        )
        stack = Stack.open(tmp_path / "a.tif", selection)
    with stack:
        assert stack.source_axes == axes
        assert stack.frame_shape == (20, 24)
        assert len(stack) == (3 if "T" in axes else 1)
        for t in range(len(stack)):
            assert np.array_equal(stack[t], expected(data, axes, t, channel, z))


@pytest.mark.parametrize("axes", ["TCYX", "TYXC", "CTZYX", "YXTC"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_several_channels_at_once(tmp_path, axes, compression):
    data = image(axes)
    options = {"photometric": "minisblack", "compression": compression, "metadata": {"axes": axes}}
    tifffile.imwrite(tmp_path / "a.tif", data, **options)
    with Stack.open(tmp_path / "a.tif", Selection(channel=(1, 0))) as stack:
        assert stack.shape == (3, 2, 20, 24)
        for i, c in enumerate((1, 0)):
            assert np.array_equal(stack[1][i], expected(data, axes, 1, c))


@pytest.mark.parametrize(
    ("shape", "options", "axes", "length"),
    [
        ((5, 20, 24), {}, "TYX", 5),  # nobody says what the first axis is: time
        ((20, 24), {}, "YX", 1),
        ((5, 1, 20, 24), {}, "TYX", 5),
        ((9, 3, 20, 24), {"photometric": "minisblack"}, "TCYX", 9),
        ((9, 3, 20, 24), {"photometric": "rgb", "planarconfig": "separate"}, "TCYX", 9),
        ((5, 20, 24), {"imagej": True, "metadata": {"axes": "ZYX"}}, "ZYX", 1),
        ((40, 20, 24), {"imagej": True}, "TYX", 40),  # 40 "channels" are frames
        ((5, 20, 24, 3), {"photometric": "rgb"}, "TYXS", 5),
        ((1, 20, 24), {"metadata": {"axes": "TYX"}}, "TYX", 1),
    ],
)
def test_axes_that_the_file_does_not_name(tmp_path, shape, options, axes, length):
    tifffile.imwrite(tmp_path / "a.tif", np.ones(shape, np.uint8), **options)
    with Stack.open(tmp_path / "a.tif") as stack:
        assert (stack.source_axes, len(stack)) == (axes, length)


def test_a_toss_up_is_not_guessed(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 9, 20, 24), np.uint8))
    with pytest.raises(BadInput, match="Give the axes, for example TCYX"):
        Stack.open(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("shape", "options", "level", "line"),
    [
        (
            (9, 3, 20, 24),
            {"photometric": "minisblack"},
            "check",
            "a.tif does not name its axes; read as TCYX",
        ),
        ((40, 20, 24), {"imagej": True}, "check", "a.tif says it has 40 channels; read as frames"),
        ((5, 20, 24), {}, None, ""),
    ],
)
def test_what_was_guessed_is_said_once_and_not_logged(
    tmp_path, caplog, shape, options, level, line
):
    tifffile.imwrite(tmp_path / "a.tif", np.ones(shape, np.uint8), **options)
    with Stack.open(tmp_path / "a.tif") as stack:
        assert [n.level for n in stack.notices] == ([level] if level else [])
        assert all(n.line.startswith(line) for n in stack.notices)
        assert stack.select(channel=0).notices == stack.notices
    assert not caplog.records


def test_a_folder_says_it_once_a_movie(tmp_path):
    for t in range(4):
        write_frames(tmp_path, f"t{t}.tif", shape=(2, 20, 24))
    with Stack.open(tmp_path) as stack:
        (notice,) = stack.notices
    folder = tmp_path.name
    said = f"Please check: t0.tif in the folder {folder} does not name its axes; read as CYX"
    assert str(notice) == said


def test_colours_are_grey_unless_a_channel_is_named(tmp_path):
    rgb = np.zeros((2, 20, 24, 3), np.uint8)
    rgb[..., 1], rgb[..., 2] = 100, 50
    tifffile.imwrite(tmp_path / "a.tif", rgb, photometric="rgb")
    with Stack.open(tmp_path / "a.tif") as grey, grey.select(channel="green") as green:
        assert grey.channel_names == ("red", "green", "blue")
        assert grey[0].dtype == np.uint8 and np.all(grey[0] == round(0.587 * 100 + 0.114 * 50))
        assert np.all(green[1] == 100)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint32", "float16", "float64"])
def test_pixels_keep_their_type_and_their_nan(tmp_path, dtype):
    data = image("TYX", dtype)
    if data.dtype.kind == "f":
        data[0, 0, :2] = np.nan, np.inf
    tifffile.imwrite(tmp_path / "a.tif", data, metadata={"axes": "TYX"}, photometric="minisblack")
    with Stack.open(tmp_path / "a.tif") as stack:
        assert stack.dtype == stack[0].dtype == data.dtype
        assert np.array_equal(stack[0], data[0], equal_nan=data.dtype.kind == "f")


# --- metadata ---


def test_ome_metadata(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        image("TCYX"),
        photometric="minisblack",
        metadata={
            "axes": "TCYX",
            "PhysicalSizeX": 325.0,
            "PhysicalSizeXUnit": "nm",
            "TimeIncrement": 5.0,
            "TimeIncrementUnit": "min",
            "Channel": {"Name": ["DAPI", "GFP"]},
            "Plane": {"DeltaT": [0, 1, 60, 61, 120, 121], "DeltaTUnit": ["s"] * 6},
        },
    )
    with Stack.open(tmp_path / "a.ome.tif", Selection(channel="gfp")) as stack:
        assert stack.pixel_size == 0.325
        assert stack.frame_interval == 300
        assert stack.channel_names == ("DAPI", "GFP")
        assert stack.times == (0, 60, 120)
        assert np.array_equal(stack[2], image("TCYX")[2, 1])


def test_a_selection_says_size_and_interval_in_place_of_the_file(tmp_path):
    path = tmp_path / "movie.ome.tif"
    metadata = {"axes": "TYX", "PhysicalSizeX": 0.5, "TimeIncrement": 60.0}
    planes = {"Plane": {"DeltaT": [0.0, 61.0], "DeltaTUnit": ["s", "s"]}}
    tifffile.imwrite(path, np.ones((2, 4, 5), np.uint8), metadata=metadata | planes)
    with Stack.open(path, Selection(pixel_size=0.25, frame_interval=30.0)) as stack:
        assert (stack.pixel_size, stack.frame_interval, stack.times) == (0.25, 30.0, None)
        plain = stack.select(pixel_size=None, frame_interval=None)
        assert (plain.pixel_size, plain.frame_interval) == (0.5, 60.0)
        assert plain.times is not None
        assert plain.fingerprint == stack.fingerprint


@pytest.mark.parametrize(
    ("unit", "size"), [("um", 0.5), ("micron", 0.5), ("mm", None), ("pixel", None), ("", None)]
)
def test_imagej_metadata(tmp_path, unit, size):
    metadata = {"axes": "TYX", "unit": unit, "finterval": 90.0}
    tifffile.imwrite(
        tmp_path / "a.tif", image("TYX"), imagej=True, resolution=(2.0, 2.0), metadata=metadata
    )
    with Stack.open(tmp_path / "a.tif") as stack:
        assert (stack.pixel_size, stack.frame_interval) == (size, 90.0)


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [(20000, 3, 0.5), (50800, 2, 0.5), (72, 2, None), (300, 2, None), (1, 1, None)],
)
def test_resolution_tags_count_where_they_are_a_microscopes(tmp_path, resolution, unit, size):
    tifffile.imwrite(
        tmp_path / "a.tif",
        image("TYX"),
        resolution=(resolution,) * 2,
        resolutionunit=unit,
        photometric="minisblack",
    )
    with Stack.open(tmp_path / "a.tif") as stack:
        assert stack.pixel_size == size


def test_the_toy_file_says_its_scale(toy_file):
    with Stack.open(toy_file) as stack:
        assert (stack.pixel_size, stack.frame_interval) == (PIXEL_SIZE, FRAME_INTERVAL)
        assert (stack.name, stack.path) == ("toy.ome.tif", toy_file)
        assert not stack.numbered and stack.numbers == (0, 1, 2, 3, 4, 5)


def test_positions(tmp_path, toy):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        for i, name in enumerate(("left", "right")):
            tif.write(toy.movie[i * 3 :][:3], metadata={"axes": "TYX", "Name": name})
    with Stack.open(tmp_path / "a.ome.tif") as left, left.select(position=1) as right:
        assert left.position_names == right.position_names == ("left", "right")
        assert np.array_equal(right[0], toy.movie[3])
        assert left.fingerprint != right.fingerprint


def test_a_movie_spread_over_ome_files(tmp_path, toy):
    """As Micro-Manager and Bio-Formats write: each file names the others."""
    template = tmp_path / "all.ome.tif"
    tifffile.imwrite(template, toy.movie[:2], metadata={"axes": "TYX"})
    xml = tifffile.tiffcomment(template)
    data = "".join(
        f'<TiffData IFD="0" PlaneCount="1" FirstT="{t}"><UUID FileName="t{t}.ome.tif">'
        f"urn:uuid:0000000{t}-0000-0000-0000-000000000000</UUID></TiffData>"
        for t in range(2)
    )
    xml = xml.replace('<TiffData IFD="0" PlaneCount="2"/>', data)
    template.unlink()
    for t in range(2):
        mine = f'UUID="urn:uuid:0000000{t}-0000-0000-0000-000000000000"'
        head, tail = xml.split('UUID="', 1)
        text = head + mine + tail.split('"', 1)[1]
        path = tmp_path / f"t{t}.ome.tif"
        tifffile.imwrite(path, toy.movie[t], description=text, metadata=None, compression="zlib")
    with Stack.open(tmp_path / "t0.ome.tif") as stack:
        assert np.array_equal(all_frames(stack), toy.movie[:2])
    (tmp_path / "t1.ome.tif").unlink()
    with pytest.raises(BadInput, match=r"t1\.ome\.tif is not in its folder"):
        Stack.open(tmp_path / "t0.ome.tif")


# --- folders ---


def test_a_folder_of_numbered_files(toy, toy_folders):
    movie, masks = (Stack.open(folder) for folder in toy_folders)
    assert movie.numbers == masks.numbers == (3, 4, 7, 10, 11, 20)
    assert movie.source_axes == "TYX"
    assert np.array_equal(all_frames(movie), toy.movie)
    assert np.array_equal(all_frames(masks), toy.labels)
    assert match_frames(movie, masks) == [(i, i) for i in range(6)]


def test_frames_match_by_number_across_gaps(tmp_path, toy_folders):
    some = tmp_path / "masks"
    some.mkdir()
    for number in (20, 7, 99):
        shutil.copy(toy_folders[1] / "man_seg003.tif", some / f"man_seg{number}.tif")
    with Stack.open(toy_folders[0]) as movie, Stack.open(some) as masks:
        assert masks.numbers == (7, 20, 99)
        assert match_frames(movie, masks) == [(2, 0), (5, 1)]


@pytest.mark.parametrize("axes", ["CYX", "ZYX", "YXS"])
def test_files_of_a_folder_may_have_channels_sections_or_colours(tmp_path, axes):
    lengths = LENGTHS | {"S": 3}
    data = np.random.default_rng(0).integers(0, 255, [2, *(lengths[a] for a in axes)], np.uint8)
    for t in range(2):
        options = {"photometric": "rgb" if axes == "YXS" else "minisblack"}
        options |= {"metadata": {"axes": axes}}
        tifffile.imwrite(tmp_path / f"f{t}.tif", data[t], **options)
    with Stack.open(tmp_path, Selection(channel=None if axes == "ZYX" else 1)) as stack:
        assert stack.source_axes == "T" + axes
        plane = {"CYX": data[1, 1], "ZYX": data[1].max(axis=0), "YXS": data[1, ..., 1]}[axes]
        assert np.array_equal(stack[1], plane)


def write_frames(folder, *names, shape=(20, 24), dtype="uint8"):
    for name in names:
        tifffile.imwrite(folder / name, np.zeros(shape, dtype))


def test_labels_of_several_widths_in_a_folder(tmp_path):
    write_frames(tmp_path, "m0.tif", dtype="uint8")
    write_frames(tmp_path, "m1.tif", dtype="uint16")
    with Stack.open(tmp_path) as stack:
        assert stack.dtype == stack[0].dtype == stack[1].dtype == np.uint16


def test_a_frame_that_changes_later_is_refused_when_read(tmp_path):
    write_frames(tmp_path, "m0.tif", "m1.tif")
    with Stack.open(tmp_path) as stack:
        write_frames(tmp_path, "m1.tif", shape=(9, 9))
        with pytest.raises(BadInput, match=r"m1\.tif in the folder .* has Y 9, X 9"):
            stack[1]
        (tmp_path / "m1.tif").unlink()
        with pytest.raises(BadInput, match="does not exist"):
            stack[1]


# --- arrays ---


def test_array_likes(tmp_path, toy):
    dask = pytest.importorskip("dask.array")
    tifffile.imwrite(tmp_path / "a.tif", toy.movie)
    for array in (toy.movie, dask.from_array(toy.movie), tifffile.memmap(tmp_path / "a.tif")):
        stack = Stack.from_array(array, name="toy")
        assert stack.source_axes == "TYX" and stack.path is None
        assert np.array_equal(stack[2], toy.movie[2])
        frame = stack[2]
        frame[:] = 0  # a frame is the reader's own
        assert np.array_equal(stack[2], toy.movie[2])


def test_array_metadata(toy):
    data = np.stack([toy.movie, toy.movie], axis=1)
    stack = Stack.from_array(
        data, axes="TCYX", channel_names=("a", "b"), numbers=range(1, 7), pixel_size=0.5
    )
    assert stack.channel_names == ("a", "b")
    assert stack.numbers == (1, 2, 3, 4, 5, 6) and stack.pixel_size == 0.5
    swapped = stack.select(axes="CTYX")
    assert (len(swapped), len(stack)) == (2, 6)


@pytest.mark.parametrize(
    ("array", "options", "found"),
    [
        (np.zeros((3, 9, 9), complex), {}, "pixels of type complex128"),
        (np.array([["a"]]), {}, "pixels of type"),
        (np.zeros((0, 9, 9)), {}, r"shape \(0, 9, 9\)"),
        (np.zeros(9), {}, r"shape \(9,\)"),
        (np.zeros((3, 9, 9)), {"axes": "TCYX"}, "which has 3 dimensions"),
        (np.zeros((7, 8, 9, 9)), {}, "does not say what its axes are"),
        (np.zeros((3, 9, 9)), {"numbers": (1, 2)}, "2 frame numbers"),
        (np.zeros((3, 9, 9)), {"selection": Selection(position=1)}, "position 1"),
    ],
)
def test_bad_arrays(array, options, found):
    with pytest.raises(BadInput, match=found):
        Stack.from_array(array, **options)


# --- what a stack is ---


def test_indexing_is_that_of_a_sequence(toy):
    stack = Stack.from_array(toy.movie)
    assert np.array_equal(stack[-1], toy.movie[-1])
    assert np.array_equal(stack[np.int64(2)], toy.movie[2])
    assert len(list(stack)) == 6
    with pytest.raises(IndexError):
        stack[6]
    with pytest.raises(TypeError):
        stack[1:2]


def test_fingerprint_follows_content_and_selection_not_place(tmp_path, toy, toy_file):
    moved = tmp_path / "moved.tif"
    shutil.copy(toy_file, moved)
    with Stack.open(toy_file) as a, Stack.open(moved) as b:
        assert a.fingerprint == b.fingerprint == a.select(channel=0, z=0).fingerprint
    tifffile.imwrite(moved, toy.movie[::-1], metadata={"axes": "TYX"})
    with Stack.open(moved) as a, Stack.open(moved, Selection(axes="ZYX")) as b:
        first = a.fingerprint
        assert first != b.fingerprint
    with moved.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")
    with Stack.open(moved) as stack:
        assert stack.fingerprint != first
    data = np.stack([toy.movie, toy.movie], axis=1)
    prints = {
        Stack.from_array(data, Selection(channel=c), axes="TCYX").fingerprint
        for c in (0, 1, (0, 1), None)
    }
    assert len(prints) == 3


def test_selections_share_the_file_until_the_last_is_closed(toy, toy_file):
    first = Stack.open(toy_file)
    second = first.select(z=0)
    first.close()
    first.close()
    with pytest.raises(ValueError, match="closed"):
        first[0]
    assert np.array_equal(second[0], toy.movie[0])
    del first, second
    gc.collect()  # warnings are errors: nothing is left open


def test_threads_read_and_decode_at_the_same_time(toy_file, toy, monkeypatch):
    """Two threads meet inside the decoder: the lock is held for reading only."""
    meeting = threading.Barrier(2, timeout=20)
    with Stack.open(toy_file) as stack:
        page = stack._source._pages[0].keyframe
        decode = page.decode

        def decode_together(*args, **kwargs):
            meeting.wait()
            return decode(*args, **kwargs)

        monkeypatch.setitem(page.__dict__, "decode", decode_together)
        with ThreadPoolExecutor(2) as pool:
            frames = list(pool.map(stack.__getitem__, range(6)))
    assert np.array_equal(frames, toy.movie)


@pytest.mark.parametrize("writer", ["plain", "lzw", "pages"])
def test_many_threads_get_the_right_frames(tmp_path, toy, writer):
    WRITERS[writer](tmp_path / "a.tif", toy.movie)
    order = np.random.default_rng(0).integers(0, 6, 120)
    with Stack.open(tmp_path / "a.tif") as stack, ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(stack.__getitem__, order))
    assert np.array_equal(frames, toy.movie[order])


def test_a_huge_sparse_file_opens_at_once(tmp_path):
    path = tmp_path / "sparse.tif"
    tifffile.imwrite(
        path, shape=(3000, 1000, 1000), dtype="uint16", bigtiff=True, metadata={"axes": "TYX"}
    )
    with Stack.open(path) as stack:
        assert stack.shape == (3000, 1000, 1000)
        assert not stack[2999].any()


# --- real movies ---


@pytest.mark.parametrize(
    ("path", "axes", "shape", "channels"),
    [
        ("axes_samples/BBBC022_A02_s9_CYX_uint16.tif", "CYX", (1, 395, 695), 3),
        ("axes_samples/galaxy_input_yxt.tiff", "YXT", (4, 530, 265), 1),
        ("axes_samples/galaxy_qyx.tiff", "TYX", (2, 256, 256), 1),
        ("axes_samples/galaxy_multiseries.ome.tiff", "CYX", (1, 5, 5), 4),
        ("celltk_3ch_timelapse/pos1_TYXC_uint16.tif", "TYXC", (4, 512, 512), 3),
        ("celltk_3ch_timelapse/pos1_TCYX_uint16.ome.tif", "TCYX", (4, 512, 512), 3),
        ("plant_nuclei_3d/1135_raw.tif", "ZYX", (1, 100, 100), 1),
        ("Fluo-N2DL-HeLa/01", "TYX", (34, 700, 1100), 1),
    ],
)
def test_real_files(shared_data, path, axes, shape, channels):
    with Stack.open(shared_data / path) as stack:
        assert (stack.source_axes, stack.shape) == (axes, shape)
        assert len(stack.channel_names) == channels
        assert stack[len(stack) - 1].any()


def test_the_same_movie_in_two_orders_of_axes(shared_data):
    folder = shared_data / "celltk_3ch_timelapse"
    for c in range(3):
        selection = Selection(channel=c)
        with (
            Stack.open(folder / "pos1_TYXC_uint16.tif", selection) as a,
            Stack.open(folder / "pos1_TCYX_uint16.ome.tif", selection) as b,
        ):
            assert np.array_equal(all_frames(a), all_frames(b))


def test_hela_frames_meet_their_masks(shared_data):
    folder = shared_data / "Fluo-N2DL-HeLa"
    with Stack.open(folder / "01") as movie, Stack.open(folder / "01_ST" / "SEG") as masks:
        assert len(match_frames(movie, masks)) == 34
        assert movie.numbers[:3] == (7, 9, 11)
        assert movie.pixel_size == pytest.approx(0.645)
