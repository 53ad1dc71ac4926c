"""Networks of two repositories, by their formulas and with their names of layers."""

import torch
from torch import nn
from torch.nn import functional as F


class _Block(nn.Module):
    """Of ResNet-18, or of ResNet-50 (``wide``)."""

    def __init__(self, inputs, planes, stride, wide):
        super().__init__()
        outputs = 4 * planes if wide else planes
        if wide:
            self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
            self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
            self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(outputs)
        else:
            self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(planes), nn.BatchNorm2d(planes)
        if stride > 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, "conv3"):
            out = self.bn3(self.conv3(F.relu(out)))
        return F.relu(out + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    def __init__(self, blocks, channels, wide=False):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for level, n in enumerate(blocks):
            layer = nn.Sequential()
            for i in range(n):
                stride = 2 if level and not i else 1
                layer.append(_Block(inputs, 64 * 2**level, stride, wide))
                inputs = 64 * 2**level * (4 if wide else 1)
            self.add_module(f"layer{level + 1}", layer)
        self.channels = (64, *(64 * 2**i * (4 if wide else 1) for i in range(4)))

    def forward(self, x):
        maps = [F.relu(self.bn1(self.conv1(x)))]
        x = F.max_pool2d(maps[0], 3, 2, 1)
        for level in range(1, 5):
            x = getattr(self, f"layer{level}")(x)
            maps.append(x)
        return maps


class _MBConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, expand, edge):
        super().__init__()
        wide, norm = inputs * expand, {"eps": 1e-3}
        if expand > 1:
            self._expand_conv = nn.Conv2d(inputs, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, **norm)
        self._depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, **norm)
        self._se_reduce = nn.Conv2d(wide, max(1, inputs // 4), 1)
        self._se_expand = nn.Conv2d(max(1, inputs // 4), wide, 1)
        self._project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, **norm)
        self.padding = same(edge, kernel, stride)
        self.skips = stride == 1 and inputs == outputs

    def forward(self, x):
        out = F.silu(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        out = F.silu(self._bn1(self._depthwise_conv(F.pad(out, self.padding))))
        squeezed = self._se_expand(F.silu(self._se_reduce(out.mean((2, 3), keepdim=True))))
        out = self._bn2(self._project_conv(out * squeezed.sigmoid()))
        return out + x if self.skips else out


def same(edge, kernel, stride):
    """TensorFlow's padding for the size that the network was made for."""
    missing = max((-(-edge // stride) - 1) * stride + kernel - edge, 0)
    return (missing // 2, missing - missing // 2) * 2


class EfficientNetB0(nn.Module):
    stages = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
              (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))  # fmt: skip
    channels = (32, 24, 40, 112, 320)

    def __init__(self, channels):
        super().__init__()
        self._conv_stem = nn.Conv2d(channels, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        self._blocks, edge, inputs = nn.ModuleList(), 112, 32
        for repeats, kernel, stride, expand, outputs in self.stages:
            for i in range(repeats):
                step = 1 if i else stride
                self._blocks.append(_MBConv(inputs, outputs, kernel, step, expand, edge))
                edge, inputs = -(-edge // step), outputs
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)  # in the file, and not used
        self._bn1 = nn.BatchNorm2d(1280)

    def forward(self, x):
        x = F.silu(self._bn0(self._conv_stem(F.pad(x, same(224, 3, 2)))))
        maps = [x]
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i in (2, 4, 10, 15):
                maps.append(x)
        return maps


class _Decoder(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        for name, channels in (("conv1", inputs), ("conv2", outputs)):
            conv = nn.Conv2d(channels, outputs, 3, padding=1, bias=False)
            self.add_module(name, nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU()))


class SmpUnet(nn.Module):
    """``Unet`` of segmentation_models_pytorch."""

    def __init__(self, encoder, filters=(12, 10, 8, 6, 4), outputs=1):
        super().__init__()
        self.encoder, channels = encoder, encoder.channels
        self.decoder = nn.Module()
        self.decoder.blocks = nn.ModuleList()
        inputs = channels[-1]
        for skip, width in zip((*channels[-2::-1], 0), filters, strict=True):
            self.decoder.blocks.append(_Decoder(inputs + skip, width))
            inputs = width
        self.segmentation_head = nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1))

    def forward(self, x):
        *skips, x = self.encoder(x)
        for block in self.decoder.blocks:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = torch.cat((x, skips.pop()), 1) if skips else x
            x = block.conv2(block.conv1(x))
        return self.segmentation_head(x)


class _Double(nn.Module):
    def __init__(self, inputs, middle, outputs, bias):
        super().__init__()
        layers = []
        for a, b in ((inputs, middle), (middle, outputs)):
            layers += [nn.Conv2d(a, b, 3, padding=1, bias=bias), nn.BatchNorm2d(b), nn.ReLU()]
        self.double_conv = nn.Sequential(*layers)

    def forward(self, x):
        return self.double_conv(x)


class BilinearUnet(nn.Module):
    """The best known repository's, with ``bilinear=True``."""

    def __init__(self, base=4, inputs=1, outputs=1, bias=False):
        super().__init__()
        widths = (base, 2 * base, 4 * base, 8 * base, 8 * base)
        self.inc = _Double(inputs, base, base, bias)
        for i in range(1, 5):
            block = _Double(widths[i - 1], widths[i], widths[i], bias)
            down = nn.Module()
            down.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), block)
            self.add_module(f"down{i}", down)
        for i, out in enumerate((4 * base, 2 * base, base, base), 1):
            up, into = nn.Module(), 2 * widths[4 - i]
            up.conv = _Double(into, into // 2, out, bias)
            self.add_module(f"up{i}", up)
        self.outc = nn.Module()
        self.outc.conv = nn.Conv2d(base, outputs, 1)

    def forward(self, x):
        skips = [self.inc(x)]
        for i in range(1, 5):
            skips.append(getattr(self, f"down{i}").maxpool_conv(skips[-1]))
        x = skips.pop()
        for i in range(1, 5):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            x = getattr(self, f"up{i}").conv(torch.cat((skips.pop(), x), 1))
        return self.outc.conv(x)


def stirred(network, seed=0):
    """The network with running means and variances as if it had learned."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name.endswith(("running_mean", "norm.bias")):
            tensor.copy_(0.1 * torch.randn(tensor.shape, generator=generator))
        elif name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return network.eval()
