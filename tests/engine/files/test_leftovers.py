"""Killed exports: what they leave is cleared by the next one, and a folder is never missed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.files import atomic as files
from napari_unet.engine.files import atomic as leftovers
from napari_unet.engine.files.atomic import (
    atomic_folder,
    atomic_path,
    clear_leftovers,
    temporary_path,
)
from napari_unet.engine.stack.stack import Stack

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 of POSIX")

SHAPE = (3, 16, 16)

# Writes a folder of labels over an earlier one and kills itself at a chosen moment.
KILLED = """
import os, shutil, signal, sys
from pathlib import Path
import numpy as np
from napari_unet.engine.files import atomic as files
from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.stack.stack import Stack

folder, moment = Path(sys.argv[1]), sys.argv[2]
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
rename = Path.rename
if moment != "after the exchange":
    files._exchange = lambda *_: False
if moment == "between two renames":
    Path.rename = lambda self, to: rename(self, to) if to.parent.suffix == ".old" else die()
elif moment == "while it writes":
    os.fsync = die
else:
    shutil.rmtree = die
stack = Stack.from_array(np.zeros((3, 16, 16), np.uint8), axes="TYX")
OVER = WriteOptions(overwrite=True)
for _ in write_labels(folder, iter(np.full((3, 16, 16), 2)), stack, OVER, format="tiffs"):
    pass
"""


def export(folder, value, name="tiffs"):
    stack = Stack.from_array(np.zeros(SHAPE, np.uint8), axes="TYX")
    labels = np.full(SHAPE, value, np.uint16)
    for _ in write_labels(folder, iter(labels), stack, WriteOptions(overwrite=True), format=name):
        pass


def content(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def hidden(folder):
    return [p.name for p in folder.iterdir() if p.name.startswith(".")]


MOMENTS = {
    "while it writes": "old",
    "between two renames": "none",
    "after the two renames": "new",
    "after the exchange": "new",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_a_folder_is_replaced(moment, tmp_path):
    """The old folder or the new one stands there, at the latest when somebody exports again."""
    if moment == "after the exchange" and not _can_exchange(tmp_path):
        pytest.skip("this disk knows no exchange")
    whole, folder = {}, tmp_path / "out" / "µ labels of a long name, longer than is kept"
    folder.parent.mkdir()
    for word, value in (("new", 2), ("old", 1)):
        export(folder, value)
        whole[word] = content(folder)
    killed = subprocess.run([sys.executable, "-c", KILLED, folder, moment], check=False)
    assert killed.returncode == -signal.SIGKILL
    if MOMENTS[moment] == "none":
        assert not folder.exists()
    else:
        assert content(folder) == whole[MOMENTS[moment]]
    assert hidden(folder.parent)
    export(folder.parent / "other.tif", 3, "imagej")
    assert content(folder) == whole["new" if MOMENTS[moment] == "new" else "old"]
    assert hidden(folder.parent) == []


def _can_exchange(folder):
    one, other = folder / "one", folder / "other"
    one.mkdir()
    other.mkdir()
    return files._exchange(one, other)


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_changes_places(exchange, tmp_path, monkeypatch):
    if not exchange:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    final = tmp_path / "out"
    for value in (b"one", b"two"):
        with atomic_folder(final, replace=True) as folder:
            (folder / "inside").mkdir()
            (folder / "inside" / "a.bin").write_bytes(value)
        assert (final / "inside" / "a.bin").read_bytes() == value
    assert hidden(tmp_path) == []


def test_where_the_second_rename_is_refused_the_first_is_taken_back(tmp_path, monkeypatch):
    final, rename = tmp_path / "out", Path.rename
    final.mkdir()
    (final / "a").write_bytes(b"old")
    monkeypatch.setattr(files, "_exchange", lambda *_: False)

    def refuse(self, target):
        if self.name.startswith(".") and target == final:
            raise PermissionError(13, "open in another program", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="another program"), atomic_folder(final, replace=True) as new:
        (new / "a").write_bytes(b"new")
    assert content(final) == {"a": b"old"}
    assert hidden(tmp_path) == []


def test_only_ours_and_only_of_the_dead(tmp_path, monkeypatch):
    mine = temporary_path(tmp_path / "labels.ome.tif")
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    own, dead = f"p{os.getpid():x}-", f"p{gone.pid:x}-"
    names = {
        "running": mine.name,
        "dead": mine.name.replace(own, dead),
        "dead too": f"{mine.name}.16bit.tif".replace(own, dead),
        "elsewhere": mine.name.replace(own, dead).replace(leftovers._machine(), "ffff"),
        "a user's": ".labels-notes.partial.tif",
        "with an earlier way of naming": ".labels.tif-5d0e9a21.partial.tif",
        "not hidden": mine.name.replace(own, dead)[1:],
    }
    if leftovers._machine() == "ffff":
        del names["elsewhere"]
    for name in names.values():
        (tmp_path / name).write_bytes(b"half")
    cleared = clear_leftovers(tmp_path)
    assert {p.name for p in cleared} == {names["dead"], names["dead too"]}
    assert {p.name for p in tmp_path.iterdir()} == set(names.values()) - {p.name for p in cleared}
    assert clear_leftovers(tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", ["labels.ome.tif", "a.b.mp4", "ä" * 200 + ".tif", "bare"])
def test_a_name_says_whose_it_is(name, tmp_path):
    path = temporary_path(tmp_path / name)
    assert leftovers._OURS.fullmatch(path.name)
    assert not leftovers._is_left_over(path.name)
    assert len(path.name.encode()) <= 255
    with atomic_path(tmp_path / "x.tif") as temporary:
        clear_leftovers(tmp_path)
        assert temporary.exists()
