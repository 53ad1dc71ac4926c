"""Journal: written at once, on the disk soon after, by a thread that nobody waits for."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import pytest

from napari_unet.engine.files.journal import Journal


def test_a_record_is_written_before_a_slow_disk_has_it(tmp_path, monkeypatch):
    path = tmp_path / "slow.journal"
    journal, free, synced = Journal(path), threading.Event(), []

    def slow(file):
        assert free.wait(10)
        synced.append(os.fstat(file).st_size)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", slow)
        for number in range(5):
            journal.append({"number": number})
        assert Journal(path).read() == [{"number": number} for number in range(5)]
        syncing = [t for t in threading.enumerate() if t.name == "sync slow.journal"]
        assert len(syncing) == 1 and not syncing[0].daemon and not synced
        free.set()
        journal.flush()
    assert synced[-1] == path.stat().st_size and len(synced) <= 2  # those meanwhile in one go
    assert not syncing[0].is_alive()


def test_no_thread_and_no_open_file_is_left(tmp_path):
    before = threading.active_count()
    journals = [Journal(tmp_path / f"{n}.journal") for n in range(20)]
    for journal in journals:
        for number in range(10):
            journal.append({"number": number})
    for journal in journals:
        journal.flush()
    assert threading.active_count() == before
    assert all(journal._unsynced is None for journal in journals)


def test_the_end_of_the_program_waits_for_the_disk(tmp_path):
    script = f"""
        import os, time
        from napari_unet.engine.files.journal import Journal
        fsync = os.fsync
        def slow(file):
            time.sleep(0.3)
            fsync(file)
            print("synced", os.fstat(file).st_size, flush=True)
        os.fsync = slow
        Journal({str(tmp_path / "last.journal")!r}).append({{"last": 1}})
        print("done", flush=True)
    """
    run = [sys.executable, "-c", textwrap.dedent(script)]
    said = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.split() == ["done", "synced", str((tmp_path / "last.journal").stat().st_size)]


def written(path, n=5):
    """A journal of ``n`` records that the disk has."""
    journal = Journal(path)
    for number in range(n):
        journal.append({"number": number})
    journal.flush()
    return path.read_bytes().splitlines(keepends=True)


def whole(path, lines):
    path.write_bytes(b"".join(lines))


def cut(path, lines):
    path.write_bytes(b"".join(lines[:3]))


def emptied(path, lines):
    path.write_bytes(b"")


def torn(path, lines):
    path.write_bytes(b"".join(lines)[:-4])


def of_0_1_0(path, lines):
    cut(path, lines)
    beside(path).unlink()


def half_noted(path, lines):
    cut(path, lines)
    beside(path).write_bytes(b"1234")


def flipped(path, lines):
    path.write_bytes(b"".join(lines).replace(b'"number":1', b'"number":7'))


def began_anew(path, lines):
    path.unlink()
    Journal(path).append({"number": 0})


def beside(path):
    return path.with_name(f"{path.name}.length")


@pytest.mark.parametrize(
    ("damage", "left", "said"),
    [
        (whole, 5, ""),
        (cut, 3, "shorter than it was"),
        (emptied, 0, "shorter than it was"),
        (torn, 4, "shorter than it was"),
        (flipped, 4, "1 correction in c.journal is damaged"),
        (of_0_1_0, 3, ""),
        (half_noted, 3, ""),
        (began_anew, 1, ""),
    ],
)
def test_what_is_missing_is_said(tmp_path, damage, left, said):
    path = tmp_path / "c.journal"
    damage(path, written(path))
    (tmp_path / "copy").mkdir()
    copied = Journal(path).copy_to(tmp_path / "copy")
    for journal in (copied, Journal(path)):
        assert len(journal.read()) == left
        assert said in "".join(journal.lost) and bool(journal.lost) == bool(said)
    journal.append({"number": 9})
    journal.flush()
    again = Journal(path)
    assert len(again.read()) == left + 1 and not any("shorter" in line for line in again.lost)


def test_what_is_not_on_the_disk_yet_is_not_missed(tmp_path, monkeypatch):
    path = tmp_path / "c.journal"
    lines = written(path)
    journal, free = Journal(path), threading.Event()
    journal.read()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: free.wait(10))
        journal.append({"number": 5})
        path.write_bytes(b"".join(lines))  # as after a loss of power
        assert not Journal(path).lost and len(Journal(path).read()) == 5
        free.set()
        journal.flush()
