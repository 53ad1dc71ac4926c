"""OME-Zarr, folder and zip, 0.4 and 0.5: pixels as zarr reads them, plates, labels, damage."""

from __future__ import annotations

import re
import shutil
import zipfile

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack import lazy_frames
from napari_unet.engine.stack.stack import Stack

zarr = pytest.importorskip("zarr")
from napari_unet.engine.stack.extras.zarr_source import ZarrSource  # noqa: E402 - it needs zarr

RNG = np.random.default_rng(4)
MOVIE = RNG.integers(0, 60000, (4, 2, 3, 24, 30), dtype=np.uint16)  # T C Z Y X
UNITS = {"t": ("time", "minute"), "c": ("channel", None), "z": ("space", "micrometer")}
SCALE = {"t": 2.0, "c": 1.0, "z": 3.0, "y": 650.0, "x": 650.0}


def describe(axes="tczyx", levels=("0",), **more):
    """What OME says of an image: y and x in nm, time in minutes."""
    said = []
    for axis in axes:
        kind, unit = UNITS.get(axis, ("space", "nanometer"))
        said.append({"name": axis, "type": kind} | ({"unit": unit} if unit else {}))
    scale = [{"type": "scale", "scale": [SCALE[a] for a in axes]}]
    datasets = [{"path": p, "coordinateTransformations": scale} for p in levels]
    return {"multiscales": [{"axes": said, "datasets": datasets, "name": "a"}], **more}


def write_image(group, pixels=MOVIE, axes="tczyx", *, chunks=None, **more):
    """Write an image of two levels into a group, in the group's own version."""
    new = group.metadata.zarr_format == 3
    for level, array in (("0", pixels), ("1", pixels[..., ::2, ::2])):
        size = chunks or (*(1,) * (array.ndim - 2), 16, 16)
        group.create_array(level, data=array, chunks=size)
    said = describe(axes, ("0", "1"), **more)
    group.attrs.update({"ome": {"version": "0.5", **said}} if new else said)


def new_group(path, version="0.5"):
    return zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)


def as_zip(folder, name):
    path = folder.parent / name
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("chunks", [(1, 1, 1, 16, 16), (3, 1, 2, 24, 30)])
def test_every_plane_is_as_stored(tmp_path, version, chunks):
    folder = tmp_path / "a.ome.zarr"
    channels = {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}
    write_image(new_group(folder, version), chunks=chunks, omero=channels)
    zipped = as_zip(folder, f"b.{'ome.zarr.zip' if version == '0.4' else 'ozx'}")
    with Stack.open(folder) as stack, Stack.open(zipped) as same:
        assert (stack.source_axes, stack.shape, stack.n_z) == ("TCZYX", (4, 24, 30), 3)
        assert stack.channel_names == ("DAPI", "GFP")
        assert (stack.pixel_size, stack.z_step, stack.frame_interval) == (0.65, 3.0, 120.0)
        assert stack.fingerprint == same.fingerprint
        assert stack.content == same.content
        for c in (0, 1):
            for z in (0, 1, 2):
                for one in (stack, same):
                    with one.select(channel=c, z=z) as chosen:
                        frames = [chosen[t] for t in (3, 0, 1, 2)]
                    np.testing.assert_array_equal(frames, MOVIE[[3, 0, 1, 2], c, z])
        with stack.select(channel=(1, 0)) as both:
            np.testing.assert_array_equal(both[2], MOVIE[2].max(axis=1)[::-1])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("zipped", [False, True])
