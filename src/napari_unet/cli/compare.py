"""napari-unet compare: networks against each other, on blocks of frames that they have not seen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from napari_unet.cli import options as o
from napari_unet.cli.annotated import open_annotated
from napari_unet.cli.assignment import assigned
from napari_unet.cli.given import given_movies
from napari_unet.cli.interrupt import Interrupt, Stopped, keep
from napari_unet.cli.progress import say
from napari_unet.engine.jobs.progress import progress_bar
from napari_unet.engine.settings import (
    COMPARED,
    CompareSettings,
    NetworkName,
    TrainSettings,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_unet.engine.jobs.compare import CompareStep
    from napari_unet.engine.jobs.comparison import Comparison


def compare(
    out: Annotated[
        Path, o.path_option("--out", metavar="DIR", help="Folder for the table and the models.")
    ],
    words: o.Pair = None,
    labels: o.LabelsOf = None,
    table: o.Table = None,
    networks: Annotated[
        list[str] | None,
        typer.Option(
            "--network",
            metavar="NAME|NAME/4",
            help="A network to compare, with /4 a quarter as wide; given once for each.",
            show_default="unet",
        ),
    ] = None,
    folds: Annotated[int | None, o.option(CompareSettings, "folds", metavar="N")] = None,
    seeds: Annotated[int | None, o.option(CompareSettings, "seeds", metavar="N")] = None,
    gap: Annotated[int | None, o.option(CompareSettings, "gap", metavar="N")] = None,
    recipes: Annotated[
        bool | None, o.option(CompareSettings, "recipes", "--recipes/--no-recipes")
    ] = None,
    clock: Annotated[Literal["wall", "cpu"] | None, o.option(CompareSettings, "clock")] = None,
    minutes: o.Minutes = None,
    epochs: o.Epochs = None,
    steps: o.Steps = None,
    seed: o.Seed = None,
    threads: o.TrainThreads = None,
    edge: o.Edge = None,
    keep_best: o.KeepBest = None,
    device: o.TrainOn = None,
    frames: o.Frames = None,
    partial: o.Partial = False,
    labels_are: o.LabelsAre = None,
    offset: o.Offset = None,
    others: o.Others = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    pixel_size: o.PixelSize = None,
    z_step: o.ZStep = None,
    frame_interval: o.FrameInterval = None,
    overwrite: o.Overwrite = False,
) -> None:
    """Compare networks: train each on all blocks of frames but one, and score it on that one.

    Every block is left out once, for each seed; of several movies, whole ones. The models stay in
    the folder, with compare.csv and compare.png. What is done is not done again: after a stop the
    same command goes on, and further networks can be added.
    """
    wanted = o.selection(
        axes, channel, z, position, pixel_size=pixel_size, z_step=z_step,
        interval=frame_interval, volumes=False,
    )  # fmt: skip
    train = o.build(
        TrainSettings(), minutes=minutes, epochs=epochs, steps=steps, seed=seed, threads=threads,
        edge=edge, device=device, keep_best=keep_best,
    )  # fmt: skip
    if (steps or epochs) and minutes is None:
        train = train.replace(minutes=None)
    (train,) = assigned(others, train)
    settings = o.build(
        CompareSettings(), networks=_known(networks) if networks else None, folds=folds,
        seeds=seeds, gap=gap, recipes=recipes, clock=clock, train=train,
    )  # fmt: skip

    from napari_unet.engine.annotations.annotated_movie import described
    from napari_unet.engine.jobs.compare import compare as run

    given = given_movies(words or (), labels, table, wanted, frames)
    with open_annotated(given, partial=partial, kind=labels_are, offset=offset) as opened:
        movies = opened.read()
        known = [of.without_edge(train.edge).without_missing(stack) for stack, of in movies]
        say(described(known))
        comparison = _follow(run(movies, settings=settings, folder=out, overwrite=overwrite), out)
    typer.echo(str(comparison))
    typer.echo(out)


def _known(networks: list[str]) -> tuple[str, ...]:
    """Return the networks, each once; a word that is none is a usage error."""
    for word in networks:
        if not re.fullmatch(COMPARED, word):
            names = ", ".join(get_args(NetworkName))
            raise typer.BadParameter(
                f"--network {word}: it is one of {names}, or NAME/4 for a quarter of its channels"
            )
    return tuple(dict.fromkeys(networks))


def _follow(steps: Generator[CompareStep, None, Comparison], out: Path) -> Comparison:
    """Run it to its end; Ctrl-C stops it, and what is done stays."""
    kept = f"What is done is kept in {out}: the same command goes on there."
    keep(kept)
    with Interrupt() as interrupt:
        try:
            return _run(steps, interrupt)
        except (Exception, KeyboardInterrupt) as error:
            if not interrupt.asked:
                raise
            steps.close()
            raise Stopped(f"Stopped. {kept}") from error


def _run(steps: Generator[CompareStep, None, Comparison], interrupt: Interrupt) -> Comparison:
    with progress_bar("Compare", None) as advance:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                comparison: Comparison = end.value
                return comparison
            if step.done:
                say(_in_words(step, step.done))
            note = "" if step.loss is None else f"loss {step.loss:.3f}"
            advance(step.step, what=step.title, total=step.steps, note=note, left=step.seconds_left)
            if interrupt.asked:
                raise KeyboardInterrupt


def _in_words(step: CompareStep, done: Any) -> str:
    figures = f"Dice {done.dice:.3f}  IoU {done.iou:.3f}  SEG {done.seg:.3f}  F1 {done.f1:.3f}"
    return f"{step.title}: {figures}, {done.steps} steps, {done.seconds:.2f} s a frame"
