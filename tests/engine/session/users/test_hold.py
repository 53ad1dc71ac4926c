"""A session is one program's at a time: others read it and say who has it."""

from __future__ import annotations

import gc
import json
import platform
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import process_mark
from napari_unet.engine.files.claim import Claim
from napari_unet.engine.session.live_movie import live_labels
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.session.users.hold import (
    NAME,
    authorship,
    open_corrections,
    require_free,
)
from napari_unet.engine.stack.stack import Stack

OTHER = {
    "user": "ada",
    "host": platform.node(),
    "process": 1,
    "mark": f"{process_mark().split('p')[0]}p1",  # a process that runs
    "since": "2026-01-02T03:04:05+00:00",
}


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, np.zeros((3, 20, 24), np.uint16), imagej=True, metadata={"axes": "TYX"})
    with Stack.open(path) as stack:
        yield stack


def test_a_session_is_held_while_its_corrections_are_there(movie):
    folder = SessionFolder.for_movie(movie)
    first = open_corrections(folder, "ada")
    content = json.loads((folder.path / NAME).read_text())
    assert content["user"] == "ada" == first.author and not first.read_only
    second = open_corrections(folder)  # another window of this program
    assert not second.read_only and second.claim is first.claim
    assert Claim.take(folder.path / NAME) is None  # as another program asks
    del first
    gc.collect()
    assert (folder.path / NAME).exists()
    del second
    gc.collect()
    assert not (folder.path / NAME).exists()


def test_a_second_program_reads_it_and_says_who_has_it(movie):
    live = live_labels(movie)
    live[0, 3:9, 3:9] = 7
    live.corrections.author = "bo"
    live.confirm_frame(1)
    assert authorship(live.corrections)["reviewed_by"] == {"bo": 1}
    folder = SessionFolder.for_movie(movie)
    (folder.path / NAME).unlink()
    (folder.path / NAME).write_text(json.dumps(OTHER))
    live.corrections.claim = None
    gc.collect()
    size = folder.journal_path.stat().st_size
    reader = live_labels(movie)
    assert reader.corrections.read_only == (
        f"movie.unet is open with ada on {platform.node()} since 2026-01-02T03:04:05+00:00 "
        "(process 1): read only here"
    )
    np.testing.assert_array_equal(reader[0], live[0])
    assert reader.corrections.reviewed_by(1) == "bo" and reader.corrections.n_done == 0
    assert reader.undo() == () == reader.redo() == reader.next_undo()
    for change in (
        lambda: reader.__setitem__((0, slice(0, 2), slice(0, 2)), 9),
        lambda: reader.confirm_frame(2),
        reader.new_id,
        lambda: require_free(reader.corrections),
    ):
        with pytest.raises(BadInput, match="open with ada"):
            change()
    assert folder.journal_path.stat().st_size == size
    (folder.path / NAME).write_text(json.dumps({**OTHER, "mark": f"{OTHER['mark'][:4]}p7ffffff0"}))
    assert not live_labels(movie).corrections.read_only  # that one is dead


def test_a_program_that_ends_lets_the_session_go(movie):
    folder = SessionFolder.for_movie(movie)
    script = (
        "import napari_unet as nu; "
        f"live = nu.live_labels(nu.Stack.open({str(movie.path)!r})); live[0, 2:5, 2:5] = 3; "
        f"import pathlib; print(pathlib.Path({str(folder.path / NAME)!r}).exists())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr
    assert not (folder.path / NAME).exists()
    assert live_labels(movie)[0, 3, 3] == 3


def test_a_session_on_a_disk_to_read_is_not_claimed(movie, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError("a disk to read")

    folder = SessionFolder.for_movie(movie)
    monkeypatch.setattr(Claim, "take", refuse)
    corrections = open_corrections(folder)
    assert not corrections.read_only and corrections.claim is None