def test_coarser_resolutions_are_of_the_same_channel_and_section(tmp_path, version, zipped):
    folder = tmp_path / "a.zarr"
    write_image(new_group(folder, version))
    path = as_zip(folder, "a.zarr.zip") if zipped else folder
    with Stack.open(path, Selection(channel=1, z=2)) as stack, stack.select(z="max") as highest:
        fine, coarse = stack.levels()
        assert (fine.movie, fine.shape, coarse.shape) == (stack, (4, 24, 30), (4, 12, 15))
        chosen = MOVIE[:, 1, 2, ::2, ::2]
        np.testing.assert_array_equal([coarse[t] for t in range(4)], chosen)
        np.testing.assert_array_equal(coarse, chosen)
        part = coarse[:, 2:9, 3:7]  # as napari asks: all frames, of which nothing is read yet
        assert (type(part).__name__, part.shape) == ("_PartOfFrames", (4, 7, 4))
        np.testing.assert_array_equal(part[2, :, 1:], chosen[2, 2:9, 4:7])
        np.testing.assert_array_equal(part, chosen[:, 2:9, 3:7])
        np.testing.assert_array_equal(highest.levels()[1][3], MOVIE[3, 1, :, ::2, ::2].max(axis=0))
        assert stack.fingerprint == Stack.open(path, Selection(channel=1, z=2)).fingerprint


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("chunks", [(1, 1, 1, 8, 8), (3, 1, 2, 8, 8)])
def test_of_a_large_frame_the_chunks_on_screen_are_read(tmp_path, zipped, chunks, monkeypatch):
    folder = tmp_path / "a.zarr"
    write_image(new_group(folder), chunks=chunks)
    path = as_zip(folder, "a.zarr.zip") if zipped else folder
    monkeypatch.setattr(lazy_frames, "_LARGE", 1000)
    read, plain = [], ZarrSource._decoded

    def decoded(source, at):
        found = plain(source, at)
        read.append(found.size)
        return found

    monkeypatch.setattr(ZarrSource, "_decoded", decoded)
    for z, planes in ((2, MOVIE[:, 1, 2]), ("max", MOVIE[:, 1].max(axis=1))):
        with Stack.open(path, Selection(channel=1, z=z)) as stack:
            fine, _ = stack.levels()
            read.clear()
            part = fine[:, 3:9, 20:30]
            for t in (2, 0, 2, 3, 1):
                np.testing.assert_array_equal(part[t], planes[t, 3:9, 20:30])
                np.testing.assert_array_equal(fine[t, 3:9, 20:30], planes[t, 3:9, 20:30])
            depth = chunks[0]  # of frames in a chunk, which are kept
            assert max(read) == 60 * depth
            np.testing.assert_array_equal(fine[2, 2:12], planes[2, 2:12])  # more than a quarter
            assert max(read) == 720 * depth
            read.clear()
            np.testing.assert_array_equal(fine[:, 3:9, 20:30][2], planes[2, 3:9, 20:30])
            assert not read  # the whole frame is there
            np.testing.assert_array_equal(stack[3], planes[3])


def halved_in_z(group):
    group.create_array("1", data=MOVIE[:, :, ::2, ::2, ::2])


def other_frames(group):
    group.create_array("1", data=MOVIE[:2, ..., ::2, ::2])


def other_type(group):
    group.create_array("1", data=MOVIE[..., ::2, ::2].astype(np.uint8))


@pytest.mark.parametrize(
    ("make", "n_levels"), [(halved_in_z, 2), (other_frames, 1), (other_type, 1), (len, 1)]
)
def test_a_level_that_cannot_be_shown_in_its_place_is_left_out(tmp_path, make, n_levels):
    group = new_group(tmp_path / "a.zarr")
    group.create_array("0", data=MOVIE)
    make(group)
    group.attrs["ome"] = {"version": "0.5", **describe(levels=("0", "1"))}
    with Stack.open(tmp_path / "a.zarr", Selection(z=2)) as stack:
        levels = stack.levels()
        assert len(levels) == n_levels
        np.testing.assert_array_equal(levels[0][1], MOVIE[1, 0, 2])
        if n_levels > 1:
            np.testing.assert_array_equal(levels[1][1], MOVIE[1, 0, 2, ::2, ::2])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_wells_and_fields_are_positions(tmp_path, version):
    root = new_group(tmp_path / "plate.zarr", version)
    said = {}
    for i, (well, fields) in enumerate({"A/1": ("0", "1"), "B/12": ("0",)}.items()):
        group = root.require_group(well)
        images = {"well": {"images": [{"path": field} for field in fields]}}
        group.attrs.update({"ome": images} if version == "0.5" else images)
        for j, field in enumerate(fields):
            write_image(group.create_group(field), MOVIE[:, :1, 0] + 2 * i + j, "tcyx")
        said.setdefault("wells", []).append({"path": well})
    root.attrs.update({"ome": {"plate": said}} if version == "0.5" else {"plate": said})
    with Stack.open(tmp_path / "plate.zarr") as stack:
        assert stack.position_names == ("A1 0", "A1 1", "B12")
    for position in range(3):
        with Stack.open(tmp_path / "plate.zarr", Selection(position=position)) as stack:
            np.testing.assert_array_equal(stack[1], MOVIE[1, 0, 0] + position)
    with Stack.open(tmp_path / "plate.zarr" / "A" / "1") as well:
        assert well.position_names == ("0", "1")
    with pytest.raises(BadInput, match="there is no position 3"):
        Stack.open(tmp_path / "plate.zarr", Selection(position=3))


