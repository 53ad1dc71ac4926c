"""Labels of other programs: every pixel as that program has it, or one plain line."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.labels.given.open_labels import open_labels, open_pair
from napari_unet.engine.stack.stack import Stack

LABELS = np.zeros((4, 40, 50), np.uint16)
LABELS[:, 3:12, 5:17] = 4
LABELS[1:, 20:33, 8:14] = 9
LABELS[0, 20:22, 30:44] = LABELS[0, 18:30, 42:44] = 2
MOVIE = Stack.from_array(np.ones(LABELS.shape, np.uint8), axes="TYX", name="movie")


def frames(labels):
    return np.stack([labels[t] for t in range(len(labels))])


# ---- ROIs ---------------------------------------------------------------------------------------


def write_rois(path, rois):
    roifile = pytest.importorskip("roifile")
    roifile.roiwrite(path, rois, mode="w")
    return path


def test_rois_that_we_export_come_back(tmp_path):
    pytest.importorskip("roifile")
    for chosen in ([0, 1, 2, 3], [1, 3]):
        options = WriteOptions(chosen)
        path = tmp_path / f"{len(chosen)}.zip"
        run(write_labels(path, LABELS[chosen], MOVIE, options, format="rois"), quiet=True)
        expected = LABELS * np.isin(np.arange(4), chosen)[:, None, None]
        with open_labels(path, MOVIE) as labels:
            np.testing.assert_array_equal(frames(labels), expected)


def test_rois_are_drawn_as_imagej_does(tmp_path):
    roifile = pytest.importorskip("roifile")
    roi, kind = roifile.ImagejRoi, roifile.ROI_TYPE
    box = roi(roitype=kind.RECT, left=2, top=3, right=9, bottom=8, t_position=2)
    oval = roi(roitype=kind.OVAL, left=20, top=10, right=31, bottom=19, position=1)
    point = roi.frompoints([[1, 1]], t=0)
    point.roitype = kind.POINT
    path = []
    for a, b in ((20, 30), (23, 27)):  # a square in another: move, line, line, line, close
        path += [0, a - 10, a, 1, b - 10, a, 1, b - 10, b, 1, a - 10, b, 4]
    ring = roi(
        roitype=kind.RECT, left=10, top=20, right=20, bottom=30, t_position=4,
        shape_roi_size=len(path), multi_coordinates=np.array(path, np.float32),
    )  # fmt: skip
    with open_labels(write_rois(tmp_path / "a.zip", [box, oval, point, ring]), MOVIE) as labels:
        found = frames(labels)
        assert [n.line for n in labels.notices] == [
            "1 of 4 ROIs of a.zip have no area: they are left out"
        ]
    expected = np.zeros_like(found)
    expected[1, 3:8, 2:9] = 1
    y, x = np.mgrid[:40, :50] + 0.5
    expected[0][((y - 14.5) / 4.5) ** 2 + ((x - 25.5) / 5.5) ** 2 <= 1] = 1
    expected[3, 20:30, 10:20] = 1
    expected[3, 23:27, 13:17] = 0
    np.testing.assert_array_equal(found, expected)


def test_rois_without_a_frame_are_one_frame(tmp_path):
    roifile = pytest.importorskip("roifile")
    box = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, left=2, top=3, right=9, bottom=8)
    path = write_rois(tmp_path / "a.zip", [box])
    with open_labels(path, MOVIE) as labels:
        assert len(labels) == 1
        taught = Annotations.from_labels(MOVIE, labels, [2])
        assert taught.frame_indices == (2,)
        assert taught.n_objects == 1


# ---- Cellpose -----------------------------------------------------------------------------------


def write_seg(path, masks, **more):
    outlines = np.zeros_like(masks)
    kept = {"masks": masks, "outlines": outlines, "filename": "a.tif", "flows": [outlines, [1.5]]}
    np.save(path, kept | {"ismanual": np.zeros(3, bool), "est_diam": np.float64(30)} | more)
    return path


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, ">u4"])
def test_masks_of_cellpose(tmp_path, dtype):
    with open_labels(write_seg(tmp_path / "a_seg.npy", LABELS.astype(dtype))) as labels:
        np.testing.assert_array_equal(frames(labels), LABELS)
    for t in (7, 8, 10):
        write_seg(tmp_path / f"t{t:03d}_seg.npy", LABELS[t % 4].astype(dtype))
        (tmp_path / f"t{t:03d}.tif").touch()
    (tmp_path / "a_seg.npy").unlink()
    with open_labels(tmp_path) as labels:
        assert labels.numbers == (7, 8, 10)
        np.testing.assert_array_equal(frames(labels), LABELS[[3, 0, 2]])


def test_a_plain_array_is_labels(tmp_path):
    np.save(tmp_path / "a.npy", LABELS)
    with open_labels(tmp_path / "a.npy") as labels:
        np.testing.assert_array_equal(frames(labels), LABELS)


class Runs:
    """What a pickle can do to who opens it."""

    def __init__(self, make, *arguments):
        self.made = make, arguments

    def __reduce__(self):
        return self.made


def old_text(values):
    """As numpy of Python 2 wrote it."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    return buffer.getvalue() + pickle.dumps(np.array(values, object), protocol=2)


def test_an_old_pickle_is_read(tmp_path):
    (tmp_path / "a_seg.npy").write_bytes(old_text({"masks": LABELS}))
    with open_labels(tmp_path / "a_seg.npy") as labels:
        np.testing.assert_array_equal(frames(labels), LABELS)


