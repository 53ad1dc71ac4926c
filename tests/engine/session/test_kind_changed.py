"""A movie that grew, was saved again or was copied since it was worked on."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.stack.stack import Stack

LARGE = (40, 200, 200)  # 3.2 MB: most of it between the samples of the fingerprint


def write_movie(path, change=None):
    movie = np.random.default_rng(0).integers(0, 4000, LARGE).astype(np.uint16)
    if change is not None:
        movie[change] ^= 1
    tifffile.imwrite(path, movie, photometric="minisblack", metadata={"axes": "TYX"})


def touch(path, seconds):
    os.utime(path, ns=(seconds * 10**9, seconds * 10**9))


def notices_of(path):
    with Stack.open(path) as stack:
        return SessionFolder.for_movie(stack).notices


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "movie.tif"
    write_movie(path)
    touch(path, 1000)
    with Stack.open(path) as stack:
        folder = SessionFolder.for_movie(stack)
        folder.save(frame=3)
        (folder.path / "probabilities-0123.unetp").write_bytes(b"codes")
    return path


def test_a_file_saved_again_is_noticed(movie):
    with Stack.open(movie) as stack:
        before = stack.fingerprint
    write_movie(movie, change=(17, 100, 100))
    touch(movie, 2000)
    with Stack.open(movie) as stack:
        assert stack.fingerprint == before  # its samples are the same
        folder = SessionFolder.for_movie(stack)
        assert folder.state.frame == 3  # it is the session still
        (notice,) = folder.notices
        assert "saved again with other content" in notice.line and notice.level == "check"
        assert not folder.probability_files()
    assert not notices_of(movie)


def test_a_copy_is_the_same_movie(movie, tmp_path):
    touch(movie, 3000)
    assert not notices_of(movie)
    other = tmp_path / "elsewhere"
    other.mkdir()
    shutil.copy(movie, other / "movie.tif")
    shutil.copytree(tmp_path / "movie.unet", other / "movie.unet")
    with Stack.open(other / "movie.tif") as stack:
        folder = SessionFolder.for_movie(stack)
        assert folder.state.frame == 3 and not folder.notices
        assert folder.probability_files()


def test_a_movie_that_is_gone_is_not_asked(movie, tmp_path):
    with Stack.open(movie) as stack:
        assert stack.fingerprint  # the file stays open from here on
        movie.unlink()
        assert (stack.stamp, stack.content) == (None, None)
        assert SessionFolder(tmp_path / "movie.unet", stack).state.frame == 3


def forget_what_is_new(folder):
    """Make a session folder as version 0.1.0 wrote it."""
    path = folder / "session.json"
    text = json.loads(path.read_text("utf-8"))
    for state in text["views"].values():
        for name in ("stamp", "content", "frames"):
            del state[name]
    path.write_text(json.dumps(text), encoding="utf-8")


def test_a_session_of_0_1_0_stays_with_its_movie(movie, tmp_path):
    forget_what_is_new(tmp_path / "movie.unet")
    touch(movie, 4000)
    with Stack.open(movie) as stack:
        folder = SessionFolder.for_movie(stack)
        assert folder.state.frame == 3 and not folder.notices
        assert folder.probability_files()
        assert folder.state.content == stack.content  # known from now on


def add_frames(folder, numbers):
    folder.mkdir(exist_ok=True)
    for k in numbers:
        tifffile.imwrite(folder / f"t{k:02d}.tif", np.full((20, 24), k, np.uint8))


@pytest.mark.parametrize("old", [False, True])
def test_a_folder_that_grew_keeps_its_corrections(tmp_path, old):
    frames = tmp_path / "exp"
    add_frames(frames, range(4))
    with Stack.open(frames) as stack:
        folder = SessionFolder.for_movie(stack)
        folder.save(frame=2)
        path = folder.path
    if old:
        forget_what_is_new(path)
    add_frames(frames, range(4, 6))
    with Stack.open(frames) as stack:
        assert len(stack.first(4)) == 4
        found = SessionFolder.find(stack)
        assert found is not None and found.path == path and found.state.frame == 2
        again = SessionFolder.for_movie(stack)
        assert again.path == path and again.state.frame == 2
        (notice,) = again.notices
        assert ("2 more frames" if not old else "more frames") in notice.line
    assert not notices_of(frames)


def test_a_folder_that_lost_frames_says_how_many(tmp_path):
    frames = tmp_path / "exp"
    add_frames(frames, range(4))
    with Stack.open(frames) as stack:
        SessionFolder.for_movie(stack)
    (frames / "t03.tif").unlink()
    with (
        Stack.open(frames) as stack,
        pytest.raises(BadInput, match=r"it had 4 frames, exp has 3.*Put the missing frames back"),
    ):
        SessionFolder.for_movie(stack)


def test_a_frame_put_between_is_refused(tmp_path):
    """The frames that were corrected have other places now."""
    frames = tmp_path / "exp"
    add_frames(frames, (0, 1, 3, 4))
    with Stack.open(frames) as stack:
        SessionFolder.for_movie(stack)
    add_frames(frames, (2,))
    with (
        Stack.open(frames) as stack,
        pytest.raises(BadInput, match=r"exp\.unet belongs to another"),
    ):
        SessionFolder.for_movie(stack)
