"""napari-unet models: what comes with the package and what was kept; models of and for others."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_unet.cli import options as o
from napari_unet.cli.outputs import prepare_file
from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.model_files import SUFFIX, bundled_models, library, own_models

app = typer.Typer(
    name="models",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_NO_NAME = re.compile(r"[^\w\-. ()]+")


@app.callback(invoke_without_command=True)
def models(context: typer.Context, as_json: o.AsJson = False) -> None:
    """List the models that have a name, take in those of others, hand on yours."""
    if context.invoked_subcommand is None:
        _list(as_json)


@app.command("import")
def take_in(
    source: Annotated[
        str,
        typer.Argument(
            metavar="PACKAGE", help="A zip or folder of bioimage.io, or a state dict (.pth)."
        ),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What it is called from then on.")
    ] = None,
    overwrite: o.Overwrite = False,
) -> None:
    """Keep a model of others among your own: it is then found by its name."""
    from napari_unet.engine.network.model import Model

    model = Model.load(source)
    called = _NO_NAME.sub(" ", name or model.name).strip(" .") or "model"
    library().mkdir(parents=True, exist_ok=True)
    out = prepare_file(library() / f"{called}{SUFFIX}", SUFFIX, overwrite=overwrite)
    replace(model, name=called).save(out)
    if weights := model.record.get("weights"):
        typer.echo(f"{weights}, checked on {model.record['checked']}")
    if not model.config.trainable:
        typer.echo("an ONNX graph: it predicts, and cannot be trained further")
    typer.echo(out)


@app.command("export")
def hand_on(
    source: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or file.")],
    out: Annotated[Path, o.path_option("--out", metavar="ZIP", help="The package to write.")],
    author: Annotated[
        list[str],
        typer.Option(metavar="'NAME; PLACE'", help="Who made it; again for each further one."),
    ],
    licence: Annotated[
        str,
        typer.Option("--license", "--licence", metavar="SPDX", help="Such as CC-BY-4.0 or MIT."),
    ],
    description: Annotated[
        str, typer.Option(metavar="TEXT", help="What it is for; the card's words where left out.")
    ] = "",
    cite: Annotated[
        list[str] | None, typer.Option(metavar="'TEXT; DOI'", help="What to cite beside U-Net.")
    ] = None,
    overwrite: o.Overwrite = False,
) -> None:
    """Write a model as a package of bioimage.io, for other programs: needs the extra bioimageio."""
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.packages.export_package import PackageAbout, export_package

    out = prepare_file(out, ".zip", overwrite=overwrite)
    about = PackageAbout(tuple(author), licence, description, tuple(cite or ()))
    typer.echo(export_package(Model.load(source), out, about))


def _list(as_json: bool) -> None:
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
