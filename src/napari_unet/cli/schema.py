"""napari-unet schema: what a command may be told, for programs."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from napari_unet.engine.jobs.cluster.cluster_settings import ClusterSettings
from napari_unet.engine.settings import (
    LabelSettings,
    OverlaySettings,
    PredictSettings,
    Selection,
    Settings,
    TableSettings,
    TrainSettings,
)


class SegmentSchema(Settings):
    """Which part of a file is the movie, how it is predicted, and how labels are made of it."""

    selection: Selection = Selection()
    predict: PredictSettings = PredictSettings()
    labels: LabelSettings = LabelSettings()
    cluster: ClusterSettings | None = None
    """What the YAML file of ``--cluster`` says."""


class TrainSchema(Settings):
    """Which part of a file is the movie, and how a model learns."""

    selection: Selection = Selection()
    train: TrainSettings = TrainSettings()


class ExportSchema(Settings):
    """Which part of a file is the movie, how the overlay movie looks, and what is measured."""

    selection: Selection = Selection()
    overlay: OverlaySettings = OverlaySettings()
    table: TableSettings = TableSettings()


SCHEMAS: dict[str, type[Settings]] = {
    "segment": SegmentSchema,
    "train": TrainSchema,
    "export": ExportSchema,
}


def schema(
    command: Annotated[
        Literal["segment", "train", "export"],
        typer.Argument(metavar="segment|train|export", help="The command whose settings are said."),
    ],
) -> None:
    """Print the settings of a command as a JSON schema: names, ranges, defaults.

    Those that have no option of their own are given as --set NAME=VALUE.
    """
    typer.echo(json.dumps(SCHEMAS[command].model_json_schema(), indent=2))
