from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import zlib

import numpy as np
import pytest

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.annotations.edit_masks import (
    ERASED,
    Change,
    EditMask,
    EditMasks,
)
from napari_unet.engine.annotations.steps import Step
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.labels.ids import BACKGROUND_ID

SHAPE = (30, 20, 24)
BOX = (slice(2, 6), slice(3, 9))


def say(corrections, frame=0, label=7, box=BOX, complete=None):
    """Write one object into a box, as one step."""
    part = EditMask.empty((box[0].stop - box[0].start, box[1].stop - box[1].start))
    part.ids[:] = label
    corrections.commit([corrections.write(frame, box, part, complete)])


def everything(corrections):
    masks = {t: corrections.edits(t) for t in range(SHAPE[0])}
    said = {t: s.pack() for t, s in masks.items() if s is not None and s.blocked().any()}
    return (
        said,
        corrections.complete_frames,
        corrections.last_done.frames,
        corrections.last_undone.frames,
    )


def test_a_mask_packs_and_unpacks():
    mask = EditMask.empty((5, 7))
    mask.ids[1, 2], mask.flags[3, 4] = BACKGROUND_ID, ERASED
    again = EditMask.unpack(mask.pack(), (5, 7))
    np.testing.assert_array_equal(again.ids, mask.ids)
    np.testing.assert_array_equal(again.flags, mask.flags)
    for packed in (b"nonsense", zlib.compress(b"short")):
        with pytest.raises(ValueError):
            EditMask.unpack(packed, (5, 7))


def test_a_change_goes_through_its_record():
    before, after = EditMask.empty((4, 6)), EditMask.empty((4, 6))
    after.ids[:] = 9
    change = Change.between(3, BOX, before, after, (False, True))
    assert Change.from_record(json.loads(json.dumps(change.to_record()))) == change


def test_many_masks_are_kept_small():
    masks = EditMasks((200, 200))
    for frame in range(40):
        masks.ensure(frame).ids[frame, :] = frame + 1
    assert len(masks._dense) == 16 and sum(map(len, masks._packed.values())) < 24 * 2000
    for frame in (0, 39, 20):
        mask = masks.get(frame)
        assert mask is not None and (mask.ids[frame] == frame + 1).all() and mask.ids.sum() > 0
    assert masks.frames() == tuple(range(40)) and masks.get(99) is None


def test_undo_and_redo_walk_the_steps():
    corrections = Corrections(SHAPE)
    states = [everything(corrections)[:2]]
    for frame, label, complete in (
        (0, 7, None),
        (4, 8, True),
        (0, BACKGROUND_ID, None),
        (4, 0, False),
    ):
        say(corrections, frame, label, complete=complete)
        states.append(everything(corrections)[:2])
    for state in states[-2::-1]:
        assert corrections.undo() and everything(corrections)[:2] == state
    assert corrections.undo() == Step()
    for state in states[1:]:
        assert corrections.redo() and everything(corrections)[:2] == state
    assert corrections.redo() == Step()


def test_changes_of_a_stroke_become_one_a_frame():
    corrections = Corrections(SHAPE)
    part = EditMask(np.full((4, 6), 5, np.uint16), np.zeros((4, 6), np.uint8))
    shifted = (slice(5, 9), slice(1, 7))
    corrections.commit(corrections.write(t, box, part) for t in (0, 1) for box in (BOX, shifted))
    (first, second) = corrections.undo().changes
    assert first.box == (slice(2, 9), slice(1, 9)) and second.frame == 1
    assert everything(corrections)[0] == {}
    corrections.commit([corrections.write(0, BOX, EditMask.empty((4, 6)))])
    assert corrections.last_done.frames == ()  # nothing changed: no step


def test_ids_run_out_with_a_plain_line():
    corrections = Corrections((1, 2, 2))
    say(corrections, 0, 65534, (slice(0, 1), slice(0, 1)))
    assert corrections.new_id(above=65533) == 65534
    with pytest.raises(BadInput, match="all 65534 ids"):
        corrections.new_id(above=65533)


@pytest.fixture
def written(tmp_path):
    """A journal with four steps, one of them undone, and the state it stands for."""
    path = tmp_path / "corrections.journal"
    corrections = Corrections(SHAPE, Journal(path))
    for frame in (0, 3, 5):
        say(corrections, frame, frame + 1)
    say(corrections, 7, 9, complete=True)
    corrections.undo()
    corrections.new_id()
    return path, everything(corrections)


