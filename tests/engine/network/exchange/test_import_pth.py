"""Other people's U-Nets give the probabilities that they gave in their own program."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.exchange.import_pth import convert, read_state_dict
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.unet import UNet
from tests.engine.network.exchange.foreign_unets import (
    NotebookUNet,
    RepositoryUNet,
    object_probability,
    trained,
)

NETWORKS = {
    "plain": {},
    "without batch norm": {"norm": False},
    "without bias": {"bias": False},
    "conv conv bn bn": {"late": True},
    "3x3 head": {"head": 3},
    "risen first": {"skip_first": False},
    "two classes": {"outputs": 2},
    "four classes": {"outputs": 4},
    "decoder registered first": {"ups_first": True, "inputs": 3},
    "equal widths": {"filters": (8, 8, 8)},
    "equal widths, decoder first": {"filters": (8, 8, 8), "ups_first": True},
    "two deepest equal": {"filters": (4, 8, 16, 16)},
    "odd widths": {"filters": (12, 20, 52), "skip_first": False, "late": True},
    "one level": {"filters": (8, 16)},
    "deep": {"filters": (2, 4, 6, 8, 10, 12)},
}


def assert_same_probabilities(original, imported, inputs):
    frames = torch.rand(2, inputs, 64, 96, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        wanted = object_probability(original(frames))
        found = torch.sigmoid(imported(frames))
    torch.testing.assert_close(found, wanted, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_same_probabilities(options, tmp_path):
    torch.manual_seed(0)
    options = {"filters": (8, 16, 32), **options}
    inputs = options.get("inputs", 1)
    original = trained(NotebookUNet(**options), inputs)
    path = tmp_path / "notebook.pth"
    torch.save(original.state_dict(), path)
    model = Model.load(path)
    assert model.name == "notebook"
    assert model.config.filters == options["filters"]
    assert model.config.in_channels == inputs
    assert model.config.outputs[0] == "object"
    assert_same_probabilities(original, model.network, inputs)
    again = Model.load(model.save(tmp_path / "ours"))
    assert_same_probabilities(original, again.network, inputs)


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 2)])
def test_the_best_known_repository_s_names(inputs, outputs):
    torch.manual_seed(0)
    original = trained(RepositoryUNet(inputs=inputs, outputs=outputs), inputs)
    config, tensors = convert(dict(original.state_dict()))
    imported = UNet(config)
    imported.load_state_dict(tensors)
    assert_same_probabilities(original, imported.eval(), inputs)


@pytest.mark.parametrize("skip_first", [True, False])
@pytest.mark.parametrize("filters", [(8, 8, 8), (8, 16, 32)])
@pytest.mark.parametrize("seed", [1, 2])
def test_batch_norm_tells_the_order_of_the_skips(skip_first, filters, seed):
    torch.manual_seed(seed)
    original = trained(NotebookUNet(filters, skip_first=skip_first), 1, steps=60, seed=seed)
    assert convert(dict(original.state_dict()))[0].skip_first is skip_first


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": {"net": state}},
        lambda state: OrderedDict((f"module.{k}", v) for k, v in state.items()),
        lambda state: {k: v.half() if v.is_floating_point() else v for k, v in state.items()},
        lambda state: {**state, "epoch": 7, "note": "best"},
    ],
    ids=["lightning", "twice wrapped", "data parallel", "half", "with a note"],
)
def test_ways_to_wrap_a_state(wrap, tmp_path):
    torch.manual_seed(0)
    original = NotebookUNet((4, 8)).eval()
    torch.save(wrap(original.state_dict()), tmp_path / "net.pth")
    config, tensors = read_state_dict(tmp_path / "net.pth")
    imported = UNet(config)
    imported.load_state_dict(tensors)
    frames = torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(imported.eval()(frames), original(frames), atol=5e-3, rtol=5e-3)


def _changed(**changes):
    state = dict(NotebookUNet((4, 8, 16)).state_dict())
    return {k: v for k, v in {**state, **changes}.items() if v is not None}


def _three_convolutions():
    state = dict(NotebookUNet((4, 8), norm=False).state_dict())
    return {**state, "extra.weight": torch.zeros(4, 4, 3, 3)}


NOT_UNETS = {
    "a classifier": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(8, 2)
    ).state_dict(),
    "convolutions only": lambda: nn.Sequential(
        *(nn.Conv2d(4, 4, 3) for _ in range(6))
    ).state_dict(),
    "7x7": lambda: nn.Sequential(nn.Conv2d(3, 64, 7)).state_dict(),
    "oblong": lambda: nn.Sequential(nn.Conv2d(3, 64, (1, 3))).state_dict(),
    "3D": lambda: nn.Sequential(nn.Conv3d(1, 4, 3)).state_dict(),
    "layer norm": lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4)).state_dict(),
    "a list": lambda: [torch.zeros(2)],
    "a tensor": lambda: torch.zeros(2),
    "nothing": dict,
    "numbers": lambda: {"epoch": 3},
    "two heads": lambda: _changed(**{"other.weight": torch.zeros(2, 4, 1, 1)}),
    "half normalised": lambda: _changed(
        **{f"downs.0.conv.1.{name}": None for name in ("weight", "bias", "running_mean")}
    ),
    "no norm bias": lambda: _changed(**{"downs.0.conv.1.bias": None}),
    "an up-convolution too few": lambda: _changed(**{"ups.0.weight": None}),
    "a block too few": lambda: _changed(
        **{"ups.1.conv.0.weight": None, "ups.1.conv.3.weight": None}
    ),
    "three convolutions": _three_convolutions,
    "a head of other width": lambda: _changed(**{"final_conv.weight": torch.zeros(1, 7, 1, 1)}),
    "a bias of other width": lambda: _changed(**{"downs.0.conv.0.bias": torch.zeros(9)}),
    "integers": lambda: {k: v.to(torch.int8) for k, v in NotebookUNet((4, 8)).state_dict().items()},
    "a norm without scale": lambda: {
        k: v
        for k, v in NotebookUNet((4, 8)).state_dict().items()
        if v.ndim == 4 or k.endswith(("running_mean", "running_var"))
    },
    "too many levels": lambda: NotebookUNet((1, 2, 3, 4, 5, 6, 7, 8)).state_dict(),
    "too many channels": lambda: NotebookUNet((1, 2), inputs=70).state_dict(),
}


@pytest.mark.parametrize("make", NOT_UNETS.values(), ids=NOT_UNETS)
def test_what_is_no_plain_unet_is_refused_in_one_line(make, tmp_path):
    path = tmp_path / "other.pth"
    torch.save(make(), path)
    with pytest.raises(BadInput) as caught:
        Model.load(path)
    line = str(caught.value)
    assert line.startswith("other.pth ")
    assert "\n" not in line
    assert "expected" in line
