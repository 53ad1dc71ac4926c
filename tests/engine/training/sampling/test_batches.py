"""Batches drawn beside a step: those that one after the other would give, whatever happens."""

from __future__ import annotations

import time

import pytest
import torch

from napari_unet.engine.training.sampling.batches import Batches
from napari_unet.engine.training.sampling.patches import Batch


class Data:
    """Draws random planes; ``scale`` stands for the frames that are drawn from."""

    def __init__(self):
        self.drawn, self.scale, self.calls, self.fails_at = 0, 1.0, 0, -1

    def batch(self, n, crop, late, generator):
        time.sleep(0.002)
        image = torch.rand((n, 1, crop, crop), generator=generator) * (self.scale + late)
        self.calls += 1
        if self.calls == self.fails_at + 1:
            raise torch.OutOfMemoryError("too large")
        self.drawn += n
        return Batch(image, image, image, image + self.drawn)


def changes_frames(data, batches):
    batches.rewind()
    data.scale = 2.0


def is_kept(data, batches):
    batches.restore(batches.state())


def goes_on_elsewhere(data, batches):
    kept = batches.state()
    batches.draw(3, 5)
    batches.restore(kept)


HAPPENS = {
    "nothing": lambda data, batches: None,
    "other frames": changes_frames,
    "a checkpoint": is_kept,
    "a checkpoint of before": goes_on_elsewhere,
}


@pytest.mark.parametrize("sizes", [[(2, 4)] * 6, [(4, 6), (4, 6), (2, 6), (2, 6), (2, 4), (2, 4)]])
@pytest.mark.parametrize("happens", HAPPENS)
def test_batches_are_the_same_beside_the_step(happens, sizes):
    found = {}
    for beside in (False, True):
        data = Data()
        batches = Batches(data, 7, beside=beside)
        found[beside] = []
        for step, (n, crop) in enumerate(sizes):
            if step == 3:
                HAPPENS[happens](data, batches)
            found[beside].append(batches.draw(n, crop, step > 3))
        state = batches.state()
        found[beside].append((state["drawn"], state["generator"].tolist()))
    for one, other in zip(found[False][:-1], found[True][:-1], strict=True):
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.weight, other.weight)
    assert found[False][-1] == found[True][-1]


def test_what_fails_beside_a_step_fails_where_it_is_drawn():
    data = Data()
    batches = Batches(data, 7, beside=True)
    first = batches.draw(2, 4)
    data.fails_at = 2  # the third draw: that is ahead
    second = batches.draw(2, 4)
    with pytest.raises(torch.OutOfMemoryError):
        batches.draw(2, 4)
    plain = Batches(Data(), 7, beside=False)
    for batch, n in ((first, 2), (second, 2), (batches.draw(1, 4), 1)):
        assert torch.equal(batch.weight, plain.draw(n, 4).weight)
