"""What Export's worker does: which frames, under which names, written by which of the writers."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_unet.engine.errors import BadInput
from napari_unet.gui.label_frames import LabelFrames, LinkedFrames

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Sequence

    from napari_unet.engine.settings import OverlaySettings, TableSettings
    from napari_unet.engine.sidecar import Provenance
    from napari_unet.engine.stack import Stack
    from napari_unet.engine.tracking import Linker
    from napari_unet.gui.screen_look import ScreenLook

Meaning = Literal["ids", "linked", "laptrack", "mask"]
TABLE, MOVIE = "objects.csv", "overlay"
FORMATS = {  # of the engine, whose own table would bring in all of its writers
    "ome-tiff": "OME-TIFF",
    "imagej": "ImageJ hyperstack",
    "zarr": "OME-Zarr",
    "ctc": "Cell Tracking Challenge",
    "tiffs": "One TIFF for each frame",
    "pngs": "One PNG for each frame",
    "rois": "ImageJ ROIs",
}
PROBABILITIES = {
    "probabilities": "Probabilities, 8 bit",
    "probabilities-float": "Probabilities, 32 bit",
}
MOVIE_FORMATS = {".mp4": "mp4 (H.264)", ".avi": "AVI (Motion JPEG)", "": "One PNG for each frame"}
STILL = "frame"
_EXTRAS = {"zarr": ("zarr", "zarr"), "rois": ("roifile", "roi"), "laptrack": ("laptrack", "track")}
_PLAIN_NAMES = {
    "ome-tiff": "labels.tif",
    "imagej": "labels.tif",
    "probabilities": "probabilities.ome.tif",
    "probabilities-float": "probabilities.ome.tif",
}


def missing_extra(choice: str) -> str:
    """Name the extra that a format or a way of linking needs and that is not installed."""
    module, extra = _EXTRAS.get(choice, ("", ""))
    return extra if module and find_spec(module) is None else ""


@dataclass(frozen=True)
class Export:
    """One thing to write: of which movie and labels, where, and which frames."""

    stack: Stack
    labels: LabelFrames
    folder: Path
    positions: Sequence[int]
    overwrite: bool
    provenance: Provenance
    meaning: Meaning = "ids"
    threshold: float | None = None
    corrected: Callable[[int], Collection[int]] | None = None
    probabilities: Any = None
    frozen: Callable[[], dict[int, frozenset[int]]] = dict  # asked for in the worker

    @property
    def linked(self) -> bool:
        """Whether ids are to be constant through time."""
        return self.meaning in ("linked", "laptrack")

    def write_labels(self, format: str) -> Any:
        """Give the generator that writes labels, or probabilities, in one of the formats."""
        if format in PROBABILITIES:
            return self._write_probabilities(as_float=format.endswith("float"))
        return self._write_labels(format)

    def _write_labels(self, format: str) -> Generator[int, None, Path]:
        from napari_unet.engine.export import LABEL_FORMATS, write_labels

        links = LABEL_FORMATS[format].links
        linker = (yield from self._find_linker()) if self.linked or links else None
        return (
            yield from write_labels(
                self.folder / labels_name(self.stack.name, format),
                (self.labels[t] for t in self.positions),
                self.stack,
                format=format,
                positions=self.positions,
                semantic=self.meaning == "mask" and not links,
                linker=linker,
                overwrite=self.overwrite,
                provenance=self.provenance,
            )
        )

    def _write_probabilities(self, *, as_float: bool) -> Any:
        from napari_unet.engine.export import write_probabilities

        if self.probabilities is None:
            raise BadInput("no probabilities", "those of this movie", "segment it first")
        return write_probabilities(
            self.folder / _PLAIN_NAMES["probabilities"],
            self.probabilities,
            self.stack,
            as_float=as_float,
            positions=self.positions,
            overwrite=self.overwrite,
            provenance=self.provenance,
        )

    def write_table(self, settings: TableSettings | None = None) -> Generator[int, None, Path]:
        """Write one row per object and frame."""
        from napari_unet.engine.table import write_table

        linker = yield from self._find_linker()
        return (
            yield from write_table(
                self.folder / TABLE,
                (self.labels[t] for t in self.positions),
                self.stack,
                positions=self.positions,
                settings=settings,
                threshold=self.threshold,
                corrected=self.corrected,
                linker=linker,
                overwrite=self.overwrite,
                provenance=self.provenance,
            )
        )

    def write_movie(
        self,
        settings: OverlaySettings,
        look: ScreenLook,
        kind: str = ".mp4",
        before: LabelFrames | None = None,
    ) -> Generator[int, None, Path]:
        """Write the overlay movie; tails and linked colours take a look at all frames first."""
        from napari_unet.engine.movie import write_movie

        tracks, labels = None, self.labels
        if settings.tail or self.linked:
            tracks = yield from self._follow()
            labels = LinkedFrames(self.labels, (yield from self._find_linker()))
        stack = look.of(self.stack)
        return (
            yield from write_movie(
                self.folder / movie_name(kind),
                stack,
                labels,
                settings,
                positions=self.positions,
                probabilities=self.probabilities,
                before=before,
                tracks=tracks,
                look=look.measured(stack, settings, self.positions),
                overwrite=self.overwrite,
                provenance=self.provenance,
            )
        )

    def write_still(
        self,
        settings: OverlaySettings,
        look: ScreenLook,
        position: int,
        before: LabelFrames | None = None,
    ) -> Generator[int, None, Path]:
        """Write one frame as it is in the movie, at 300 dpi."""
        from napari_unet.engine.movie import write_still

        stack = look.of(self.stack)
        path = write_still(
            self.folder / still_name(position),
            stack,
            self.labels,
            position,
            settings.replace(tail=0),
            probabilities=self.probabilities,
            before=before,
            look=look.measured(stack, settings, self.positions),
            overwrite=self.overwrite,
            provenance=self.provenance,
        )
        yield position
        return path

    def find_tracks(self) -> Generator[int, None, tuple[Any, dict[int, list[int]]]]:
        """Give rows (id, t, y, x) and the graph of divisions, for a Tracks layer."""
        linker = yield from self._find_linker()
        for t in self.positions:
            linker(self.labels[t], t)
            yield t
        return linker.points()

    def _follow(self) -> Generator[int, None, Any]:
        points, _ = yield from self.find_tracks()
        return points

    def _find_linker(self) -> Generator[int, None, Linker]:
        """Give a fresh linker; LapTrack looks at all frames before the first is renumbered."""
        from napari_unet.engine.tracking import Linker

        frozen = self.frozen()
        if self.meaning != "laptrack":
            return Linker(frozen=frozen)
        from napari_unet.engine.laptrack_linker import LaptrackLinker

        yield self.positions[0]  # a moment to cancel before all frames are read
        frames = (self.labels[t] for t in self.positions)
        return LaptrackLinker.from_frames(frames, self.positions, frozen=frozen)


def labels_name(movie: str, format: str) -> str:
    """Name of the file or folder that labels go to: ``labels.tif``, ``labels.zip``, ``01_RES``."""
    from napari_unet.engine.export import LABEL_FORMATS

    if format in _PLAIN_NAMES:
        return _PLAIN_NAMES[format]
    kind = LABEL_FORMATS[format]
    return (movie if kind.files else "labels") + kind.suffix


def movie_name(kind: str) -> str:
    """Name of the movie's file, or of the folder of its pictures."""
    return MOVIE + kind if kind else f"{MOVIE}_frames"


def still_name(position: int) -> str:
    """Name of the picture of one frame."""
    return f"{STILL}{position:04d}.png"


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
