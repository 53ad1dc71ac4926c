"""The page for scripters says what is true: its examples are run, in order."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from napari_unet.cli.demo import write_sample
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL

PAGE = (Path(__file__).parents[2] / "docs" / "headless.md").read_text("utf-8")
COMMANDS = (
    "check",
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
    Path("positions").mkdir()
    for seed, name in enumerate("ab"):
        movie, truth = sample_movie(SMALL, seed=seed)
        write_sample(Path("positions", f"{name}.tif"), movie)
        write_sample(Path("positions", f"{name}_cells.tif"), truth)
    rows = ["movie,labels,frames", "a.tif,a_cells.tif,0", "b.tif,b_cells.tif,1"]
    Path("positions/movies.csv").write_text("\n".join(rows))
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
