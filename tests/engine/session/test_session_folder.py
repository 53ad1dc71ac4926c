from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.session import session_folder
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.session.session_folder import NeedsPlace, SessionFolder
from napari_unet.engine.settings import LabelSettings
from napari_unet.engine.stack.stack import Stack


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A settings folder of its own."""
    folder = tmp_path / "user"
    monkeypatch.setattr(session_folder, "user_data_path", lambda *_, **__: folder)
    return folder


@pytest.fixture
def movie(toy_file, tmp_path):
    path = tmp_path / "movies" / "cells.ome.tif"
    path.parent.mkdir()
    shutil.copy(toy_file, path)
    return path


def test_nothing_is_there_before_the_work_starts(movie):
    with Stack.open(movie) as stack:
        assert SessionFolder.find(stack) is None
        assert list(movie.parent.iterdir()) == [movie]


def test_a_state_that_could_not_be_written_is_not_taken_for_kept(movie):
    with Stack.open(movie) as stack:
        folder = SessionFolder.for_movie(stack)
        folder.save(frame=1)
        shutil.rmtree(folder.path)
        folder.path.write_text("in its place")
        with pytest.raises(BadInput, match="is a file"):
            folder.save(frame=2)
        assert folder.state.frame == 1


def test_the_work_goes_on_after_closing(movie):
    with Stack.open(movie) as stack:
        folder = SessionFolder.for_movie(stack)
        assert folder.path == movie.parent / "cells.unet" and folder.is_new
        live = LiveLabels(stack.shape, corrections=folder.corrections())
        live[1, 3:9, 4:9] = live.new_id()
        folder.save(frame=1, labels=LabelSettings(threshold=0.7), models=("abc",), model="mine")
        folder.save(class_names={2: "dead"})
    moved = movie.parent.rename(movie.parent.parent / "moved") / movie.name
    with Stack.open(moved) as stack:
        again = SessionFolder.find(stack)
        assert again is not None and not again.is_new
        assert again.state == folder.state and again.state.labels.threshold == 0.7
        other = LiveLabels(stack.shape, corrections=again.corrections())
        np.testing.assert_array_equal(np.asarray(other), np.asarray(live))


def test_channels_share_a_session_and_sections_do_not(tmp_path):
    import tifffile

    path = tmp_path / "stack.tif"
    data = np.random.default_rng(0).integers(0, 99, (3, 4, 2, 20, 30)).astype(np.uint16)
    tifffile.imwrite(path, data, imagej=True, metadata={"axes": "TZCYX"})
    with Stack.open(path) as stack:
        folders = [
            SessionFolder.for_movie(stack.select(**view))
            for view in ({"channel": 0}, {"channel": 1}, {"z": 2})
        ]
        first, second, section = folders
        assert first.path == second.path == section.path
        assert first.journal_path == second.journal_path != section.journal_path
        first.save(frame=2)
        section.save(frame=1)
        assert SessionFolder.for_movie(stack).state.frame == 2
        assert SessionFolder.for_movie(stack.select(z=2)).state.frame == 1


def test_the_z_of_the_latest_change_is_known(tmp_path):
    import tifffile

    path = tmp_path / "stack.tif"
    frames = np.zeros((3, 4, 20, 30), np.uint8)
    tifffile.imwrite(path, frames, photometric="minisblack", metadata={"axes": "TZYX"})
    with Stack.open(path) as stack:
        views = ("max", "volume", 2)
        flat, solid, section = (SessionFolder.for_movie(stack.select(z=z)) for z in views)
        assert {f.last_z for f in (flat, solid, section)} == {2}
        for folder, z in ((solid, "volume"), (flat, "max"), (section, 2), (solid, "volume")):
            folder.save()
            assert SessionFolder.find(stack).last_z == z
        kept = json.loads((flat.path / "session.json").read_text())
        for state in kept["views"].values():
            del state["turn"]  # as earlier versions wrote it
        (flat.path / "session.json").write_text(json.dumps(kept))
        assert SessionFolder.find(stack).last_z == "max"


def test_movies_of_one_name_have_folders_of_their_own(movie, toy):
    import tifffile

    other = movie.with_name("cells.tif")
    tifffile.imwrite(other, toy.labels[:3], photometric="minisblack")
    with Stack.open(movie) as a, Stack.open(other) as b:
        first, second = SessionFolder.for_movie(a), SessionFolder.for_movie(b)
        assert [first.path.name, second.path.name] == ["cells.unet", "cells.tif.unet"]
        third = movie.with_name("cells.tiff")
        tifffile.imwrite(third, toy.labels[:2], photometric="minisblack")
        (movie.parent / "cells.tiff.unet").mkdir()
        shutil.copy(first.path / "session.json", movie.parent / "cells.tiff.unet")
        with Stack.open(third) as c, pytest.raises(BadInput, match="belong to other movies"):
            SessionFolder.for_movie(c)


def test_where_nothing_can_be_written_a_place_is_asked_for_once(movie, tmp_path, monkeypatch):
    refused = movie.parent / "cells.unet"
    make = session_folder.make_folder

    def read_only(path):
        if path == refused:
            raise BadInput("read-only", "a folder", "choose another")
        return make(path)

    monkeypatch.setattr(session_folder, "make_folder", read_only)
    with Stack.open(movie) as stack:
        with pytest.raises(NeedsPlace, match=r"nothing can be written to .*asked once"):
            SessionFolder.for_movie(stack)
        place = tmp_path / "mine"
        assert SessionFolder.for_movie(stack, place).path == place / "cells.unet"
        assert SessionFolder.for_movie(stack).path == place / "cells.unet"
        assert SessionFolder.find(stack) is not None


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder it cannot write")
def test_a_read_only_folder_needs_a_place(movie):
    movie.parent.chmod(0o500)
    try:
        with Stack.open(movie) as stack, pytest.raises(NeedsPlace):
            SessionFolder.for_movie(stack)
    finally:
        movie.parent.chmod(0o700)


def test_an_array_needs_a_place(toy_stack, tmp_path):
    with pytest.raises(NeedsPlace, match="toy is not a file"):
        SessionFolder.for_movie(toy_stack)
    assert SessionFolder.for_movie(toy_stack, tmp_path).path == tmp_path / "toy.unet"


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "F", "views": 3}'])
def test_a_damaged_session_is_set_aside_and_corrections_stay(movie, text):
    with Stack.open(movie) as stack:
        folder = SessionFolder.for_movie(stack)
        LiveLabels(stack.shape, corrections=folder.corrections())[0, 0, 0] = 5
        written = text.replace('"F"', json.dumps(session_folder.FORMAT))
        (folder.path / "session.json").write_text(written)
        again = SessionFolder.for_movie(stack)
        assert again.corrections().ids(0).tolist() == [5]
        assert (folder.path / "session.damaged.json").read_text() == written


def test_corrections_that_are_gone_are_said(movie):
    with Stack.open(movie) as stack:
        folder = SessionFolder.for_movie(stack)
        journal = Journal(folder.journal_path)
        live = LiveLabels(stack.shape, corrections=Corrections(stack.shape, journal))
        live[0, 0, 0], live[1, 0, 0] = 5, 6
        journal.flush()
        lines = folder.journal_path.read_bytes().splitlines(keepends=True)
        folder.journal_path.write_bytes(b"".join(lines[:-1]))
        again = SessionFolder.for_movie(stack)
        assert again.corrections().frames() == (0,)
        (notice,) = again.notices
        assert notice.level == "check" and "made last are missing" in notice.line


def test_a_session_of_a_newer_version_is_left_alone(movie):
    with Stack.open(movie) as stack:
        folder = SessionFolder.for_movie(stack)
        session = folder.path / "session.json"
        session.write_text('{"format": "napari-unet session 2", "views": {}}')
        with pytest.raises(BadInput, match="session 2"):
            SessionFolder.for_movie(stack)
        assert "session 2" in session.read_text()


def test_probabilities_have_a_place_by_key(movie):
    with Stack.open(movie) as stack:
        folder = SessionFolder.for_movie(stack)
        first = folder.probabilities_path({"model": "a", "channel": 0})
        assert first == folder.probabilities_path({"channel": 0, "model": "a"})
        assert first != folder.probabilities_path({"model": "b", "channel": 0})
        first.write_bytes(b"x" * 10_000)
        LiveLabels(stack.shape, corrections=folder.corrections())[0, 0, 0] = 5
        assert set(folder.probability_files()) == {first}
        first.unlink()  # they can be made again; corrections cannot
        assert not folder.probability_files()
        assert folder.corrections().ids(0).tolist() == [5]


def test_a_recipe_goes_through_its_file(tmp_path):
    recipe = Recipe(model="nuclei-fluorescence", channel="GFP", labels=LabelSettings(threshold=0.9))
    assert Recipe.load(recipe.save(tmp_path / "recipe.json")) == recipe


@pytest.mark.parametrize(
    ("text", "line"),
    [("{", "no JSON"), ("{}", "model: Field required"), ('{"model": "m", "x": 1}', "x: Extra")],
)
def test_what_is_no_recipe_gets_a_plain_line(tmp_path, text, line):
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=line):
        Recipe.load(path)
    with pytest.raises(BadInput, match="No such file"):
        Recipe.load(tmp_path / "none.json")
