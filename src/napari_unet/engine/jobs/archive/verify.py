"""The labels of an archive made again from model, recipe and corrections, and compared."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.files.versions import versions
from napari_unet.engine.jobs.archive.manifest import CORRECTIONS, LABELS, RECIPE
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.jobs.steps import told
from napari_unet.engine.prediction.ensemble import load_models
from napari_unet.engine.prediction.prediction import wanted_frames
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_unet.engine.jobs.archive.archive import Archive
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import Device


@dataclass(frozen=True)
class FrameDifference:
    """Where a frame's labels differ: pixels, and ids of cells.

    ``gone`` are cells of the archive that were not made again in their outlines, ``new`` ones that
    the archive has not; ``renumbered`` have the same outline and another id.
    """

    frame: int
    pixels: int
    gone: tuple[int, ...] = ()
    new: tuple[int, ...] = ()
    renumbered: tuple[int, ...] = ()


@dataclass(frozen=True)
class Verified:
    """What came of making the labels of ``frames`` again; versions as they were then and are."""

    frames: tuple[int, ...]
    differences: tuple[FrameDifference, ...]
    versions: Mapping[str, tuple[str | None, str | None]]


def verify_steps(archive: Archive) -> int:
    """How often `verify` yields: frames that are segmented, then frames that are compared."""
    return len(archive.manifest.segmented) + len(archive.manifest.frames)


def verify(
    archive: Archive, stack: Stack, *, device: Device | None = None, threads: int | None = None
) -> Generator[int, None, Verified]:
    """Make the labels of an archive again and compare; yields frames, returns what differs.

    Raises
    ------
    BadInput
        At the call: where ``stack`` is another movie than the archive's, or has not its frames.

    """
    archive.check_movie(stack)
    wanted_frames(stack, archive.manifest.frames)
    return _verify(archive, stack, device, threads)


def _verify(
    archive: Archive, stack: Stack, device: Device | None, threads: int | None
) -> Generator[int, None, Verified]:
    manifest, found = archive.manifest, []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        archive.unpack(folder)
        recipe = Recipe.load(folder / RECIPE)
        model = load_models([folder / name for name in manifest.models])
        _check_model(archive, recipe, model)
        predict = recipe.predict.replace(device=device or recipe.predict.device, threads=threads)
        steps = segment(
            stack, model, predict, recipe.labels, frames=manifest.segmented, ahead=False
        )
        with closing(steps):
            segmented = yield from told(steps, lambda step: step.frame)
        shape = (len(stack), *stack.frame_shape)
        corrections = None
        if archive.corrected:
            corrections = Corrections(shape, Journal(folder / CORRECTIONS))
        with segmented, Stack.open(folder / LABELS) as before:
            live = LiveLabels(
                shape, segmented.probabilities, recipe.labels, corrections, stack.spacing
            )
            _check_labels(archive, before, stack)
            for i, t in enumerate(manifest.frames):
                if (difference := compare(t, before[i], live[t])) is not None:
                    found.append(difference)
                yield t
    then, now = manifest.versions, versions()
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    changed = {name: (then.get(name), now.get(name)) for name in names}
    return Verified(manifest.frames, tuple(found), changed)


def _check_model(archive: Archive, recipe: Recipe, model: Model) -> None:
    if model.sha256 != recipe.model_sha256:
        raise BadInput(
            f"the model in {archive.path} is not the one that its recipe names",
            f"sha256 {recipe.model_sha256}",
            "take another copy of it",
        )


def _check_labels(archive: Archive, labels: Stack, stack: Stack) -> None:
    wanted = (len(archive.manifest.frames), *stack.frame_shape)
    if labels.shape != wanted:
        raise BadInput(
            f"the labels in {archive.path} are {labels.shape}", f"{wanted}", "take another copy"
        )


def compare(
    frame: int, before: NDArray[np.integer], now: NDArray[np.integer]
) -> FrameDifference | None:
    """Return where two labels ``(Y, X)`` of a frame differ, cell by cell; None where nowhere."""
    pixels = int(np.count_nonzero(before != now))
    if not pixels:
        return None
    pairs, overlap = np.unique(
        np.stack([before.ravel(), now.ravel()]).astype(np.int64), axis=1, return_counts=True
    )
    area_before, area_now = _areas(before), _areas(now)
    same = {
        int(a): int(b)
        for a, b, n in zip(*pairs, overlap, strict=True)
        if a and b and n == area_before[int(a)] == area_now[int(b)]
    }
    gone = sorted(area_before.keys() - same.keys())
    new = sorted(area_now.keys() - set(same.values()))
    renumbered = sorted(a for a, b in same.items() if a != b)
    return FrameDifference(frame, pixels, tuple(gone), tuple(new), tuple(renumbered))


def _areas(labels: NDArray[np.integer]) -> dict[int, int]:
    """Return the pixels of each cell by its id."""
    ids, n = np.unique(labels, return_counts=True)
    found: Iterator[tuple[int, int]] = zip(ids.tolist(), n.tolist(), strict=True)
    return {cell: pixels for cell, pixels in found if cell}
