"""Overlay movies and stills: frames are read, composed and encoded at the same time.

Threads compose ahead while the encoder, a process of its own, works; only a few pictures are
held, so memory is the same for 100 frames and for 100,000.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.overlay.encoder import (
    Encoder,
    FfmpegEncoder,
    PngFolderEncoder,
    save_still,
)
from napari_unet.engine.export.overlay.overlay import (
    Look,
    Packed,
    Picture,
    Window,
    compose,
    compose_overlay,
    measure_windows,
    picture_shape,
)
from napari_unet.engine.export.target.formats import MOVIE_FORMATS
from napari_unet.engine.export.target.outputs import (
    FrameInfo,
    check_folder,
    check_labels,
    check_target,
    output_file,
    output_folder,
    time_of,
    writing,
)
from napari_unet.engine.export.target.sidecar import sidecar_beside
from napari_unet.engine.export.target.writing import WriteOptions, Writer, write_one
from napari_unet.engine.export.tracks.links import Tails
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.settings import OverlaySettings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack

__all__ = ["Look", "compose_overlay", "movie_look", "write_movie", "write_still"]

_PNG_FILES = r"frame\d+\.png"
_BYTES_PER_PIXEL = {".mp4": 0.1, ".avi": 0.4, "": 1.5}
_MEASURED_FRAMES = 16  # frames over which black and white are measured
_AHEAD = 3  # composed pictures that wait for the encoder


@dataclass(frozen=True)
class Beside:
    """What a picture shows beside labels, by frame of the movie: codes (C, Y, X), earlier labels.

    ``tracks`` are rows (id, t, y, x) for the tails, as napari's Tracks layer has them. ``look``
    holds contrast and colours as on screen; it is measured over the movie where it is None.
    """

    probabilities: Frames | None = None
    before: Frames | None = None
    tracks: NDArray[np.float64] | None = None
    look: Look | None = None


@dataclass(frozen=True)
class _Scenes:
    """Makes the picture of a frame from its labels."""

    stack: Stack
    settings: OverlaySettings
    beside: Beside
    look: Look
    tails: Tails

    @classmethod
    def of(
        cls, stack: Stack, settings: OverlaySettings, beside: Beside, frames: Sequence[int] | None
    ) -> _Scenes:
        look = beside.look or movie_look(stack, settings, frames)
        return cls(stack, settings, beside, look, Tails(beside.tracks, settings.tail))

    def compose(self, t: int, labels: Any) -> Packed:
        shape, beside = self.stack.frame_shape, self.beside
        codes = None if beside.probabilities is None else np.asarray(beside.probabilities[t])
        tails = self.tails.at(t)
        picture = Picture(
            frame=np.asarray(self.stack[t]),
            labels=check_labels(labels, shape),
            probability=codes[0] if codes is not None and codes.ndim == 3 else codes,
            before=None if beside.before is None else check_labels(beside.before[t], shape),
            time=time_of(self.stack, t),
            tails=None if tails is None else dict(tails),
        )
        return compose(picture, self.settings, self.look)


def write_movie(
    path: str | Path,
    stack: Stack,
    labels: Frames,
    settings: OverlaySettings | None = None,
    options: WriteOptions | None = None,
    beside: Beside | None = None,
) -> Generator[int, None, Path]:
    """Write an overlay movie of labels by frame; yields each frame once it is on its way.

    For the rest see `movie_writer`.
    """
    options = options or WriteOptions()
    check_length(stack, labels)
    writer = movie_writer(path, stack, settings, options, beside)
    frames = options.chosen(stack)
    return write_one(writer, frames, (labels[t] for t in frames))


def movie_writer(
    path: str | Path,
    stack: Stack,
    settings: OverlaySettings | None = None,
    options: WriteOptions | None = None,
    beside: Beside | None = None,
) -> Writer:
    """Return the writer of an overlay movie.

    ``path`` is ``.mp4`` (H.264), ``.avi`` (Motion JPEG), or a folder for one PNG for each frame;
    ``options`` choose the frames that are shown.
    """
    settings, beside = settings or OverlaySettings(), beside or Beside()
    options = options or WriteOptions()
    info = FrameInfo.of(stack, options.frames)
    check_settings(stack, settings, beside.probabilities, beside.before)
    shape = picture_shape(info.shape, settings)
    kind = Path(path).suffix.lower()
    if kind not in MOVIE_FORMATS:
        raise BadInput(
            f"{Path(path).name} is no name for a movie",
            "a name that ends in .mp4 or .avi, or a folder",
            "change the end of its name",
        )
    space = int(len(info) * shape[0] * shape[1] * _BYTES_PER_PIXEL[kind])
    if kind:
        target = check_target(path, options.overwrite, space)
    else:
        target = check_folder(path, options.overwrite, _PNG_FILES, space)
    return _writer(target, stack, settings, info, options, beside)


def write_still(
    path: str | Path,
    stack: Stack,
    labels: Frames,
    frame: int,
    settings: OverlaySettings | None = None,
    options: WriteOptions | None = None,
    beside: Beside | None = None,
    *,
    dpi: int = 300,
) -> Path:
    """Write one frame as it is in the movie, PNG or TIFF at ``dpi``."""
    settings, beside = settings or OverlaySettings(), beside or Beside()
    options = options or WriteOptions()
    path = Path(path)
    if path.suffix.lower() not in (".png", ".tif", ".tiff"):
        raise BadInput(
            f"{path.name} is no name for a picture",
            "a name that ends in .png or .tif",
            "change the end of its name",
        )
    info = FrameInfo.of(stack, [frame])
    check_movie(stack, labels, settings, beside.probabilities, beside.before)
    target = check_target(path, options.overwrite)
    picture = _Scenes.of(stack, settings, beside, None).compose(frame, labels[frame])
    with (
        _noted(target, stack, settings, info, options, "still") as note,
        atomic_path(target) as temporary,
    ):
        with writing(target):
            save_still(temporary, picture, dpi=dpi)
        note(temporary)
    return target


def movie_look(
    stack: Stack,
    settings: OverlaySettings,
    frames: Sequence[int] | None = None,
    windows: Sequence[Window] | None = None,
    channels: Sequence[tuple[int, int, int]] = (),
) -> Look:
    """Return contrast and scale for a movie: measured once, so that it does not flicker."""
    if windows is None:
        chosen = np.asarray(range(len(stack)) if frames is None else frames)
        some = np.unique(np.linspace(0, len(chosen) - 1, _MEASURED_FRAMES).round().astype(int))
        windows = measure_windows([np.asarray(stack[int(t)]) for t in chosen[some]], settings)
    return Look(
        windows=tuple(windows),
        channels=tuple(channels),
        pixel_size=stack.pixel_size,
        interval=stack.frame_interval,
    )


def _writer(
    path: Path,
    stack: Stack,
    settings: OverlaySettings,
    info: FrameInfo,
    options: WriteOptions,
    beside: Beside,
) -> Writer:
    scenes = _Scenes.of(stack, settings, beside, info.frames)
    output = output_file if path.suffix else output_folder
    place = output(path, options.overwrite)
    with _noted(path, stack, settings, info, options, "movie") as note, place as temporary:
        threads = 1 if beside.before is not None else _AHEAD  # earlier labels are anybody's array
        ahead = _Ahead(scenes.compose, threads)
        with _open_encoder(temporary, settings, info) as encoder, ahead:
            while (given := (yield)) is not None:
                for packed in ahead.add(*given):
                    with writing(path):
                        encoder.write(packed)
            for packed in ahead.rest():
                with writing(path):
                    encoder.write(packed)
        note(temporary)
    return path


def _open_encoder(path: Path, settings: OverlaySettings, info: FrameInfo) -> Encoder:
    if path.is_dir():
        return PngFolderEncoder(path, info.numbers)
    fps = len(info) / settings.length if settings.length else settings.fps
    return FfmpegEncoder(path, picture_shape(info.shape, settings), fps, settings.quality)


class _Ahead:
    """Composes pictures in threads, a few ahead of the one that the encoder takes."""

    def __init__(self, compose: Callable[[int, Any], Packed], threads: int) -> None:
        self._compose = compose
        self._waiting: deque[Future[Packed]] = deque()
        self._thread = ThreadPoolExecutor(threads, thread_name_prefix="compose")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def add(self, frame: int, labels: Any) -> Iterator[Packed]:
        """Take one more frame; gives pictures, in order, once enough are on their way."""
        self._waiting.append(self._thread.submit(self._compose, frame, labels))
        if len(self._waiting) > _AHEAD:
            yield self._waiting.popleft().result()

    def rest(self) -> Iterator[Packed]:
        """Return the pictures that are still on their way, in order."""
        while self._waiting:
            yield self._waiting.popleft().result()


def check_movie(
    stack: Stack,
    labels: Frames,
    settings: OverlaySettings,
    probabilities: Frames | None = None,
    before: Frames | None = None,
) -> None:
    """Refuse what cannot become a movie: labels of another length, a crop outside the frame."""
    check_length(stack, labels)
    check_settings(stack, settings, probabilities, before)


def check_length(stack: Stack, labels: Frames) -> None:
    """Refuse labels of more or fewer frames than the movie's."""
    if len(labels) != len(stack):
        raise BadInput(
            f"there are labels of {len(labels)} frames",
            f"{len(stack)}, as in the movie",
            "give labels of the same movie",
        )


