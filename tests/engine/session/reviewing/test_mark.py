"""What tells live labels from others: the same once they are reopened, not once they changed."""

from __future__ import annotations

import numpy as np

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.reviewing.cell_links import CellLinks
from napari_unet.engine.session.reviewing.cell_states import CellStates
from napari_unet.engine.session.reviewing.mark import mark_of

SHAPE = (3, 24, 32)


def predicted(model, frames=(0, 1)):
    found = Probabilities.in_memory((3, 1, 24, 32), {"model": model, "outputs": ["object"]})
    codes = np.zeros((1, 24, 32), np.uint8)
    codes[0, 4:12, 4:12] = encode(np.array(0.9))
    for t in frames:
        found.write(t, codes)
    return found


def opened(path, model="a", frames=(0, 1)):
    kept = Corrections(SHAPE, Journal(path))
    return LiveLabels(SHAPE, predicted(model, frames), corrections=kept)


def test_it_is_the_same_after_reopening_and_another_after_each_change(tmp_path):
    path = tmp_path / "corrections.journal"
    live = opened(path)
    marks = [mark_of(live)]
    changes = (
        lambda: live.confirm_cell(0, 6, 6),
        live.undo,
        live.redo,
        lambda: live.confirm_frame(1),
        lambda: setattr(live, "settings", live.settings.replace(threshold=0.7)),
    )
    for change in changes:
        change()
        marks.append(mark_of(live))
    live.new_id()
    assert mark_of(live) == marks[-1]
    assert len(set(marks)) == len(marks)
    live.corrections._journal.flush()
    settings = live.settings
    for model, frames, same in (("a", (0, 1), True), ("b", (0, 1), False), ("a", (0,), False)):
        again = opened(path, model, frames)
        again.settings = settings
        assert (mark_of(again) == marks[-1]) == same


def test_a_link_or_a_state_leaves_it_as_it_is(tmp_path):
    """What was counted in a sample of the labels holds on: no outline is another one."""
    path = tmp_path / "corrections.journal"
    live = opened(path)
    cells = [(t, int(live[t].max())) for t in (0, 1)]
    mark = mark_of(live)
    for change in (
        lambda: CellLinks(live).link(*cells),
        lambda: CellLinks(live).unlink(*cells),
        lambda: list(CellStates(live).say(*cells[0], "dead")),
        live.undo,
        live.redo,
    ):
        change()
        assert mark_of(live) == mark
    live.corrections._journal.flush()
    assert mark_of(opened(path)) == mark
    list(CellStates(live).say(*cells[0], "debris"))
    assert mark_of(live) != mark
