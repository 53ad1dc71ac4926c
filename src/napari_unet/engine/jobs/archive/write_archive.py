"""An archive of labels: one zip with all that they were made from, whole or not there.

The same labels, of a model in this program's format, give the same bytes: no dates, no places,
files in the order of their names.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.sidecar import methods_text, sidecar_path
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.files.names import printable
from napari_unet.engine.files.versions import versions
from napari_unet.engine.jobs.archive.manifest import (
    CORRECTIONS,
    IMAGE,
    MANIFEST,
    METHODS,
    RECIPE,
    ListedFile,
    ListedMovie,
    Manifest,
    listed,
)
from napari_unet.engine.network.model_files import SUFFIX
from napari_unet.engine.prediction.ensemble import Ensemble
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.settings import PredictSettings

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.jobs.export import Export
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import LabelSettings, TableSettings

_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say
_MODE = 0o644 << 16


@dataclass(frozen=True)
class MadeFrom:
    """What labels were made from; ``segmented`` are the frames that the model did."""

    model: Model
    predict: PredictSettings
    labels: LabelSettings
    segmented: Sequence[int]
    corrections: Corrections | None = None


def predicted_with(key: Mapping[str, object]) -> PredictSettings:
    """Return how a model ran, by the key of its probabilities."""
    settings = {"accurate": key.get("accurate", False), "scale": key.get("scale", 1.0)}
    precision = "int8" if key.get("int8") else "auto"
    return PredictSettings.model_validate({**settings, "precision": precision})


def archive_steps(export: Export) -> int:
    """How often `write_archive` yields: labels, then the table."""
    return 2 * len(export.frames)


def write_archive(
    path: Path,
    export: Export,
    made: MadeFrom,
    table: TableSettings | None = None,
    *,
    with_image: bool = False,
    with_names: bool = False,
) -> Generator[int, None, Path]:
    """Write labels, table, model, recipe, corrections and methods text into one zip.

    Who corrected is *user 1*, *user 2* in it, unless ``with_names``. Yields frames as they are
    written, then again as they are measured; returns the path.

    Raises
    ------
    BadInput
        Where the movie is to go with it and is no file, or the disk is full.

    """
    movie = export.stack.path
    if with_image and (movie is None or not movie.exists()):
        raise BadInput(f"{export.stack.name} is no file", "a movie in files", "leave it out")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        inside = replace(export, folder=folder)
        yield from inside.write_labels("ome-tiff")
        yield from inside.write_table(table)
        for file in list(folder.iterdir()):
            sidecar_path(file).unlink(missing_ok=True)  # it says when and where: the manifest not
        models = _write_sources(folder, export, made, with_names=with_names)
        files = {file.name: file for file in folder.iterdir()}
        if with_image and movie is not None:
            files |= _image(movie)
        _zip(path, files, _manifest(export, made, models, files))
    return path


def _write_sources(
    folder: Path, export: Export, made: MadeFrom, *, with_names: bool
) -> tuple[str, ...]:
    """Write model, recipe, corrections and methods text; return the names of the models."""
    model = made.model
    members = model.members if isinstance(model, Ensemble) else (model,)
    numbered = [f"model-{i}{SUFFIX}" for i in range(1, len(members) + 1)]
    names = tuple(numbered) if len(members) > 1 else (f"model{SUFFIX}",)
    for member, name in zip(members, names, strict=True):
        _write_model(member, folder / name)
    selection = export.stack.selection
    Recipe(
        model=",".join(names),
        model_sha256=model.sha256,
        axes=selection.axes,
        channel=selection.channel,
        z=selection.z,
        predict=made.predict.replace(device="auto", threads=None),
        labels=made.labels,
    ).save(folder / RECIPE)
    if made.corrections is not None and (made.corrections.frames() or made.corrections.states):
        journal = Journal(folder / CORRECTIONS)
        corrections = made.corrections.copy()
        if not with_names:
            corrections.forget_names()
        corrections.keep_in(journal)
        journal.flush()
        for beside in folder.glob(f"{CORRECTIONS}.*"):
            beside.unlink()
    text = methods_text(export.options.provenance)
    (folder / METHODS).write_text(text + "\n", encoding="utf-8")
    return names


def _write_model(model: Model, path: Path) -> None:
    """Copy the model's file; one of another format is written in ours."""
    if model.path is not None and model.path.suffix == SUFFIX:
        shutil.copyfile(model.path, path)
    else:
        model.save(path)


def _image(movie: Path) -> dict[str, Path]:
    """Return the files of a movie by their names in the archive."""
    if movie.is_file():
        return {f"{IMAGE}/{printable(movie.name)}": movie}
    inside = sorted(file for file in movie.rglob("*") if file.is_file())
    start = movie.parent
    return {f"{IMAGE}/{printable(file.relative_to(start).as_posix())}": file for file in inside}


def _manifest(
    export: Export, made: MadeFrom, models: tuple[str, ...], files: dict[str, Path]
) -> Manifest:
    stack, provenance, segmented = export.stack, export.options.provenance, set(made.segmented)
    notices = tuple(dict.fromkeys((*stack.notices, *provenance.notices)))
    return Manifest(
        movie=ListedMovie(
            name=printable(stack.name),
            fingerprint=stack.fingerprint,
            content=stack.content,
            selection=stack.selection,
            shape=stack.shape,
            pixel_size_um=stack.pixel_size,
            frame_interval_s=stack.frame_interval,
        ),
        frames=export.frames,
        segmented=tuple(t for t in export.frames if t in segmented),
        models=models,
        corrected_objects=provenance.n_corrected,
        please_check=tuple(printable(n.line) for n in notices if n.level == "check"),
        noted=tuple(printable(n.line) for n in notices if n.level == "noted"),
        versions=versions(),
        files={name: _listed(file) for name, file in sorted(files.items())},
    )


def _listed(path: Path) -> ListedFile:
    with path.open("rb") as file:
        return listed(file)


def _zip(path: Path, files: dict[str, Path], manifest: Manifest) -> None:
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(_info(MANIFEST), text, compresslevel=6)
        for name, file in sorted(files.items()):
            with file.open("rb") as source, archive.open(_info(name), "w", force_zip64=True) as to:
                shutil.copyfileobj(source, to)


def _info(name: str) -> zipfile.ZipInfo:
    """Return what a zip says of a file: the same at any time, on any system."""
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, _MODE
    return info
