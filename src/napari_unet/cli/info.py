"""napari-unet info: what is in a movie or a model file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli import options as o
from napari_unet.cli.notices import by_level
from napari_unet.engine.files.names import user_path
from napari_unet.engine.network.exchange.package import is_package
from napari_unet.engine.network.model_files import SUFFIX, bundled_models, own_models
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.kinds import is_zarr
from napari_unet.engine.text import say_ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack

_IN_JSON = ("settings", "plan")  # of a training: long, and for programs
_LINE_EACH = ("please_check", "noted")
MODEL_SUFFIXES = (SUFFIX, ".pth", ".pt")


def info(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A movie, a folder, or a model.")],
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    pixel_size: o.PixelSize = None,
    z_step: o.ZStep = None,
    frame_interval: o.FrameInterval = None,
    as_json: o.AsJson = False,
) -> None:
    """Say what is in a movie or a model file."""
    wanted = o.selection(
        axes, channel, z, position, pixel_size=pixel_size, z_step=z_step, interval=frame_interval
    )
    values = _about(file, wanted)
    if as_json:
        typer.echo(json.dumps(values, indent=2))
        return
    for line in _lines(values):
        typer.echo(line)


def _about(file: str, wanted: Selection) -> dict[str, Any]:
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack

    named = file in bundled_models() or (file in own_models() and not user_path(file).exists())
    package = is_package(user_path(file)) and not is_zarr(user_path(file))
    if named or file.endswith(MODEL_SUFFIXES) or package:
        return about_model(Model.load(file))
    with Stack.open(file, wanted) as stack:
        return about_stack(stack)


def about_stack(stack: Stack) -> dict[str, Any]:
    """Describe a movie as plain values."""
    return {
        "name": stack.name,
        "axes": stack.source_axes,
        "shape": list(stack.shape),
        "type": str(stack.dtype),
        "frames": len(stack),
        "frame_numbers": say_ranges(stack.numbers),
        "channels": list(stack.channel_names),
        "sections": stack.n_z,
        "positions": list(stack.position_names),
        "pixel_size_um": stack.pixel_size,
        **_heights(stack),
        "z_step_um": stack.z_step,
        "frame_interval_s": stack.frame_interval,
        **by_level(stack.notices),
    }


def _heights(stack: Stack) -> dict[str, float]:
    """Return the height of pixels that are not as high as wide."""
    sizes = stack.pixel_sizes
    return {"pixel_height_um": sizes[0]} if sizes and sizes[0] != sizes[1] else {}


def about_model(model: Model) -> dict[str, Any]:
    """Describe a model as plain values."""
    return {
        "name": model.name,
        "sha256": model.sha256,
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "network": model.config.model_dump(mode="json"),
        "normalisation": model.normalisation.model_dump(mode="json"),
        "labels": model.label_settings.model_dump(mode="json"),
        "card": model.card,
        "record": model.record,
    }


def _lines(values: dict[str, Any], indent: str = "") -> Iterator[str]:
    """Return a line for each value that is there; what belongs together is indented."""
    there = {name: value for name, value in values.items() if value not in (None, "", [], {})}
    width = max(map(len, there), default=0)
    for name, value in there.items():
        words = name.replace("_", " ")
        if name in _IN_JSON:
            yield f"{indent}{words:{width}s}  (in --json)"
        elif isinstance(value, dict):
            yield f"{indent}{words}"
            yield from _lines(value, indent + "  ")
        elif name in _LINE_EACH:
            for line in value:
                yield f"{indent}{words:{width}s}  {line}"
        else:
            yield f"{indent}{words:{width}s}  {_plain(value)}"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(v) for v in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
