"""What microscopes write: every plane as the maker's library reads it, or one plain line."""

from __future__ import annotations

import builtins
import itertools
import random
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack
from tests.engine.stack.damage import DAMAGES

czi = pytest.importorskip("pylibCZIrw.czi")
liffile = pytest.importorskip("liffile")
nd2 = pytest.importorskip("nd2")
VENDOR = "vendor_files"
FILES = {".czi": "CellDivision_T3_Z5_CH2_X240_Y170_comp1.czi", ".nd2": "cluster.nd2"}
FILES |= {".lif": "testdata_2channel_xz.lif"}
RNG = np.random.default_rng(21)
MOVIE = RNG.integers(0, 60000, (3, 2, 2, 40, 50), dtype=np.uint16)  # T C Z Y X


def write_czi(path, pixels=MOVIE, *, leave_out=(), scenes=1, stamps=None, **metadata):
    """Write frames, channels and sections of each scene, 200 px beside the one before."""
    with czi.create_czi(str(path)) as file:
        sizes = map(range, pixels.shape[:3])
        for scene, (t, c, z) in itertools.product(range(scenes), itertools.product(*sizes)):
            if (t, c, z) not in leave_out:
                plane = pixels[t, c, z] + np.asarray(scene, pixels.dtype)
                at = {"T": t, "C": c, "Z": z}
                data = plane[..., np.newaxis] if plane.ndim == 2 else plane
                file.write(data, location=(200 * scene, 0), plane=at, scene=scene)
        file.write_metadata("a", **metadata)
    if stamps is not None:
        attach_stamps(path, stamps)
    return path


def attach_stamps(path, seconds):
    """Attach the times of frames as ZEN does."""
    content = bytearray(path.read_bytes())
    data = struct.pack(f"<ii{len(seconds)}d", 8 + 8 * len(seconds), len(seconds), *seconds)
    place = len(content)
    content += b"ZISRAWATTACH".ljust(32, b"\0") + bytes(256) + data
    directory = len(content)
    entry = b"A1" + bytes(10) + struct.pack("<q", place) + bytes(20) + b"CZTIMS".ljust(8, b"\0")
    content += b"ZISRAWATTDIR".ljust(32, b"\0") + struct.pack("<i", 1) + bytes(252)
    content += entry + b"TimeStamps".ljust(80, b"\0")
    struct.pack_into("<q", content, 32 + 72, directory)
    path.write_bytes(content)


def every(stack):
    """Every choice of position, channel and section, and the frames of each."""
    for position in range(len(stack.position_names)):
        with stack.select(position=position) as one:
            for c, z in itertools.product(range(len(one.channel_names)), range(one.n_z)):
                with one.select(channel=c, z=z) as chosen:
                    yield position, c, z, np.stack([chosen[t] for t in range(len(chosen))])


def test_nd2_as_its_library_reads_it(shared_data):
    path = shared_data / VENDOR / FILES[".nd2"]
    whole = nd2.imread(path)  # T Z C Y X
    with Stack.open(path) as stack:
        assert (stack.source_axes, stack.shape, stack.n_z) == ("TZCYX", (3, 31, 38), 10)
        assert stack.channel_names == ("5-FAM/pH 9.0", "FM 4-64/2% CHAPS")
        assert stack.pixel_size == pytest.approx(0.16781, abs=1e-5)
        assert (stack.z_step, len(stack.times)) == (0.5, 3)
        assert stack.frame_interval == pytest.approx(np.diff(stack.times)[0], rel=0.01)
        for _, c, z, frames in every(stack):
            np.testing.assert_array_equal(frames, whole[:, z, c])
        np.testing.assert_array_equal(stack[1], whole[1, :, 0].max(axis=0))
        with stack.select(channel=(1, 0)) as both:
            np.testing.assert_array_equal(both[2], whole[2].max(axis=0)[[1, 0]])


def test_lif_as_its_library_reads_it(shared_data):
    path = shared_data / VENDOR / FILES[".lif"]
    with liffile.LifFile(path) as file:
        images = [(image.dims, image.asarray()) for image in file.images]
    with Stack.open(path) as stack:
        assert stack.position_names == ("xzt", "xzy", "xz")
        assert stack.channel_names == ("Green", "Red")
        assert stack.frame_interval == pytest.approx(0.53, abs=0.01)
        for position, c, z, frames in every(stack):
            dims, whole = images[position]
            index = tuple(
                {"C": c, "Z": z if "Y" in dims else slice(None)}.get(d, slice(None)) for d in dims
            )
            np.testing.assert_array_equal(np.squeeze(frames), whole[index])


