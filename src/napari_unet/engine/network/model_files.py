"""Models that have a name: those that come with the package, and the user's own."""

from __future__ import annotations

from importlib.resources import files as package_files
from pathlib import Path

from platformdirs import user_data_path

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.network.exchange.package import is_package

SUFFIX = ".safetensors"


def library() -> Path:
    """Return the folder in which a user's own models are kept."""
    return user_data_path("napari-unet", appauthor=False) / "models"


def bundled_models() -> dict[str, Path]:
    """Models that come with the package, by name."""
    return _models_in(Path(str(package_files("napari_unet").joinpath("models"))))


def own_models() -> dict[str, Path]:
    """Models that the user has kept, by name."""
    return _models_in(library())


def find_model(source: Path | str) -> Path:
    """Return the file of a bundled model, of a file's path, or of the user's own model.

    Raises
    ------
    BadInput
        Where none of them is called so.

    """
    bundled, path = bundled_models(), user_path(source)
    if str(source) in bundled:
        return bundled[str(source)]
    if path.is_file() or is_package(path):
        return path
    own = own_models()
    if str(source) in own:
        return own[str(source)]
    names = ", ".join([*bundled, *own]) or "none"
    raise BadInput(
        f"there is no model '{source}'",
        f"a file, or a model by its name: {names}",
        "check the name or the path",
    )


def _models_in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}")) if path.is_file()}
