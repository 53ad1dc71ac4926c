"""The models a viewer's docks offer, and the one that Segment runs."""

from __future__ import annotations

from pathlib import Path

from psygnal import Signal

from napari_unet.gui.model_choice import ModelChoice, free_name, known_models


class ModelList:
    """Models by name; ``chosen`` is the one that Segment runs."""

    changed = Signal()

    def __init__(self) -> None:
        self.all: tuple[ModelChoice, ...] = tuple(known_models())
        self.chosen: ModelChoice | None = self.all[0] if self.all else None

    def choose(self, choice: ModelChoice | None) -> None:
        """Choose the model that Segment runs."""
        if choice is not self.chosen:
            self.chosen = choice
            self.changed.emit()

    def find(self, named: str) -> ModelChoice | None:
        """Give the model that a `reference` names, opened where it is a file; None if gone."""
        known = next((m for m in self.all if reference(m) == named), None)
        if known is not None or not Path(named).is_file():
            return known
        path = Path(named)
        found = ModelChoice(free_name(path.stem, {m.name for m in self.all}), "file", path)
        self.all = (*self.all, found)
        self.changed.emit()
        return found

    def add(self, choice: ModelChoice) -> ModelChoice:
        """Put a model into every menu, under a free name, and choose it."""
        same = next((m for m in self.all if m.path is not None and m.path == choice.path), None)
        if same is None:
            name = free_name(choice.name, {m.name for m in self.all})
            same = ModelChoice(name, choice.origin, choice.path, choice.model)
            self.all = (*self.all, same)
        self.chosen = same
        self.changed.emit()
        return same

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
    return choice.name if choice.origin == "bundled" else str(choice.path) if choice.path else None
