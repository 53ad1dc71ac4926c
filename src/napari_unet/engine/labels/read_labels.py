"""Label frames of any file: checked, ids renumbered where huge, masks parted in cells.

What the numbers are (ids of objects, a mask, or classes) is guessed from the labels themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Frames = Sequence[NDArray[np.integer]]


Kind = Literal["auto", "instances", "binary", "classes"]


def components(ids: NDArray[np.integer] | NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return each piece of a mask ``(Y, X)`` or ``(Z, Y, X)`` an id; 65535 stays."""
    from scipy import ndimage  # a fifth of a second, which no dock waits for

    background = ids == BACKGROUND_ID
    found, _ = ndimage.label((ids > 0) & ~background, np.ones((3,) * ids.ndim))
    found = np.asarray(found, np.int32)
    found[background] = BACKGROUND_ID
    return found


def renumbered(ids: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return small ids in place of huge ones: memory is spent by id, and float32 holds 24 bits."""
    if not ids.size or ids.max() <= BACKGROUND_ID:
        return ids.astype(np.int32)
    values, where = np.unique(ids, return_inverse=True)
    cells = (values != 0) & (values != BACKGROUND_ID)
    small = np.cumsum(cells)
    small[small >= BACKGROUND_ID] += 1
    small = np.where(cells, small, values).astype(np.int32)
    return small[where].reshape(ids.shape)


MOST_CLASSES = 63  # a network has at most 64 outputs, one of them *object*
FEW, _SMALL = 16, 255  # guessed classes are few, and their numbers small
_PIECE = 9  # px: smaller specks do not count as pieces
_PIECES, _PIECES_EACH = 4.0, 2.0  # pieces of a class in a frame, on average and of each at least
_LOOKED_AT = 8  # frames


def read_labels(
    frames: Frames, kind: Kind = "auto", *, strokes: bool = False
) -> tuple[list[NDArray[np.int32]], tuple[int, ...]]:
    """Return frames of labels and the classes that their numbers stand for.

    No classes where they are ids of objects.

    0 and 65535 are background, but a mask may hold 65535 alone, unless that marks background
    ``strokes``. ``binary`` parts a mask into connected components.

    Raises
    ------
    BadInput
        Where a frame holds no classes where they are wanted.

    """
    if kind == "auto":
        kind = guess_kind(frames, strokes=strokes)
    if kind == "classes":
        numbers = class_numbers(frames)
        return [frame.astype(np.int32) for frame in frames], numbers
    if kind == "instances":
        return [renumbered(ids) for ids in frames], ()
    if not strokes and _values(frames) == {BACKGROUND_ID}:
        frames = [(ids > 0).astype(np.uint8) for ids in frames]
    return [components(ids) for ids in frames], ()


def guess_kind(frames: Frames, *, strokes: bool = False) -> Kind:
    """Guess what label frames hold, with care: ids must never be taken for classes.

    One number is a mask. Classes are a few small numbers, the same ones on most frames, each in
    pieces all over a frame, whereas an object is one piece. Where every pixel has a number, the
    commonest one may be the ground around the others and need not be in pieces.
    """
    values = _values(frames)
    numbers = values - {BACKGROUND_ID}
    if len(numbers) == 1 or (values == {BACKGROUND_ID} and not strokes):
        return "binary"
    if not 2 <= len(numbers) <= FEW or max(numbers) > _SMALL:
        return "instances"
    painted = [frame for frame in frames if frame.any()]
    looked_at = painted[:: -(-len(painted) // _LOOKED_AT)]
    if all(frame.all() for frame in looked_at):
        numbers.discard(int(np.bincount(looked_at[0].ravel()).argmax()))
    pieces = [[_pieces(frame == number) for frame in looked_at] for number in sorted(numbers)]
    on = [[n for n in row if n] for row in pieces]
    common = all(2 * len(row) >= len(looked_at) and row for row in on)
    scattered = common and min(float(np.mean(row)) for row in on) >= _PIECES_EACH
    many = scattered and float(np.mean([n for row in on for n in row])) >= _PIECES
    return "classes" if many else "instances"


def class_numbers(frames: Frames) -> tuple[int, ...]:
    """Numbers of the classes in label frames; `BadInput` where there are too many for classes."""
    numbers = sorted(_values(frames) - {BACKGROUND_ID})
    if len(numbers) > MOST_CLASSES or (numbers and numbers[-1] > BACKGROUND_ID):
        raise BadInput(
            f"the labels hold {len(numbers)} numbers up to {numbers[-1]}",
            f"at most {MOST_CLASSES} classes, numbered below {BACKGROUND_ID}",
            "say that they are instances, if each cell has a number of its own",
        )
    return tuple(numbers)


def _values(frames: Frames) -> set[int]:
    found: set[int] = set()
    for frame in frames:
        found.update(np.unique(frame).tolist())
    return found - {0}


def _pieces(mask: NDArray[np.bool_]) -> int:
    from scipy import ndimage

    pieces, _ = ndimage.label(mask, np.ones((3,) * mask.ndim))
    return int(np.count_nonzero(np.bincount(pieces.ravel())[1:] >= _PIECE))
