"""The labels of a movie that was segmented, made from its probabilities as they are asked for."""

from __future__ import annotations

import shutil
import tempfile
import weakref
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.sidecar import Provenance
from napari_unet.engine.labels.class_labels import classes_of, labels_of
from napari_unet.engine.stack.lazy_array import LazyArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.settings import LabelSettings, PredictSettings
    from napari_unet.engine.stack.stack import Stack

_FAST = 1  # zlib level: labels are flat, a frame becomes a hundredth
_MOST_KEPT = 256 << 20  # bytes of labels so packed: those of very long movies are made again


class Kept:
    """Probabilities that are let go of with the last labels made from them.

    A temporary ``folder`` goes with them, at the latest when the program ends. What somebody else
    opened, and is not ``ours``, stays open.
    """

    def __init__(
        self, probabilities: Probabilities, folder: Path | None = None, *, ours: bool = True
    ) -> None:
        self.probabilities = probabilities
        self.close = weakref.finalize(self, _let_go, probabilities if ours else None, folder)


def temporary_folder() -> Path:
    """Return a new folder for probabilities that nobody gave a place."""
    return Path(tempfile.mkdtemp(prefix="napari-unet-"))


def _let_go(probabilities: Probabilities | None, folder: Path | None) -> None:
    if probabilities is not None:
        probabilities.close()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


class MadeLabels:
    """Labels of frames that were made, packed in memory as far as there is room."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape, self._bytes = shape, 0
        self._packed: dict[int, bytes] = {}

    def put(self, frame: int, labels: NDArray[np.uint16]) -> None:
        """Keep the labels of a frame."""
        if self._bytes < _MOST_KEPT and frame not in self._packed:
            self._packed[frame] = packed = zlib.compress(np.ascontiguousarray(labels).data, _FAST)
            self._bytes += len(packed)

    def get(self, frame: int) -> NDArray[np.uint16] | None:
        """Return the labels of a frame, None where they are not here."""
        packed = self._packed.get(frame)
        if packed is None:
            return None
        pixels = bytearray(zlib.decompress(packed))  # an array of bytes could not be written to
        return np.frombuffer(pixels, np.uint16).reshape(self._shape)


class Segmentation(LazyArray):
    """Labels of a movie: ``labels[t]`` is ``(Y, X)`` uint16, as is an array ``(T, Y, X)``.

    Of volumes ``(Z, Y, X)``.

    Ids of objects, or classes where the model tells those apart. A frame is labelled when it is
    first asked for, then kept compressed in memory. The probabilities lie in a temporary file,
    unless a place was given; `close`, the end of a ``with`` block, or the last reference to these
    labels deletes it.
    """

    dtype = np.dtype(np.uint16)

    def __init__(
        self,
        stack: Stack,
        model: Model,
        predict: PredictSettings,
        settings: LabelSettings,
        kept: Kept,
        made: MadeLabels | None = None,
    ) -> None:
        self.name = f"{stack.name} labels"
        self.numbers, self.numbered = stack.numbers, stack.numbered
        self.settings = settings
        self.shape = (len(stack), *stack.frame_shape)
        self._stack, self._model, self._predict, self._kept = stack, model, predict, kept
        self._made = made or MadeLabels(stack.frame_shape)

    @property
    def probabilities(self) -> Probabilities:
        """What the labels are made from: ``probabilities[t]`` is ``(C, Y, X)`` uint8 codes."""
        return self._kept.probabilities

    @property
    def provenance(self) -> Provenance:
        """What a sidecar says of them: the model and the settings."""
        return Provenance.of(self._model, prediction=self._predict, labels=self.settings)

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames that are segmented."""
        return tuple(np.flatnonzero(self.probabilities.computed).tolist())

    @property
    def classes(self) -> tuple[int, ...]:
        """Numbers of the classes that the model tells apart; () where labels are ids."""
        return classes_of(self.probabilities.outputs)

    def relabelled(self, settings: LabelSettings | None = None, **changes: Any) -> Segmentation:
        """Return labels by other settings, or with ``changes``, from the same probabilities."""
        settings = (settings or self.settings).replace(**changes)
        return Segmentation(self._stack, self._model, self._predict, settings, self._kept)

    def __repr__(self) -> str:
        return f"<Segmentation {self.name} {self.shape}, {len(self.frames)} frames segmented>"

    def close(self) -> None:
        """Let go of the probabilities, and delete them where their file is a temporary one."""
        self._kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, frame: int, key: Any) -> Any:
        return self._frame(frame)[key]

    def _at_hand(self, frame: int) -> bool:
        return True  # a script gets what it asks for, however large: nothing of it is left empty

    def _too_many(self, frames: int) -> None:
        raise NotImplementedError("no read is too large here")

    def _frame(self, t: int) -> NDArray[np.uint16]:
        if not self._kept.close.alive:
            raise BadInput(
                f"the labels of {self._stack.name} were closed",
                "labels that are open",
                "use them before close(), or inside their with block",
            )
        if (known := self._made.get(t)) is not None:
            return known
        probabilities = self.probabilities
        if not probabilities.computed[t]:
            raise BadInput(
                f"frame {t} is not segmented", "a frame that was chosen", "segment that frame, too"
            )
        spacing = self._stack.spacing
        labels = labels_of(probabilities[t], probabilities.outputs, self.settings, spacing)
        self._made.put(t, labels)
        return labels


def chosen_frames(labels: Any, frames: Sequence[int] | None) -> Sequence[int] | None:
    """Return the frames to work on: those given, else those that were segmented."""
    if frames is None and isinstance(labels, Segmentation):
        return labels.frames
    return frames
