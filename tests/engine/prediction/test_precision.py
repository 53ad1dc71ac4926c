"""Whether a faster precision gives the labels that fp32 gives."""

import torch

from napari_unet.engine.prediction.precision import agreement


def test_classes_must_be_the_same_too():
    logits = torch.full((1, 3, 4, 5), -2.0)
    logits[:, :2] = 3.0
    others = logits[:, [0, 2, 1]]
    assert agreement(logits, others) == 1
    assert agreement(logits, others, classes=True) == 0
    mixed = torch.cat((logits[..., :1], others[..., 1:]), -1)
    assert agreement(mixed, logits, classes=True) == 0.2