@pytest.mark.parametrize(
    "harm",
    [
        Runs(Path.touch, Path("ran")),
        Runs(eval, "open('ran', 'w')"),
        Runs(np.save, "ran", 1),
        Runs(getattr, Path, "touch"),
        np.array([Runs(Path.touch, Path("ran"))], object),
    ],
    ids=["touch", "eval", "save", "an attribute", "in an array"],
)
@pytest.mark.parametrize("write", [write_seg, None], ids=["numpy", "old"])
def test_a_pickle_never_runs(tmp_path, monkeypatch, harm, write):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a_seg.npy"
    if write:
        write(path, LABELS[0], extra=harm)
    else:
        path.write_bytes(old_text({"masks": LABELS[0], "extra": harm}))
    with pytest.raises(BadInput, match="which could run as a program"):
        open_labels(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a_seg.npy"]


# ---- TrackMate ----------------------------------------------------------------------------------

SQUARE = "-2.2 -2.2 2.2 -2.2 2.2 2.2 -2.2 2.2"  # µm around the spot


def spot(number, frame, x, y, text=SQUARE, visible=1):
    return (
        f'<Spot ID="{number}" FRAME="{frame}" POSITION_X="{x}" POSITION_Y="{y}" RADIUS="2" '
        f'VISIBILITY="{visible}">{text}</Spot>'
    )


def write_trackmate(path, spots, edges):
    links = "".join(f'<Edge SPOT_SOURCE_ID="{a}" SPOT_TARGET_ID="{b}"/>' for a, b in edges)
    path.write_text(
        '<TrackMate version="7"><Model><AllSpots><SpotsInFrame frame="0">'
        f"{''.join(spots)}</SpotsInFrame></AllSpots><AllTracks><Track>{links}</Track></AllTracks>"
        '</Model><Settings><ImageData width="50" height="40" nframes="4" pixelwidth="0.5" '
        'pixelheight="0.5"/></Settings></TrackMate>'
    )
    return path


def test_tracks_return_to_their_cells(tmp_path):
    spots = [spot(11, 0, 5, 5), spot(12, 1, 6, 5), spot(13, 2, 4, 5), spot(14, 2, 12, 5)]
    spots += [spot(15, 0, 20, 15), spot(16, 3, 9, 9, visible=0)]
    path = write_trackmate(tmp_path / "a.xml", spots, [(12, 11), (12, 13), (12, 14)])
    with open_labels(path) as labels:
        found = frames(labels)
    assert found.shape == LABELS.shape
    expected = np.zeros_like(found)
    cells = (0, 5, 5, 1), (1, 6, 5, 1), (2, 4, 5, 3), (2, 12, 5, 4), (0, 20, 15, 2)
    for t, x, y, number in cells:
        row, column = 2 * y, 2 * x  # the middle of this pixel is the spot
        expected[t, row - 4 : row + 5, column - 4 : column + 5] = number
    np.testing.assert_array_equal(found, expected)


def test_spots_without_an_outline_are_discs(tmp_path):
    path = write_trackmate(tmp_path / "a.xml", [spot(1, 2, 10, 10, "")], [])
    with open_labels(path) as labels:
        assert "1 of 1 spots of a.xml have no outline" in labels.notices[0].line
        assert labels[2].sum() == pytest.approx(np.pi * 16, rel=0.1)


# ---- what is wrong ------------------------------------------------------------------------------


def roi_of_frame_9(path):
    roifile = pytest.importorskip("roifile")
    kind = roifile.ROI_TYPE.RECT
    write_rois(path, [roifile.ImagejRoi(roitype=kind, right=5, bottom=5, t_position=9)])


@pytest.mark.parametrize(
    ("name", "write", "line"),
    [
        ("a.zip", None, "does not exist"),
        ("a.zip", lambda p: p.write_bytes(b"PK no"), "is damaged, or holds no ROIs"),
        ("a.zip", roi_of_frame_9, "ROIs of frame 9, counted from 1"),
        ("a_seg.npy", None, "does not exist"),
        ("a_seg.npy", lambda p: p.write_bytes(b"no"), "is damaged, or no array"),
        ("a_seg.npy", lambda p: np.save(p, {"flows": 1}), "holds no masks"),
        ("a.npy", lambda p: np.save(p, np.ones(4)), "holds no masks"),
        ("a.xml", None, "is damaged, or not of TrackMate"),
        ("a.xml", lambda p: p.write_text("<TrackMate><Model>"), "is damaged, or not of TrackMate"),
        ("a.xml", lambda p: p.write_text("<OME/>"), "its root is OME"),
        ("a.xml", lambda p: write_trackmate(p, [], []), "has no spots"),
    ],
)
def test_what_is_wrong_is_one_plain_line(tmp_path, name, write, line):
    if write:
        write(tmp_path / name)
    with pytest.raises(BadInput, match=line) as error:
        open_labels(tmp_path / name, MOVIE)
    assert "\n" not in str(error.value)


def test_rois_alone_do_not_say_how_large_the_image_is(tmp_path):
    roi_of_frame_9(tmp_path / "a.zip")
    np.save(tmp_path / "b.npy", np.repeat(LABELS, 3, axis=0))
    with pytest.raises(BadInput, match="how large the image is"):
        open_labels(tmp_path / "a.zip")
    with open_pair(tmp_path / "b.npy", tmp_path / "a.zip") as (mine, truth):
        assert len(mine) == len(truth)
