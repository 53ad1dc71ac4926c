"""What a user drew or pointed at on a frame, or on a section of a volume, as pixels and cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.space.boxes import hull, size_of
from napari_unet.engine.labels.verbs import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.stack.lazy_array import Box

    Mask = NDArray[np.bool_]
    Points = Sequence[Sequence[float]] | NDArray[np.floating]


def enclosed(outlines: Sequence[Points], shape: tuple[int, ...]) -> tuple[Box, Mask]:
    """Return what outlines on a frame of ``shape`` enclose, and its box with some ground around it.

    Of a volume they lie on one section, and so does the box.

    Raises
    ------
    BadInput
        Where they enclose nothing, or lie on several sections.

    """
    found = [places.on_section(points, len(shape)) for points in outlines]
    paths, sections = [path for path, _ in found], {section for _, section in found}
    boxes = [box for path in paths if (box := places.box_of(path, 12, shape[-2:])) is not None]
    if len(boxes) < len(paths) or min(map(len, paths)) < 3:
        raise BadInput("the outline encloses nothing", "a line round a cell", "draw it again")
    if len(sections) > 1:
        raise BadInput("the lines lie on several sections", "lines on one", "draw them again")
    box = hull(boxes)
    corner = (box[0].start, box[1].start)
    masks = [places.outline_mask(path - corner, size_of(box)) for path in paths]
    box = (*(slice(z, z + 1) for z in sections.pop()), *box)
    return box, np.logical_or.reduce(masks).reshape(size_of(box))


def most_under(labels: NDArray[np.uint16], path: NDArray[np.float64]) -> int:
    """Return the cell of labels (Y, X) that most of a line is on; `BadInput` where on none."""
    box = places.box_of(path, 1, labels.shape)
    if box is not None:
        part = labels[box]
        under = part[places.line_mask(path - (box[0].start, box[1].start), part.shape)]
        if cell := most_of(under):
            return cell
    raise BadInput("the line crosses no cell", "a line across a cell", "draw it again")


def most_of(ids: NDArray[np.uint16], at_least: float = 1) -> int:
    """Return the cell that most pixels are of; 0 where none has enough."""
    ids = ids[(ids > 0) & (ids < BACKGROUND_ID)]
    counts = np.bincount(ids, minlength=1)
    cell = int(np.argmax(counts))
    return cell if counts[cell] >= at_least else 0


def ground_of(labels: NDArray[np.uint16]) -> Mask:
    """Return the pixels that are of no cell."""
    return np.asarray((labels == 0) | (labels == BACKGROUND_ID))
