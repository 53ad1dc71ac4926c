"""For TrackMate: the channels of the movie as they are, and labels as the last."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.export.target.sidecar import is_labels
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack

LABELS = np.zeros((3, 20, 24), np.uint16)
LABELS[:, 3:9, 4:12], LABELS[1, 12:17, 2:9] = 7, 400
RAW = np.random.default_rng(0).integers(0, 250, (3, 2, 20, 24))


def written(path, raw, axes, labels=LABELS, **how):
    stack = Stack.from_array(
        raw, axes=axes, selection=Selection(channel=1 if "C" in axes else None), pixel_size=0.5,
        frame_interval=60.0, channel_names=("DAPI", "GFP") if "C" in axes else None, **how,
    )  # fmt: skip
    return run(write_labels(path, iter(labels), stack, format="trackmate"), quiet=True)


@pytest.mark.parametrize(
    ("raw", "axes", "dtype"),
    [
        (RAW.astype(np.uint8), "TCYX", np.uint16),
        (RAW.astype(np.uint16), "TCYX", np.uint16),
        (RAW[:, 0].astype(np.uint16), "TYX", np.uint16),
        (RAW.astype(np.float32) / 7 - 3, "TCYX", np.float32),
        (RAW[:, 0].astype(np.int32) - 9, "TYX", np.float32),
    ],
)
def test_channels_come_first_and_labels_last(raw, axes, dtype, tmp_path):
    path = written(tmp_path / "trackmate.tif", raw, axes, numbers=(3, 4, 9))
    with tifffile.TiffFile(path) as file:
        found, said = file.series[0], file.imagej_metadata
        assert (found.axes, found.dtype) == ("TCYX", dtype)
        pixels = found.asarray()
    channels = raw if raw.ndim == 4 else raw[:, None]
    np.testing.assert_array_equal(pixels[:, :-1], channels.astype(dtype))
    np.testing.assert_array_equal(pixels[:, -1], LABELS)
    n = pixels.shape[1]
    assert (said["channels"], said["frames"], said["unit"]) == (n, 3, "micron")
    assert said["finterval"] == 60
    assert said["Labels"][n - 1] == "labels t003"
    assert len(said["LUTs"]) == n
    assert len(said["Ranges"]) == 2 * n
    with Stack.open(path, Selection(channel=n - 1)) as back:  # by our own reader, too
        np.testing.assert_array_equal(back[2], LABELS[2])
        assert back.numbers == (3, 4, 9)
    assert not is_labels(path)  # a movie with channels, not a layer of labels


def test_the_same_bytes_each_time_and_no_id_that_does_not_fit(tmp_path):
    raw = RAW.astype(np.uint16)
    first = written(tmp_path / "a.tif", raw, "TCYX").read_bytes()
    assert written(tmp_path / "b.tif", raw, "TCYX").read_bytes() == first
    with pytest.raises(BadInput, match="there is an id of 70000"):
        written(tmp_path / "c.tif", raw, "TCYX", LABELS.astype(np.int32) * 10000)
    assert not (tmp_path / "c.tif").exists()
    options = WriteOptions((0, 2))
    stack = Stack.from_array(raw, axes="TCYX")
    some, path = iter(LABELS[[0, 2]]), tmp_path / "d.tif"
    steps = write_labels(path, some, stack, options, format="trackmate")
    with tifffile.TiffFile(run(steps, quiet=True)) as file:
        np.testing.assert_array_equal(file.asarray()[:, 0], raw[[0, 2], 0])
