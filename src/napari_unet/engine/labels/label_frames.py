"""Labels by the frames of their movie: which of them shows which frame, and what is left over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.labels.label_stack import in_words
from napari_unet.engine.stack.frame_matching import match_frames
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.labels.label_stack import LabelStack
    from napari_unet.engine.stack.stack import Stack

OFFSET = "give --offset N where the first of the labels is of the movie's frame N"
_NUMBERED = (
    "give --offset N, which is added to the numbers of the labels: 0 where they count the movie's "
    "frames from 0, -1 where from 1"
)
_NAMED = 5


class LabelFrames:
    """Labels of frames by the movie's frame; of ``frame_indices`` alone there are any.

    ``offset`` is added to the numbers of the labels, or to their places. Where it is None, as
    many labels as ``chosen`` frames are those of these frames. ``remedy`` is what a user can do
    where it is not clear which frames they are of.

    Raises
    ------
    BadInput
        Where the labels are of another size, or it is not clear of which frames.

    """

    def __init__(
        self,
        labels: LabelStack,
        movie: Stack,
        *,
        offset: int | None = None,
        chosen: Sequence[int] | None = None,
        remedy: str = OFFSET,
    ) -> None:
        self.labels, self.name = labels, labels.name
        self.shape = (len(movie), *movie.frame_shape)
        self.notices = list(labels.notices)
        self._movie, self._remedy = movie, remedy
        if labels.frame_shape != movie.frame_shape:
            self._refuse("give labels made for this movie")
        self._where = dict(self._pairs(offset, chosen))
        self._note_left_out()

    @property
    def frame_indices(self) -> tuple[int, ...]:
        """Frames of the movie that have labels, counted from 0."""
        return tuple(sorted(self._where))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, t: int) -> NDArray[np.unsignedinteger[Any]]:
        self.require([t])
        return self.labels[self._where[t]]

    def require(self, wanted: Iterable[int]) -> None:
        """Refuse frames that have no labels."""
        missing = [t for t in wanted if t not in self._where]
        if missing:
            raise BadInput(
                f"the labels {self.name} hold none of frame {listed(missing)}",
                "labels of each chosen frame",
                "leave those frames out",
            )

    def require_all(self) -> None:
        """Refuse labels that are not of all frames."""
        if len(self._where) < len(self):
            self._refuse("give labels of all frames of this movie")

    def _pairs(self, offset: int | None, chosen: Sequence[int] | None) -> list[tuple[int, int]]:
        labels, movie = self.labels, self._movie
        both = labels.numbered and movie.numbered
        if offset is not None or both or len(labels) == len(movie):
            return match_frames(movie, labels, offset)
        if chosen is not None and len(set(chosen)) == len(labels):
            of = listed(sorted(set(chosen)))
            line = f"the labels {self.name} are taken for those of frame {of}, in this order"
            self.notices.append(Notice("noted", line))
            return [(t, i) for i, t in enumerate(sorted(set(chosen)))]
        if len(labels) > len(movie):
            self._refuse("give labels made for this movie")
        known = labels.numbered and self._remedy == OFFSET
        self._refuse(_NUMBERED if known else self._remedy)

    def _note_left_out(self) -> None:
        line = left_out(self.labels, set(self._where.values()), self._movie.name)
        if line:
            self.notices.append(Notice("check", line))

    def _refuse(self, remedy: str) -> NoReturn:
        movie = self._movie
        raise BadInput(
            f"the labels {self.name} are {self.labels}, the movie {movie.name} is "
            f"{counted(len(movie), 'frame')} of {in_words(movie.frame_shape)}",
            "labels of the same frames",
            remedy,
        )


def left_out(labels: LabelStack, used: set[int], movie: str) -> str:
    """Say which labels show no frame of the movie; empty where all do."""
    left = [n for i, n in enumerate(labels.numbers) if i not in used]
    if not left:
        return ""
    return (
        f"{len(left)} of {counted(len(labels), 'frame')} of the labels {labels.name} are left out: "
        f"{movie} has no frame {listed(left)}"
    )


def listed(numbers: Sequence[int]) -> str:
    """Say numbers, the first of many: ``7, 9, 12 …``."""
    more = " …" if len(numbers) > _NAMED else ""
    return ", ".join(map(str, numbers[:_NAMED])) + more
