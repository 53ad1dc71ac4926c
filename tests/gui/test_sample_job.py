"""The sample job by real clicks in the docks, counted: open, label, teach, train, keep, export."""

from __future__ import annotations

import numpy as np
import pytest

MOST_CLICKS = 12  # in the docks; four corrections in the canvas may take ten more


@pytest.fixture
def clicks(hand):
    """A list of what is clicked in the docks, which must be in sight to be clicked."""
    made, click = [], hand.click

    def counted(dock, name):
        assert hand.find(dock, name).isVisibleTo(dock), f"{name} is not in sight"
        made.append(name)
        click(dock, name)

    hand.click = counted
    return made


@pytest.mark.slow
def test_the_sample_job_takes_few_clicks(hand, clicks, viewer, small, model_file, tmp_path):
    segment = hand.open("Segment")
    hand.load_model(segment, model_file)
    clicks.clear()  # a user has the bundled model, which is a slow one for a test
    hand.session.movie.choose_image(viewer.add_image(small[0], name="sample"))

    clicks.append("movie.sample")  # the small movie stands for it
    hand.click(segment, "segment.run_movie")
    hand.done()

    train = hand.open("Train")
    clicks.append("the tab of Train")
    hand.make_small(train, steps=3)
    hand.click(train, "train.annotate")
    live = hand.session.labels.live
    for t in (0, 3):  # corrections in the canvas
        live[t] = small[1][t]
        live.confirm_frame(t)
    hand.click(train, "train.start")
    assert "Keep it" in hand.done()
    hand.click(train, "train.keep")
    hand.done()

    clicks.append("the tab of Segment")
    hand.click(segment, "segment.run_movie")
    hand.done()

    export = hand.open("Export")
    clicks.append("the tab of Export")
    hand.find(export, "export.folder").setText(str(tmp_path / "results"))
    hand.click(export, "export.run")
    hand.done()

    assert len(clicks) <= MOST_CLICKS, clicks
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert {"labels.tif", "objects.csv", "overlay.mp4"} <= written
    np.testing.assert_array_equal(np.asarray(live[0]), small[1][0])
