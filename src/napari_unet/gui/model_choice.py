"""The models a person can choose: bundled, their own, and files; listed without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_unet.engine.model_files import bundled_models, own_models

if TYPE_CHECKING:
    from napari_unet.engine.model import Model

Origin = Literal["bundled", "mine", "file"]


@dataclass(frozen=True)
class ModelChoice:
    """One line of the model menu, and where the model comes from."""

    name: str
    origin: Origin
    path: Path | None = None
    model: Model | None = None  # trained in this session and perhaps not saved yet

    @property
    def title(self) -> str:
        """The menu's words: ``nuclei fluorescence``, ``my cells (mine)``."""
        if self.origin == "bundled":
            return self.name.replace("-", " ")
        if self.origin == "mine":
            return f"{self.name} (mine)"
        return f"{self.name} (file)"

    @property
    def saved(self) -> bool:
        """Whether it would still be there tomorrow."""
        return self.path is not None or self.origin == "bundled"

    def load(self) -> Model:
        """Open the model. Imports torch: call it where work is done, not on the GUI thread."""
        if self.model is not None:
            return self.model
        from napari_unet.engine.model import Model

        return Model.load(self.path if self.path is not None else self.name)


def known_models() -> list[ModelChoice]:
    """Bundled models and the person's own, by name."""
    own = own_models().items()
    return [ModelChoice(name, "bundled") for name in bundled_models()] + [
        ModelChoice(name, "mine", path) for name, path in own
    ]


def free_name(stem: str, taken: set[str]) -> str:
    """``stem``, or ``stem 2``, ``stem 3`` … where that name is taken."""
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem} {number}", number + 1
    return name
