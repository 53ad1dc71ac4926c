"""The job: progress, messages, cancel, errors, and generators that are always closed."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.gui.session.job import (
    _NICE,
    Job,
    Progress,
    Task,
    _stand_back,
    progress_line,
)


@pytest.fixture
def job(qapp):
    return Job()


def run(qtbot, job, task):
    assert job.start(task)
    qtbot.waitUntil(lambda: not job.running, timeout=5000)
    return job.state


def test_items_then_value_on_the_main_thread(qtbot, job):
    seen, threads = [], set()

    def work():
        for i in range(3):
            threads.add(threading.current_thread())
            yield i
        return "all"

    def done(value):
        seen.append((value, threading.current_thread() is threading.main_thread()))
        return "Done."

    state = run(qtbot, job, Task("a", "Working", work, total=3, on_item=seen.append, on_done=done))
    assert seen == [0, 1, 2, ("all", True)]
    assert threading.main_thread() not in threads
    assert (state.line, state.done, state.failed) == ("Done.", 3, False)


needs_niceness = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere threads have no niceness"
)


def niceness():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@needs_niceness
def test_a_job_stands_back_and_the_window_does_not(qtbot, job):
    nice = []

    def work():
        inherited = threading.Thread(target=lambda: nice.append(niceness()))
        inherited.start()
        inherited.join()
        nice.append(niceness())
        yield

    before = niceness()
    run(qtbot, job, Task("a", "Working", work))
    assert nice == [max(before, _NICE)] * 2
    assert niceness() == before


@needs_niceness
def test_a_job_of_a_program_that_stands_back_already_stays_there():
    nice = []

    def work():
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 12)
        _stand_back()
        nice.append(niceness())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert nice == [12]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BadInput("a is b", "c", "do d"), "a is b; expected c. Do d."),
        (ValueError("what"), "This should not happen: what."),
        (OSError(28, "No space left on device", "a.tif"), "a.tif: No space left on device. Free"),
    ],
)
def test_what_fails_after_the_work_ends_it_with_a_line(qtbot, job, error, said):
    ended = []

    def work():
        yield

    def done(_):
        raise error

    task = Task("a", "Opening", work, on_done=done, on_end=lambda: ended.append(1))
    state = run(qtbot, job, task)
    assert state.failed and said in state.line
    assert ended == [1] and not job.running


def test_cancel_closes_the_generator_in_its_thread(qtbot, job):
    closed = []

    def work():
        try:
            while True:
                yield
        finally:
            closed.append(threading.current_thread() is not threading.main_thread())

    ended = []
    assert job.start(Task("a", "Working", work, on_end=lambda: ended.append(job.running)))
    qtbot.waitUntil(lambda: job.state.done > 2)
    job.cancel()
    qtbot.waitUntil(lambda: not job.running)
    assert closed == [True]
    assert ended == [False]
    assert job.state.line == "Stopped."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BadInput("3 frames", "40", "choose other labels"), "3 frames; expected 40. Choose"),
        (RuntimeError("CUDA said no"), "This should not happen: CUDA said no"),
        (MemoryError(), "This should not happen: MemoryError"),
    ],
)
def test_errors_are_one_line(qtbot, job, error, words, caplog):
    def work():
        yield
        raise error

    state = run(qtbot, job, Task("a", "Working", work))
    assert state.failed
    assert state.line.startswith(words)


def test_bad_input_at_the_call_starts_no_worker(qtbot, job):
    def work():
        raise BadInput("nothing", "something", "try again")

    assert not job.start(Task("a", "Working", work))
    assert job.state.failed
    assert not job.running


def test_only_one_at_a_time(qtbot, job):
    go_on = threading.Event()

    def work():
        yield
        go_on.wait(5)

    lines = []
    job.changed.connect(lambda state: lines.append((state.owner, state.line)))
    assert job.start(Task("a", "Working", work))
    assert not job.start(Task("b", "Other", work))
    assert lines[-1] == ("b", "Working is still running. Wait for it, or cancel it.")
    assert job.state.owner == "a"
    go_on.set()
    qtbot.waitUntil(lambda: not job.running)


def test_messages_reach_the_generator_and_are_joined(qtbot, job):
    got, sent = [], threading.Event()

    def work():
        got.append((yield))
        sent.wait(5)
        got.append((yield))

    assert job.start(Task("a", "Working", work))
    job.send({1}, lambda a, b: a | b)
    job.send({2}, lambda a, b: a | b)
    sent.set()
    qtbot.waitUntil(lambda: not job.running)
    assert set().union(*(message or () for message in got)) == {1, 2}


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress(12, 48, 130), "Segmenting: 12 of 48, about 2 min left"),
        (Progress(47, 48, 1), "Segmenting: 47 of 48, a few seconds left"),
        (Progress(3, 0), "Segmenting"),
    ],
)
def test_progress_in_words(progress, line):
    assert progress_line("Segmenting", progress) == line


def test_what_is_refused_is_a_line_in_the_owners_dock(job):
    with job.refusing("a"):
        raise BadInput("no movie", "one", "open it")
    assert (job.state.owner, job.state.failed) == ("a", True)
    assert job.state.line == str(BadInput("no movie", "one", "open it"))
    with pytest.raises(ValueError, match="a bug"), job.refusing("a"):
        raise ValueError("a bug")


def test_which_task_runs(qtbot, job):
    def work():
        yield

    first, alike = Task("a", "Working", work), Task("a", "Working", work)
    assert job.start(first)
    assert (job.runs(first), job.runs(alike), job.runs(None)) == (True, False, False)
    qtbot.waitUntil(lambda: not job.running, timeout=5000)
    assert not job.runs(first)


def test_what_the_disk_refuses_on_the_window_s_thread_is_a_line(job):
    with job.refusing("a"):
        raise FileNotFoundError(2, "No such file or directory", "gone")
    assert job.state.failed
    assert job.state.line.startswith("gone: No such file or directory. It may have been moved")


def test_what_is_kept_is_said_when_that_is_known(qtbot, job):
    kept = []

    def work():
        while True:
            yield

    task = Task("a", "Working", work, on_item=kept.append, cancelled_line=lambda: f"{len(kept)}")
    assert job.start(task)
    qtbot.waitUntil(lambda: len(kept) > 2)
    job.cancel()
    qtbot.waitUntil(lambda: not job.running)
    assert int(job.state.line) > 2
