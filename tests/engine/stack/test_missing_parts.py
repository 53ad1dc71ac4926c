"""Files of a movie that are not there: one plain line names them, never a short movie."""

from __future__ import annotations

import re
import shutil
import struct

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack

FRAMES = np.stack([np.full((20, 24), t, np.uint8) for t in range(3)])


def ome_set(folder):
    """Three files of a frame each, every one of which describes all of them."""
    whole = folder / "whole.ome.tif"
    tifffile.imwrite(whole, FRAMES, metadata={"axes": "TYX"})
    xml = tifffile.tiffcomment(whole)
    whole.unlink()
    ids = [f"urn:uuid:0000000{t}-0000-0000-0000-000000000000" for t in range(3)]
    parts = "".join(
        f'<TiffData IFD="0" PlaneCount="1" FirstT="{t}">'
        f'<UUID FileName="t{t}.ome.tif">{ids[t]}</UUID></TiffData>'
        for t in range(3)
    )
    xml = xml.replace('<TiffData IFD="0" PlaneCount="3"/>', parts)
    for t in range(3):
        own = re.sub('UUID="[^"]*"', f'UUID="{ids[t]}"', xml, count=1)
        tifffile.imwrite(folder / f"t{t}.ome.tif", FRAMES[t], description=own, metadata=None)


def ome_part(folder, shared):
    ome_set(folder)
    with Stack.open(folder / "t0.ome.tif") as whole:
        np.testing.assert_array_equal([whole[t] for t in range(3)], FRAMES)
    (folder / "t2.ome.tif").unlink()
    return folder / "t0.ome.tif"


def ome_folder(folder, shared):
    ome_part(folder, shared)
    return folder


def companion(name):
    def made(folder, shared):
        (folder / name).write_text("<OME/>")
        return folder / name

    return made


def czi_parts(opened):
    def made(folder, shared):
        pytest.importorskip("pylibCZIrw")
        for part, name in enumerate(("a.czi", "a (1).czi", "a (2).czi")):
            shutil.copyfile(shared / "vendor_files" / "100x100.czi", folder / name)
            content = bytearray((folder / name).read_bytes())
            struct.pack_into("<i", content, 80, part)  # FilePart of the file's header
            (folder / name).write_bytes(content)
        return folder / opened

    return made


def lif_without_pixels(folder, shared):
    pytest.importorskip("liffile")
    content = (shared / "vendor_files" / "testdata_2channel_xz.lif").read_bytes()
    named = "MemBlock_76".encode("utf-16-le")  # once in the XML, once before the pixels
    (folder / "a.lif").write_bytes(content.replace(named, "MemBlock_99".encode("utf-16-le"), 1))
    return folder / "a.lif"


def old_nd2(folder, shared):
    pytest.importorskip("nd2")
    (folder / "a.nd2").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(500))
    return folder / "a.nd2"


def plate(folder, *, without_field=""):
    """Write a plate that names wells A1, A2 and B1, of which A2 was never taken."""
    zarr = pytest.importorskip("zarr")
    root = zarr.open_group(folder / "plate.zarr", mode="w", zarr_format=3)
    axes = [{"name": a, "type": "time" if a == "t" else "space"} for a in "tyx"]
    scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    image = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    for i, place in enumerate(("A/1/0", "B/1/0", "B/1/1")):
        well = root.require_group(place[:3])
        fields = [{"path": field} for field in ("0", "1")[: 1 + i]]
        well.attrs["ome"] = {"well": {"images": fields}}
        if place != without_field:
            group = well.create_group(place[-1])
            group.create_array("0", data=FRAMES + np.uint8(i), chunks=(1, 20, 24))
            group.attrs["ome"] = image
    root.attrs["ome"] = {"plate": {"wells": [{"path": p} for p in ("A/1", "A/2", "B/1")]}}
    return folder / "plate.zarr"


def plate_without_field(folder, shared):
    return plate(folder, without_field="A/1/0")


MISSING = {
    "a file of an OME-TIFF set": (ome_part, r"t0\.ome\.tif is one of .* t2\.ome\.tif is not in"),
    "the same as a folder": (ome_folder, r"t2\.ome\.tif is not in its folder.*Copy t2\.ome\.tif"),
    "an OME companion alone": (companion("a.companion.ome"), "one of the TIFF files that it desc"),
    "a .lifext alone": (companion("a.lifext"), r"none by itself; expected the \.lif file beside"),
    "a .nd alone": (companion("a.nd"), r"none by itself; expected the \.stk or \.tif files"),
    "the first of three CZI": (czi_parts("a.czi"), r"a\.czi is the first of 3 files of a movie"),
    "the second CZI": (czi_parts("a (1).czi"), r"a \(1\)\.czi is part 1 of a movie in several"),
    "pixels of a LIF": (lif_without_pixels, r"a\.lif is .*, and has no pixels of it"),
    "an ND2 of the old kind": (old_nd2, r"a\.nd2 is an ND2 file of the old kind.*OME-TIFF"),
    "a field of a plate": (plate_without_field, r"plate\.zarr has no image in A/1/0"),
}


@pytest.mark.parametrize(("make", "line"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_one_plain_line(make, line, tmp_path, shared_data):
    with pytest.raises(BadInput, match=line) as error:
        Stack.open(make(tmp_path, shared_data))
    assert "\n" not in str(error.value)
    assert "Errno" not in str(error.value)


def test_what_is_there_is_read_where_a_user_says_so(tmp_path, shared_data):
    first = ome_part(tmp_path, shared_data)
    with Stack.open(first, Selection(axes="YX")) as stack:
        np.testing.assert_array_equal(stack[0], FRAMES[0])
    part = czi_parts("a (1).czi")(tmp_path, shared_data)
    with Stack.open(part, Selection(axes="YX")) as one:
        assert one.shape == (1, 10, 10)


def test_wells_that_were_never_taken_are_said_and_left_out(tmp_path):
    path = plate(tmp_path)
    with Stack.open(path, Selection(position=2)) as stack:
        assert stack.position_names == ("A1", "B1 0", "B1 1")
        np.testing.assert_array_equal(stack[1], FRAMES[1] + 2)
        (notice,) = (n for n in stack.notices if n.level == "check")
    assert "names 1 well that it has not (A2)" in notice.line
