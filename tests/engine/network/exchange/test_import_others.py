"""Networks of others beside plain U-Nets: the same logits as by their own formulas, or one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.monai.networks import monai_nets
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training import train
from tests.engine.network.exchange import others
from tests.engine.network.exchange.foreign_unets import object_probability

pytestmark = pytest.mark.slow  # MONAI takes seconds to import


def _of_monai(name, **options):
    def make(outputs):
        given = {"spatial_dims": 2, "in_channels": 1, "out_channels": outputs, **options}
        if name == "FlexibleUNet":
            given |= {"decoder_channels": (8, 8, 8, 8, 4), "pretrained": False}
        return getattr(monai_nets("a test"), name)(**given)

    return make


def _smp(make_encoder):
    return lambda outputs: others.SmpUnet(make_encoder(), outputs=outputs)


THREE = {"kernel_size": [3] * 4, "strides": [1, 2, 2, 2], "upsample_kernel_size": [2] * 3}
KNOWN = {
    "smp resnet18": _smp(lambda: others.ResNet((2, 2, 2, 2), 1)),
    "smp resnet50": _smp(lambda: others.ResNet((3, 4, 6, 3), 1, wide=True)),
    "smp efficientnet-b0": _smp(lambda: others.EfficientNetB0(1)),
    "bilinear": lambda outputs: others.BilinearUnet(outputs=outputs),
    "bilinear, older": lambda outputs: others.BilinearUnet(outputs=outputs, bias=True),
    "unet++": _of_monai("BasicUNetPlusPlus", features=(4, 4, 6, 6, 8, 4), norm="batch"),
    "resunet": _of_monai("UNet", channels=(4, 6, 8), strides=(2, 2), num_res_units=2, norm="batch"),
    "attention-unet": _of_monai("AttentionUnet", channels=(4, 6, 8), strides=(2, 2)),
    "unetr": _of_monai("UNETR", img_size=64, hidden_size=12, mlp_dim=48, num_heads=12),
    "segresnet-vae": _of_monai(
        "SegResNetVAE", input_image_size=(64, 64), init_filters=8, vae_nz=12
    ),
    "nnunet": _of_monai("DynUNet", filters=(4, 6, 8, 8), **THREE),
    "nnunet, supervised": _of_monai(
        "DynUNet", filters=(4, 6, 8, 8), deep_supervision=True, deep_supr_num=2, **THREE
    ),
    "flexible resnet18": _of_monai("FlexibleUNet", backbone="resnet18"),
    "flexible efficientnet-b2": _of_monai("FlexibleUNet", backbone="efficientnet-b2"),
}


def imported(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "net.pth")
    return Model.load(tmp_path / "net.pth")


@pytest.mark.parametrize("name", KNOWN)
def test_the_same_as_by_its_own_formula(name, tmp_path):
    torch.manual_seed(0)
    frames = torch.rand(1, 1, 64, 64)
    for outputs in (1, 2, 3) if name in ("bilinear", "resunet") else (3,):
        network = others.stirred(KNOWN[name](outputs))
        model = imported(network, tmp_path)
        with torch.no_grad():
            raw = network(frames)
            raw = raw[0] if isinstance(raw, list | tuple) else raw
            found = model.network(frames).sigmoid()
        expected = object_probability(raw)
        if outputs == 2:
            expected = expected.expand(-1, 2, -1, -1)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
        again = Model.load(model.save(tmp_path / "kept"))
        assert again.config == model.config and again.sha256 == model.sha256


def test_the_halo_on_resnets_is_the_radius_of_influence(tmp_path):
    for name in ("smp resnet18", "smp resnet50"):
        model = imported(others.stirred(KNOWN[name](1)), tmp_path)
        halo, stride = model.config.halo, 32
        size = -(-(2 * halo + 6 * stride) // stride) * stride
        line = torch.randn(1, 1, 2 * stride, size, requires_grad=True)
        centre = size // 2 // stride * stride
        model.network(line)[0, 0, :, centre : centre + stride].sum().backward()
        touched = torch.nonzero(line.grad[0, 0].abs().sum(0))
        assert int(touched.min()) >= centre - halo
        assert int(touched.max()) < centre + stride + halo


def test_two_exclusive_outputs_are_taken_on(tmp_path):
    model = imported(others.stirred(KNOWN["bilinear"](2)), tmp_path)
    labels = np.zeros((1, 64, 64), np.uint16)
    labels[:, 20:40, 20:40] = 1
    stack = Stack.from_array(labels * 99, axes="TYX")
    annotations = Annotations.from_labels(stack, Stack.from_array(labels, axes="TYX"), (0,))
    settings = TrainSettings(steps=1, crop=64, batch=1, device="cpu", validation="none", threads=1)
    child = run(train(stack, annotations, settings, base=model), quiet=True)
    assert child.config.outputs == ("object", "foreground") and child.config.classes == ()


def _plus_plus_of_smp():
    return {"decoder.blocks.x_0_0.conv1.0.weight": torch.zeros(4, 4, 3, 3)}


def _timm_encoder():
    state = others.SmpUnet(others.ResNet((2, 2, 2, 2), 1)).state_dict()
    kept = {k: v for k, v in state.items() if not k.startswith("encoder.")}
    return kept | {"encoder.model.conv_stem.weight": torch.zeros(4, 1, 3, 3)}


def _attention():
    state = others.SmpUnet(others.ResNet((2, 2, 2, 2), 1)).state_dict()
    return state | {"decoder.blocks.0.attention1.attention.cSE.1.weight": torch.zeros(4)}


WRONG = {
    "a UnetPlusPlus of segmentation_models_pytorch": _plus_plus_of_smp,
    r"another encoder than ResNet or EfficientNet \(encoder\.model\.conv_stem\)": _timm_encoder,
    r"with other options \(decoder\.blocks\.0\.attention1": _attention,
    r"looks like a U-Net\+\+ of MONAI with other options": lambda: _of_monai(
        "BasicUNetPlusPlus", features=(4, 4, 6, 6, 8, 4)
    )(1).state_dict(),
    "a SegResNet of MONAI without its VAE": lambda: _of_monai("SegResNet")(1).state_dict(),
    "looks like a nnU-Net of MONAI with other options": lambda: _of_monai(
        "DynUNet", filters=(4, 6, 8, 8), res_block=True, **THREE
    )(1).state_dict(),
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_nearly_one_is_refused_by_name(line, tmp_path):
    torch.save(WRONG[line](), tmp_path / "net.pth")
    with pytest.raises(BadInput, match=rf"^net\.pth .*{line}") as refused:
        Model.load(tmp_path / "net.pth")
    assert "\n" not in str(refused.value)
