"""napari-unet demo: the whole job on the sample movie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unet.cli import options as o
from napari_unet.cli.evaluate import score, table
from napari_unet.cli.interrupt import STAYS, keep
from napari_unet.cli.notices import Noticed
from napari_unet.cli.outputs import prepare_folder
from napari_unet.cli.pipeline import segment_stack
from napari_unet.cli.progress import say
from napari_unet.cli.segment import DEFAULT_MODEL
from napari_unet.cli.train import learn
from napari_unet.engine.jobs.queue.results import LABELS, MOVIE, TABLE, Job, Results
from napari_unet.engine.network.model_files import SUFFIX, bundled_models
from napari_unet.engine.settings import PredictSettings, TrainSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE, TRUTH, MODEL = "sample.tif", "truth.tif", f"demo-model{SUFFIX}"
LEARN_FROM = (8, 32)


def demo(
    out: Annotated[
        Path, o.path_option("--out", metavar="DIR", help="Folder for the results.")
    ] = Path("demo-out"),
    minutes: Annotated[float, typer.Option(metavar="M", min=0.01, help="Time to learn.")] = 1.0,
    overwrite: o.Overwrite = False,
) -> None:
    """Do the whole job on a generated movie: learn from two frames, segment all, score."""
    names = (SAMPLE, TRUTH, MODEL, LABELS, TABLE, MOVIE)
    prepare_folder(out, names, overwrite=overwrite)

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.labels.scores import pool
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.frame_matching import match_frames
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.training.training import train
    from napari_unet.sample.movie import sample_movie

    keep(STAYS)
    say("Making the sample movie: nuclei that move, touch and divide.")
    movie, cells = sample_movie()
    write_sample(out / SAMPLE, movie)
    write_sample(out / TRUTH, cells)
    with Stack.open(out / SAMPLE) as stack, Stack.open(out / TRUTH) as truth:
        annotations = Annotations.from_labels(stack, truth, LEARN_FROM)
        base = Model.load(DEFAULT_MODEL) if DEFAULT_MODEL in bundled_models() else None
        say(f"Learning from {annotations.describe()}")
        model = learn(
            train(stack, annotations, TrainSettings(minutes=minutes), base=base, name="demo-model"),
            kept=STAYS,
        )
        written = [out / SAMPLE, out / TRUTH, model.save(out / MODEL)]
        job = Job(model, PredictSettings(), model.label_settings)
        with Noticed() as noticed:
            written += segment_stack(stack, Results(out), job, found=noticed.of(stack.name))
        with Stack.open(out / LABELS) as labels:
            pairs = [pair for pair in match_frames(labels, truth) if pair[0] not in LEARN_FROM]
            scored = score(labels, truth, pairs)
    typer.echo(f"Scores on the {len(pairs)} frames it did not learn from:")
    table([frame for frame, _ in pairs], scored, pool(scored))
    typer.echo("Written:")
    for path in written:
        typer.echo(f"  {path}")


def write_sample(path: Path, movie: NDArray[np.uint16]) -> None:
    """Write a (T, Y, X) uint16 movie as an ImageJ hyperstack with the sample's pixel size."""
    import tifffile

    from napari_unet.engine.files.atomic import atomic_path
    from napari_unet.sample.world import FRAME_INTERVAL, PIXEL_SIZE

    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            movie,
            imagej=True,
            resolution=(1 / PIXEL_SIZE, 1 / PIXEL_SIZE),
            metadata={"axes": "TYX", "unit": "um", "finterval": FRAME_INTERVAL},
        )
