"""The whole job by clicks, and its labels are the command line's, pixel for pixel."""

from __future__ import annotations

import numpy as np
import tifffile
from typer.testing import CliRunner

from napari_unet.cli.app import app


def test_open_paint_train_segment_threshold_export(hand, viewer, small, tmp_path):
    movie, truth = small
    file = tmp_path / "movie.tif"
    tifffile.imwrite(file, movie, imagej=True, metadata={"axes": "TYX"})

    train = hand.open("Train")
    hand.open_movie(train, file)

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
