import pytest
import torch
from torch import nn

from napari_unet.engine.network.unet import UNet, UNetConfig, fold


@pytest.mark.parametrize("config", [{}, {"bias": True}, {"norm": False}, {"softmax": True}])
def test_the_folded_network_gives_the_same_logits_without_batch_norm(config):
    torch.manual_seed(0)
    network = UNet(UNetConfig(filters=(4, 8), **config))
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(2, 1, 32, 32))  # batch norm has seen something
    before = {k: v.clone() for k, v in network.state_dict().items()}
    folded, frame = fold(network), torch.randn(1, 1, 33, 47)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    with torch.inference_mode():
        torch.testing.assert_close(folded(frame), network.eval()(frame), rtol=1e-5, atol=1e-5)
    after = network.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())
