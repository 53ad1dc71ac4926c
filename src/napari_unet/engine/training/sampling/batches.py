"""The batches of a training, in the order in which they are drawn; the next one beside the step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import torch

if TYPE_CHECKING:
    from concurrent.futures import Future

    from napari_unet.engine.training.sampling.patches import Batch


class Draws(Protocol):
    """What draws a batch from a generator: `TrainingData`; ``drawn`` so many frames until now."""

    drawn: int

    def batch(self, n: int, crop: int, late: bool, generator: torch.Generator, /) -> Batch:
        """Draw ``n`` crops of ``crop`` px; ``late`` ones are changed little."""


class Batches:
    """Draws batches from a seed, ``beside`` the step that learns from the one before.

    They are those that one after the other would give. `rewind` before anything changes what is
    drawn from: it drops a batch drawn ahead as if it had never been. A step on the CPU takes all
    cores, so nothing is won beside it (docs/benchmarks.md); one on a GPU leaves them free.
    """

    def __init__(self, data: Draws, seed: int, *, beside: bool) -> None:
        self._data, self._generator = data, torch.Generator().manual_seed(seed)
        self._thread = ThreadPoolExecutor(1, "napari-unet draw") if beside else None
        self._next: Future[Batch] | None = None
        self._asked = (0, 0, False), self._state()  # what is drawn ahead, and from where

    def draw(self, n: int, crop: int, late: bool = False) -> Batch:
        """Return the next ``n`` crops of ``crop`` px, as they are ``late`` in a run or not."""
        how = n, crop, late
        if self._thread is None:
            return self._data.batch(*how, self._generator)
        if self._asked[0] != how:
            self.rewind()
        batch = self._drawn() if self._next else self._data.batch(*how, self._generator)
        self._asked = how, self._state()
        self._next = self._thread.submit(self._data.batch, *how, self._generator)
        return batch

    def rewind(self) -> None:
        """Forget what was drawn ahead, and be where one is who draws it now."""
        if self._next is None:
            return
        ahead, self._next = self._next, None
        ahead.exception()  # waits; what went wrong does so again when it is drawn
        self._restore(self._asked[1])

    def state(self) -> dict[str, Any]:
        """Return what the batches to come depend on, for a checkpoint."""
        self.rewind()
        drawn, generator = self._state()
        return {"drawn": drawn, "generator": generator}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state."""
        self.rewind()
        self._restore((state.get("drawn", 0), state["generator"]))

    def _drawn(self) -> Batch:
        assert self._next is not None
        try:
            return self._next.result()
        except BaseException:
            self.rewind()  # out of memory: a smaller batch is drawn from where this one was
            raise
        finally:
            self._next = None

    def _state(self) -> tuple[int, torch.Tensor]:
        return self._data.drawn, self._generator.get_state()

    def _restore(self, state: tuple[int, torch.Tensor]) -> None:
        self._data.drawn = state[0]
        self._generator.set_state(state[1])
