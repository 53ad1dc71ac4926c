"""Labels in the movie's own OME-Zarr: whole, in its version, and read back by every command."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.labels.given.open_labels import open_labels
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack

zarr = pytest.importorskip("zarr")
RNG = np.random.default_rng(8)
LABELS = RNG.integers(0, 5, (4, 24, 30)).astype(np.uint16)


def write_movie(path, axes, version, place=""):
    """An image of ones; in a plate where it has a place."""
    root = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    group = root.require_group(place) if place else root
    lengths = {"t": 4, "c": 2, "z": 3, "y": 24, "x": 30}
    group.create_array("0", data=np.ones([lengths[a] for a in axes], np.uint8), chunks="auto")
    scale = [{"t": 5.0, "c": 1.0, "z": 2.0, "y": 0.5, "x": 0.5}[a] for a in axes]
    units = {"t": {"unit": "second"}, "y": {"unit": "micrometer"}, "x": {"unit": "micrometer"}}
    kinds = {"t": "time", "c": "channel"}
    named = [{"name": a, "type": kinds.get(a, "space"), **units.get(a, {})} for a in axes]
    steps = [{"type": "scale", "scale": scale}]
    levels = [{"path": "0", "coordinateTransformations": steps}]
    said = {"multiscales": [{"version": version, "axes": named, "datasets": levels, "name": "m"}]}
    group.attrs.update({"ome": {"version": version, **said}} if version == "0.5" else said)
    if place:
        row, column, field = place.split("/")
        well = {"well": {"images": [{"path": field}]}}
        plate = {"plate": {"wells": [{"path": f"{row}/{column}"}]}}
        new = version == "0.5"
        root[f"{row}/{column}"].attrs.update({"ome": well} if new else well)
        root.attrs.update({"ome": plate} if new else plate)
    return path


def write(stack, labels=LABELS, **options):
    frames = options.get("frames") or range(len(labels))
    how = WriteOptions(**options)
    given = (labels[t] for t in frames)
    return run(write_labels("", given, stack, how, format="zarr-in-place"), quiet=True)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(("axes", "place"), [("tyx", ""), ("tczyx", ""), ("tcyx", "B/3/0")])
def test_labels_come_back_with_the_image(tmp_path, version, axes, place):
    path = write_movie(tmp_path / "m.ome.zarr", axes, version, place)
    with Stack.open(path) as stack:
        before = stack.fingerprint, stack.stamp, stack.content
        assert write(stack) == path / place / "labels" / "cells"
    with Stack.open(path) as stack, open_labels(path, stack) as labels:
        assert (stack.fingerprint, stack.stamp, stack.content) == before
        np.testing.assert_array_equal([labels[t] for t in range(4)], LABELS)
        assert labels.pixel_sizes == stack.pixel_sizes
        assert labels.frame_interval == stack.frame_interval == 5


def test_ome_zarr_models_accepts_the_labels(tmp_path):
    models = pytest.importorskip("ome_zarr_models.v05")  # 1.6 cannot build those of 0.4 at all
    path = write_movie(tmp_path / "m.ome.zarr", "tczyx", "0.5")
    with Stack.open(path) as stack:
        write(stack)
    models.ImageLabel.from_zarr(zarr.open_group(path, mode="r")["labels/cells"])


def test_what_is_there_is_replaced_only_when_asked(tmp_path):
    path = write_movie(tmp_path / "m.zarr", "tyx", "0.5")
    others = zarr.open_group(path / "labels", mode="w", zarr_format=3)
    others.attrs["ome"] = {"version": "0.5", "labels": ["mine"]}
    with Stack.open(path) as stack:
        write(stack, frames=(1, 3))
        with pytest.raises(BadInput, match="has labels called cells already"):
            write(stack)
    with Stack.open(path) as stack, open_labels(path, stack) as labels:
        assert stack.label_names == ("mine", "cells")
        assert any("cells are taken" in n.line for n in labels.notices)
        np.testing.assert_array_equal(
            [labels[t] for t in range(4)], LABELS * [[[0]], [[1]], [[0]], [[1]]]
        )
        write(stack, LABELS + 1, overwrite=True)
    with open_labels(path) as labels:
        np.testing.assert_array_equal(labels[0], LABELS[0] + 1)


def test_a_stopped_export_leaves_the_movie_as_it_was(tmp_path):
    path = write_movie(tmp_path / "m.zarr", "tyx", "0.5")
    with Stack.open(path) as stack:
        steps = write_labels("", iter(LABELS), stack, format="zarr-in-place")
        next(steps)
        steps.close()
        assert not list((path / "labels").iterdir())
        assert stack.label_names == ()


@pytest.mark.parametrize(
    ("selection", "line"), [(Selection(axes="ZYX"), "other axes"), (None, "is no OME-Zarr folder")]
)
def test_what_has_no_place_for_labels_is_refused(tmp_path, selection, line):
    path = write_movie(tmp_path / "m.zarr", "tyx", "0.4")
    stack = Stack.open(path, selection) if selection else Stack.from_array(LABELS, axes="TYX")
    with stack, pytest.raises(BadInput, match=line):
        write(stack, LABELS[: len(stack)])
