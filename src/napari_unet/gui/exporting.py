"""What Export's worker does: which frames, under which names, written by which of the writers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.gui.layers import BACKGROUND

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet.engine.settings import OverlaySettings
    from napari_unet.engine.sidecar import Provenance
    from napari_unet.engine.stack import Stack

TABLE, MOVIE = "objects.csv", "overlay.mp4"
FORMATS = {  # of the engine, whose own table would bring in all of its writers
    "ome-tiff": "OME-TIFF",
    "imagej": "ImageJ hyperstack",
    "zarr": "OME-Zarr",
    "ctc": "Cell Tracking Challenge",
    "tiffs": "One TIFF for each frame",
    "pngs": "One PNG for each frame",
    "rois": "ImageJ ROIs",
}
_PLAIN_NAMES = {"ome-tiff": "labels.tif", "imagej": "labels.tif"}


@dataclass(frozen=True)
class Export:
    """One thing to write: of which movie and labels, where, and which frames."""

    stack: Stack
    labels: LabelFrames
    folder: Path
    positions: Sequence[int]
    overwrite: bool
    provenance: Provenance
    threshold: float | None = None
    corrected: Callable[[int], Collection[int]] | None = None

    def write_labels(self, format: str, meaning: Literal["ids", "linked", "mask"]) -> Any:
        """Give the generator that writes labels in one of the engine's formats."""
        from napari_unet.engine.export import write_labels
        from napari_unet.engine.tracking import Linker

        return write_labels(
            self.folder / labels_name(self.stack.name, format),
            (self.labels[t] for t in self.positions),
            self.stack,
            format=format,
            positions=self.positions,
            semantic=meaning == "mask",
            linker=Linker() if meaning == "linked" else None,
            overwrite=self.overwrite,
            provenance=self.provenance,
        )

    def write_table(self) -> Any:
        """Give the generator that writes one row per object and frame."""
        from napari_unet.engine.table import write_table

        return write_table(
            self.folder / TABLE,
            (self.labels[t] for t in self.positions),
            self.stack,
            positions=self.positions,
            threshold=self.threshold,
            corrected=self.corrected,
            overwrite=self.overwrite,
            provenance=self.provenance,
        )

    def write_movie(self, settings: OverlaySettings, probabilities: Any) -> Any:
        """Give the generator that writes the overlay movie."""
        from napari_unet.engine.movie import write_movie

        return write_movie(
            self.folder / MOVIE,
            self.stack,
            self.labels,
            settings,
            positions=self.positions,
            probabilities=probabilities,
            overwrite=self.overwrite,
            provenance=self.provenance,
        )


class LabelFrames:
    """Frames ``(Y, X)`` of a Labels layer's data by position, without the background brush."""

    def __init__(self, layer: Labels, stack: Stack) -> None:
        data = layer.data
        shape = tuple(int(n) for n in data.shape)
        wanted = (len(stack), *stack.frame_shape)
        if shape not in (wanted, wanted[1:] if wanted[0] == 1 else wanted):
            raise BadInput(
                f"the layer {layer.name} has shape {shape}",
                f"{wanted}, as the movie {stack.name}",
                "choose the labels of this movie",
            )
        self._data, self._flat, self.name = data, len(shape) == 2, layer.name
        self.shape = wanted

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, position: int) -> NDArray[Any]:
        frame = np.array(self._data if self._flat else self._data[position])
        frame[frame == BACKGROUND] = 0
        return frame


def labels_name(movie: str, format: str) -> str:
    """Name of the file or folder that labels go to: ``labels.tif``, ``labels.zip``, ``01_RES``."""
    from napari_unet.engine.export import LABEL_FORMATS

    kind = LABEL_FORMATS[format]
    return _PLAIN_NAMES.get(format) or (movie if kind.files else "labels") + kind.suffix


def checked_folder(text: str) -> Path:
    """Give the folder to write to, made where only its last part is missing."""
    if not text.strip():
        raise BadInput("no folder is given", "one to write to", "type or choose it under Folder")
    folder = Path(text.strip()).expanduser()
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file", "a folder", "choose another one")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"the folder {folder} cannot be made ({error.strerror})",
            "a place you may write to",
            "choose another folder",
        ) from error
    return folder
