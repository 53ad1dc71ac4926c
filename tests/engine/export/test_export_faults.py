"""Each exporter and each fault: nothing partial under the final name, an older file intact."""

import errno
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from napari_unet.engine.errors import BadInput

sys.path.insert(0, str(Path(__file__).parent))
from exporters import EXPORTERS, target, world

WORKER = Path(__file__).with_name("exporters.py")
NEEDS = {"zarr": "zarr", "geff": "zarr", "rois": "roifile", "nifti": "nibabel"}
EVERY = sorted(EXPORTERS)


@pytest.fixture(scope="module")
def toy_world():
    return world()


@pytest.fixture(params=EVERY)
def name(request):
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param])
    return request.param


def content(path: Path) -> dict[str, bytes]:
    """Every file of an export, to see whether one byte changed."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def leftovers(folder: Path, path: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p != path and p.suffix != ".json"]


def test_whole_and_not_replaced_unasked(name, toy_world, tmp_path):
    path = target(tmp_path, name)
    positions = list(EXPORTERS[name](path, *toy_world))
    assert positions == ([0] if name == "still" else list(range(len(toy_world[0]))))
    assert path.exists()
    assert (tmp_path / f"{path.name}.json").exists()
    before = content(path)
    with pytest.raises(BadInput, match="allow it to be replaced"):
        list(EXPORTERS[name](path, *toy_world))
    assert content(path) == before
    list(EXPORTERS[name](path, *toy_world, overwrite=True))
    assert leftovers(tmp_path, path) == []
    assert content(path).keys() == before.keys()


@pytest.mark.parametrize("moment", ["first", "middle", "last"])
def test_cancel_leaves_the_older_file(name, moment, toy_world, tmp_path):
    """At the last yield every frame is with the writer, and nothing is renamed yet."""
    path = target(tmp_path, name)
    list(EXPORTERS[name](path, *toy_world))
    before = content(path)
    running = EXPORTERS[name](path, *toy_world, overwrite=True)
    n = 1 if name == "still" else len(toy_world[0])
    for _ in range({"first": 1, "middle": max(1, n // 2), "last": n}[moment]):
        next(running)
    running.close()
    assert content(path) == before
    assert leftovers(tmp_path, path) == []


def test_a_file_where_the_folder_should_be(name, toy_world, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BadInput) as raised:
        list(EXPORTERS[name](target(tmp_path / "file", name), *toy_world))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_read_only_folder(name, number, toy_world, tmp_path, monkeypatch):
    """Refused when the temporary name is made, as a read-only folder does."""

    def refuse(path, *_, **__):
        raise OSError(number, "refused", str(path))

    monkeypatch.setattr("os.open", refuse)
    monkeypatch.setattr("os.mkdir", refuse)
    with pytest.raises(BadInput, match="cannot be written"):
        list(EXPORTERS[name](target(tmp_path, name), *toy_world))
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanishes(name, toy_world, tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    running = EXPORTERS[name](target(folder, name), *toy_world)
    next(running)
    shutil.rmtree(folder)
    with pytest.raises(BadInput) as raised:
        list(running)
    assert "\n" not in str(raised.value)
    assert not folder.exists()


def test_no_space_is_said_before_the_work(name, toy_world, tmp_path, monkeypatch):
    if name == "still":
        pytest.skip("one picture asks for no space")
    full = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr("shutil.disk_usage", lambda _: full)
    with pytest.raises(BadInput, match="free"):
        EXPORTERS[name](target(tmp_path, name), *toy_world)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_full_disk(share, toy_world, tmp_path):
    """In a process of its own, whose files may have a byte, or half of what they need."""
    before = {}
    for name in EVERY:
        if name not in NEEDS or find_spec(NEEDS[name]):
            (tmp_path / name).mkdir()
            list(EXPORTERS[name](target(tmp_path / name, name), *toy_world))
            before[name] = content(target(tmp_path / name, name))
    command = [sys.executable, WORKER, "limited", tmp_path, str(share)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = dict(line.split(": ", 1) for line in said.strip().splitlines())
    assert lines.keys() == before.keys()
    for name, line in lines.items():
        path = target(tmp_path / name, name)
        assert "; expected " in line, (name, line)
        assert content(path) == before[name], name
        assert leftovers(tmp_path / name, path) == [], name


@pytest.mark.parametrize("name", ["zarr", "geff"])
@pytest.mark.parametrize("failing", [0, 3])
def test_a_write_that_fails_while_others_go_on(name, failing, toy_world, tmp_path, monkeypatch):
    """Zarr writes files side by side: those that come late make no folder again."""
    local = pytest.importorskip("zarr.storage._local")
    put, turn = local._put, itertools.count()

    def slow(path, *rest, **how):
        if next(turn) == failing:
            raise OSError(errno.ENOSPC, "full", str(path))
        time.sleep(0.05)
        return put(path, *rest, **how)

    monkeypatch.setattr(local, "_put", slow)
    with pytest.raises(BadInput, match="cannot be written"):
        list(EXPORTERS[name](target(tmp_path, name), *toy_world))
    time.sleep(0.2)
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_the_sidecar(name, toy_world, tmp_path, monkeypatch):
    """The export itself fits, and is not renamed: what made it could not be said."""
    path = target(tmp_path, name)
    list(EXPORTERS[name](path, *toy_world))
    before, sidecar = content(path), tmp_path / f"{path.name}.json"
    said = sidecar.read_bytes()

    def full(self, *_, **__):
        raise OSError(errno.ENOSPC, "full", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(BadInput, match="disk"):
        list(EXPORTERS[name](path, *toy_world, overwrite=True))
    monkeypatch.undo()
    assert content(path) == before
    assert sidecar.read_bytes() == said
    assert leftovers(tmp_path, path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such permission there")
def test_a_folder_of_somebody_else(name, toy_world, tmp_path):
    """As root for a while as nobody, who may look and not write."""
    path = target(tmp_path / "theirs", name)
    (tmp_path / "theirs").mkdir()
    list(EXPORTERS[name](path, *toy_world))
    before = content(path)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(tempfile.gettempdir()) and folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "theirs").chmod(0o555)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        with pytest.raises(BadInput, match="cannot be written"):
            list(EXPORTERS[name](path, *toy_world, overwrite=True))
    finally:
        if root:
            os.seteuid(0)
        (tmp_path / "theirs").chmod(0o755)
    assert content(path) == before
    assert leftovers(tmp_path / "theirs", path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 of POSIX")
@pytest.mark.parametrize("name", ["ome-tiff", "ctc", "table", "mp4"])
def test_kill_leaves_the_older_file(name, toy_world, tmp_path):
    path = target(tmp_path, name)
    list(EXPORTERS[name](path, *toy_world))
    before = content(path)
    chance = random.Random(name)
    with subprocess.Popen(
        [sys.executable, WORKER, name, path], stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(chance.randrange(1, len(toy_world[0]) - 1)):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    time.sleep(0.2)  # an encoder sees the end of its input and stops
    assert content(path).keys() == before.keys()
    assert all(content(path).values())
    list(EXPORTERS[name](path, *toy_world, overwrite=True))  # clears what the killed one left
    assert leftovers(tmp_path, path) == []


def test_a_folder_with_other_things_is_never_cleared(toy_world, tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter1.docx").write_text("years of work")
    for name in ("ctc", "tiffs", "pngs", "movie-pngs"):
        with pytest.raises(BadInput, match="nothing of yours is deleted"):
            list(EXPORTERS[name](folder, *toy_world, overwrite=True))
    assert (folder / "chapter1.docx").read_text() == "years of work"
