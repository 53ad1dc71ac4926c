"""Opening a model file in a worker, so that a wrong one is refused before it is in any menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.network.exchange.package import is_package
from napari_unet.engine.text import counted
from napari_unet.gui.session.job import Task
from napari_unet.gui.session.models import ModelChoice, mean_name

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_unet.engine.network.model import Model
    from napari_unet.gui.session.session import Session

MODEL_SUFFIXES = (".safetensors", ".pth", ".pt", ".zip")


def load_model(session: Session, owner: str, path: str) -> bool:
    """Open the model file at ``path`` and put it into the menus; several, parted by commas, as one.

    Of those the probabilities are averaged.
    """
    whole = user_path(path)
    names = [path] if whole.exists() else path.split(",")
    files = [user_path(name.strip()) for name in names]

    def work() -> Generator[None, None, Model]:
        for file in files:
            if not (file.is_file() or is_package(file)):
                raise BadInput(
                    f"there is no file {file}",
                    "a model file (.safetensors, .pth, .zip)",
                    "check the path",
                )
        return opening(files)

    def done(model: Model) -> str:
        if len(files) == 1:
            choice = ModelChoice(files[0].stem, "file", files[0], model)
        else:
            parts = tuple(str(file.absolute()) for file in files)
            choice = ModelChoice(mean_name(parts), "mean", model=model, parts=parts)
        choice = session.models.add(choice)
        return f"{choice.name} is open: {_describe(model)}."

    return session.job.start(Task(owner, "Opening the model", work, on_done=done))


def opening(files: Path | Sequence[Path]) -> Generator[None, None, Model]:
    """Open model files in a worker."""
    yield
    from napari_unet.engine.prediction.ensemble import load_models

    return load_models(files)


def _describe(model: Model) -> str:
    channels = model.config.in_channels
    levels = "-".join(map(str, model.config.widths)) if model.config.trainable else "to predict"
    return f"{model.config.title} {levels}, {counted(channels, 'channel')}"
