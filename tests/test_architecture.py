"""The house as docs/architecture.md draws it: imports, sizes, prints."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "napari_unet"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 50

QT = ("PyQt5", "PyQt6", "PySide6", "qtpy", "superqt")
GUI = (*QT, "napari", "magicgui")
LATER = (*GUI, "psygnal")  # the engine's labels tell of changes by it; nothing needs it to start

# Refuses modules as if they were not installed, whichever way they are asked for.
BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"{{name}} is blocked", name=name)
sys.meta_path.insert(0, Block())
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import napari_unet", (*LATER, "torch", "numpy")),
        ("import napari_unet.engine", LATER),
        ("import napari_unet.cli.app", (*LATER, "torch", "scipy", "tifffile", "skimage")),
        ("import napari_unet.sample.movie", (*LATER, "torch")),
    ],
)
def test_import_brings_in_nothing_heavy(statement, unwanted):
    done = run(f"import sys; {statement}; print(*(set(sys.modules) & set({unwanted!r})))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_engine_works_without_qt_and_napari():
    modules = [
        f"import napari_unet.engine.{path.stem}"
        for path in sorted((PACKAGE / "engine").glob("*.py"))
        if path.stem != "__init__"
    ]
    done = run(BLOCK.format(blocked=GUI) + "\n".join(modules))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], "segment"),
        (["--version"], ""),
        (["models"], ""),
        (["train", "-h"], "--minutes"),
    ],
)
def test_command_line_works_without_qt_and_napari(arguments, expected):
    code = BLOCK.format(blocked=LATER) + "from napari_unet.cli import main; main()"
    done = run(code, *arguments)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_sizes(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, functions):
            length = (node.end_lineno or node.lineno) - _first_line(node, path) + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def _first_line(function: ast.FunctionDef | ast.AsyncFunctionDef, path: Path) -> int:
    """Where counting starts; a command's signature is its list of options, not code."""
    in_cli = path.is_relative_to(PACKAGE / "cli")
    return function.body[0].lineno if in_cli else function.lineno


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_command_line_prints(path):
    if path.is_relative_to(PACKAGE / "cli"):
        return
    calls = (
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    )
    printed = [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    assert not printed
