"""An export of sections as one of volumes, whose cells are joined by overlap."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.labels.sections import (
    JoinedSections,
    StackedCodes,
    sections_of,
    whole_volumes,
)
from napari_unet.engine.text import counted
from napari_unet.engine.tracks.by_hand import ByHand

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from napari_unet.engine.export.formats.table import Stated
    from napari_unet.engine.jobs.export import Export
    from napari_unet.engine.stack.stack import Stack


def volumes_of(stack: Stack) -> Stack:
    """Return a movie of which each section is a frame as one of volumes.

    Raises
    ------
    BadInput
        Where it is read otherwise, or has one section.

    """
    if stack.selection.z == "frames" and stack.n_z > 1:
        return stack.select(z="volume")
    one = stack.n_z == 1
    found = f"{stack.name} has one section" if one else f"{stack.name} is read by other z"
    raise BadInput(
        f"sections are to be joined, and {found}",
        "a movie of which each section is a frame",
        "leave the joining out" if one else "read it with --z frames (each section as a frame)",
    )


def require_whole(frames: Sequence[int], n: int) -> tuple[int, ...]:
    """Return the volumes of ``n`` sections that are chosen whole; `BadInput` where none is."""
    if whole := whole_volumes(frames, n):
        return whole
    raise BadInput(
        f"no volume is chosen with all of its {n} sections",
        "whole volumes, whose sections can be joined",
        "choose all sections of a volume, or leave the joining out",
    )


def joined(export: Export) -> Export:
    """Return the export of volumes whose cells are those of an export of sections, joined.

    Volumes of which some section is not to be exported are left out, which is noted.

    Raises
    ------
    BadInput
        Where its frames are no sections, or no volume is to be exported whole.

    """
    volumes = volumes_of(export.stack)
    n, frames = volumes.n_z, export.frames
    whole = require_whole(frames, n)
    found = export.options.found
    if left := len(frames) - len(whole) * n:
        line = f"{counted(left, 'section')} of volumes that are not whole are left out"
        found.append(Notice("check", line))
    labels = JoinedSections(export.labels, n, classes=export.classes)
    made_by = export.options.provenance
    made_by = replace(made_by, details={**made_by.details, "joined": True})
    corrected, codes = export.corrected, export.probabilities

    return replace(
        export,
        stack=volumes,
        labels=labels,
        options=replace(export.options, frames=whole, provenance=made_by),
        corrected=None if corrected is None else lambda t: labels.ids_of(t, corrected),
        stated=None if export.stated is None else _stated(export.stated, n),
        probabilities=StackedCodes(codes, n) if codes is not None else None,
        by_hand=ByHand,  # ids and links of sections are none of cells
    )


def _stated(stated: Stated, n: int) -> Stated:
    """Return what tells the states of a volume's cells: of two in one cell the first counts."""

    def of_volume(t: int, volume: NDArray[Any]) -> dict[int, str]:
        states: dict[int, str] = {}
        for frame, section in zip(sections_of(t, n), volume, strict=True):
            states = {**stated(frame, section), **states}
        return states

    return of_volume
