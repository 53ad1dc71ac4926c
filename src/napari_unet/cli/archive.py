"""What export --archive writes, and of what: the model, settings and corrections behind labels."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.formats import ARCHIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from napari_unet.cli.labels import Labels
    from napari_unet.engine.jobs.archive.write_archive import MadeFrom
    from napari_unet.engine.jobs.export import Export
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import TableSettings


WithImage = Annotated[
    bool, typer.Option("--with-image", help="The movie goes into the archive, too.")
]
WithNames = Annotated[
    bool,
    typer.Option(
        "--with-names", help="The archive names who corrected, where it says user 1, user 2."
    ),
]
MadeBy = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE[,...]",
        help="For --archive: the model that made the labels, where it is not found.",
    ),
]


def require_archive(archive: bool, model: str | None, **parts: bool) -> dict[str, bool]:
    """Refuse options that are for an archive where none is asked for; return its ``parts``."""
    given = [name for name, value in {**parts, "model": model}.items() if value]
    if given and not archive:
        raise typer.BadParameter(f"--{given[0].replace('_', '-')}: add --archive")
    return parts


def archive_part(
    given: Labels,
    job: Export,
    columns: TableSettings,
    model: str | None,
    **parts: bool,
) -> tuple[Callable[[], Generator[int, None, Path]], int]:
    """Return what writes the archive, and in how many steps.

    Raises
    ------
    BadInput
        Where it is not known what made the labels, or the model is not at hand.

    """
    from napari_unet.engine.jobs.archive.write_archive import archive_steps, write_archive

    if job.meaning != "ids":
        raise typer.BadParameter("--archive: it is for --values ids")
    path, made = job.folder / ARCHIVE, _made_from(given, model)
    write = partial(write_archive, path, job, made, columns, **parts)
    return write, archive_steps(job)


def _made_from(given: Labels, wanted: str | None) -> MadeFrom:
    from napari_unet.engine.jobs.archive.write_archive import MadeFrom, predicted_with
    from napari_unet.engine.settings import LabelSettings, PredictSettings

    made_by = given.provenance
    labels, predict = (made_by.settings.get(name) for name in ("labels", "prediction"))
    if predict is None and given.probabilities is not None:
        predict = predicted_with(given.probabilities.key)
    if made_by.model_sha256 is None or not isinstance(labels, LabelSettings):
        raise _not_known("which model and settings made the labels is not known")
    if not isinstance(predict, PredictSettings):
        raise _not_known("how the model ran is not known of these labels")
    if made_by.n_corrected and given.corrections is None:
        raise _not_known("the labels were corrected, and the corrections are not in their file")
    model = _model(given, wanted, made_by.model_sha256)
    return MadeFrom(model, predict, labels, given.segmented, given.corrections)


def _model(given: Labels, wanted: str | None, sha256: str) -> Model:
    """Load the model that made labels: by its file or name, which must still be the same."""
    from napari_unet.engine.prediction.ensemble import load_models

    name = wanted or given.model or given.provenance.model_name
    try:
        model = load_models(name) if name else None
    except BadInput:
        if wanted:
            raise
        model = None
    if model is None or model.sha256 != sha256:
        raise BadInput(
            f"the model that made the labels ({name or 'of no name'}) is not at hand",
            f"sha256 {sha256}",
            "give its file with --model",
        )
    return model


def _not_known(found: str) -> BadInput:
    return BadInput(
        found,
        "labels that can be made again: of napari-unet segment, or the session beside the movie",
        "choose other labels",
    )
