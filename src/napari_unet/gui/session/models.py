"""The models a viewer's docks offer (bundled, the user's own, files) and the one Segment runs."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from napari_unet.engine.network.model_files import bundled_models, own_models
from napari_unet.engine.settings import PredictSettings
from napari_unet.gui.viewer.preferences import preference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_unet.engine.network.model import Model


_lists: weakref.WeakSet[ModelList] = weakref.WeakSet()


def tell_kept(choice: ModelChoice) -> None:
    """Let a model that was put into the library appear in the menus of all viewers."""
    for models in tuple(_lists):
        models.offer(choice)


def free_file(folder: Path, stem: str, suffix: str) -> Path:
    """Return the path of a file that is not there yet: ``stem``, or ``stem 2``, ``stem 3`` …."""
    there = {path.stem.lower() for path in folder.glob(f"*{suffix}")}
    name, number = stem, 2
    while name.lower() in there:  # some file systems do not tell a from A
        name, number = f"{stem} {number}", number + 1
    return folder / f"{name}{suffix}"


class ModelList:
    """Models by name; ``chosen`` is the one that Segment runs, with ``settings``, and where."""

    changed = Signal()

    def __init__(self) -> None:
        _lists.add(self)
        self.all: tuple[ModelChoice, ...] = tuple(known_models())
        self.chosen: ModelChoice | None = self.all[0] if self.all else None
        self.settings = PredictSettings(device=preference("run", "device"))
        self.cluster: str | None = None  # address or file of what computes; None for this computer

    def choose(self, choice: ModelChoice | None) -> None:
        """Choose the model that Segment runs."""
        if choice is not self.chosen:
            self.chosen = choice
            self.changed.emit()

    def find(self, named: str) -> ModelChoice | None:
        """Return the model that a `reference` names, opened where it is a file; None if gone."""
        known = next((m for m in self.all if reference(m) == named), None)
        path, parts = Path(named), tuple(named.split(","))
        several = len(parts) > 1 and all(Path(part).is_file() for part in parts)
        if known is not None or not (path.is_file() or several):
            return known
        taken = {m.name for m in self.all}
        if path.is_file():
            found = ModelChoice(free_name(path.stem, taken), "file", path)
        else:
            found = ModelChoice(free_name(mean_name(parts), taken), "mean", parts=parts)
        self.all = (*self.all, found)
        self.changed.emit()
        return found

    def add(self, choice: ModelChoice) -> ModelChoice:
        """Put a model into every menu, under a free name, and choose it."""
        named = reference(choice)
        same = next((m for m in self.all if named is not None and reference(m) == named), None)
        if same is None:
            name = free_name(choice.name, {m.name for m in self.all})
            same = replace(choice, name=name)
            self.all = (*self.all, same)
        self.chosen = same
        self.changed.emit()
        return same

    def offer(self, choice: ModelChoice) -> None:
        """Put a model into the menus that another viewer made; what is chosen stays chosen."""
        if all(m.path != choice.path for m in self.all):
            name = free_name(choice.name, {m.name for m in self.all})
            self.all = (*self.all, replace(choice, name=name))
            self.changed.emit()

    def replace(self, old: ModelChoice, new: ModelChoice | None) -> None:
        """Put ``new`` in the place of ``old``, or take ``old`` away."""
        swapped = (new if m is old else m for m in self.all)
        self.all = tuple(m for m in swapped if m is not None)
        if self.chosen is old:
            self.chosen = new or (self.all[0] if self.all else None)
        self.changed.emit()


def reference(choice: ModelChoice | None) -> str | None:
    """Name a model so that it is found tomorrow: bundled name or file; None for an unsaved one."""
    if choice is None:
        return None
    if choice.parts:
        return ",".join(choice.parts)
    return choice.name if choice.origin == "bundled" else str(choice.path) if choice.path else None


def mean_name(parts: Iterable[str]) -> str:
    """Return the name of several models whose probabilities are averaged."""
    return " + ".join(Path(part).stem for part in parts)


Origin = Literal["bundled", "mine", "file", "mean"]


@dataclass(frozen=True)
class ModelChoice:
    """One line of the model menu, and where the model comes from."""

    name: str
    origin: Origin
    path: Path | None = None
    model: Model | None = None  # trained in this session and perhaps not saved yet
    parts: tuple[str, ...] = ()  # files, of several models whose probabilities are averaged

    @property
    def title(self) -> str:
        """The menu's words: ``nuclei fluorescence``, ``my cells (mine)``."""
        if self.origin == "bundled":
            return self.name.replace("-", " ")
        if self.origin == "mine":
            return f"{self.name} (mine)"
        return f"{self.name} ({self.origin})"

    @property
    def saved(self) -> bool:
        """Whether it would still be there tomorrow."""
        return self.path is not None or bool(self.parts) or self.origin == "bundled"

    def load(self) -> Model:
        """Open the model. Imports torch: call it where work is done, not on the GUI thread."""
        if self.model is not None:
            return self.model
        from napari_unet.engine.prediction.ensemble import load_models

        return load_models(self.parts or (self.path if self.path is not None else self.name))


def known_models() -> list[ModelChoice]:
    """Bundled models and the user's own, by name."""
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