def check_settings(
    stack: Stack,
    settings: OverlaySettings,
    probabilities: Frames | None = None,
    before: Frames | None = None,
) -> None:
    """Refuse a crop outside the frame, and a style that lacks what it shows."""
    shape = tuple(int(n) for n in stack.frame_shape)
    if settings.crop is not None:
        y0, x0, y1, x1 = settings.crop
        if not (0 <= y0 < y1 <= shape[0] and 0 <= x0 < x1 <= shape[1]):
            raise BadInput(
                f"the crop is {settings.crop}",
                f"y0, x0, y1, x1 within {shape[0]} x {shape[1]} pixels",
                "choose a crop inside the frame",
            )
    if settings.style == "probability" and probabilities is None:
        raise BadInput("there are no probabilities", "those of this movie", "segment it first")
    if settings.style == "before_after" and before is None:
        raise BadInput(
            "there are no earlier labels", "labels to compare with", "choose the labels from before"
        )


def _noted(
    path: Path,
    stack: Stack,
    settings: OverlaySettings,
    info: FrameInfo,
    options: WriteOptions,
    kind: str,
) -> AbstractContextManager[Callable[[Path], None]]:
    made_by = options.provenance
    made_by = replace(made_by, settings={**made_by.settings, "overlay": settings})
    return sidecar_beside(path, stack, made_by, kind=kind, frames=list(info.frames))
