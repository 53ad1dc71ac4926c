"""Labels layers of any shape and type, chosen for training and for export: taken, or one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

TAKEN = {
    "T1YX": lambda t: t[:, None],
    "5D": lambda t: t[None, :, None],
    "int64": lambda t: t.astype(np.int64),
}
REFUSED = {
    "transposed": (lambda t: t.transpose(0, 2, 1), "6 frames of 128 x 96 pixels, the movie small"),
    "one frame": (lambda t: t[0], "1 frame of 96 x 128 pixels, the movie small is 6 frames"),
    "one more": (lambda t: np.concatenate([t, t[:1]]), "7 frames of 96 x 128 pixels, the movie"),
    "cut": (lambda t: t[:, :64, :64], "6 frames of 64 x 64 pixels, the movie small is 6 frames"),
}


@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN)
def test_what_fits_is_taken(hand, movie, viewer, small, tmp_path, make):
    viewer.add_labels(make(small[1]), name="L")
    train, export = hand.open("Train"), hand.open("Export")
    hand.find(train, "train.labels").setCurrentText("L")
    assert "Trains on 6 frames" in hand.said(train, "train.summary", "Trains on")
    hand.find(export, "export.labels").setCurrentText("L")
    hand.find(export, "export.folder").setText(str(tmp_path))
    hand.click(export, "export.save_table")
    assert hand.done() == f"Saved {tmp_path / 'objects.csv'}"


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_one_line_with_both_shapes(
    hand, movie, viewer, small, tmp_path, make, said
):
    viewer.add_labels(make(small[1]), name="L")
    train, export = hand.open("Train"), hand.open("Export")
    hand.find(train, "train.labels").setCurrentText("L")
    hand.said(train, "train.summary", said)
    hand.find(export, "export.labels").setCurrentText("L")
    hand.find(export, "export.folder").setText(str(tmp_path))
    hand.click(export, "export.save_table")
    assert said in hand.failure()


def test_what_is_odd_is_said_in_both_docks(hand, movie, viewer, small, tmp_path):
    odd = small[1].copy()
    odd[0, ::4, ::4] = np.arange(24 * 32).reshape(24, 32) + 300
    viewer.add_labels(odd, name="L")
    train, export = hand.open("Train"), hand.open("Export")
    hand.find(train, "train.labels").setCurrentText("L")
    hand.said(train, "train.summary", "1-3 px")
    hand.find(export, "export.labels").setCurrentText("L")
    hand.find(export, "export.folder").setText(str(tmp_path))
    hand.click(export, "export.save_table")
    said = hand.done()
    assert "\n⚠ Please check: L would be" in said
    assert said in hand.find(export, "export.message").text()
    sidecar = json.loads((tmp_path / "objects.csv.json").read_text("utf-8"))
    assert any(n["line"].startswith("L would be") for n in sidecar["notices"])
