"""napari-unet train: a model from a movie and labels of some of its frames."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli import options as o
from napari_unet.cli.annotated import open_annotated
from napari_unet.cli.assignment import assigned
from napari_unet.cli.given import given_movies
from napari_unet.cli.interrupt import NOTHING, STAYS, Interrupt, Stopped, keep
from napari_unet.cli.notices import by_level
from napari_unet.cli.outputs import prepare_file, prepare_folder, unused
from napari_unet.cli.progress import say
from napari_unet.cli.several import joined
from napari_unet.engine.errors import Notice
from napari_unet.engine.jobs.progress import progress_bar
from napari_unet.engine.network.model_files import SUFFIX
from napari_unet.engine.settings import RECIPES, NetworkName, TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from napari_unet.cli.annotated import Opened
    from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
    from napari_unet.engine.jobs.stages.spent import Spent
    from napari_unet.engine.labels.scores import Scores
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.training.training import TrainInput, TrainStep


AUTO = "auto"  # a base that is chosen by what it sees


def train(
    out: Annotated[Path, o.path_option("--out", metavar="FILE", help="The model to write.")],
    words: o.Pair = None,
    labels: o.LabelsOf = None,
    table: o.Table = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE|auto",
            help="Start from this model; auto takes one that comes with the program if it sees "
            "the annotated cells.",
        ),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(metavar="0,3-5", help="Learn from these frames, counted from 0."),
    ] = None,
    partial: o.Partial = False,
    labels_are: o.LabelsAre = None,
    offset: o.Offset = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|none",
            help=f"Settings that go with a network, one of {', '.join(RECIPES)}; other options "
            "change them.",
        ),
    ] = None,
    network: Annotated[NetworkName | None, o.option(TrainSettings, "network")] = None,
    encoder_weights: Annotated[
        str | None, o.option(TrainSettings, "encoder_weights", metavar="FILE|imagenet")
    ] = None,
    regions: Annotated[
        str | None, o.option(TrainSettings, "regions", metavar="NAME=CLASSES;...")
    ] = None,
    minutes: o.Minutes = None,
    epochs: o.Epochs = None,
    steps: o.Steps = None,
    seed: o.Seed = None,
    threads: o.TrainThreads = None,
    validation: Annotated[
        str | None, o.option(TrainSettings, "validation", metavar="auto|none|FRAMES")
    ] = None,
    test: Annotated[str | None, o.option(TrainSettings, "test", metavar="FRAMES")] = None,
    edge: o.Edge = None,
    keep_best: o.KeepBest = None,
    device: o.TrainOn = None,
    stain: Annotated[str | None, o.option(TrainSettings, "stain", metavar="TEXT")] = None,
    others: o.Others = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a stopped training left off.")
    ] = False,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    pixel_size: o.PixelSize = None,
    z_step: o.ZStep = None,
    frame_interval: o.FrameInterval = None,
    overwrite: o.Overwrite = False,
    as_json: o.AsJson = False,
) -> None:
    """Train a model on a movie and labels of some of its frames: write FILE.safetensors.

    Of several movies, each normalised as itself: train MOVIES --labels LABELS, or --table.
    """
    wanted = o.selection(
        axes, channel, z, position, pixel_size=pixel_size, z_step=z_step, interval=frame_interval
    )
    settings = train_settings(
        minutes, recipe, epochs=epochs, steps=steps, seed=seed, threads=threads, edge=edge,
        device=device, stain=stain, network=network, encoder_weights=encoder_weights,
        regions=regions, keep_best=keep_best,
    )  # fmt: skip
    (settings,) = assigned(others, settings)

    from napari_unet.engine.annotations.annotated_movie import described
    from napari_unet.engine.jobs.stages.spent import Spent
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.training.initial_network import wanted_regions
    from napari_unet.engine.training.training import train as run

    spent = Spent()
    with joined(settings.device) as ranks, ExitStack() as held:
        with ranks.together():
            given = given_movies(words or (), labels, table, wanted, frames)
            opening = open_annotated(given, partial=partial, kind=labels_are, offset=offset)
            opened = held.enter_context(opening)
            settings = _kept_aside(settings, opened.most_frames, validation, test)
            out = _prepare(out, settings, overwrite=overwrite)
            parent = Model.load(base) if base not in (None, AUTO) else None
            movies = opened.read(parent, wanted_regions(settings, parent), settings.test)
            learned = _learned(movies, settings)
            say(described([movie.annotations for movie in learned]))
            parent = _fitting(learned) if base == AUTO else parent
            checkpoint = out.with_suffix(".checkpoint")
            steps_ = run(
                movies, settings=settings, base=parent, name=out.stem, checkpoint=checkpoint,
                resume=resume, ranks=ranks,
            )  # fmt: skip
            _doubt(movies, parent, opened)
        spent.add("opening")
        model = learn(steps_, checkpoint=checkpoint)
        spent.add("training")
        opened.learned_by(model)
    if not ranks.first:
        raise typer.Exit
    model.record["notices"] = [asdict(notice) for notice in opened.found]
    written = _write(model, out if overwrite else unused(out))
    checkpoint.unlink(missing_ok=True)
    spent.add("files")
    _say_result(model, written, opened.found, spent, as_json=as_json)


def _doubt(movies: Sequence[AnnotatedMovie], parent: Model | None, opened: Opened) -> None:
    """Say at once where the model to start from sees cells that are not painted."""
    from napari_unet.engine.training.completeness import warning_of

    for (stack, known), name in zip(movies, opened.names, strict=True):
        if warning := warning_of(parent, stack, known, "add --partial").rstrip("."):
            line = f"{name}: {warning}" if len(movies) > 1 else warning
            opened.noticed.of(name, [Notice("check", line)], at_once=True)


def _say_result(
    model: Model, written: Sequence[Path], found: Sequence[Notice], spent: Spent, *, as_json: bool
) -> None:
    """Print how a model scores and where it lies: in words, or all that is known for programs."""
    from napari_unet.cli.report import about_model, print_document
    from napari_unet.engine.training.checking import in_words
    from napari_unet.engine.training.training_record import movies_of

    if not as_json:
        for line in (*in_words(model.record), written[0]):
            typer.echo(line)
        return
    first, *beside = map(str, written)
    values = {
        "model": {**about_model(model), "file": first},
        "outputs": {"model": first, "beside": beside},
        "frames": sum(len(movie["frames"]) for movie in movies_of(model.record)),
        "steps": model.record["steps"],
        **by_level(found),
        "seconds": spent.seconds,
        "record": model.record,
    }
    print_document("train", values)


def _fitting(movies: Sequence[AnnotatedMovie]) -> Model | None:
    """Return the model to start from, and say why."""
    from napari_unet.engine.annotations.annotated_movie import together
    from napari_unet.engine.training.bases.coloured_base import fitting_base

    together([movie.annotations for movie in movies]).check()
    model, overlap = fitting_base(movies)
    seen = f"the annotated cells (Dice {overlap:.2f})"
    if model is None:
        say(f"Starting from new: no model that comes with the program sees {seen}.")
    else:
        say(f"Starting from {model.name}: it sees {seen}.")
    return model


def _prepare(out: Path, settings: TrainSettings, *, overwrite: bool) -> Path:
    """Return the model's path; refuse it where it, or one of the next best, is there already."""
    from napari_unet.engine.training.history import next_best_names

    out = prepare_file(out, SUFFIX, overwrite=overwrite)
    prepare_folder(out.parent, next_best_names(out, settings.keep_best), overwrite=overwrite)
    return out


