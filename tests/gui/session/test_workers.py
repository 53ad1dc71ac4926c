"""Small questions off the GUI thread: the newest wins, and none outlives Qt."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from napari_unet.gui.session.workers import Latest

# The window is closed while a thread is at work, as in a script or a console: no event loop ends.
CLOSED_AT_WORK = """
import sys, threading, time
from qtpy.QtWidgets import QApplication

app = QApplication([])
begun = threading.Event()

def work():
    begun.set()
    time.sleep(0.7)
    print("done", flush=True)

def until_begun():
    while not begun.is_set():
        app.processEvents()
"""
QUESTION = """
from napari_unet.gui.session.workers import Latest

latest = Latest(wait_ms=0)
latest.answered.connect(print)
latest.ask(work)
until_begun()
"""
JOB = """
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.session.job import Job, Task

def training():
    while True:  # would never end by itself
        yield
        work()

job = Job()
job.start(Task("train", "Training", training))
until_begun()
"""


@pytest.mark.parametrize("working", [QUESTION, JOB], ids=["question", "job"])
def test_closing_while_a_thread_works_ends_well(working):
    done = subprocess.run(
        [sys.executable, "-c", CLOSED_AT_WORK + working],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("done")


def test_of_questions_asked_meanwhile_only_the_newest_is_answered(qtbot):
    latest, answers, go, asked = Latest(wait_ms=0), [], threading.Event(), []

    def slow():
        go.wait(10)
        return "slow"

    latest.answered.connect(answers.append)
    latest.ask(slow)
    qtbot.waitUntil(lambda: latest._running, timeout=5000)
    for number in range(5):
        latest.ask(lambda number=number: asked.append(number) or number)
    go.set()
    qtbot.waitUntil(lambda: bool(answers), timeout=5000)
    assert (answers, asked) == ([4], [4])


def test_a_question_that_fails_says_so_in_one_line(qtbot):
    latest, lines = Latest(wait_ms=0), []
    latest.failed.connect(lines.append)
    latest.ask(lambda: 1 / 0)
    qtbot.waitUntil(lambda: bool(lines), timeout=5000)
    assert "division by zero" in lines[0] and "\n" not in lines[0]


HALF_IMPORTED = """
import sys, types
import numpy as np
from napari_unet.gui.session.workers import tell_arrays_apart
from scipy.spatial.transform import Rotation

tell_arrays_apart()
sys.modules["torch"] = types.ModuleType("torch")  # as a worker has it for a second or two
Rotation.from_euler("yzx", [0, 1, 2], degrees=True).as_euler("zyx")
Rotation.from_matrix(np.eye(3)).apply(np.zeros((2, 3)))
print("turned")
"""


@pytest.mark.slow
def test_napari_turns_while_torch_is_half_imported():
    command = [sys.executable, "-c", HALF_IMPORTED]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout == "turned\n", ran.stderr
