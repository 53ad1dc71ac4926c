"""Several models as one: the mean of their probabilities."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.network.model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, eq=False)
class Ensemble(Model):
    """Models of the same outputs, each with its own network, normalisation and cell size.

    Label settings and card are the first one's, the threshold is the mean of all.
    """

    members: tuple[Model, ...] = ()

    @classmethod
    def of(cls, models: Sequence[Model]) -> Model:
        """Return models as one; a single one is itself.

        Raises
        ------
        BadInput
            Where they take other channels or give other outputs.

        """
        first, *others = models
        for other in others:
            _check(first, other)
        if not others:
            return first
        labels = first.label_settings
        threshold = round(float(np.mean([m.label_settings.threshold for m in models])), 3)
        whole = [m.normalisation for m in models if m.normalisation.scope == "movie"]
        return cls(
            first.network,
            whole[0] if whole else first.normalisation,
            labels.replace(threshold=threshold),
            " + ".join(m.name for m in models),
            {
                **{k: v for k, v in first.record.items() if k == "regions"},
                "ensemble": [{"name": m.name, "sha256": m.sha256, **m.record} for m in models],
            },
            {k: v for k, v in first.card.items() if k in ("diameter", "pixel_size")},
            members=tuple(models),
        )

    @property
    def sha256(self) -> str:
        """Hex digest of all members', in order."""
        return hashlib.sha256(" ".join(m.sha256 for m in self.members).encode()).hexdigest()

    def save(self, path: Path | str) -> NoReturn:
        """Refuse: an ensemble is its models."""
        raise BadInput(
            f"{self.name} is several models", "a single one", "keep the files of its models"
        )


def load_models(source: Model | Path | str | Sequence[Model | Path | str]) -> Model:
    """Return one model, or several as an `Ensemble`: names or files, in a text parted by commas.

    Raises
    ------
    BadInput
        Where one is not there or is none, or they do not fit each other.

    """
    if isinstance(source, Model):
        return source
    if isinstance(source, Path):
        return Model.load(source)
    if isinstance(source, str):
        names = model_names(source)
        return Ensemble.of([Model.load(name) for name in names])
    return Ensemble.of([load_models(one) for one in source])


def model_names(text: str) -> list[str]:
    """Part a text at its commas, unless a file is called so, commas included."""
    if user_path(text).exists():
        return [text]
    return [name.strip() for name in text.split(",") if name.strip()] or [text]


def _check(first: Model, other: Model) -> None:
    one, two = first.config, other.config
    if one.in_channels != two.in_channels:
        raise BadInput(
            f"{first.name} takes {one.in_channels} channel(s), {other.name} {two.in_channels}",
            "models of the same channels",
            "choose others to average",
        )
    if one.outputs != two.outputs:
        raise BadInput(
            f"{first.name} gives {', '.join(one.outputs)}, {other.name} {', '.join(two.outputs)}",
            "models of the same outputs",
            "choose others to average",
        )
