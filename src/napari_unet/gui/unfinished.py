"""A training that is not kept yet: its checkpoint, and how it was begun, to resume it by a click.

Both stay until the model is kept, saved, reverted or discarded: a crash before that loses nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from napari_unet.engine.files import atomic_path, make_folder
from napari_unet.engine.settings import TrainSettings

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.stack import Stack


@dataclass(frozen=True)
class Begun:
    """What a training was begun with; ``base`` as `model_list.reference` names it."""

    settings: TrainSettings
    name: str
    base: str | None = None


def checkpoint_of(stack: Stack) -> Path:
    """Give the file in which a training on this movie is kept while it runs."""
    folder = user_cache_path("napari-unet", appauthor=False) / "checkpoints"
    return folder / f"{hashlib.sha256(stack.fingerprint.encode()).hexdigest()[:24]}.checkpoint"


def remember(stack: Stack, begun: Begun) -> None:
    """Write down how a training is begun, before its first checkpoint."""
    path = checkpoint_of(stack)
    make_folder(path.parent.parent)
    make_folder(path.parent)
    text = {
        "settings": begun.settings.model_dump(mode="json"),
        "name": begun.name,
        "base": begun.base,
    }
    with atomic_path(_beside(path)) as temporary:
        temporary.write_text(json.dumps(text, indent=2), encoding="utf-8")


def recall(stack: Stack) -> Begun | None:
    """Give how the unfinished training of this movie was begun; None where there is none."""
    path = checkpoint_of(stack)
    if not path.is_file():
        return None
    try:
        text = json.loads(_beside(path).read_text(encoding="utf-8"))
        settings = TrainSettings.model_validate(text["settings"])
        return Begun(settings, str(text["name"]), text["base"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(stack: Stack) -> None:
    """Remove the checkpoint: the model is in safety, or not wanted."""
    path = checkpoint_of(stack)
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)


def _beside(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".json")
