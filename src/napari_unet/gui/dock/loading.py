"""Opening a model file in a worker, so that a wrong one is refused before it is in any menu."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.network.exchange.package import is_package
from napari_unet.engine.text import counted
from napari_unet.gui.session.job import Task
from napari_unet.gui.session.models import ModelChoice

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_unet.engine.network.model import Model
    from napari_unet.gui.session.session import Session


def load_model(session: Session, owner: str, path: str) -> bool:
    """Open the model file at ``path`` and put it into the menus."""
    file = user_path(path)

    def work() -> Generator[None, None, Model]:
        if not (file.is_file() or is_package(file)):
            raise BadInput(
                f"there is no file {file}",
                "a model file (.safetensors, .pth, .zip)",
                "check the path",
            )
        return opening(file)

    def done(model: Model) -> str:
        choice = session.models.add(ModelChoice(file.stem, "file", file, model))
        return f"{choice.name} is open: {_describe(model)}."

    return session.job.start(Task(owner, "Opening the model", work, on_done=done))


def opening(file: Path) -> Generator[None, None, Model]:
    """Open a model file in a worker."""
    yield
    from napari_unet.engine.network.model import Model

    return Model.load(file)


def _describe(model: Model) -> str:
    channels = model.config.in_channels
    levels = "-".join(map(str, model.config.widths)) if model.config.trainable else "to predict"
    return f"{model.config.title} {levels}, {counted(channels, 'channel')}"
