"""What a user installs: the wheel, the manifest, the versions."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
from npe2 import PluginManifest

from napari_unet.engine.stack.kinds import KINDS, LABEL_SUFFIXES, WHOLE_SUFFIXES

ROOT = Path(__file__).parents[1]
PACKAGED = ROOT / "src" / "napari_unet" / "napari.yaml"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(PACKAGED)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*build, out, ROOT], check=True, capture_output=True, text=True)
    (path,) = out.glob("napari_unet_live-*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_all_that_is_needed_when_running(wheel):
    names = set(wheel.namelist())
    assert {"napari_unet/napari.yaml", "napari_unet/py.typed"} <= names
    assert wheel.read("napari_unet/napari.yaml") == PACKAGED.read_bytes()
    sources = {p.relative_to(ROOT / "src").as_posix() for p in PACKAGED.parent.rglob("*.py")}
    assert sources <= names
    models = {f"napari_unet/models/{p.name}" for p in (PACKAGED.parent / "models").glob("*.*")}
    assert {m for m in models if m.endswith((".safetensors", ".md"))} <= names


def test_wheel_finds_its_manifest_and_licence(wheel):
    texts = {Path(n).name: n for n in wheel.namelist() if ".dist-info/" in n}
    points = wheel.read(texts["entry_points.txt"]).decode()
    assert "napari-unet-live = napari_unet:napari.yaml" in points
    assert "napari-unet = napari_unet.cli:main" in points
    assert "LICENSE" in texts


def test_manifest_is_valid(manifest):
    manifest.validate_imports()
    assert manifest.name == PROJECT["name"]
    assert entry_points(group="napari.manifest", name=manifest.name)


def test_the_reader_takes_every_file_that_holds_a_movie(manifest):
    (reader,) = manifest.contributions.readers
    rare = {".tf2", ".tf8"}  # of TIFFs: opened by the dock, and by --plugin
    ours = set(WHOLE_SUFFIXES) - rare | set(LABEL_SUFFIXES)
    assert {p.removeprefix("*") for p in reader.filename_patterns} == ours
    assert {kind.extra for kind in KINDS} - {""} <= set(PROJECT["optional-dependencies"])


def test_the_page_has_the_table_of_formats_that_the_script_makes():
    script = runpy.run_path(str(ROOT / "scripts" / "formats_table.py"))
    page = script["PAGE"].read_text(encoding="utf-8")
    assert script["written"](page) == page


def test_menus_exist_in_napari(manifest):
    from napari._app_model.constants import MenuId

    known = {menu.value for menu in MenuId.contributables()}
    assert manifest.contributions.menus
    assert set(manifest.contributions.menus) <= known


def test_menu_entries_are_commands_of_their_own(manifest):
    """Napari leaves a dock's own command out of the menus it is listed in."""
    docks = {widget.command for widget in manifest.contributions.widgets}
    items = [i for menu in manifest.contributions.menus.values() for i in menu]
    assert not docks & {item.command for item in items}


def test_docks_have_the_names_that_scripts_use(manifest):
    names = {widget.display_name for widget in manifest.contributions.widgets}
    assert {"Segment", "Review", "Train", "Export", "Positions"} <= names


def test_every_command_can_be_imported(manifest):
    for command in manifest.contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(import_module(module), name)), command.id


@pytest.mark.skipif(sys.platform == "win32", reason="git may write links as files there")
def test_manifest_at_the_top_is_a_link():
    link = ROOT / "napari.yaml"
    assert link.is_symlink()
    assert link.resolve() == PACKAGED.resolve()


def test_versions_agree():
    from napari_unet import __version__

    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", changes, re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"] == __version__ == version(PROJECT["name"])


def test_base_install_brings_no_qt_binding():
    bindings = re.compile("pyqt|pyside", re.IGNORECASE)
    assert not [line for line in PROJECT["dependencies"] if bindings.search(line)]


def test_what_is_imported_is_declared():
    others = {"yaml": "pyyaml", "pil": "pillow", "skimage": "scikit-image"}
    declared = PROJECT["dependencies"] + [
        line for extra in PROJECT["optional-dependencies"].values() for line in extra
    ]
    known = {_normal(re.split(r"[\[<>=; ]", line)[0]) for line in declared} | {"napari-unet"}
    imported = {
        _normal(name.partition(".")[0])
        for path in PACKAGED.parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _names(node)
        if name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert {others.get(name, name) for name in imported} <= known


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def test_constraints_pin_every_dependency():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {_normal(line.split("==")[0]) for line in pins if "==" in line}
    extras = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    wanted = {_normal(re.split(r"[\[<>=; ]", line)[0]) for line in PROJECT["dependencies"] + extras}
    assert wanted - {_normal(PROJECT["name"])} <= pinned


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
