"""The page for scripters says what is true: its examples are run, in order."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "headless.md").read_text("utf-8")
COMMANDS = (
    "demo",
    "segment",
    "train",
    "compare",
    "evaluate",
    "export",
    "qc",
    "doubts",
    "models",
    "info",
)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def folder(world, tmp_path, monkeypatch):
    """An empty folder, after the demo."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "openvino", None)  # torch is ready sooner
    Path("demo-out").mkdir()
    shutil.copy(world.movie, "demo-out/sample.tif")
    shutil.copy(world.truth, "demo-out/truth.tif")
    (recipe,) = blocks("json")
    Path("recipe.json").write_text(recipe)


def shortened(line):
    """Make an example short: fewer frames and steps, the same words."""
    return line.replace("--minutes 1", "--steps 2").replace("0,20", "0,2")


def test_examples(folder, run, capsys):
    seen = set()
    for line in "".join(blocks("sh")).splitlines():
        program, command, *words = shlex.split(shortened(line))
        assert program == "napari-unet"
        seen.add(command)
        if command != "demo":  # has a test of its own
            answer = run(command, *words)
            assert answer.code == 0, f"{line}\n{answer.stderr}"
    assert seen == set(COMMANDS)
    for part in ("labels.tif", "objects.csv"):
        by_recipe = Path("by-recipe", f"sample_{part}").read_bytes()
        assert Path("by-shard", f"sample_{part}").read_bytes() == by_recipe
    (script,) = blocks("python")
    exec(compile(script, "headless.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 6
