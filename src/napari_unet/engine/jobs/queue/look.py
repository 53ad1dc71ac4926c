"""A row of the table of positions: what is known of a movie and its results, at a glance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.export.target.sidecar import sidecar_path
from napari_unet.engine.files.read_json import read_json
from napari_unet.engine.jobs.queue.results import LABELS, UNFINISHED, Results
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.stack.missing_pixels import measured_values
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.prediction.probabilities import Probabilities

_OUTLINE = (255, 196, 0)


@dataclass(frozen=True)
class Look:
    """What is known of a movie: ``done`` of its frames are reviewed, others ``touched``.

    ``exported`` are frames of which there are label files; ``picture`` is a frame ``(Y, X, 3)``
    uint8, with outlines of its cells where there are any. ``problem`` is why there is nothing.
    """

    frames: int = 0
    size: tuple[int, int] = (0, 0)
    segmented: int = 0
    exported: int = 0
    touched: int = 0
    done: int = 0
    notices: tuple[Notice, ...] = ()
    picture: NDArray[np.uint8] | None = field(default=None, compare=False)
    problem: str = ""


def look_at(movie: Movie, out: Path, edge: int) -> Look:
    """Look at a movie, its session and its results in ``out``; the picture fits ``edge`` px."""
    try:
        with Stack.open(movie.path, movie.selection) as stack:
            return _look(stack, Results(out, movie.name), edge)
    except (BadInput, OSError) as error:
        return Look(problem=str(error))


def _look(stack: Stack, results: Results, edge: int) -> Look:
    exported = _exported(results)
    touched = done = segmented = 0
    notices = list(stack.notices)
    middle, labels = (len(stack) - 1) // 2, None
    folder = SessionFolder.find(stack)
    if folder is not None:
        corrections, lost = folder.read_corrections()
        notices += lost
        done = len(corrections.complete_frames)
        touched = len({*corrections.frames(), *corrections.complete_frames}) - done
        probabilities = folder.probabilities(_as_segmented(stack, folder))
        if probabilities is not None:
            with probabilities:
                segmented = int(probabilities.computed.sum())
                labels = _labels_of(probabilities, folder, middle)
    if labels is None and middle in exported:
        with Stack.open(results.path(LABELS)) as written:
            labels = np.asarray(written[exported.index(middle)])
    return Look(
        frames=len(stack),
        size=(int(stack.frame_shape[0]), int(stack.frame_shape[1])),
        segmented=max(segmented, len(exported)),
        exported=len(exported),
        touched=touched,
        done=done,
        notices=tuple(dict.fromkeys(notices)),
        picture=picture_of(_one_channel(stack, middle), labels, edge),
    )


def _as_segmented(stack: Stack, folder: SessionFolder) -> Stack:
    """Return the channel that was segmented, where nobody chose one."""
    if stack.selection.channel is not None:
        return stack
    return stack.select(channel=folder.state.selection.channel)


def _labels_of(
    probabilities: Probabilities, folder: SessionFolder, frame: int
) -> NDArray[np.integer] | None:
    from napari_unet.engine.labels.class_labels import labels_of

    if not probabilities.computed[frame]:
        return None
    return labels_of(probabilities[frame], probabilities.outputs, folder.state.labels)


def _exported(results: Results) -> tuple[int, ...]:
    """Return the frames that the label file has, where it is whole."""
    path = results.path(LABELS)
    try:
        said = read_json(sidecar_path(path))
        frames = said["frames"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    whole = path.is_file() and UNFINISHED not in said and isinstance(frames, list)
    return tuple(int(t) for t in frames) if whole else ()


def _one_channel(stack: Stack, frame: int) -> NDArray[np.generic]:
    found = np.asarray(stack[frame])
    return found if found.ndim == 2 else found[0]


def picture_of(
    frame: NDArray[np.generic], labels: NDArray[np.integer] | None, edge: int
) -> NDArray[np.uint8]:
    """Return a frame ``(Y, X)`` small and in grey, ``(y, x, 3)``, with the outlines of labels."""
    step = max(1, -(-max(frame.shape) // edge))
    small = np.asarray(frame[::step, ::step], np.float32)
    values = measured_values(small)
    low, high = np.percentile(values, (1, 99.8)) if values.size else (0, 1)
    scaled = np.clip((np.nan_to_num(small) - low) / max(high - low, 1e-9), 0, 1)
    shown = np.repeat(np.rint(scaled * 255).astype(np.uint8)[..., None], 3, axis=2)
    if labels is not None and labels.shape == frame.shape:
        cells = labels[::step, ::step]
        inside = np.pad(cells, 1, mode="edge")
        neighbours = (inside[:-2, 1:-1], inside[2:, 1:-1], inside[1:-1, :-2], inside[1:-1, 2:])
        outline = (cells > 0) & np.logical_or.reduce([cells != other for other in neighbours])
        shown[outline] = _OUTLINE
    return shown
