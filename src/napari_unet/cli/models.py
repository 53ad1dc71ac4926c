"""napari-unet models: what comes with the package, and what was kept in the Train dock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from napari_unet.cli import options as o
from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.model_files import bundled_models, library, own_models

if TYPE_CHECKING:
    from pathlib import Path


def models(as_json: o.AsJson = False) -> None:
    """List the models that have a name: bundled ones, and your own."""
    bundled, own = bundled_models(), own_models()
    found = [_about(name, "bundled", path) for name, path in bundled.items()]
    found += [_about(name, "mine", path) for name, path in own.items() if name not in bundled]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for values in found:
        typer.echo("  ".join(_words(values)))
    if not own:
        typer.echo(f"Your own are found by name in {library()}")


def _about(name: str, origin: str, path: Path) -> dict[str, Any]:
    from napari_unet.engine.network.model import Model

    values = {"name": name, "origin": origin, "file": str(path)}
    try:
        model = Model.load(path)
    except BadInput as error:  # one damaged file hides no other model
        return {**values, "problem": str(error)}
    return {**values, "sha256": model.sha256, "card": model.card}


def _words(values: dict[str, Any]) -> list[str]:
    card = values.get("card", {})
    name = values["name"] if values["origin"] == "bundled" else f"{values['name']} (mine)"
    size = f"cells {card['diameter']:.0f} px across" if card.get("diameter") else ""
    about = values.get("problem") or card.get("for") or card.get("stain") or ""
    return [part for part in (name, about, size) if part]
