"""What a network makes of frames that it sees mirrored: where it is sure, the same."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.labels import label_frame, object_codes
from napari_unet.engine.prediction.prediction import check_channels
from napari_unet.engine.prediction.predictor import open_predictor

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import Any

    from numpy.typing import NDArray

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.settings import LabelSettings, PredictSettings
    from napari_unet.engine.stack.stack import Stack

MIRRORED = ((-2,), (-1,), (-2, -1))
"""Axes along which a frame is mirrored: they leave its size, which a backend may be made for."""
_MOST_BYTES = 256 << 20  # of packed codes; frames beyond are predicted anew


class Mirrored:
    """Codes of a movie's frames that were predicted mirrored, and turned back.

    Of frames ``as_it_is``, too, they are predicted as they are, first of all. Kept packed, so that
    another threshold predicts nothing again. In one thread at a time.
    """

    def __init__(self, stack: Stack, predictor: Predictor, *, as_it_is: bool = False) -> None:
        self._stack = stack.seen_by(predictor.model.config.in_channels)
        self._predictor, self.as_it_is = predictor, as_it_is
        self._views: tuple[tuple[int, ...], ...] = ((), *MIRRORED) if as_it_is else MIRRORED
        self._packed: dict[int, list[tuple[bytes, tuple[int, ...]]]] = {}

    def __contains__(self, t: int) -> bool:
        """Whether a frame was predicted, and is kept."""
        return len(self._packed.get(t, ())) == len(self._views)

    def predict(self, t: int) -> Generator[None, None, None]:
        """Predict a frame in each way; yields after each. Nothing is done where it is kept."""
        if t in self:
            return
        if sum(len(data) for kept in self._packed.values() for data, _ in kept) > _MOST_BYTES:
            self._packed.clear()
        self._predictor.prepare(self._stack)
        kept = self._packed[t] = []
        frame = self._stack[t]
        for axes in self._views:
            codes = self._predictor(np.ascontiguousarray(np.flip(frame, axes)))
            codes = object_codes(np.flip(codes, axes), self._predictor.outputs)
            kept.append((zlib.compress(codes.tobytes(), 1), codes.shape))
            yield

    @property
    def n_views(self) -> int:
        """How often a frame is predicted."""
        return len(self._views)

    def codes(self, t: int) -> list[NDArray[np.uint8]]:
        """Return codes (C, …), of object and border, for each way; the frame is kept."""
        return [
            np.frombuffer(zlib.decompress(data), np.uint8).reshape(shape)
            for data, shape in self._packed[t]
        ]

    def labels(self, t: int, settings: LabelSettings) -> list[NDArray[np.uint16]]:
        """Return labels (Y, X) or (Z, Y, X) for each way; the frame is kept.

        Takes a watershed each.
        """
        spacing = self._stack.spacing if self._stack.dims == 3 else None
        return [label_frame(codes, settings, spacing=spacing) for codes in self.codes(t)]

    def close(self) -> None:
        """Release the memory of the device; what is kept stays."""
        self._predictor.close()


def open_mirrored(
    stack: Stack, model: Model, settings: PredictSettings, key: Mapping[str, Any] | None = None
) -> Mirrored:
    """Make a model ready to see the frames of a movie mirrored, as large as for the ``key``.

    That is what the movie's probabilities depended on (`prediction_key`). Where there are none,
    it sees each frame as it is, too.

    Raises
    ------
    BadInput
        Where they are another model's, or the model is of other channels or of volumes.

    """
    check_channels(stack, model)
    if key is None:
        plain = settings.replace(accurate=False)
        return Mirrored(stack, open_predictor(model, plain), as_it_is=True)
    if key.get("model") != model.sha256:
        raise BadInput(
            f"the movie was segmented by another model than {model.name}",
            "the model that segmented it",
            "choose that one, or segment the movie again",
        )
    same = settings.replace(scale=key.get("scale", 1.0), diameter=None, accurate=False)
    return Mirrored(stack, open_predictor(model, same))
