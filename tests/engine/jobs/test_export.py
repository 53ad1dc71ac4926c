"""One export from beginning to end: what it refuses before it writes anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.overlay.look import PlainLook
from napari_unet.engine.jobs.export import Export
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.settings import OverlaySettings
from napari_unet.engine.stack.stack import Stack

LABELS = np.repeat(np.array([[[1, 1, 2, 2]] * 4], np.uint16), 3, 0)


@pytest.fixture
def export(tmp_path):
    stack = Stack.from_array(np.arange(48, dtype=np.uint8).reshape(3, 4, 4), axes="TYX", name="a")
    return Export(stack, LABELS, tmp_path, classes=True)


@pytest.mark.parametrize(
    "begin",
    [
        lambda e: e.write_labels("ctc"),
        lambda e: replace(e, meaning="linked").write_labels("ome-tiff"),
        lambda e: replace(e, meaning="linked").write_table(),
        lambda e: e.write_movie(OverlaySettings(tail=2), PlainLook()),
        lambda e: e.find_tracks(),
    ],
    ids=["ctc", "linked ids", "linked table", "tails", "tracks"],
)
def test_classes_have_no_paths(export, begin, tmp_path):
    with pytest.raises(BadInput, match=r"classes of pixels.*each frame"):
        list(begin(export))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "begin",
    [
        lambda e: e.write_labels("ome-tiff"),
        lambda e: e.write_table(),
        lambda e: e.still_steps(OverlaySettings(), 0) and e.write_labels("tiffs"),
    ],
    ids=["labels", "table", "tiffs"],
)
def test_classes_are_written_as_they_are(export, begin, tmp_path):
    assert list(begin(export)) == [0, 1, 2]
    assert any(tmp_path.iterdir())


@pytest.mark.parametrize(("meaning", "frames"), [("ids", {0}), ("laptrack", {0, 2})])
def test_some_cells_are_followed_by_the_linker_that_the_export_uses(tmp_path, meaning, frames):
    """A cell at the edge is missing on a frame: LapTrack goes on with it, overlap does not."""
    if meaning == "laptrack":
        pytest.importorskip("laptrack")
    labels = np.zeros((3, 40, 40), np.uint16)
    labels[:, 25:33, 20:28] = 3
    labels[(0, 2), 10:18, 0:8] = 5
    stack = Stack.from_array(np.zeros(labels.shape, np.uint8), axes="TYX")
    whole = Export(stack, labels, tmp_path, meaning=meaning)
    found = run(whole.of_cells([(0, 5)]), quiet=True)
    assert {t for t in range(3) if found.labels[t].any()} == frames
    assert all(set(np.unique(found.labels[t])) <= {0, 5} for t in range(3))
    assert found.options.provenance.details == {"only": ["0:5"]}
    assert found.meaning == meaning and found.folder == whole.folder
