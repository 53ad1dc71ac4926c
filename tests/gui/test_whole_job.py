"""The whole job by clicks, and its labels are the command line's, pixel for pixel."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_unet.cli.app import app


def grey_movie(hand, viewer, dock, movie, file):
    """Open a movie by the dock."""
    tifffile.imwrite(file, movie, imagej=True, metadata={"axes": "TYX"})
    hand.open_movie(dock, file)


def coloured_layer(hand, viewer, dock, movie, file):
    """Add an RGB layer: what absorbs red and lets blue pass, with green that tells nothing."""
    low, high = np.percentile(movie, (1, 99.8))
    light = np.clip(255 * (movie - low) / (high - low), 0, 255)
    picture = np.stack([255 - light, np.full_like(light, 90), light / 2], -1).astype(np.uint8)
    tifffile.imwrite(file, picture, photometric="rgb", metadata={"axes": "TYXS"})
    viewer.add_image(picture, rgb=True, name="stained", axis_labels=("t", "y", "x"))
    assert "red" in hand.session.movie.view.channels


@pytest.mark.parametrize(
    ("show", "channels"),
    [(grey_movie, 1), pytest.param(coloured_layer, 3, marks=pytest.mark.slow)],
)
def test_open_paint_train_segment_threshold_export(hand, viewer, small, tmp_path, show, channels):
    movie, truth = small
    file = tmp_path / "movie.tif"

    train = hand.open("Train")
    show(hand, viewer, train, movie, file)

    painted = viewer.add_labels(np.zeros_like(truth), name="painted")
    for t in (0, 3):
        for label in np.unique(truth[t])[1:]:
            ys, xs = np.nonzero(truth[t] == label)
            painted.data_setitem((np.full(len(ys), t), ys, xs), label)
    hand.find(train, "train.labels").setCurrentText("painted")
    hand.make_small(train, steps=40)
    hand.click(train, "train.start")
    hand.done()
    hand.find(train, "train.model_path").setText(str(tmp_path / "mine.safetensors"))
    hand.click(train, "train.save_model")
    hand.done()
    assert hand.session.models.chosen.model.config.in_channels == channels

    segment = hand.open("Segment")
    hand.click(segment, "segment.run_movie")
    hand.done()
    hand.find(segment, "segment.threshold").setValue(0.6)

    export = hand.open("Export")
    hand.find(export, "export.labels").setCurrentText(hand.session.labels.layer.name)
    hand.find(export, "export.folder").setText(str(tmp_path / "gui"))
    hand.click(export, "export.save_labels")
    hand.done()

    arguments = ["segment", str(file), "--out", str(tmp_path / "cli"), "--no-movie"]
    arguments += [
        "--model",
        str(tmp_path / "mine.safetensors"),
        "--threshold",
        "0.6",
        "--threads",
        "1",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    by_hand, by_shell = (tifffile.imread(tmp_path / who / "labels.tif") for who in ("gui", "cli"))
    np.testing.assert_array_equal(by_hand, by_shell)
    assert by_hand.any()
