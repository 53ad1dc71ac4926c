"""Probabilities as one byte each, on a logit scale, so that 0.99, 0.999 and 0.9999 differ.

Code ``c`` in 0..255 stands for the logit ``(c - 127.5) / 127.5 * LOGIT_RANGE``: probabilities
from 0.00003 to 0.99997 in steps of at most 0.0204. The threshold slider has the same scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

LOGIT_RANGE = 10.4
_HALF = 127.5


def encode_logits(logits: ArrayLike) -> NDArray[np.uint8]:
    """Code logits of any shape as uint8; values beyond the range are clipped, NaN becomes 0."""
    code = np.asarray(logits, dtype=np.float32) * np.float32(_HALF / LOGIT_RANGE) + np.float32(
        _HALF
    )
    code = np.clip(np.rint(np.nan_to_num(code, nan=0.0)), 0, 255)
    return np.asarray(code, np.uint8)


def encode(probability: ArrayLike) -> NDArray[np.uint8]:
    """Code probabilities (0..1) of any shape as uint8."""
    p = np.asarray(probability, dtype=np.float64)
    tiny = np.exp(-2 * LOGIT_RANGE)
    p = np.clip(p, tiny, 1 - tiny)
    return encode_logits(np.log(p) - np.log1p(-p))


def decode(code: ArrayLike) -> NDArray[np.float32]:
    """Probabilities (0..1, float32) for uint8 codes of any shape: a look-up."""
    return _PROBABILITY_OF_CODE[np.asarray(code, dtype=np.uint8)]


def decode_logits(code: ArrayLike) -> NDArray[np.float32]:
    """Logits (float32) for uint8 codes of any shape."""
    return _LOGIT_OF_CODE.astype(np.float32)[np.asarray(code, dtype=np.uint8)]


def mean_codes(several: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return the codes of the mean of the probabilities that arrays of one shape stand for."""
    total = sum(_PROBABILITY_OF_CODE[codes] for codes in several)
    return np.searchsorted(_BETWEEN, total / np.float32(len(several))).astype(np.uint8)


def threshold_code(threshold: float) -> int:
    """Return the smallest code whose probability is above ``threshold``; 256 where none is.

    ``code >= threshold_code(t)`` is the mask ``probability > t`` without decoding a pixel.
    """
    return int(np.searchsorted(_PROBABILITY_OF_CODE, np.float32(threshold), side="right"))


_LOGIT_OF_CODE = (np.arange(256, dtype=np.float64) - _HALF) / _HALF * LOGIT_RANGE
_PROBABILITY_OF_CODE: NDArray[np.float32] = (1.0 / (1.0 + np.exp(-_LOGIT_OF_CODE))).astype(
    np.float32
)
# Halfway between neighbours on the logit scale: a probability is coded as the nearest of them
_BETWEEN: NDArray[np.float32] = (
    1.0 / (1.0 + np.exp(-(_LOGIT_OF_CODE[:-1] + _LOGIT_OF_CODE[1:]) / 2))
).astype(np.float32)