def test_images_in_a_row_are_positions(tmp_path):
    root = new_group(tmp_path / "row.zarr", "0.4")
    root.attrs["bioformats2raw.layout"] = 3
    for name in ("0", "1"):
        write_image(root.create_group(name), MOVIE[0, 0] + int(name), "zyx")
    with Stack.open(tmp_path / "row.zarr", Selection(position=1, z=2)) as stack:
        assert stack.position_names == ("0", "1")
        np.testing.assert_array_equal(stack[0], MOVIE[0, 0, 2] + 1)


def test_labels_beside_an_image_are_opened_by_their_place(tmp_path):
    root = new_group(tmp_path / "a.zarr")
    write_image(root, MOVIE[:, 0, 0], "tyx")
    labels = root.create_group("labels")
    labels.attrs["ome"] = {"labels": ["cells"]}
    write_image(labels.create_group("cells"), MOVIE[:, 0, 0] % 7, "tyx")
    zipped = as_zip(tmp_path / "a.zarr", "a.zarr.zip")
    for path in (tmp_path / "a.zarr", zipped):
        with Stack.open(path) as stack, Stack.open(stack.labels_folder / "cells") as found:
            assert stack.label_names == ("cells",)
            np.testing.assert_array_equal(found[3], MOVIE[3, 0, 0] % 7)


def test_a_stamp_tells_of_pixels_not_of_labels(tmp_path):
    write_image(new_group(tmp_path / "a.zarr"), MOVIE[:, 0, 0], "tyx")
    with Stack.open(tmp_path / "a.zarr") as stack:
        before, content = stack.stamp, stack.content
        zarr.open_group(tmp_path / "a.zarr", mode="a").create_group("labels")
        assert stack.stamp == before
    zarr.open_group(tmp_path / "a.zarr", mode="a")["0"][2] = 5
    with Stack.open(tmp_path / "a.zarr") as stack:
        assert stack.stamp != before
        assert stack.content != content


def cut_a_chunk(folder):
    chunk = next(f for f in sorted((folder / "0").rglob("*")) if f.is_file() and f.suffix == "")
    chunk.write_bytes(chunk.read_bytes()[:9])


def cut_its_description(folder):
    (folder / "zarr.json").write_text('{"zarr_format": 3, ')


def without_level(folder):
    shutil.rmtree(folder / "0")


def without_image(folder):
    new_group(folder)


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (cut_a_chunk, r"a\.zarr is damaged or cut short"),
        (cut_its_description, r"a\.zarr is damaged or cut short"),
        (without_level, r"a\.zarr is damaged or cut short|an image without levels"),
        (without_image, "a Zarr without an image that its attributes describe"),
    ],
)
def test_a_damaged_one_is_one_plain_line(tmp_path, harm, line):
    folder = tmp_path / "a.zarr"
    write_image(new_group(folder), MOVIE[:, 0, 0], "tyx")
    harm(folder)
    with pytest.raises(BadInput, match=line) as error:
        with Stack.open(folder) as stack:
            for t in range(len(stack)):
                stack[t]
    assert "\n" not in str(error.value)


