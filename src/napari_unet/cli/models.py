"""napari-unet models: what comes with the package."""

from __future__ import annotations

import json

import typer

from napari_unet.cli import options as o


def models(as_json: o.AsJson = False) -> None:
    """List the bundled models."""
    from napari_unet.engine.model import Model

    loaded = [Model.load(name) for name in Model.bundled()]
    if as_json:
        values = [{"name": m.name, "sha256": m.sha256, "card": m.card} for m in loaded]
        typer.echo(json.dumps(values, indent=2))
        return
    for model in loaded:
        about = model.card.get("for") or model.card.get("stain") or ""
        size = f"cells {model.diameter:.0f} px across" if model.diameter else ""
        typer.echo("  ".join(part for part in (model.name, str(about), size) if part))
    if not loaded:
        typer.echo("No model is bundled; train one with: napari-unet train")