def _write(model: Model, out: Path) -> tuple[Path, ...]:
    """Write the model, the next best and the history; return their paths, the model's first."""
    from napari_unet.engine.training.history import save_trained, write_history

    written = save_trained(model, out)
    written += write_history(model.record.get("history", ()), written[0])
    keep(STAYS)
    return written


def _kept_aside(
    settings: TrainSettings, n: int, validation: str | None, test: str | None
) -> TrainSettings:
    """Return settings with the frames, of ``n``, to check on and to test on."""
    from napari_unet.engine.stack.frame_numbers import parse_frames

    checked = validation if validation in (None, "auto", "none") else parse_frames(validation, n)
    tested = tuple(parse_frames(test, n)) if test else None
    return o.build(settings, validation=checked, test=tested)


def _learned(movies: Sequence[AnnotatedMovie], settings: TrainSettings) -> list[AnnotatedMovie]:
    """Return movies with what is learned from: no frame to test on, no edge, no missing pixel."""
    from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
    from napari_unet.engine.annotations.holdout import without_tested

    found = []
    for stack, given in movies:
        known = without_tested(given, settings.test).without_edge(settings.edge)
        found.append(AnnotatedMovie(stack, known.without_missing(stack)))
    return found


def train_settings(
    minutes: float | None, recipe: str | None = None, **options: Any
) -> TrainSettings:
    """Return settings where steps or epochs, if given, take the place of the minutes.

    The options change those of a ``recipe``: minutes take the place of its epochs. A network
    without one brings its own.
    """
    network = options.get("network")
    if recipe is None and network is not None and RECIPES[network]:
        recipe = network
        say(f"{network} brings its recipe ({_in_words(recipe)}): --recipe none leaves it out.")
    counted = options.get("steps") or options.get("epochs")
    start = _with_recipe(TrainSettings(), recipe)
    if minutes is not None and start.epochs is not None:
        start = start.replace(epochs=None)
    settings = o.build(start, minutes=minutes, **options)
    return settings.replace(minutes=None) if counted and minutes is None else settings


