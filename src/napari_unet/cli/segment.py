"""napari-unet segment: movies through a model to labels, tables and overlay movies."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_unet.cli import options as o
from napari_unet.cli.assignment import assigned
from napari_unet.cli.batch import Run
from napari_unet.cli.join import Join, check_join
from napari_unet.cli.on_cluster import OnCluster, begin_workers
from napari_unet.cli.progress import say
from napari_unet.cli.report import SegmentReport
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.jobs.cluster.cluster_settings import read_cluster
from napari_unet.engine.jobs.queue.do_movie import Manners
from napari_unet.engine.jobs.queue.movies import find_movies, shard
from napari_unet.engine.jobs.queue.overwriting import NONE_COUNTS, overwriting
from napari_unet.engine.jobs.queue.results import LABELS, MOVIE, TABLE, Job, Results
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.settings import LabelSettings, PredictSettings
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.network.model import Model

DEFAULT_MODEL = "nuclei-fluorescence"


def segment(
    context: typer.Context,
    movies: Annotated[
        list[str],
        typer.Argument(
            metavar="MOVIE...",
            help="Files (TIFF, OME-Zarr, ND2, CZI, LIF), folders with one TIFF a frame, or "
            "patterns such as 'day1/*.tif'.",
        ),
    ],
    out: Annotated[Path, o.path_option("--out", metavar="DIR", help="Folder for the results.")],
    model: o.Model = None,
    recipe: Annotated[
        Path | None,
        o.path_option(metavar="FILE", help="Do as this recipe says; other options go before it."),
    ] = None,
    threshold: o.Threshold = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    join: Join = False,
    position: o.Position = None,
    pixel_size: o.PixelSize = None,
    z_step: o.ZStep = None,
    frame_interval: o.FrameInterval = None,
    device: o.RunOn = None,
    precision: Annotated[
        Literal["auto", "fp32", "fp16", "bf16", "int8"] | None,
        typer.Option(help="int8 needs the openvino extra; used where it gives the same labels."),
    ] = None,
    accurate: Annotated[bool | None, o.option(PredictSettings, "accurate", "--accurate")] = None,
    split: o.Split = None,
    min_size: o.MinSize = None,
    class_thresholds: Annotated[
        str | None, o.option(LabelSettings, "class_thresholds", metavar="P,P,...")
    ] = None,
    class_sizes: Annotated[
        str | None, o.option(LabelSettings, "class_sizes", metavar="N,N,...")
    ] = None,
    class_sure: Annotated[
        str | None, o.option(LabelSettings, "class_sure", metavar="P,P,...")
    ] = None,
    diameter: Annotated[float | None, o.option(PredictSettings, "diameter", metavar="PX")] = None,
    threads: o.Threads = None,
    others: o.Others = None,
    frames: o.Frames = None,
    overlay: Annotated[
        bool, typer.Option("--movie/--no-movie", help="Write the overlay movie.")
    ] = True,
    part: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Only every N-th movie, from the I-th on."),
    ] = None,
    linked: Annotated[
        bool, typer.Option("--linked", help="Labels and movie have ids constant through time.")
    ] = False,
    keep_probabilities: Annotated[
        bool,
        typer.Option(
            "--keep-probabilities",
            help="Of many movies, too: another threshold then costs no new prediction.",
        ),
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS|local:N|ssh:HOST|FILE.yaml",
            help="Compute on these workers of dask.distributed (docs/cluster.md).",
        ),
    ] = None,
    overwrite: o.Overwrite = False,
    as_json: o.AsJson = False,
) -> None:
    """Segment movies: write labels, a table and an overlay movie of each into a folder.

    One movie gives labels.tif, objects.csv and overlay.mp4; several give MOVIE_labels.tif and so
    on. What is there already is not done again. Probabilities stay of one movie; of several they
    are deleted once the labels are whole.
    """
    from napari_unet.engine.network.cell_size import recommended_for, scale_of, sized

    if part:
        parse_shard(part)  # what is wrong with it is said before all else
    workers = read_cluster(cluster) if cluster else None
    saved = Recipe.load(recipe) if recipe else None
    wanted = o.selection(
        axes, channel, z, position, pixel_size=pixel_size, z_step=z_step,
        interval=frame_interval, base=saved,
    )  # fmt: skip
    check_join(join, wanted.z)
    base = saved.predict if saved else PredictSettings()
    predict = o.build(
        base, device=device, threads=threads, precision=precision, accurate=accurate,
        diameter=diameter,
    )  # fmt: skip
    changes = {
        "threshold": threshold,
        "split": split,
        "min_size": min_size,
        "class_thresholds": class_thresholds and tuple(class_thresholds.split(",")),
        "class_sizes": class_sizes and tuple(class_sizes.split(",")),
        "class_sure": class_sure and tuple(class_sure.split(",")),
    }
    # A value out of range is said before torch is loaded.
    predict, _ = assigned(others, predict, o.build(LabelSettings(), **changes))

    found = find_movies(movies, wanted, every_position=position is None)
    mine = _mine(found, part)
    begin_workers(workers, [_results(out, movie, alone=len(found) == 1) for movie in mine])
    network = load_model(model, saved, recipe)
    labels = saved.labels if saved else recommended_for(network, base)
    now, dims = scale_of(network, predict), network.config.dims
    labels = o.build(sized(labels, scale_of(network, base), now, dims), **changes)
    _, labels = assigned(others, predict, labels)
    parts = (LABELS, TABLE, *([MOVIE] if overlay else []))
    job = Job(network, predict, labels, parts, frames=frames, linked=linked, joined=join)
    manners = Manners(overwrite, keep_probabilities or len(found) == 1)
    report = SegmentReport(job) if as_json else None
    elsewhere = OnCluster(workers, job, out) if workers else None
    debug = bool(context.find_root().params.get("debug"))
    run = Run(job, out, manners, debug, report=report, cluster=elsewhere)
    if not _all_done(run, mine, alone=len(found) == 1):
        raise typer.Exit(1)


def _all_done(run: Run, movies: Sequence[Movie], *, alone: bool) -> bool:
    """Segment movies, and say for programs what was done, also where some could not be."""
    again = overwriting(run.out, movies, run.job) if run.manners.overwrite else nullcontext("")
    with run.cluster or nullcontext(), again as since:
        run = replace(run, manners=replace(run.manners, since=since))
        if since and since != NONE_COUNTS:
            say(f"Goes on with the run of {since} that was cut off.")
        if alone:
            with run.noticed:
                for movie in movies:
                    run.one(movie, _results(run.out, movie, alone=True), kept=run.cluster)
        failed = {} if alone else run.many(movies)
    if run.report is not None:
        run.report.print()
    return not failed


def _mine(found: Sequence[Movie], part: str | None) -> list[Movie]:
    """Return the movies of a shard, and say how many they are."""
    mine = shard(found, parse_shard(part) if part else None)
    if part:
        say(f"Shard {part}: {len(mine)} of {counted(len(found), 'movie')}")
    return mine


def _results(out: Path, movie: Movie, *, alone: bool) -> Results:
    """Return where the results of a movie go: by its name where it is one of several."""
    return Results(out) if alone else Results(out, movie.name)


def parse_shard(text: str) -> tuple[int, int]:
    """Read ``2/8``: the second of eight jobs."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    i, n = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= i <= n:
        raise typer.BadParameter(f"--shard {text}: give I/N with I from 1 to N, such as 2/8")
    return i, n


def load_model(name: str | None, recipe: Recipe | None, beside: Path | None = None) -> Model:
    """Load the model asked for, else the recipe's, which must still be the same, else ours.

    A recipe's model that is no longer where it was is looked for ``beside`` the recipe's file.
    """
    from napari_unet.engine.prediction.ensemble import load_models, model_names

    wanted = model_names(name or (recipe.model if recipe else DEFAULT_MODEL))
    if recipe and not name and beside:
        wanted = [_near(one, beside) for one in wanted]
    model = load_models(wanted)
    if name or recipe is None or recipe.model_sha256 in (None, model.sha256):
        return model
    raise BadInput(
        f"the model {recipe.model} is not the one the recipe was made with",
        f"sha256 {recipe.model_sha256}",
        "find that file, or choose a model with --model",
    )


def _near(wanted: str, beside: Path) -> str:
    """Return a model's file beside a recipe where it is no longer where it was."""
    if user_path(wanted).is_file():
        return wanted
    near = beside.parent / re.split(r"[\\/]", wanted)[-1]
    return str(near) if near.is_file() else wanted
