"""napari-unet segment: a movie through a model to labels, a table and an overlay movie."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unet.cli import options as o
from napari_unet.cli.outputs import prepare_folder
from napari_unet.cli.progress import follow, say
from napari_unet.engine.errors import BadInput
from napari_unet.engine.recipe import Recipe
from napari_unet.engine.settings import LabelSettings, OverlaySettings, PredictSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.model import Model
    from napari_unet.engine.probabilities import Probabilities
    from napari_unet.engine.stack import Stack

LABELS, TABLE, MOVIE = "labels.tif", "objects.csv", "overlay.mp4"
DEFAULT_MODEL = "nuclei-fluorescence"


def segment(
    movie: o.Movie,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    model: o.Model = None,
    recipe: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Do as this recipe says; other options go before it."),
    ] = None,
    threshold: o.Threshold = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    device: o.RunOn = None,
    split: o.Split = None,
    min_size: o.MinSize = None,
    diameter: Annotated[
        float | None,
        typer.Option(metavar="PX", min=1, help="Diameter of the cells in this movie, in pixels."),
    ] = None,
    threads: o.Threads = None,
    overlay: Annotated[
        bool, typer.Option("--movie/--no-movie", help="Write the overlay movie.")
    ] = True,
    overwrite: o.Overwrite = False,
) -> None:
    """Segment a movie: write OUT/labels.tif, OUT/objects.csv and OUT/overlay.mp4."""
    saved = Recipe.load(recipe) if recipe else None
    wanted = o.selection(axes, channel, z, position, base=saved)
    base = saved.predict if saved else PredictSettings()
    predict_settings = o.build(base, device=device, threads=threads)
    changes = {"threshold": threshold, "split": split, "min_size": min_size}
    o.build(LabelSettings(), **changes)  # a value out of range is said before torch is loaded

    from napari_unet.engine.stack import Stack

    with Stack.open(movie, wanted) as stack:
        network = load_model(model, saved)
        names = [LABELS, TABLE, *([MOVIE] if overlay else [])]
        prepare_folder(out, names, overwrite=overwrite)
        if diameter is not None:
            predict_settings = predict_settings.replace(scale=scale_for(network, diameter))
        label_settings = o.build(saved.labels if saved else network.label_settings, **changes)
        written = segment_stack(
            stack, network, out, predict_settings, label_settings, overlay=overlay
        )
    for path in written:
        typer.echo(path)


def load_model(name: str | None, recipe: Recipe | None) -> Model:
    """Load the model asked for, else the recipe's, which must still be the same, else ours."""
    from napari_unet.engine.model import Model

    model = Model.load(name or (recipe.model if recipe else DEFAULT_MODEL))
    if name or recipe is None or recipe.model_sha256 in (None, model.sha256):
        return model
    raise BadInput(
        f"the model {recipe.model} is not the one the recipe was made with",
        f"sha256 {recipe.model_sha256}",
        "find that file, or choose a model with --model",
    )


def segment_stack(
    stack: Stack,
    model: Model,
    out: Path,
    predict_settings: PredictSettings,
    label_settings: LabelSettings,
    *,
    overlay: bool = True,
) -> list[Path]:
    """Predict, label and export a whole stack into the folder ``out``; give what was written."""
    from napari_unet.engine.export import write_labels
    from napari_unet.engine.movie import write_movie
    from napari_unet.engine.sidecar import Provenance
    from napari_unet.engine.stack import Stack
    from napari_unet.engine.table import write_table

    n = len(stack)
    made_by = Provenance.of(model, prediction=predict_settings, labels=label_settings)
    with predict_stack(stack, model, out, predict_settings) as probabilities:
        frames = label_frames(probabilities, label_settings)
        steps = write_labels(out / LABELS, frames, stack, n=n, overwrite=True, provenance=made_by)
        follow(steps, "Labels", n)
    with Stack.open(out / LABELS) as labels:
        steps = write_table(
            out / TABLE,
            (labels[t] for t in range(n)),
            stack,
            threshold=label_settings.threshold,
            overwrite=True,
            provenance=made_by,
        )
        follow(steps, "Table", n, kept=f"{LABELS} is written.")
        if overlay:
            steps = write_movie(
                out / MOVIE, stack, labels, OverlaySettings(), overwrite=True, provenance=made_by
            )
            kept = f"{LABELS} and {TABLE} are written."
            follow(steps, "Movie", n, kept=kept)
    return [out / name for name in (LABELS, TABLE, *([MOVIE] if overlay else []))]


def predict_stack(
    stack: Stack, model: Model, out: Path, settings: PredictSettings
) -> Probabilities:
    """Run the network over all frames that ``out`` does not hold yet."""
    from napari_unet.engine.prediction import predict, prediction_key, probabilities_shape
    from napari_unet.engine.predictor import open_predictor
    from napari_unet.engine.probabilities import Probabilities
    from napari_unet.engine.session_folder import SessionFolder

    predictor = open_predictor(model, settings)
    say(f"{model.name} on {predictor.device}")
    if predictor.notice:
        say(predictor.notice)
    folder = prepare_folder(out / f"{movie_stem(stack)}.unet", (), overwrite=True)
    key, shape = prediction_key(stack, model, settings), probabilities_shape(stack, model)
    path = SessionFolder(folder, stack).probabilities_path(key)
    probabilities = Probabilities.create(path, shape, key)
    done = int(probabilities.computed.sum())
    kept = f"Frames done so far are kept in {folder}; the same command goes on there."
    steps = predict(stack, predictor, probabilities)
    follow(steps, "Predict", len(stack), done=done, kept=kept)
    return probabilities


def movie_stem(stack: Stack) -> str:
    """Name of the movie's file or folder without its suffix."""
    name = stack.path.name if stack.path else stack.name
    return re.sub(r"(\.ome)?\.tiff?$", "", name, flags=re.IGNORECASE) or "movie"


def label_frames(
    probabilities: Probabilities, settings: LabelSettings
) -> Iterator[NDArray[np.uint16]]:
    """Labels (Y, X) of each frame, made as they are asked for."""
    from napari_unet.engine.labels import label_frame, object_codes

    for t in range(len(probabilities)):
        yield label_frame(object_codes(probabilities[t], probabilities.outputs), settings)


def scale_for(model: Model, diameter: float) -> float:
    """Give the factor that brings cells of ``diameter`` px to the size the model knows."""
    if not model.diameter:
        raise BadInput(
            f"model {model.name} does not say how large its cells are",
            "a model with a diameter in its card",
            "leave --diameter out",
        )
    return min(max(model.diameter / diameter, 0.05), 20.0)
