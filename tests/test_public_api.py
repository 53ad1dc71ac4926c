"""The way in for scripts: the names, and the ten lines of docs/python.md as a script of its own."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import napari_unet as nu
from napari_unet.cli.demo import write_sample

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")
SMALL = "filters=(8, 16), crop=64, batch=2"
SHORT = {
    "minutes=2": f"minutes=None, steps=20, {SMALL}",
    "steps=3)": f"steps=3, {SMALL})",
    "[0, 20]": "[0, 4]",
}


def blocks():
    return re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def shortened(script):
    for long, short in SHORT.items():
        script = script.replace(long, short)
    return script


def run_script(script, folder):
    """Run it as a user does: a file without a guard, in a process of its own."""
    (folder / "script.py").write_text(script, "utf-8")
    command = [sys.executable, "-W", "error", "script.py"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.mark.parametrize("name", nu.__all__)
def test_every_name_is_there_and_on_the_page(name):
    assert getattr(nu, name) is not None
    assert name in dir(nu)
    assert name == "__version__" or f"`{name}" in PAGE or f"nu.{name}" in PAGE


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'segmentate'"):
        _ = nu.segmentate


def test_type_checkers_see_the_names_that_there_are():
    source = Path(nu.__file__).read_text("utf-8")
    typed = {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_unet.")
        for alias in node.names
    }
    assert typed == set(nu.__all__) - {"__version__"}


@pytest.mark.parametrize("kind", ["cells", "classes"])
def test_ten_lines(kind, toy, class_toy, tmp_path):
    script = shortened(blocks()[0])
    assert len([line for line in script.splitlines() if line.strip()]) <= 10
    movie, truth = toy if kind == "cells" else class_toy
    write_sample(tmp_path / "movie.tif", movie)
    write_sample(tmp_path / "truth.tif", truth)
    done = run_script(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "of 100 cells: " in done.stdout
    with nu.Stack.open(tmp_path / "labels.tif") as labels:
        assert labels.shape == movie.shape
        if kind == "classes":
            assert set(range(3)) >= {int(n) for frame in labels for n in set(frame.ravel())}
        pooled = nu.score(labels, truth)
    assert bool(pooled.classes) == (kind == "classes")
    assert (tmp_path / "overlay.mp4").read_bytes()[4:8] == b"ftyp"


COUNTED = """
from napari_unet.engine.jobs.stages import frame_pool
print("begins")
started = []
class Counted(frame_pool._Worker):
    def __init__(self, setup):
        started.append(setup)
        super().__init__(setup)
frame_pool._Worker, frame_pool._WORTH_IT = Counted, 0
"""


@pytest.mark.slow
def test_ten_lines_are_run_once_whatever_processes_of_ours_start(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")  # half of them beside the network
    write_sample(tmp_path / "movie.tif", toy.movie)
    write_sample(tmp_path / "truth.tif", toy.labels)
    ten = shortened(blocks()[0]).replace("steps=20", "steps=2")
    done = run_script(f"{COUNTED}{ten}\nassert started\n", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("begins") == 1


def test_the_page_runs_from_top_to_bottom(toy, tmp_path):
    write_sample(tmp_path / "movie.tif", toy.movie)
    write_sample(tmp_path / "truth.tif", toy.labels)
    done = run_script("\n".join(map(shortened, blocks())), tmp_path)
    assert done.returncode == 0, done.stderr
