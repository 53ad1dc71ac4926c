"""The state of a queue of movies on disk: what a table of positions goes on with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from napari_unet.engine.files.atomic import atomic_path, make_folder
from napari_unet.engine.files.names import ANY_NAME
from napari_unet.engine.files.read_json import read_json
from napari_unet.engine.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Literal["napari-unet queue 1"] = "napari-unet queue 1"
NAME = "queue.json"


class QueueRow(Settings):
    """What is known of a movie beside what its files say."""

    ticked: bool = True
    cells: tuple[int, ...] = Field((), description="Cells by frame, where they were counted")
    please_check: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    odd: dict[str, tuple[int, ...]] = Field({}, description="Odd frames by what is odd of them")
    looked_at: bool = Field(False, description="Whether its quality was checked")
    error: str = ""


class QueueState(Settings):
    """What a queue was doing, and the rows of its movies by name.

    ``doing`` is empty where nothing was cut off.
    """

    format: Literal["napari-unet queue 1"] = FORMAT
    movies: str = Field("", description="The folder or file that was opened")
    doing: Literal["", "segment", "export"] = ""
    parts: tuple[str, ...] = ()
    linked: bool = False
    keep_probabilities: bool = False
    rows: dict[str, QueueRow] = Field({}, description="By the names of the movies")

    def with_row(self, name: str, **changes: object) -> QueueState:
        """Return the state with another row."""
        row = self.rows.get(name, QueueRow()).replace(**changes)
        return self.replace(rows={**self.rows, name: row})

    def save(self, folder: Path) -> Path:
        """Write the state among the results; it is whole or the earlier one."""
        make_folder(folder)
        path = folder / NAME
        text = json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False)
        with atomic_path(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8", errors=ANY_NAME)
        return path

    @classmethod
    def load(cls, folder: Path) -> QueueState | None:
        """Read the state in a folder of results; None where there is none that can be read."""
        try:
            return cls.model_validate(read_json(folder / NAME))
        except (OSError, ValidationError, ValueError):
            return None
