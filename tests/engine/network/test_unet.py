import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_unet.engine.network.network import pad_to_multiple
from napari_unet.engine.network.unet import UNet, UNetConfig


def network(**config):
    torch.manual_seed(0)
    return UNet(UNetConfig(**{"filters": (4, 8, 12), **config})).eval()


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 37),
    width=st.integers(1, 37),
    channels=st.integers(1, 3),
    outputs=st.integers(1, 4),
    norm=st.booleans(),
)
def test_any_size_and_any_channels(height, width, channels, outputs, norm):
    names = ("object", "border", "class 1", "class 2")[:outputs]
    net = network(in_channels=channels, outputs=names, norm=norm)
    with torch.inference_mode():
        logits = net(torch.randn(2, channels, height, width))
    assert logits.shape == (2, outputs, height, width)
    assert torch.isfinite(logits).all()


STRIDES = [(), ((2, 2, 2), (2, 2, 2)), ((1, 2, 2), (2, 2, 2)), ((1, 2, 2), (1, 2, 2))]


@pytest.mark.parametrize("strides", STRIDES)
def test_three_dimensions(strides):
    net = network(dims=3, strides=strides)
    frames = torch.randn(1, 1, 3, 9, 10)
    with torch.inference_mode():
        logits = net(frames)
        folded = net.folded()(frames)
    assert logits.shape == (1, 2, 3, 9, 10)
    torch.testing.assert_close(folded, logits, atol=1e-5, rtol=1e-4)
    assert not any("Norm" in type(part).__name__ for part in net.folded().modules())


def test_what_is_said_of_images_is_as_before():
    assert "strides" not in UNetConfig().model_dump()
    config = UNetConfig(filters=(4, 8, 12))
    assert config.halos == (config.halo,) * 2 and config.multiples == (config.multiple,) * 2
    assert (config.halo, config.multiple) == (2 * 7 + 2 * 3 + 3, 4)
    assert config.load == 4 + 8 / 4 + 12 / 16


@pytest.mark.parametrize("strides", STRIDES[1:])
def test_beyond_the_halo_of_a_volume_nothing_has_influence(strides):
    config = UNetConfig(filters=(2, 3, 4), dims=3, strides=strides)
    torch.manual_seed(0)
    net = UNet(config).eval()
    size = [
        -(-(2 * halo + 3) // n) * n for halo, n in zip(config.halos, config.multiples, strict=True)
    ]
    volume = torch.randn(1, 1, *size, requires_grad=True)
    middle = [n // 2 for n in size]
    net(volume)[0, :, middle[0], middle[1], middle[2]].sum().backward()
    reach = (volume.grad[0, 0].nonzero() - torch.tensor(middle)).abs().amax(0)
    assert all(0 < n <= halo for n, halo in zip(reach.tolist(), config.halos, strict=True))


@pytest.mark.parametrize("classes", [1, 3])
def test_softmax_scores_become_logits_of_the_same_probabilities(classes):
    names = ("object", *(f"class {k}" for k in range(1, classes + 1)))
    config = UNetConfig(filters=(4, 8), outputs=names, softmax=True)
    net = UNet(config).eval()
    frames = torch.randn(2, 1, 15, 18)
    with torch.inference_mode():
        found = torch.sigmoid(net(frames).double())
        padded, crop = pad_to_multiple(frames, config.multiple)
        wanted = net._levels(padded)[:, :, *crop].double().softmax(1)
    torch.testing.assert_close(found[:, 0], 1 - wanted[:, 0], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found[:, 1:], wanted[:, 1:], atol=1e-6, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from((1, 2, 8, 16)))
def test_padding_is_undone(height, width, multiple):
    frames = torch.randn(1, 2, height, width)
    padded, crop = pad_to_multiple(frames, multiple)
    assert padded.shape[2] % multiple == padded.shape[3] % multiple == 0
    assert padded.shape[2] < height + multiple
    assert torch.equal(padded[:, :, *crop], frames)


@pytest.mark.parametrize("config", [{}, {"head_kernel": 3}, {"filters": (4, 8)}])
def test_beyond_the_halo_nothing_has_influence(config):
    net = network(**config)
    halo, multiple = net.config.halo, net.config.multiple
    size = -(-(2 * halo + 9) // multiple) * multiple
    frame = torch.randn(1, 1, size, size, requires_grad=True)
    middle = size // 2
    net(frame)[0, :, middle, middle].sum().backward()
    seen = frame.grad[0, 0].nonzero()
    assert 0 < (seen - middle).abs().max() <= halo


def test_skip_order_is_part_of_the_network():
    first, second = network(), network(skip_first=False)
    second.load_state_dict(first.state_dict())
    frame = torch.randn(1, 1, 16, 16)
    with torch.inference_mode():
        assert not torch.allclose(first(frame), second(frame))


@pytest.mark.parametrize(
    "bad",
    [
        {"outputs": ("border", "object")},
        {"outputs": ()},
        {"filters": (8,)},
        {"filters": (8, 0)},
        {"filters": (8, 5000)},
        {"softmax": True, "outputs": ("object",)},
        {"dims": 4},
        {"strides": ((1, 2, 2), (2, 2, 2), (2, 2, 2))},
        {"dims": 3, "strides": ((1, 2, 2),)},
        {"dims": 3, "strides": ((0, 2, 2), (2, 2, 2), (2, 2, 2))},
        {"in_channels": 0},
    ],
)
def test_what_is_no_unet_is_refused(bad):
    with pytest.raises(ValidationError):
        UNetConfig(**bad)


def test_while_learning_it_gives_its_logits_alone() -> None:
    network, frames = UNet(UNetConfig(filters=(2, 4))).eval(), torch.rand(1, 1, 7, 9)
    outputs = network.training_outputs(frames)
    assert outputs.weights == (1.0,) and outputs.extra is None
    torch.testing.assert_close(outputs.logits, [network(frames)])
