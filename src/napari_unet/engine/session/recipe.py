"""A recipe: the part of a session that can be applied to other movies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.files.names import ANY_NAME, user_path
from napari_unet.engine.files.read_json import read_json
from napari_unet.engine.settings import (
    LabelSettings,
    PredictSettings,
    Settings,
    Z,
    parted_as_in_0_1_0,
)

FORMAT: Literal["napari-unet recipe 1"] = "napari-unet recipe 1"


class Recipe(Settings):
    """How a movie was segmented: model, channel, z, labels; one JSON file."""

    format: Literal["napari-unet recipe 1"] = FORMAT
    model: str = Field(title="Model", description="Bundled name, or path of a model file")
    model_sha256: str | None = Field(None, title="Model's checksum")
    axes: str | None = Field(None, title="Axes")
    channel: int | str | tuple[int, ...] | None = Field(None, title="Channel")
    z: Z = Field("max", title="Z")
    predict: PredictSettings = Field(PredictSettings(), title="Prediction")
    labels: LabelSettings = Field(LabelSettings(), title="Labels")

    @model_validator(mode="before")
    @classmethod
    def _of_0_1_0(cls, values: Any) -> Any:
        """Leave out what 0.1.0 wrote and nothing ever read; cells part as they did then."""
        if not isinstance(values, dict) or "columns" not in values:
            return values
        values = {key: value for key, value in values.items() if key != "columns"}
        return values | {"labels": parted_as_in_0_1_0(values.get("labels"))}

    def save(self, path: str | Path) -> Path:
        """Write the recipe as JSON."""
        path = user_path(path)
        text = json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False)
        with atomic_path(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8", errors=ANY_NAME)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe; ``BadInput`` where the file is none."""
        try:
            return cls.model_validate(read_json(user_path(path)))
        except OSError as error:
            raise _no_recipe(path, error.strerror or str(error)) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise _no_recipe(path, f"{where}: {first['msg']}") from error
        except ValueError as error:
            raise _no_recipe(path, "it is no JSON") from error


def _no_recipe(path: str | Path, why: str) -> BadInput:
    return BadInput(
        f"{path} cannot be read as a recipe ({why})",
        f"a file made by Save recipe ({FORMAT})",
        "choose another file, or save the recipe again",
    )