def test_a_cut_zip_is_one_plain_line(tmp_path):
    write_image(new_group(tmp_path / "a.zarr"), MOVIE[:, 0, 0], "tyx")
    path = as_zip(tmp_path / "a.zarr", "a.zarr.zip")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(BadInput, match="damaged or cut short, or no zip"):
        Stack.open(path)
    with pytest.raises(BadInput, match="does not exist"):
        Stack.open(tmp_path / "none.zarr")


def test_axes_of_a_user_go_before(tmp_path):
    write_image(new_group(tmp_path / "a.zarr"), MOVIE[0, 0], "zyx")
    with Stack.open(tmp_path / "a.zarr", Selection(axes="TYX")) as stack:
        assert len(stack) == 3
        np.testing.assert_array_equal(stack[2], MOVIE[0, 0, 2])


def changed(said, **how):
    """What OME says of an image, but for one thing."""
    image = said["multiscales"][0]
    if "scale" in how:
        image["datasets"][0]["coordinateTransformations"] = [{"type": "scale", **how}]
    if "unit" in how:
        image["axes"][-1]["unit"] = how["unit"]
    if "path" in how:
        image["datasets"][0]["path"] = how["path"]
    return said


def odd_one(path, how, pixels=MOVIE[:, :, 0], axes="tcyx"):
    group = new_group(path)
    group.create_array("0", data=pixels)
    group.attrs["ome"] = {"version": "0.5", **changed(describe(axes), **how)}
    return path


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"unit": "furlong"}, "a pixel width of 650 furlong"),
        ({"scale": [1, 1]}, r"a scale of \[1, 1\] for the axes TCYX"),
        ({"scale": [1, 1, "x", 1]}, r"a scale of \[1, 1, 'x', 1\]"),
        ({"scale": [1, 1, -650, 650]}, "a pixel height of -650 nanometer"),
        ({"scale": [1, 1, 0, 0]}, ""),
    ],
)
def test_sizes_that_are_none_are_noted_and_not_made_up(tmp_path, how, said):
    with Stack.open(odd_one(tmp_path / "a.zarr", how)) as stack:
        assert stack.pixel_sizes is None and len(stack) == 4
        lines = [notice.line for notice in stack.notices]
    assert len(lines) == bool(said) and all(re.search(said, line) for line in lines)


def test_axes_that_nobody_named_are_doubted(tmp_path):
    group = zarr.open_group(odd_one(tmp_path / "a.zarr", {}), mode="a")
    said = dict(group.attrs)["ome"]
    del said["multiscales"][0]["axes"]
    group.attrs["ome"] = said
    with Stack.open(tmp_path / "a.zarr") as stack:
        assert "does not name its axes; read as CZYX" in stack.notices[0].line
    with Stack.open(tmp_path / "a.zarr", Selection(axes="TCYX")) as stack:
        assert np.array_equal(stack[3], MOVIE[3, 0, 0])


def test_what_is_no_image_is_said(tmp_path):
    cases = {
        "it names a level 7, and has it not": odd_one(tmp_path / "level.zarr", {"path": "7"}),
        "has no pixels": odd_one(tmp_path / "none.zarr", {}, MOVIE[:0, :, 0]),
        "is a Zarr array without metadata": tmp_path / "array.zarr",
        "holds a folder; expected .*give .*nested.zarr.zip/a.zarr": tmp_path / "nested.zarr.zip",
    }
    zarr.create_array(tmp_path / "array.zarr", data=MOVIE)
    good = odd_one(tmp_path / "in" / "a.zarr", {})
    as_zip(good.parent, "nested.zarr.zip")
    for said, path in cases.items():
        with pytest.raises(BadInput, match=f"(?i){said}"):
            Stack.open(path)
    with Stack.open(tmp_path / "nested.zarr.zip" / "a.zarr") as stack:
        assert len(stack) == 4
