"""Journal: written at once, on the disk soon after, by a thread that nobody waits for."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

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