def test_a_journal_is_replayed(written):
    path, state = written
    assert everything(Corrections(SHAPE, Journal(path))) == state


@pytest.mark.parametrize("torn", [1, 5, 20])
def test_a_torn_last_line_is_left_out_and_written_over(written, torn, caplog):
    path, state = written
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines(keepends=True)[1][:-torn])
    corrections = Corrections(SHAPE, Journal(path))
    assert everything(corrections) == state and "unfinished" in caplog.text
    say(corrections, 9, 3)
    assert everything(Corrections(SHAPE, Journal(path))) == everything(corrections)


def test_a_damaged_line_costs_only_itself(written, caplog):
    path, _ = written
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2][:30] + b"?" + lines[2][31:]
    path.write_bytes(b"".join(lines))
    corrections = Corrections(SHAPE, Journal(path))
    assert corrections.frames() and "line 3 is damaged" in caplog.text
    assert corrections.ids(0).tolist() == [1] and corrections.ids(3).size == 0
    assert corrections.ids(5).tolist() == [6]


def test_a_journal_of_another_movie_or_format_is_refused(written, tmp_path):
    path, _ = written
    with pytest.raises(BadInput, match="for a movie of"):
        Corrections((30, 20, 25), Journal(path))
    other = tmp_path / "other.journal"
    Journal(other).append({"format": "something else"})
    with pytest.raises(BadInput, match="something else"):
        Corrections(SHAPE, Journal(other))


def test_what_a_full_disk_refused_is_written_later(written, monkeypatch):
    path, _ = written
    journal = Journal(path)
    corrections = Corrections(SHAPE, journal)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(BadInput, match=r"No space left.*Free space"):
            say(corrections, 1, 4)
    assert corrections.ids(1).tolist() == [4]
    say(corrections, 2, 4)
    assert everything(Corrections(SHAPE, Journal(path)))[0] == everything(corrections)[0]


def test_what_the_disk_itself_refuses_is_said(written, monkeypatch, caplog):
    path, _ = written
    journal = Journal(path)
    corrections = Corrections(SHAPE, journal)
    heard = []
    corrections.not_kept.connect(heard.append)

    def refused(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refused)
        say(corrections, 1, 4)
        journal.flush()
    assert len(heard) == 1 and "Input/output error" in heard[0] and heard[0] in caplog.text
    say(corrections, 2, 4)
    journal.flush()
    assert len(heard) == 1
    assert everything(Corrections(SHAPE, Journal(path))) == everything(corrections)


def test_two_programs_do_not_write_to_one_journal(written):
    path, _ = written
    here, there = Corrections(SHAPE, Journal(path)), Corrections(SHAPE, Journal(path))
    say(there, 2, 11)
    before = path.read_bytes()
    with pytest.raises(BadInput, match="another program or window has changed"):
        say(here, 2, 12)
    assert path.read_bytes() == before
    say(there, 4, 12)
    assert everything(Corrections(SHAPE, Journal(path))) == everything(there)


def test_corrections_made_before_there_is_a_place_are_written_then(tmp_path):
    corrections = Corrections(SHAPE)
    say(corrections)
    given = corrections.new_id()
    corrections.keep_in(Journal(tmp_path / "late.journal"))
    say(corrections, 2, 3)
    again = Corrections(SHAPE, Journal(tmp_path / "late.journal"))
    assert everything(again) == everything(corrections) and again.new_id() == given + 1


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(BadInput, match="cannot be used"):
        Corrections(SHAPE, Journal(tmp_path / "missing" / "x.journal"))


def test_kill_9_loses_at_most_the_step_in_hand(tmp_path):
    path = tmp_path / "killed.journal"
    script = f"""
        import os, sys
        import numpy as np
        from napari_unet.engine.annotations.corrections import Corrections
        from napari_unet.engine.files.journal import Journal
        from napari_unet.engine.annotations.edit_masks import EditMask
        corrections = Corrections({SHAPE}, Journal({str(path)!r}))
        part = EditMask(np.full((4, 6), 5, np.uint16), np.zeros((4, 6), np.uint8))
        for frame in range(30):
            corrections.commit([corrections.write(frame, (slice(2, 6), slice(3, 9)), part)])
            print(frame, flush=True)
    """
    run = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = -1
        for line in process.stdout:
            said = int(line)
            if said >= 5:
                process.kill()
                break
    frames = Corrections(SHAPE, Journal(path)).frames()
    assert frames == tuple(range(len(frames))) and len(frames) >= said + 1
