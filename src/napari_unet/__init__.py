"""U-Net Live: segment a time-lapse with a U-Net, in napari, from the shell and in a notebook.

``import napari_unet as nu`` is the way in for scripts (docs/python.md). Names are brought in when
they are first used, so that neither ``napari-unet --help`` nor napari's start waits for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.errors import BadInput
    from napari_unet.engine.jobs.compare import compare
    from napari_unet.engine.jobs.comparison import Comparison
    from napari_unet.engine.jobs.progress import run
    from napari_unet.engine.jobs.scoring import score
    from napari_unet.engine.jobs.segment import segment
    from napari_unet.engine.jobs.segmentation import Segmentation
    from napari_unet.engine.jobs.tune import tune
    from napari_unet.engine.jobs.write import write_labels, write_movie, write_table
    from napari_unet.engine.labels.given.open_labels import open_labels
    from napari_unet.engine.labels.scores import Scores
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.session.live_movie import live_labels
    from napari_unet.engine.session.reviewing.cell_links import CellLinks
    from napari_unet.engine.session.reviewing.cell_states import CellStates
    from napari_unet.engine.session.verbs import Verbs
    from napari_unet.engine.settings import (
        Augmentation,
        CompareSettings,
        LabelSettings,
        Normalisation,
        OverlaySettings,
        PredictSettings,
        Selection,
        TableSettings,
        TrainSettings,
    )
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.training.training import train

    __version__: str

__all__ = [
    "Annotations",
    "Augmentation",
    "BadInput",
    "CellLinks",
    "CellStates",
    "CompareSettings",
    "Comparison",
    "LabelSettings",
    "LiveLabels",
    "Model",
    "Normalisation",
    "OverlaySettings",
    "PredictSettings",
    "Scores",
    "Segmentation",
    "Selection",
    "Stack",
    "TableSettings",
    "TrainSettings",
    "Verbs",
    "__version__",
    "compare",
    "live_labels",
    "open_labels",
    "run",
    "score",
    "segment",
    "train",
    "tune",
    "write_labels",
    "write_movie",
    "write_table",
]

_HOMES = {
    "Annotations": "annotations.annotations",
    "BadInput": "errors",
    "CellLinks": "session.reviewing.cell_links",
    "CellStates": "session.reviewing.cell_states",
    "Comparison": "jobs.comparison",
    "LiveLabels": "session.live_labels",
    "Model": "network.model",
    "Scores": "labels.scores",
    "Segmentation": "jobs.segmentation",
    "Stack": "stack.stack",
    "compare": "jobs.compare",
    "Verbs": "session.verbs",
    "live_labels": "session.live_movie",
    "open_labels": "labels.given.open_labels",
    "run": "jobs.progress",
    "score": "jobs.scoring",
    "segment": "jobs.segment",
    "train": "training.training",
    "tune": "jobs.tune",
    "write_labels": "jobs.write",
    "write_movie": "jobs.write",
    "write_table": "jobs.write",
}


def __getattr__(name: str) -> Any:
    """Bring a public name in when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        globals()[name] = found = _version()
        return found
    home = import_module(f"{__name__}.engine.{_HOMES.get(name, 'settings')}")
    globals()[name] = value = getattr(home, name)
    return value


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("napari-unet-live")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