@pytest.mark.parametrize(
    ("name", "positions"),
    [
        ("100x100.czi", ("",)),
        (FILES[".czi"], ("",)),
        ("DAPI_GFP.czi", ("",)),
        ("S3_1Pos_2Mosaic_T1_Z1_CH1.czi", ("TR1", "P1", "TR2")),
        ("newCZI_compressed.czi", ("",)),
    ],
)
def test_czi_as_its_library_reads_it(shared_data, name, positions):
    path = shared_data / VENDOR / name
    with Stack.open(path) as stack, czi.open_czi(str(path)) as file:
        assert stack.position_names == positions
        assert any("mosaic of 10 tiles" in n.line for n in stack.notices) == (len(positions) == 3)
        scenes = sorted(file.scenes_bounding_rectangle_no_pyramid) or [None]
        for position, c, z, frames in every(stack):
            for t, frame in enumerate(frames):
                plane = file.read(plane={"T": t, "C": c, "Z": z}, scene=scenes[position])
                np.testing.assert_array_equal(frame, plane[..., 0])


def test_a_czi_of_scenes_keeps_places_names_and_times(tmp_path):
    names = {0: "DAPI", 1: "GFP"}
    path = write_czi(
        tmp_path / "plate.ome.czi", scenes=2, stamps=[5.0, 65.0, 125.5], channel_names=names,
        scale_x=0.5e-6, scale_y=0.5e-6, scale_z=2e-6,
    )  # fmt: skip
    with Stack.open(path, Selection(position=1)) as stack:
        assert stack.position_names == ("scene 0", "scene 1")
        assert (stack.channel_names, stack.n_z) == (("DAPI", "GFP"), 2)
        assert (stack.pixel_size, stack.z_step) == (0.5, 2.0)
        assert stack.times == (0.0, 60.0, 120.5)
        assert stack.frame_interval == pytest.approx(60.25)
        for position, c, z, frames in every(stack):
            np.testing.assert_array_equal(frames, MOVIE[:, c, z] + position)


def test_colours_are_red_green_blue(tmp_path):
    stained = RNG.integers(0, 255, (1, 1, 1, 30, 40, 3), dtype=np.uint8)
    path = write_czi(tmp_path / "stain.czi", stained)
    with czi.open_czi(str(path)) as file, Stack.open(path, Selection(channel=(0, 1, 2))) as stack:
        assert stack.channel_names == ("red", "green", "blue")
        np.testing.assert_array_equal(stack[0], np.moveaxis(file.read()[..., ::-1], -1, 0))


def test_planes_that_were_never_taken_are_said(tmp_path):
    path = write_czi(
        tmp_path / "stopped.czi",
        leave_out=[(0, c, z) for c in (0, 1) for z in (0, 1)] + [(2, 1, 0)],
    )
    content = path.read_bytes()
    assert b"<SizeT>2</SizeT>" in content
    path.write_bytes(content.replace(b"<SizeT>2</SizeT>", b"<SizeT>9</SizeT>"))
    with Stack.open(path, Selection(channel=1, z=0)) as stack:
        said = [n.line for n in stack.notices if n.level == "check"]
        assert ["2 of the 9 frames" in line for line in said] == [True, False]
        assert "1 of 8 planes" in said[1]
        np.testing.assert_array_equal(
            stack[0], MOVIE[1, 1, 0]
        )  # counted from the first that is there
        assert not stack[1].any()


@pytest.mark.parametrize("axes", ["TCZYX", "ZCTYX"])
def test_axes_of_a_user_go_before(tmp_path, axes):
    path = write_czi(tmp_path / "a.czi")
    with Stack.open(path, Selection(axes=axes, z=0)) as stack:
        expected = MOVIE[:, 0, 0] if axes[0] == "T" else MOVIE[0, 0]
        np.testing.assert_array_equal([stack[t] for t in range(len(stack))], expected)


