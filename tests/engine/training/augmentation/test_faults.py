"""Frames out of focus and bleached, as crops for training."""

import pytest
import torch

from napari_unet.engine.settings import Augmentation
from napari_unet.engine.training.augmentation.faults import bleach, defocus, noise_of, spread
from napari_unet.engine.training.sampling.patches import change_intensities


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("radius", [0.0, 0.4, 1.0, 2.5, 6.0])
def test_a_point_becomes_a_disc_and_a_flat_image_stays(radius):
    point = torch.zeros(1, 2, 33, 33)
    point[:, :, 16, 16] = 1
    disc = spread(point, radius)
    assert torch.allclose(disc.sum((2, 3)), torch.ones(1, 2))
    wide = (disc[0, 0] > 0).sum(1).max()
    assert abs(int(wide) - 2 * radius - 1) <= 1.5
    assert torch.allclose(spread(torch.full((1, 1, 9, 9), 3.0), radius), torch.tensor(3.0))


def test_noise_is_measured_and_grows_as_light_fades():
    y, x = torch.meshgrid(torch.arange(200.0), torch.arange(200.0), indexing="ij")
    slope = (0.01 * y + 0.02 * x).expand(40, 1, 200, 200)
    noisy = slope + 0.1 * torch.randn(slope.shape, generator=seeded())
    assert torch.allclose(noise_of(noisy), torch.tensor(0.1), atol=0.01)
    faded = noise_of(bleach(noisy, 0.75, seeded()))
    assert faded.min() == pytest.approx(0.1, abs=0.01)  # most crops stay as they are
    assert 0.15 < faded.max() < 0.41  # at most a quarter of the light: four times the noise


@pytest.mark.parametrize(("name", "fault"), [("defocus", defocus), ("bleach", bleach)])
def test_faults_are_of_some_crops_and_repeat_with_the_seed(name, fault):
    image = torch.rand((40, 1, 32, 32), generator=seeded(1))
    changed = fault(image, 0.9, seeded())
    same = [torch.equal(a, b) for a, b in zip(changed, image, strict=True)]
    assert 0.4 < sum(same) / len(same) < 0.95
    assert torch.equal(changed, fault(image, 0.9, seeded()))
    none = Augmentation.preset("none")
    assert torch.equal(change_intensities(image, none, seeded()), image)  # off: nothing is drawn
    assert torch.equal(change_intensities(image, none.replace(**{name: 0.9}), seeded()), changed)
