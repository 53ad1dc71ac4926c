"""Overlay movies and stills: frames are read, composed and encoded at the same time.

A thread composes ahead while the encoder, a process of its own, works; only a few pictures are
held, so memory is the same for 100 frames and for 100,000.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from napari_unet.engine.export.target.outputs import (
    FrameInfo,
    check_folder,
    check_frame,
    check_target,
    output_file,
    output_folder,
    time_of,
    writing,
)
from napari_unet.engine.export.target.sidecar import Provenance, sidecar_beside
from napari_unet.engine.export.tracks.links import Tails
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.settings import OverlaySettings

if TYPE_CHECKING:
    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack

__all__ = ["Look", "compose_overlay", "movie_look", "write_movie", "write_still"]

MOVIE_FORMATS = {".mp4": "H.264 movie", ".avi": "Motion JPEG movie", "": "PNG for each frame"}
_PNG_FILES = r"frame\d+\.png"
_BYTES_PER_PIXEL = {".mp4": 0.1, ".avi": 0.4, "": 1.5}
_MEASURED_FRAMES = 16  # frames over which black and white are measured
_AHEAD = 3  # composed pictures that wait for the encoder


@dataclass(frozen=True)
class _Sources:
    """All that a picture is made from, by position in the movie."""

    stack: Stack
    labels: Frames
    probabilities: Frames | None = None
    before: Frames | None = None
    tracks: NDArray[np.float64] | None = None

    def picture(self, t: int, tails: Mapping[int, Any] | None) -> Picture:
        shape = self.stack.frame_shape
        codes = None if self.probabilities is None else np.asarray(self.probabilities[t])
        return Picture(
            frame=np.asarray(self.stack[t]),
            labels=check_frame(self.labels[t], shape),
            probability=codes[0] if codes is not None and codes.ndim == 3 else codes,
            before=None if self.before is None else check_frame(self.before[t], shape),
            time=time_of(self.stack, t),
            tails=None if tails is None else dict(tails),
        )


def write_movie(
    path: str | Path,
    stack: Stack,
    labels: Frames,
    settings: OverlaySettings | None = None,
    *,
    positions: Sequence[int] | None = None,
    probabilities: Frames | None = None,
    before: Frames | None = None,
    tracks: NDArray[np.float64] | None = None,
    look: Look | None = None,
    overwrite: bool = False,
    provenance: Provenance | None = None,
) -> Generator[int, None, Path]:
    """Write an overlay movie; yields each position as it goes to the encoder.

    Parameters
    ----------
    path
        ``.mp4`` (H.264), ``.avi`` (Motion JPEG), or a folder for one PNG for each frame.
    labels, probabilities, before
        By position in the movie: labels (Y, X), uint8 codes (C, Y, X), and earlier labels.
    positions
        Frames that are shown; all by default.
    tracks
        Rows (id, t, y, x) for the tails, as napari's Tracks layer has them.
    look
        Contrast and colours as on screen; measured once over the movie by default.

    """
    settings = settings or OverlaySettings()
    sources = _Sources(stack, labels, probabilities, before, tracks)
    info = FrameInfo.of(stack, positions)
    check_movie(stack, labels, settings, probabilities, before)
    shape = picture_shape(info.shape, settings)
    kind = Path(path).suffix.lower()
    kind = kind if kind in MOVIE_FORMATS else ""
    if kind == "" and Path(path).suffix:
        raise BadInput(
            f"a movie named {Path(path).name}",
            ".mp4, .avi or a folder",
            "change the end of its name",
        )
    space = int(len(info) * shape[0] * shape[1] * _BYTES_PER_PIXEL[kind])
    if kind:
        target = check_target(path, overwrite, space)
    else:
        target = check_folder(path, overwrite, _PNG_FILES, space)
    return _write(target, sources, settings, info, look, provenance)


def write_still(
    path: str | Path,
    stack: Stack,
    labels: Frames,
    position: int,
    settings: OverlaySettings | None = None,
    *,
    probabilities: Frames | None = None,
    before: Frames | None = None,
    tracks: NDArray[np.float64] | None = None,
    look: Look | None = None,
    overwrite: bool = False,
    provenance: Provenance | None = None,
    dpi: int = 300,
) -> Path:
    """Write one frame as it is in the movie, PNG or TIFF at ``dpi``."""
    settings = settings or OverlaySettings()
    path = Path(path)
    if path.suffix.lower() not in (".png", ".tif", ".tiff"):
        raise BadInput(f"a still named {path.name}", ".png or .tif", "change the end of its name")
    sources = _Sources(stack, labels, probabilities, before, tracks)
    info = FrameInfo.of(stack, [position])
    check_movie(stack, labels, settings, probabilities, before)
    target = check_target(path, overwrite)
    look = look or movie_look(stack, settings)
    tails = Tails(tracks, settings.tail)
    picture = compose(sources.picture(position, tails.at(position)), settings, look)
    with (
        _noted(target, sources, settings, info, provenance, "still") as note,
        atomic_path(target) as temporary,
    ):
        with writing(target):
            save_still(temporary, picture, dpi=dpi)
        note(temporary)
    return target


def movie_look(
    stack: Stack,
    settings: OverlaySettings,
    positions: Sequence[int] | None = None,
    windows: Sequence[Window] | None = None,
    channels: Sequence[tuple[int, int, int]] = (),
) -> Look:
    """Return contrast and scale for a movie: measured once, so that it does not flicker."""
    if windows is None:
        chosen = np.asarray(range(len(stack)) if positions is None else positions)
        some = np.unique(np.linspace(0, len(chosen) - 1, _MEASURED_FRAMES).round().astype(int))
        windows = measure_windows([np.asarray(stack[int(t)]) for t in chosen[some]], settings)
    return Look(
        windows=tuple(windows),
        channels=tuple(channels),
        pixel_size=stack.pixel_size,
        interval=stack.frame_interval,
    )


def _write(
    path: Path,
    sources: _Sources,
    settings: OverlaySettings,
    info: FrameInfo,
    look: Look | None,
    provenance: Provenance | None,
) -> Generator[int, None, Path]:
    look = look or movie_look(sources.stack, settings, info.positions)
    tails = Tails(sources.tracks, settings.tail)

    def picture(t: int) -> tuple[int, Packed]:
        return t, compose(sources.picture(t, tails.at(t)), settings, look)

    place = output_file(path) if path.suffix.lower() in (".mp4", ".avi") else output_folder(path)
    with _noted(path, sources, settings, info, provenance, "movie") as note, place as temporary:
        with (
            _open_encoder(temporary, settings, info) as encoder,
            closing(_ahead(picture, info.positions)) as pictures,
        ):
            for t, packed in pictures:
                with writing(path):
                    encoder.write(packed)
                yield t
        note(temporary)
    return path


def _open_encoder(path: Path, settings: OverlaySettings, info: FrameInfo) -> Encoder:
    if path.is_dir():
        return PngFolderEncoder(path, info.numbers)
    fps = len(info) / settings.length if settings.length else settings.fps
    return FfmpegEncoder(path, picture_shape(info.shape, settings), fps, settings.quality)


def _ahead(
    make: Callable[[int], tuple[int, Packed]], positions: Iterable[int]
) -> Generator[tuple[int, Packed], None, None]:
    """Make pictures in a thread, a few ahead of the one that is asked for."""
    waiting: deque[Future[tuple[int, Packed]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="compose") as thread:
        try:
            for t in positions:
                waiting.append(thread.submit(make, t))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def check_movie(
    stack: Stack,
    labels: Frames,
    settings: OverlaySettings,
    probabilities: Frames | None = None,
    before: Frames | None = None,
) -> None:
    """Refuse what cannot become a movie: labels of another length, a crop outside the frame."""
    shape = tuple(int(n) for n in stack.frame_shape)
    if len(labels) != len(stack):
        raise BadInput(
            f"labels of {len(labels)} frames",
            f"{len(stack)}, as the movie",
            "give labels of the same movie",
        )
    if settings.crop is not None:
        y0, x0, y1, x1 = settings.crop
        if not (0 <= y0 < y1 <= shape[0] and 0 <= x0 < x1 <= shape[1]):
            raise BadInput(
                f"a crop of {settings.crop}",
                f"y0, x0, y1, x1 within {shape[0]} x {shape[1]} pixels",
                "choose a crop inside the frame",
            )
    if settings.style == "probability" and probabilities is None:
        raise BadInput("no probabilities", "those of this movie", "segment it first")
    if settings.style == "before_after" and before is None:
        raise BadInput(
            "no earlier labels", "labels to compare with", "choose the labels from before"
        )


def _noted(
    path: Path,
    sources: _Sources,
    settings: OverlaySettings,
    info: FrameInfo,
    provenance: Provenance | None,
    kind: str,
) -> AbstractContextManager[Callable[[Path], None]]:
    provenance = provenance or Provenance()
    provenance = replace(provenance, settings={**provenance.settings, "overlay": settings})
    frames = list(info.positions)
    return sidecar_beside(path, sources.stack, provenance, kind=kind, frames=frames)
