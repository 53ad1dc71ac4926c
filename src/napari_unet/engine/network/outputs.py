"""What a network gives while it learns: one output or several, and losses of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TrainingOutputs:
    """Logits ``(N, K, Y, X)``, each of the size of the frames, the full result first.

    Each is compared with the same targets and counts with its weight; the weights add up to 1.
    ``extra`` is a loss of the network itself, of no dimensions, that is added to theirs.
    """

    logits: list[Tensor]
    weights: tuple[float, ...] = (1.0,)
    extra: Tensor | None = None
