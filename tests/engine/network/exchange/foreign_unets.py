"""U-Nets as other people write them: notebooks, the best known repositories, older code."""

import torch
from torch import nn
from torch.nn import functional as F


class DoubleConv(nn.Module):
    """``late`` registers conv1, conv2, bn1, bn2; otherwise one after the other."""

    def __init__(self, inputs, outputs, *, norm=True, late=False, bias=True):
        super().__init__()
        conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
        conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=bias)
        if late:
            self.conv1, self.conv2 = conv1, conv2
            self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
            self.steps = [conv1, self.bn1, nn.ReLU(), conv2, self.bn2, nn.ReLU()]
            return
        layers = []
        for conv in (conv1, conv2):
            layers += [conv, *([nn.BatchNorm2d(outputs)] if norm else []), nn.ReLU(inplace=True)]
        self.conv = nn.Sequential(*layers)
        self.steps = layers

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


class NotebookUNet(nn.Module):
    """``downs``, ``ups`` with up-convolution and block in turn, ``bottleneck``, ``final_conv``."""

    def __init__(
        self, filters, *, inputs=1, outputs=1, head=1, skip_first=True, ups_first=False, **block
    ):
        super().__init__()
        self.skip_first = skip_first
        downs = nn.ModuleList(
            DoubleConv(a, b, **block)
            for a, b in zip((inputs, *filters), filters[:-1], strict=False)
        )
        ups = nn.ModuleList()
        for deep, shallow in zip(filters[::-1], filters[-2::-1], strict=False):
            ups.append(nn.ConvTranspose2d(deep, shallow, 2, 2))
            ups.append(DoubleConv(2 * shallow, shallow, **block))
        if ups_first:
            self.ups, self.downs = ups, downs
        else:
            self.downs, self.ups = downs, ups
        self.bottleneck = DoubleConv(filters[-2], filters[-1], **block)
        self.final_conv = nn.Conv2d(filters[0], outputs, head, padding=head // 2)

    def forward(self, x):
        skips = []
        for down in self.downs:
            skips.append(down(x))
            x = F.max_pool2d(skips[-1], 2)
        x = self.bottleneck(x)
        for rise, block in zip(self.ups[::2], self.ups[1::2], strict=True):
            skip, risen = skips.pop(), rise(x)
            x = block(torch.cat((skip, risen) if self.skip_first else (risen, skip), 1))
        return self.final_conv(x)


class _Named(nn.Module):
    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


class RepositoryUNet(nn.Module):
    """``inc.double_conv``, ``down1.maxpool_conv``, ``up1.up``, ``up1.conv``, ``outc.conv``."""

    def __init__(self, filters=(8, 16, 32), inputs=1, outputs=1):
        super().__init__()
        self.inc = _Named(double_conv=DoubleConv(inputs, filters[0], bias=False).conv)
        self.levels = len(filters) - 1
        for i in range(self.levels):
            pooled = nn.Sequential(
                nn.MaxPool2d(2),
                _Named(double_conv=DoubleConv(filters[i], filters[i + 1], bias=False).conv),
            )
            self.add_module(f"down{i + 1}", _Named(maxpool_conv=pooled))
        for i, (deep, shallow) in enumerate(zip(filters[::-1], filters[-2::-1], strict=False), 1):
            block = DoubleConv(2 * shallow, shallow, bias=False)
            part = _Named(
                up=nn.ConvTranspose2d(deep, shallow, 2, 2), conv=_Named(double_conv=block.conv)
            )
            self.add_module(f"up{i}", part)
        self.outc = _Named(conv=nn.Conv2d(filters[0], outputs, 1))

    def forward(self, x):
        skips = [self.inc.double_conv(x)]
        for i in range(1, self.levels + 1):
            pool, block = getattr(self, f"down{i}").maxpool_conv
            skips.append(block.double_conv(pool(skips[-1])))
        x = skips.pop()
        for i in range(1, self.levels + 1):
            part = getattr(self, f"up{i}")
            x = part.conv.double_conv(torch.cat([skips.pop(), part.up(x)], 1))
        return self.outc.conv(x)


def trained(network, inputs, steps=30, seed=0):
    """The network after a few steps, so that batch normalisation remembers what it saw."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(steps):
        noise = torch.rand(4, inputs, 8, 8, generator=generator)
        image = F.interpolate(noise, size=(32, 32), mode="bicubic")
        loss = ((network(image) - (image[:, :1] > 0.5).float()) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def object_probability(raw):
    """What the author of a network reads from its raw outputs: ``(N, K, Y, X)`` probabilities."""
    if raw.shape[1] == 1:
        return torch.sigmoid(raw)
    classes = raw.softmax(1)
    if raw.shape[1] == 2:
        return classes[:, 1:]
    return torch.cat((1 - classes[:, :1], classes[:, 1:]), 1)
