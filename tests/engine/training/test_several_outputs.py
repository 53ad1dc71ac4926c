"""Networks with several outputs or losses of their own: what they learn by, in numpy."""

import copy

import numpy as np
import pytest
import torch

from napari_unet.engine.network.networks import CONFIGS, build
from napari_unet.engine.network.recompute import recompute_blocks
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.training.learner import Learner
from napari_unet.engine.training.losses import targets
from napari_unet.engine.training.sampling.patches import Batch
from tests.engine.training.loss_formulas import np_entropy, np_loss

CPU = torch.device("cpu")
WIDTHS = {
    "unet++": {"filters": (4, 4, 8, 8, 16, 4)},
    "nnunet": {"filters": (4, 8, 8, 16, 16, 16), "size": 64},
    "segresnet-vae": {"features": 8, "size": 32},
    "attention-unet": {"filters": (4, 8, 8), "size": 32},
    "resunet": {"filters": (4, 8, 8)},
    "unet-2015": {"filters": (4, 8, 8)},
}


@pytest.fixture(autouse=True)
def monai():
    pytest.importorskip("monai")


def small(name):
    torch.manual_seed(0)
    return build(CONFIGS[name].model_validate({"network": name, **WIDTHS[name]}))


def batch():
    g = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 3, (2, 1, 16, 16), generator=g).float()
    labels = labels.repeat_interleave(4, 2).repeat_interleave(4, 3)  # (2, 1, 64, 64)
    supervised = (torch.rand(labels.shape, generator=g) > 0.3).float()
    weight = 3 * torch.rand(labels.shape, generator=g)
    return Batch(torch.randn(labels.shape, generator=g), labels, supervised, weight)


def learned_by(network, crop, settings):
    """The loss of one step, the outputs it was made of, and its formula over one output."""
    learner = Learner(network, settings, CPU)
    given = []
    outputs = learner.network.training_outputs
    learner.network.training_outputs = lambda frames: given.append(outputs(frames)) or given[-1]
    loss = learner.learn(crop, 1e-3, 0)
    wanted = targets(crop.labels, network.config.outputs).double().numpy()
    mask, weight = crop.supervised.double().numpy(), crop.weight.double().numpy()
    kinds = np.concatenate((1 - wanted[:, :1], wanted[:, :1]), 1)

    def formula(logits):
        x = logits.detach().double().numpy()
        p = 1 / (1 + np.exp(-x))
        return np_loss(settings.loss, np_entropy(x, wanted), p, wanted, kinds, mask, weight, {})

    return loss, given[0], formula


@pytest.mark.parametrize("loss", ["bce_dice", "dice_focal"])
def test_auxiliary_losses_of_the_nested_networks(loss):
    settings = TrainSettings(loss=loss, precision="fp32")
    found, outputs, formula = learned_by(small("unet++"), batch(), settings)
    assert len(outputs.logits) == 4
    assert found == pytest.approx(np.mean([formula(x) for x in outputs.logits]), rel=1e-4)


@pytest.mark.parametrize("loss", ["bce_dice", "dice_focal"])
def test_deep_supervision_halves_from_level_to_level(loss):
    settings = TrainSettings(loss=loss, precision="fp32")
    found, outputs, formula = learned_by(small("nnunet"), batch(), settings)
    losses = [formula(x) for x in outputs.logits]
    assert len(losses) == 4
    wanted = (losses[0] + losses[1] / 2 + losses[2] / 4 + losses[3] / 8) / (
        1 + 1 / 2 + 1 / 4 + 1 / 8
    )
    assert found == pytest.approx(wanted, rel=1e-4)


def test_the_variational_branch_adds_what_it_cannot_draw_and_what_its_code_costs():
    settings = TrainSettings(precision="fp32")
    network, whole = small("segresnet-vae"), batch()
    crop = Batch(*(getattr(whole, part)[..., :32, :32] for part in whole.__dataclass_fields__))
    seen = {}
    for part in ("vae_fc1", "vae_conv_final"):
        getattr(network.net, part).register_forward_hook(
            lambda _, __, out, part=part: seen.update({part: out.detach().double().numpy()})
        )
    found, outputs, formula = learned_by(network, crop, settings)
    (logits,) = outputs.logits
    code, drawn = seen["vae_fc1"], seen["vae_conv_final"]
    divergence = np.mean(code**2)  # from a normal distribution, at a spread that is fixed
    reconstruction = np.mean((crop.image.double().numpy() - drawn) ** 2)
    assert found == pytest.approx(formula(logits) + 0.1 * (divergence + reconstruction), rel=1e-4)


@pytest.mark.parametrize("name", WIDTHS)
def test_gradient_checkpointing_gives_the_same_gradients(name):
    plain = small(name).train()
    other = copy.deepcopy(plain)
    recompute_blocks(other)
    size = WIDTHS[name].get("size", 64)
    image = batch().image[..., :size, :size]
    for network in (plain, other):
        torch.manual_seed(5)  # of dropout and of what the variational branch draws
        outputs = network.training_outputs(image)
        sum(logits.square().mean() for logits in outputs.logits).backward()
    for (key, mine), its in zip(plain.named_parameters(), other.parameters(), strict=True):
        if mine.grad is not None:
            torch.testing.assert_close(mine.grad, its.grad, msg=key)
    for key, value in plain.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key
