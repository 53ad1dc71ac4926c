"""Options that several commands share; settings' own descriptions are their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from pydantic import ValidationError

from napari_unet.cli.words import first_problem
from napari_unet.engine.files.names import user_path
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.settings import (
    Device,
    LabelSettings,
    PredictSettings,
    Selection,
    Settings,
    TrainSettings,
)

S = TypeVar("S", bound=Settings)
Kind = Literal["instances", "binary", "classes"]


def option(settings: type[Settings], field: str, *names: str, **extra: Any) -> Any:
    """Make the option of a settings field: its description, or else its title, is the help."""
    info = settings.model_fields[field]
    text = info.description or info.title or field
    schema = info.json_schema_extra
    unit = schema.get("unit") if isinstance(schema, dict) else None
    default = "the model's" if settings is LabelSettings else info.default
    if default is not None:
        extra.setdefault("show_default", str(default))
    return typer.Option(*names, help=f"{text} ({unit})." if unit else f"{text}.", **extra)


def path_option(*names: str, **extra: Any) -> Any:
    """Make an option that is a path: ``~`` is the home also in ``--out=~/res`` and in quotes."""
    return typer.Option(*names, parser=user_path, **extra)


def path_argument(**extra: Any) -> Any:
    """Make an argument that is a path, as `path_option`."""
    return typer.Argument(parser=user_path, **extra)


def build(base: S, **options: Any) -> S:
    """Return ``base`` with the options that were given; a value out of range is a usage error."""
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return base.replace(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        value = given.get(name, first.get("input"))
        raise typer.BadParameter(
            f"--{name.replace('_', '-')} {value}: {first_problem(error)}"
        ) from error


def selection(
    axes: str | None = None,
    channel: str | None = None,
    z: str | None = None,
    position: int | None = None,
    *,
    pixel_size: float | None = None,
    z_step: float | None = None,
    interval: float | None = None,
    base: Recipe | None = None,
    volumes: bool = True,
) -> Selection:
    """Which part of the file: the words of the command line, and a recipe's where left out.

    ``volumes`` says whether the command can take them.
    """
    if z == "volume" and not volumes:
        raise typer.BadParameter("--z volume: this command looks at images; give max or frames")
    start = Selection(axes=base.axes, channel=base.channel, z=base.z) if base else Selection()
    return build(
        start,
        axes=axes,
        position=position,
        pixel_size=pixel_size,
        z_step=z_step,
        frame_interval=interval,
        channel=_channel(channel),
        z=int(z) if z is not None and z.isdigit() else z,
    )


def _channel(text: str | None) -> int | str | tuple[int, ...] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        return text
    numbers = tuple(int(part) for part in parts)
    return numbers if len(numbers) > 1 else numbers[0]


Movie = Annotated[
    Path,
    path_argument(
        metavar="MOVIE",
        help="A file (TIFF, OME-Zarr, ND2, CZI, LIF), or a folder with one TIFF a frame.",
    ),
]
Labels = Annotated[
    Path | None,
    path_argument(
        metavar="LABELS",
        help="A label file, a folder with one TIFF a frame, or a session folder (MOVIE.unet).",
        show_default="the session beside the movie",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|FILE[,...]",
        help="The name of a bundled model or of your own, or a model file; of several, parted by "
        "commas, the probabilities are averaged.",
        show_default="nuclei-fluorescence",
    ),
]
Others = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other setting; may be given several times.",
    ),
]
Axes = Annotated[str | None, option(Selection, "axes", "--axes", metavar="TYXC")]
Channel = Annotated[str | None, option(Selection, "channel", "--channel", metavar="1|NAME")]
Z = Annotated[str | None, option(Selection, "z", "--z", metavar="I|max|volume|frames")]
Position = Annotated[int | None, option(Selection, "position", "--position", metavar="I")]
PixelSize = Annotated[float | None, option(Selection, "pixel_size", "--pixel-size", metavar="UM")]
ZStep = Annotated[float | None, option(Selection, "z_step", "--z-step", metavar="UM")]
FrameInterval = Annotated[
    float | None, option(Selection, "frame_interval", "--frame-interval", metavar="SECONDS")
]
RunOn = Annotated[Device | None, option(PredictSettings, "device", "--device")]
Threads = Annotated[int | None, option(PredictSettings, "threads", "--threads", metavar="N")]
Threshold = Annotated[float | None, option(LabelSettings, "threshold", "--threshold", metavar="P")]
Split = Annotated[bool | None, option(LabelSettings, "split", "--split/--no-split")]
MinSize = Annotated[int | None, option(LabelSettings, "min_size", "--min-size", metavar="N")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Pair = Annotated[
    list[Path] | None,
    path_argument(
        metavar="MOVIE LABELS",
        help="A movie (TIFF, OME-Zarr, ND2, CZI, LIF, or a folder with one TIFF a frame), and "
        "labels of some of its frames (images, ROIs, masks of Cellpose, tracks). With --labels: "
        "any number of movies.",
        show_default=False,
    ),
]
LabelsOf = Annotated[
    list[Path] | None,
    path_option(
        "--labels", metavar="LABELS...", help="Labels of each of several movies, in their order."
    ),
]
Table = Annotated[
    Path | None,
    path_option(
        "--table",
        metavar="FILE",
        help="A CSV or TSV file with a row for each movie: movie, labels and, as you like, "
        "frames, position, channel. Paths are relative to it.",
    ),
]
Partial = Annotated[
    bool, typer.Option("--partial", help="Not every cell is painted: ignore what is not.")
]
LabelsAre = Annotated[
    Kind | None,
    typer.Option(
        help="One number for each cell, a mask, or a number for each class of pixels; "
        "guessed from the labels where left out."
    ),
]
Minutes = Annotated[float | None, option(TrainSettings, "minutes", metavar="M")]
Epochs = Annotated[int | None, option(TrainSettings, "epochs", metavar="N")]
Steps = Annotated[int | None, option(TrainSettings, "steps", metavar="N")]
Seed = Annotated[int | None, option(TrainSettings, "seed", metavar="N")]
TrainThreads = Annotated[int | None, option(TrainSettings, "threads", metavar="N")]
Edge = Annotated[int | None, option(TrainSettings, "edge", metavar="N")]
KeepBest = Annotated[int | None, option(TrainSettings, "keep_best", "--keep", metavar="N")]
TrainOn = Annotated[Device | None, option(TrainSettings, "device")]
Offset = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Added to the frame numbers of the labels, to their positions where they have none: "
        "where the first of them is of the movie's frame N, for example.",
    ),
]
Frames = Annotated[
    str | None,
    typer.Option("--frames", metavar="0,3-5", help="Only these frames, counted from 0."),
]


def parts_of(text: str | None) -> tuple[str, ...] | None:
    """Return what stands between commas; None where nothing was given."""
    return None if text is None else tuple(part.strip() for part in text.split(","))
