"""A training that is not kept yet: its checkpoint, and how it was begun, to resume it by a click.

Both stay until the model is kept, saved, reverted or discarded: a crash before that loses nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from napari_unet.engine.files.atomic import atomic_path, make_folder
from napari_unet.engine.files.read_json import read_json
from napari_unet.engine.settings import Selection, TrainSettings

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.session.session_folder import Mark
    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True)
class Begun:
    """What a training was begun with; ``base`` as `models.reference` names it.

    A base that was not saved anywhere has only an ``unsaved_base`` name: its file is kept with
    the checkpoint (`base_of`). ``movies`` are those beside the one on screen.
    """

    settings: TrainSettings
    name: str
    base: str | None = None
    unsaved_base: str | None = None
    movies: tuple[tuple[Mark, Selection], ...] = ()


def checkpoint_of(stack: Stack) -> Path:
    """Return the file in which a training on this movie is kept while it runs."""
    folder = user_cache_path("napari-unet", appauthor=False) / "checkpoints"
    return folder / f"{hashlib.sha256(stack.fingerprint.encode()).hexdigest()[:24]}.checkpoint"


def base_of(stack: Stack) -> Path:
    """Return the file in which a base that is saved nowhere else is kept for the resume."""
    return checkpoint_of(stack).with_suffix(".base.safetensors")


def remember(stack: Stack, begun: Begun, base: Model | None) -> None:
    """Write down how a training is begun, before its first checkpoint."""
    path = checkpoint_of(stack)
    make_folder(path.parent.parent)
    make_folder(path.parent)
    if base is not None and begun.unsaved_base:
        base.save(base_of(stack))
    text = {
        "settings": begun.settings.model_dump(mode="json"),
        "name": begun.name,
        "base": begun.base,
        "unsaved_base": begun.unsaved_base,
        "movies": [[mark, chosen.model_dump(mode="json")] for mark, chosen in begun.movies],
    }
    with atomic_path(_beside(path)) as temporary:
        temporary.write_text(json.dumps(text, indent=2), encoding="utf-8")


def recall(stack: Stack) -> Begun | None:
    """Return how the unfinished training of this movie was begun; None where there is none."""
    path = checkpoint_of(stack)
    try:
        if not path.is_file():
            return None
        text = read_json(_beside(path))
        settings = TrainSettings.model_validate(text["settings"])
        movies = [((str(m[0]), int(m[1]), m[2]), s) for m, s in text.get("movies", ())]
        return Begun(
            settings,
            str(text["name"]),
            text["base"],
            text.get("unsaved_base"),
            tuple((mark, Selection.model_validate(chosen)) for mark, chosen in movies),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(stack: Stack) -> None:
    """Remove the checkpoint: the model is in safety, or not wanted."""
    path = checkpoint_of(stack)
    for file in (path, _beside(path), base_of(stack)):
        file.unlink(missing_ok=True)


def _beside(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".json")