def _in_words(recipe: str) -> str:
    """Say what a recipe changes: ``loss bce, optimiser adam, learning rate 0.0001``."""
    usual, said = TrainSettings(), []
    for field, value in RECIPES[recipe].items():
        name = field.replace("_", " ")
        if isinstance(value, str | float | int) and not isinstance(value, bool):
            said.append(f"{name} {value}")
        elif value != getattr(usual, field):
            said.append(name if value else f"no {name}")
    return ", ".join(said)


def _with_recipe(settings: TrainSettings, recipe: str | None) -> TrainSettings:
    if recipe in (None, "none"):
        return settings
    if recipe not in RECIPES:
        raise typer.BadParameter(f"--recipe {recipe}: it is one of none, {', '.join(RECIPES)}")
    return settings.with_recipe(recipe)


def learn(
    steps: Generator[TrainStep, TrainInput | None, Model],
    *,
    checkpoint: Path | None = None,
    kept: str = NOTHING,
) -> Model:
    """Run a training to its end; the first Ctrl-C keeps the best model so far.

    Raises
    ------
    Stopped
        After the second Ctrl-C: it says that the ``checkpoint`` is kept where there is one, else
        what is ``kept``.

    """

    def stays() -> str:
        there = checkpoint is not None and checkpoint.exists()
        return f"{checkpoint} is kept: add --resume to go on." if there else kept

    with Interrupt() as interrupt:
        try:
            return _learn(steps, interrupt, stays)
        except (Exception, KeyboardInterrupt) as error:
            if not interrupt.at_once:
                raise
            raise Stopped(f"Stopped. {stays()}") from error


def _learn(
    steps: Generator[TrainStep, TrainInput | None, Model],
    interrupt: Interrupt,
    stays: Callable[[], str],
) -> Model:
    from napari_unet.engine.training.training import TrainInput

    message: TrainInput | None = None
    score = ""
    with progress_bar("Train", None) as advance:
        while True:
            try:
                step = steps.send(message)
            except StopIteration as end:
                model: Model = end.value
                return model
            keep(stays())
            if step.note:
                say(step.note)
            if step.validation:
                score = _score(step.validation)
            note = f"loss {step.loss:.3f}{score}"
            advance(step.step, total=step.steps, note=note, left=step.seconds_left)
            if interrupt.asked and message is None:
                say("Stopping: the best model so far is kept. Ctrl-C again stops at once.")
                message = TrainInput(stop=True)


def _score(scores: Scores) -> str:
    return f"  mean IoU {scores.class_iou:.3f}" if scores.classes else f"  SEG {scores.seg:.3f}"
