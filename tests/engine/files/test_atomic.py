from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files import atomic as files
from napari_unet.engine.files.atomic import (
    atomic_folder,
    atomic_path,
    make_folder,
    require_space,
)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("name", ["a.tif", "movie.ome.tif", "ä é.mp4", "x" * 250 + ".tif", "bare"])
def test_new_content_replaces_old_and_nothing_else_is_left(tmp_path, name):
    final = tmp_path / name
    for content in (b"one", b"two"):
        with atomic_path(final) as path:
            assert path.parent == tmp_path
            path.write_bytes(content)
        assert final.read_bytes() == content
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.ome.tif", ".ome.tif"), ("a.b.mp4", ".mp4"), ("a", ".partial")]
)
def test_the_temporary_name_has_the_suffix_that_writers_look_at(tmp_path, name, suffix):
    with atomic_path(tmp_path / name) as path:
        assert path.name.endswith(suffix)
        assert path.name.startswith(".")


def test_an_error_leaves_the_old_file(tmp_path):
    final = tmp_path / "a.tif"
    final.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_path(final) as path:
        path.write_bytes(b"half")
        raise RuntimeError
    assert final.read_bytes() == b"old"
    assert names(tmp_path) == ["a.tif"]


def test_a_link_stays_a_link(tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"old")
    (tmp_path / "link").symlink_to(target)
    with atomic_path(tmp_path / "link") as path:
        path.write_bytes(b"new")
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, code):
    with pytest.raises(BadInput, match="disk is full"), atomic_path(tmp_path / "a") as path:
        path.write_bytes(b"half")
        raise OSError(code, os.strerror(code))
    assert names(tmp_path) == []


def test_errors_about_other_files_pass_through(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        (tmp_path / "missing.tif").read_bytes()
    assert names(tmp_path) == []


def test_a_missing_folder_and_a_folder_as_file_are_refused(tmp_path):
    with pytest.raises(BadInput, match="does not exist"), atomic_path(tmp_path / "no" / "a.tif"):
        pytest.fail("the block must not start")
    with pytest.raises(BadInput, match="is a folder"), atomic_path(tmp_path):
        pytest.fail("the block must not start")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_no_permission_is_said_before_the_work(tmp_path, monkeypatch, code):
    def refuse(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "open", refuse)
    with pytest.raises(BadInput, match="cannot be written"), atomic_path(tmp_path / "a.tif"):
        pytest.fail("the block must not start")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_writer_leaves_old_or_new(tmp_path):
    code = (
        "import sys; from napari_unet.engine.files.atomic import atomic_path\n"
        "for i in range(10**6):\n"
        "    with atomic_path(sys.argv[1]) as p: p.write_bytes(bytes([i % 256]) * 300_000)\n"
        "    print(i, flush=True)"
    )
    final = tmp_path / "a.bin"
    for wait in (0.0, 0.003, 0.011):
        command = [sys.executable, "-c", code, str(final)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        content = final.read_bytes()
        assert len(content) == 300_000
        assert len(set(content)) == 1


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    final = tmp_path / "masks"
    with pytest.raises(RuntimeError), atomic_folder(final) as folder:
        (folder / "mask000.tif").write_bytes(b"x")
        raise RuntimeError
    assert names(tmp_path) == []
    final.mkdir()  # an empty folder may be there already
    with atomic_folder(final) as folder:
        (folder / "mask000.tif").write_bytes(b"x")
    assert names(final) == ["mask000.tif"]
    with pytest.raises(BadInput, match="exists already"), atomic_folder(final):
        pytest.fail("the block must not start")


def test_space(tmp_path):
    require_space(tmp_path / "not" / "yet", 1)
    with pytest.raises(BadInput, match=r"free; expected at least 1000000\.0 TB"):
        require_space(tmp_path, 10**18)


def test_make_folder(tmp_path):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="is a file"):
        make_folder(tmp_path / "file")
