"""What a comparison of networks found: kept in its folder fold by fold, and as a table."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import Field, ValidationError

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.files.read_json import read_json
from napari_unet.engine.jobs.comparison_plot import plot_comparison
from napari_unet.engine.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "napari-unet comparison 1"
STATE, TABLE, PLOT = "compare.json", "compare.csv", "compare.png"
TITLES = {
    "dice": "Dice", "iou": "IoU", "accuracy": "accuracy", "seg": "SEG", "f1": "F1",
    "seconds": "s/frame",
}  # fmt: skip


class FoldResult(Settings):
    """One network in one fold, learned from one seed: where its model lies and how it scored.

    Times are in seconds; ``seconds`` is that of one frame. Of classes, Dice and IoU are means over
    them, SEG and F1 are of their connected pieces. ``movies`` are those that were scored where
    there are several, their ``frames`` one after the other. ``key`` says what all of it depends on.
    """

    network: str
    fold: int
    seed: int
    key: str
    model: str
    frames: tuple[int, ...]
    movies: tuple[str, ...] = Field((), exclude_if=lambda value: not value)
    parameters: int
    steps: int
    training_seconds: float
    threshold: float
    dice: float
    iou: float
    accuracy: float
    seg: float
    f1: float
    seconds: float

    @property
    def place(self) -> tuple[str, int, int]:
        """Which of the trainings of a comparison it is."""
        return self.network, self.fold, self.seed


@dataclass(frozen=True)
class Comparison:
    """Results of the folds done so far, networks in their order; `str` is a table of them."""

    folder: Path
    results: tuple[FoldResult, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what is kept in a folder: nothing where nothing is.

        Raises
        ------
        BadInput
            Where the file of it is damaged, or something else.

        """
        path = folder / STATE
        if not path.exists():
            return cls(folder)
        try:
            content = read_json(path)
            if content["format"] != FORMAT:
                raise ValueError(content["format"])
            results = tuple(FoldResult.model_validate(one) for one in content["results"])
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            raise BadInput(
                f"{path} is damaged, or no comparison",
                "one that this program wrote",
                "choose another folder, or delete that file",
            ) from error
        return cls(folder, results)

    @property
    def networks(self) -> tuple[str, ...]:
        """The compared networks, in order."""
        return tuple(dict.fromkeys(result.network for result in self.results))

    def of(self, network: str) -> tuple[FoldResult, ...]:
        """Return the results of one network, by fold and seed."""
        mine = (result for result in self.results if result.network == network)
        return tuple(sorted(mine, key=lambda result: (result.fold, result.seed)))

    def mean(self, network: str, name: str) -> float:
        """Return the mean over folds and seeds of one of the `TITLES`."""
        return float(np.mean([getattr(result, name) for result in self.of(network)]))

    def spread(self, network: str, name: str) -> float:
        """Return the standard deviation over folds and seeds; 0 of a single one."""
        values = [getattr(result, name) for result in self.of(network)]
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

    def write(self) -> None:
        """Keep all of it in the folder: as JSON to go on from, as CSV and as a plot."""
        content = {"format": FORMAT, "results": [r.model_dump(mode="json") for r in self.results]}
        files = {STATE: json.dumps(content, indent=1).encode(), TABLE: self._csv()}
        if self.results:
            files[PLOT] = plot_comparison(self)
        for name, data in files.items():
            with atomic_path(self.folder / name) as temporary:
                temporary.write_bytes(data)

    def _csv(self) -> bytes:
        columns = [
            name for name in FoldResult.model_fields if name not in ("key", "frames", "movies")
        ]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        for network in self.networks:
            for result in self.of(network):
                writer.writerow({name: _plain(getattr(result, name)) for name in columns})
        return text.getvalue().encode()

    def __str__(self) -> str:
        width = max([7, *map(len, self.networks)])
        seeds = len({result.seed for result in self.results}) > 1
        head = f"{'network':{width}s}  {'fold':>6s}"
        lines = ["  ".join([head, *(f"{t:>8s}" for t in TITLES.values()), "parameters"])]
        for network in self.networks:
            for result in self.of(network):
                fold = f"{result.fold}/{result.seed}" if seeds else f"{result.fold}"
                values = {name: getattr(result, name) for name in TITLES}
                lines.append(_row(f"{network:{width}s}  {fold:>6s}", values, result.parameters))
            values = {name: self.mean(network, name) for name in TITLES}
            parameters = self.of(network)[0].parameters
            lines.append(_row(f"{network:{width}s}  {'mean':>6s}", values, parameters))
            values = {name: self.spread(network, name) for name in TITLES}
            lines.append(_row(f"{'':{width}s}  {'±':>6s}", values))
        return "\n".join(lines)


def _row(name: str, values: dict[str, float], parameters: int | None = None) -> str:
    cells = [f"{value:8.3f}" for value in values.values()]
    return "  ".join([name, *cells, *([f"{parameters:10d}"] if parameters else [])])


def _plain(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
