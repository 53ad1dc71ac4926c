"""Figures as files: predictions beside the truth, and a map of probabilities, with sidecars."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.overlay.figure import (
    ComparedFrame,
    comparison_figure,
    probability_figure,
)
from napari_unet.engine.export.overlay.write_movie import check_movie, movie_look
from napari_unet.engine.export.target.outputs import check_labels, check_target, writing
from napari_unet.engine.export.target.sidecar import sidecar_beside
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.labels.read_labels import class_numbers, guess_kind
from napari_unet.engine.settings import OverlaySettings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from PIL import Image

    from napari_unet.engine.export.overlay.figure import MapColours
    from napari_unet.engine.export.overlay.overlay import Look
    from napari_unet.engine.export.overlay.write_movie import Beside
    from napari_unet.engine.labels.label_frames import LabelFrames
    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack

MOST_FRAMES, _DPI = 8, 300
EVENLY = 4  # frames that are shown where none were named


def shown_frames(frames: Sequence[int], *, named: bool) -> tuple[int, ...]:
    """Return the frames of a figure: those named, or a few spread evenly over the others.

    Raises
    ------
    BadInput
        Where more were named than a figure can hold.

    """
    if not named:
        some = np.linspace(0, len(frames) - 1, min(EVENLY, len(frames))).round().astype(int)
        return tuple(frames[i] for i in some)
    if len(frames) > MOST_FRAMES:
        raise BadInput(
            f"{len(frames)} frames are to be in one figure", f"{MOST_FRAMES} at most", "name fewer"
        )
    return tuple(frames)


def require_truth(frames: Iterable[int], truth: LabelFrames) -> tuple[int, ...]:
    """Return those of ``frames`` that the truth is of; `BadInput` where there are none."""
    found = tuple(t for t in frames if t in truth.frame_indices)
    if not found:
        raise _no_truth(truth)
    return found


def with_truth(frames: Iterable[int], truth: LabelFrames) -> Generator[int, None, tuple[int, ...]]:
    """Return a few of the ``frames`` in which the truth holds anything; yields each, looked at."""
    found = []
    for t in require_truth(frames, truth):
        if truth[t].any():
            found.append(t)
        yield t
    if not found:
        raise _no_truth(truth)
    return shown_frames(found, named=False)


def _no_truth(truth: LabelFrames) -> BadInput:
    return BadInput(
        f"no frame of the labels has a truth in {truth.name}",
        "a truth for some of them",
        "give labels of the same frames",
    )


def write_comparison(
    path: Path,
    stack: Stack,
    labels: Frames,
    truth: Frames,
    settings: OverlaySettings | None = None,
    options: WriteOptions | None = None,
    beside: Beside | None = None,
    *,
    names: Sequence[str] = (),
) -> Generator[int, None, Path]:
    """Write a figure of chosen frames as PNG: `figure.ROWS`. Yields each frame that was read.

    Labels and truth are by frame of the movie: ids, or classes, whose ``names`` the legend says.
    """
    settings, options = settings or OverlaySettings(), options or WriteOptions()
    check_movie(stack, labels, settings.replace(style="contours"))
    frames = shown_frames(options.chosen(stack), named=options.frames is not None)
    target = check_target(path, options.overwrite)
    return _comparison(target, stack, labels, truth, frames, settings, options, beside, names)


def _comparison(
    target: Path,
    stack: Stack,
    labels: Frames,
    truth: Frames,
    frames: Sequence[int],
    settings: OverlaySettings,
    options: WriteOptions,
    beside: Beside | None,
    names: Sequence[str],
) -> Generator[int, None, Path]:
    shape = stack.frame_shape
    known = beside.probabilities if beside else None
    outputs = tuple(getattr(known, "outputs", ()))
    shown = []
    for t in frames:
        codes = None if known is None else np.asarray(known[t])
        mine, right = check_labels(labels[t], shape), check_labels(truth[t], shape)
        shown.append(ComparedFrame(t, np.asarray(stack[t]), mine, right, codes, outputs))
        yield t
    look = (beside.look if beside else None) or movie_look(stack, settings, frames)
    pictures = [picture for one in shown for picture in (one.truth, one.labels)]
    told = guess_kind([one.truth for one in shown]) == "classes"
    classes = class_numbers(pictures) if told else ()
    figure = comparison_figure(shown, settings, look, classes=classes, names=names)
    _save(figure, target, stack, settings, options, "comparison", frames)
    return target


def write_map(
    path: Path,
    stack: Stack,
    probabilities: Frames,
    frame: int,
    settings: OverlaySettings | None = None,
    options: WriteOptions | None = None,
    look: Look | None = None,
    *,
    colours: MapColours = "viridis",
) -> Path:
    """Write a frame beside its probabilities, with a colour bar, as PNG."""
    settings, options = settings or OverlaySettings(), options or WriteOptions()
    target = check_target(path, options.overwrite)
    codes = np.asarray(probabilities[frame])
    look = look or movie_look(stack, settings, [frame])
    plane = codes[0] if codes.ndim == 3 else codes
    figure = probability_figure(np.asarray(stack[frame]), plane, settings, look, colours)
    _save(figure, target, stack, settings, options, "probability map", [frame])
    return target


def _save(
    figure: Image.Image,
    target: Path,
    stack: Stack,
    settings: OverlaySettings,
    options: WriteOptions,
    kind: str,
    frames: Sequence[int],
) -> None:
    made_by = options.provenance
    made_by = replace(made_by, settings={**made_by.settings, "overlay": settings})
    with (
        sidecar_beside(target, stack, made_by, kind=kind, frames=list(frames)) as note,
        atomic_path(target) as temporary,
    ):
        with writing(target):
            figure.save(temporary, "PNG", dpi=(_DPI, _DPI))
        note(temporary)
