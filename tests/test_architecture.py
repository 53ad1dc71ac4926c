"""The house as docs/architecture.md draws it: rooms, imports, sizes, prints."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"
PACKAGE = SRC / "napari_unet"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 50
MOST_ROOMS, MOST_FILES = 11, 15
OUTSIDE = {"engine": {"settings", "errors", "text"}, "gui": {"napari_hooks"}}

QT = ("PyQt5", "PyQt6", "PySide6", "qtpy", "superqt")
GUI = (*QT, "napari", "magicgui")
LATER = (*GUI, "psygnal")  # the engine's labels tell of changes by it; nothing needs it to start
HEAVY = ("torch", "scipy", "tifffile", "skimage")


def name_of(path: Path) -> str:
    """The module of a file; of an ``__init__``, the package."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SOURCES}
PACKAGES = sorted(m for m, path in MODULES.items() if path.name == "__init__.py")


@cache
def texts() -> dict[str, str]:
    """What stands in each module."""
    return {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}


@cache
def trees() -> dict[str, ast.Module]:
    """The same, parsed: seconds, which only who runs these tests is to wait for."""
    return {name: ast.parse(text) for name, text in texts().items()}


def imports_of(name: str) -> Iterator[str]:
    """Modules of ours that a module names anywhere in it, ``TYPE_CHECKING`` included."""
    for node in ast.walk(trees()[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def is_inside(name: str, package: str) -> bool:
    return name.startswith(f"{package}.")


@cache
def imports() -> dict[str, set[str]]:
    """Who imports whom; a module may name the packages it lies in: their faces are there before."""
    return {m: {n for n in imports_of(m) if n != m and not is_inside(m, n)} for m in MODULES}


def between_children(package: str) -> dict[str, set[str]]:
    """Who imports whom among the rooms and files right below a package."""
    depth = package.count(".") + 2
    children: dict[str, set[str]] = {}
    for module, imported in imports().items():
        if is_inside(module, package):
            child = ".".join(module.split(".")[:depth])
            others = {".".join(n.split(".")[:depth]) for n in imported if is_inside(n, package)}
            children.setdefault(child, set()).update(others - {child})
    return children


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A circle in a graph; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        return found.args[1]
    return []


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
        ("import napari_unet", (*LATER, *HEAVY, "numpy", "pydantic", "typer")),
        ("import napari_unet.engine", LATER),
        ("import napari_unet.cli.app", (*LATER, *HEAVY, "numpy", "pydantic")),
        ("import napari_unet.sample.movie", (*LATER, "torch")),
    ],
)
def test_import_brings_in_nothing_heavy(statement, unwanted):
    done = run(f"import sys; {statement}; print(*(set(sys.modules) & set({unwanted!r})))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_engine_works_without_qt_and_napari():
    modules = [name for name in MODULES if is_inside(name, "napari_unet.engine")]
    assert len(modules) > 100  # the rooms, not only what stands beside them
    done = run(BLOCK.format(blocked=GUI) + "\n".join(f"import {name}" for name in modules))
    assert done.returncode == 0, done.stderr


def test_no_circle_of_files():
    assert not circle(imports())


def test_no_circle_of_rooms():
    circles = {package: circle(between_children(package)) for package in PACKAGES}
    assert {package: found for package, found in circles.items() if found} == {}


@pytest.mark.parametrize("top", OUTSIDE)
def test_every_file_has_a_room(top):
    folder = PACKAGE / top
    rooms = [path.parent for path in folder.glob("*/__init__.py")]
    assert 0 < len(rooms) <= MOST_ROOMS
    assert {path.stem for path in folder.glob("*.py")} <= {*OUTSIDE[top], "__init__"}
    for room in (path.parent for path in folder.rglob("*/__init__.py")):
        assert len(list(room.glob("*.py"))) - 1 <= MOST_FILES, room


def test_every_folder_is_a_package():
    assert {path.parent for path in SOURCES} == {MODULES[name].parent for name in PACKAGES}


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


def test_sizes():
    lengths = {name: len(text.splitlines()) for name, text in texts().items()}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = {}
    for name, path in MODULES.items():
        for node in ast.walk(trees()[name]):
            if isinstance(node, functions):
                n = (node.end_lineno or node.lineno) - _first_line(node, path) + 1
                long |= {f"{name}.{node.name}": n} if n > LONGEST_FUNCTION else {}
    assert long == {}


def _first_line(function: ast.FunctionDef | ast.AsyncFunctionDef, path: Path) -> int:
    """Where counting starts; a command's signature is its list of options, not code."""
    in_cli = path.is_relative_to(PACKAGE / "cli")
    return function.body[0].lineno if in_cli else function.lineno


def test_only_the_command_line_prints():
    printed = [
        f"{MODULES[name]}:{node.lineno}"
        for name, tree in trees().items()
        if not is_inside(name, "napari_unet.cli")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "print"
    ]
    assert printed == []