def test_many_threads_read_the_same(tmp_path):
    with Stack.open(write_czi(tmp_path / "a.czi"), Selection(channel=(0, 1))) as stack:
        with ThreadPoolExecutor(4) as pool:
            frames = list(pool.map(stack.__getitem__, [0, 1, 2] * 8))
        for t, frame in enumerate(frames):
            np.testing.assert_array_equal(frame, MOVIE[t % 3].max(axis=1))


def test_a_copy_is_the_same_movie_and_another_channel_is_not(tmp_path):
    path = write_czi(tmp_path / "a.czi")
    copy = tmp_path / "b.czi"
    copy.write_bytes(path.read_bytes())
    with Stack.open(path) as one, Stack.open(copy) as two, one.select(channel=1) as other:
        assert one.fingerprint == two.fingerprint != other.fingerprint
        assert one.content == two.content
        assert one.stamp


@pytest.mark.parametrize("suffix", FILES)
@pytest.mark.parametrize("part", ["", "x", 0.3, 0.9], ids=str)
def test_a_damaged_file_is_one_plain_line(tmp_path, shared_data, suffix, part):
    content = (shared_data / VENDOR / FILES[suffix]).read_bytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(
        content[: int(part * len(content))] if isinstance(part, float) else b"x" * len(part) * 900
    )
    with pytest.raises(BadInput, match=rf"a\{suffix} is damaged or cut short") as error:
        with Stack.open(path, Selection(position=2 if suffix == ".lif" else 0)):
            pass
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["sizes", "place"])
def test_a_tile_that_does_not_fit_is_refused_before_the_library_dies_of_it(tmp_path, name):
    """A flipped bit in the length of a tile ends the process in libCZI."""
    path = write_czi(tmp_path / "a.czi")
    content = bytearray(path.read_bytes())
    tile = content.index(b"ZISRAWSUBBLOCK")
    content[tile + {"sizes": 46, "place": 22}[name]] ^= 76
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.czi is damaged or cut short \(a tile is longer"):
        Stack.open(path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FILES)
def test_damage_of_any_kind_is_one_plain_line_or_is_read(tmp_path, shared_data, suffix):
    """In a process of its own: a library in C that dies would take this one with it."""
    content = (shared_data / VENDOR / FILES[suffix]).read_bytes()
    for how, seed in itertools.product(DAMAGES, range(5)):
        damaged = bytearray(content)
        DAMAGES[how](damaged, random.Random(f"{suffix}{how}{seed}"))
        (tmp_path / f"{how}{seed}{suffix}").write_bytes(damaged)
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.stack.read_all", *sorted(tmp_path.iterdir())],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(line.split("\t") for line in done.stdout.splitlines())
    assert len(found) == 5 * len(DAMAGES)
    refused = [line for line in found.values() if line != "read"]
    assert len(refused) >= len(DAMAGES)
    assert all(f"{suffix} is damaged or cut short" in line for line in refused), refused


@pytest.mark.parametrize("suffix", FILES)
def test_axes_that_do_not_fit_are_said_with_those_that_would(shared_data, suffix):
    for axes in ("YX", "TCZSYX", "TT", "AYX"):
        with pytest.raises(BadInput) as error:
            Stack.open(shared_data / VENDOR / FILES[suffix], Selection(axes=axes))
        assert "\n" not in str(error.value) and "axes" in str(error.value)


@pytest.mark.parametrize("suffix", FILES)
def test_what_is_not_there_is_said(tmp_path, shared_data, suffix):
    with pytest.raises(BadInput, match="does not exist"):
        Stack.open(tmp_path / f"none{suffix}")
    with pytest.raises(BadInput, match="there is no position 7"):
        Stack.open(shared_data / VENDOR / FILES[suffix], Selection(position=7))
    with pytest.raises(BadInput, match="there is no channel 9"):
        Stack.open(shared_data / VENDOR / FILES[suffix], Selection(channel=9))


@pytest.mark.parametrize(
    ("suffix", "package"), [(".nd2", "nd2"), (".czi", "pylibCZIrw"), (".lif", "liffile")]
)
def test_a_missing_extra_is_named(tmp_path, monkeypatch, suffix, package):
    source = f"napari_unet.engine.stack.extras.{suffix[1:]}_source"
    monkeypatch.delitem(sys.modules, source, raising=False)
    plain = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"no {name}")
        return plain(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        BadInput, match=rf'needs {package}.*pip install "napari-unet-live\[{suffix[1:]}\]"'
    ):
        Stack.open(tmp_path / f"a{suffix}")
