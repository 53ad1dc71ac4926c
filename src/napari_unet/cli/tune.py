"""napari-unet tune: thresholds and smallest sizes that suit frames a model never learned from."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli import options as o
from napari_unet.cli.annotated import open_annotated
from napari_unet.cli.given import given_movies
from napari_unet.cli.outputs import prepare_file
from napari_unet.cli.progress import follow, say
from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.model_files import SUFFIX, bundled_models
from napari_unet.engine.settings import PredictSettings
from napari_unet.engine.text import say_ranges

if TYPE_CHECKING:
    from napari_unet.engine.jobs.tune import Tuned
    from napari_unet.engine.network.model import Model


def tune(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model file, or the name of your own.")
    ],
    words: o.Pair = None,
    labels: o.LabelsOf = None,
    table: o.Table = None,
    out: Annotated[
        Path | None,
        o.path_option("--out", metavar="FILE", help="Write another model; MODEL stays as it is."),
    ] = None,
    frames: o.Frames = None,
    partial: o.Partial = False,
    labels_are: o.LabelsAre = None,
    offset: o.Offset = None,
    device: o.RunOn = None,
    threads: o.Threads = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    pixel_size: o.PixelSize = None,
    z_step: o.ZStep = None,
    overwrite: o.Overwrite = False,
    as_json: o.AsJson = False,
) -> None:
    """Choose thresholds and smallest sizes of a model on frames that it never learned from.

    A grid is tried for cells, or for each class or region: thresholds from 0.30 to 0.70 by 0.05 and
    sizes up to 256 px. What is clearly better goes into the model file. Of several movies those are
    looked at that it never saw, where there are some.
    """
    from napari_unet.engine.jobs.tune import tune as run
    from napari_unet.engine.network.model import Model

    wanted = o.selection(
        axes, channel, z, position, pixel_size=pixel_size, z_step=z_step, volumes=False
    )
    settings = o.build(PredictSettings(), device=device, threads=threads)
    given = given_movies(words or (), labels, table, wanted, frames)
    network = Model.load(model)
    target = _target(network, out, overwrite=overwrite)
    with open_annotated(given, partial=partial, kind=labels_are, offset=offset) as opened:
        steps = run(opened.read(network), model=network, settings=settings)
        if not network.record.get("movie_fingerprint"):
            say(f"What {network.name} was trained on is not known: these frames may be among it.")
        tuned = follow(steps, "Tune", None)
    if tuned.changed or out is not None:
        tuned.model.save(target)
    if as_json:
        values = {**_values(tuned, target), **opened.noticed.as_values()}
        typer.echo(json.dumps(values, indent=2))
        return
    _table(tuned)
    typer.echo(target if tuned.changed or out is not None else f"{target} stays as it is.")


def _target(model: Model, out: Path | None, *, overwrite: bool) -> Path:
    """Return the file to write, which is the model's own unless another is asked for."""
    if out is not None:
        return prepare_file(out, SUFFIX, overwrite=overwrite)
    path = model.path
    if path is None or path.suffix != SUFFIX or path in bundled_models().values():
        raise BadInput(
            f"{model.name} is no model file that can be replaced",
            f"a {SUFFIX} file of your own",
            "name the model to write with --out",
        )
    return prepare_file(path, SUFFIX, overwrite=True)


def _values(tuned: Tuned, target: Path) -> dict[str, Any]:
    before, after = tuned.score
    return {
        "model": str(target),
        "sha256": tuned.model.sha256,
        "changed": tuned.changed,
        "frames": list(tuned.frames),
        **(
            {"movies": [{"movie": name, "frames": list(of)} for name, of in tuned.movies]}
            if len(tuned.movies) > 1
            else {}
        ),
        "score": {"before": before, "after": after},
        "rows": [
            {k: v if k == "name" else dict(zip(("before", "after"), v, strict=True))
             for k, v in asdict(row).items()}
            for row in tuned.rows
        ],
        "labels": tuned.model.label_settings.model_dump(mode="json"),
    }  # fmt: skip


def _table(tuned: Tuned) -> None:
    """Print what each had and has now."""
    several = [f"{say_ranges(frames)} of {name}" for name, frames in tuned.movies]
    looked_at = ", ".join(several) if len(several) > 1 else say_ranges(tuned.frames)
    typer.echo(f"On frames {looked_at}, which it never learned from:")
    typer.echo(f"{'':20s}{'threshold':>16s}{'smallest (px)':>18s}{'score':>18s}")
    for row in tuned.rows:
        threshold = " → ".join(f"{t:g}" if t else "-" for t in row.threshold)
        size = " → ".join(map(str, row.size))
        score = " → ".join(f"{s:.3f}" for s in row.score)
        typer.echo(f"{row.name[:20]:20s}{threshold:>16s}{size:>18s}{score:>18s}")
    before, after = tuned.score
    typer.echo(f"{'mean':20s}{'':34s}{f'{before:.3f} → {after:.3f}':>18s}")
