"""Kind *signals*: Ctrl-C at any moment is answered in one line, and the same command goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
import tifffile

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform == "win32", reason="Ctrl-C is sent as a POSIX signal, to a group of processes"
    ),
]
CLI = [sys.executable, "-m", "napari_unet.cli"]
PATIENCE = 100  # s


class Running:
    """A command under way, in a group of its own, as a terminal starts it."""

    def __init__(self, *words, **options):
        self.process = subprocess.Popen(
            [*CLI, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **options,
        )
        self.stderr = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while piece := os.read(self.process.stderr.fileno(), 4096):
            self.stderr += piece

    def wait_for(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.stderr.decode()
            assert time.monotonic() < end, self.stderr.decode()
            time.sleep(0.002)

    def wait_for_module(self, name):
        """Wait until a library is mapped into the process: it is being imported, or was."""
        maps = Path(f"/proc/{self.process.pid}/maps")
        self.wait_for(lambda: name in maps.read_text("utf-8", errors="replace"))

    def press(self, times=1, number=signal.SIGINT, pause=0.03):
        for _ in range(times):
            os.killpg(self.process.pid, number)
            time.sleep(pause)

    def end(self):
        stdout = self.process.stdout.read()
        code = self.process.wait(timeout=PATIENCE)
        self._reader.join(timeout=PATIENCE)
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.stderr.decode())
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return code, [line for line in lines if "━" not in line], stdout

    def close(self):
        """Leave nothing behind, whatever became of the test."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE)
        self._reader.join(timeout=PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def start():
    """Start commands: ``start("info", path)``."""
    with ExitStack() as running:
        yield lambda *words, **options: running.enter_context(closing(Running(*words, **options)))


@pytest.fixture(scope="module")
def long_movie(tmp_path_factory, world):
    """A movie that takes some seconds to segment."""
    path = tmp_path_factory.mktemp("long") / "long.tif"
    movie = np.tile(tifffile.imread(world.movie), (8, 3, 3))
    tifffile.imwrite(path, movie, imagej=True, metadata={"axes": "TYX"})
    return path


def only_said(lines, code, expected=130):
    """Check that the stop was said in one line, the last, and nothing else went wrong."""
    assert code == expected, lines
    stopped = [line for line in lines if line.startswith("Stopped.")]
    assert stopped == lines[-1:], lines
    assert not [line for line in lines if "Traceback" in line or "Error" in line], lines
    return stopped[0]


def hidden(folder):
    return [path.name for path in folder.rglob(".*")] if folder.exists() else []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("library", ["_pydantic_core", "libtorch_cpu", "_safetensors"])
@pytest.mark.parametrize("times", [1, 3])
def test_while_it_is_importing_and_loading(start, world, tmp_path, library, times):
    words = ("segment", world.movie, "--model", world.model, "--out", tmp_path / "out")
    running = start(*words, "--no-movie")
    running.wait_for_module(library)
    running.press(times)
    code, lines, stdout = running.end()
    assert only_said(lines, code) == "Stopped. Nothing was written."
    assert stdout == b"" and not hidden(tmp_path)


@pytest.mark.parametrize("moment", [0.05, 0.3, 0.6, 1.2])
@pytest.mark.parametrize("command", ["info", "evaluate"])
def test_at_moments_that_nobody_chooses(start, world, command, moment):
    words = {"info": ("info", world.movie), "evaluate": ("evaluate", world.truth, world.truth)}
    running = start(*words[command])
    time.sleep(moment)
    running.press()
    code, lines, _ = running.end()
    if code == 130 and lines:
        only_said(lines, code)
    else:  # before Python runs a line of ours, or after the end
        assert code in (0, -signal.SIGINT, 1), lines
        assert code == 0 or moment < 0.5


@pytest.mark.parametrize("times", [1, 2, 6])
def test_while_it_segments(start, world, long_movie, tmp_path, times, run):
    words = ("segment", long_movie, "--model", world.model, "--threads", 1, "--out", tmp_path / "o")
    running = start(*words)
    running.wait_for(lambda: list((tmp_path / "o").rglob(".labels.tif-*")))
    running.press(times, pause=0.01)
    code, lines, stdout = running.end()
    assert "the same command goes on there" in only_said(lines, code)
    assert stdout == b"" and not hidden(tmp_path)
    again, undisturbed = run(*words), run(*words[:-1], tmp_path / "alone")
    assert again.code == undisturbed.code == 0
    for name in ("labels.tif", "objects.csv"):
        assert (tmp_path / "o" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_a_movie_that_is_written_of_labels_that_are_there(start, world, long_movie, tmp_path, run):
    words = ("segment", long_movie, "--model", world.model, "--out", tmp_path)
    assert run(*words, "--no-movie").code == 0
    running = start(*words)
    running.wait_for(lambda: list(tmp_path.glob(".overlay.mp4-*")))
    running.press()  # reaches the encoder, too
    code, lines, _ = running.end()
    assert "What is written stays" in only_said(lines, code)
    assert not hidden(tmp_path) and not (tmp_path / "overlay.mp4").exists()
    assert run(*words).code == 0


def test_while_an_export_links_and_writes(start, world, long_movie, tmp_path, run):
    words = ("segment", long_movie, "--model", world.model, "--out", tmp_path, "--no-movie")
    assert run(*words).code == 0
    labels, out = tmp_path / "labels.tif", tmp_path / "out"
    running = start("export", long_movie, labels, "--values", "linked", "--out", out)
    running.wait_for(lambda: list(out.glob(".*")))
    running.press(2)
    code, lines, _ = running.end()
    only_said(lines, code)
    assert not hidden(out)


@pytest.mark.parametrize("times", [2, 4])
def test_a_training_that_is_stopped_at_once(start, world, tmp_path, times):
    out = tmp_path / "model.safetensors"
    running = start("train", world.movie, world.truth, "--out", out, "--frames", "0-3")
    running.wait_for(lambda: b"training on" in running.stderr)
    running.press(pause=0)
    running.wait_for(lambda: b"Stopping" in running.stderr)  # it ends by itself a step later
    running.press(times - 1, pause=0.005)
    code, lines, _ = running.end()
    said = only_said(lines, code)
    kept = (tmp_path / "model.checkpoint").exists()
    assert ("--resume" in said) == kept
    assert not out.exists() and not hidden(tmp_path)


def test_sigterm_of_a_cluster_is_answered_too(start, world, long_movie, tmp_path, run):
    words = ("segment", long_movie, "--model", world.model, "--threads", 1, "--out", tmp_path)
    running = start(*words)
    running.wait_for(lambda: list(tmp_path.rglob(".labels.tif-*")))
    running.press(number=signal.SIGTERM)
    code, lines, _ = running.end()
    assert "the same command goes on there" in only_said(lines, code, 143)
    assert not hidden(tmp_path)
    assert run(*words).code == 0


def test_a_program_behind_nohup_is_not_stopped(start, world):
    ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731
    running = start("evaluate", world.truth, world.truth, preexec_fn=ignore)
    time.sleep(0.5)
    running.press(3, pause=0.2)
    code, _, stdout = running.end()
    assert code == 0 and b"IoU" in stdout


@pytest.mark.parametrize("closed", [1, 2])
def test_closed_streams_do_no_harm(world, tmp_path, closed):
    words = ["segment", world.movie, "--model", world.model, "--out", tmp_path, "--no-movie"]
    done = subprocess.run(
        [*CLI, *map(str, words)],
        preexec_fn=lambda: os.close(closed),
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / "labels.tif").exists()
