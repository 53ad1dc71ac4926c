"""MONAI's networks behind our protocol: of any size where they allow it, classes as logits."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from napari_unet.engine.errors import BadInput, not_installed
from napari_unet.engine.network.network import Network, class_logits, pad_to_multiple
from napari_unet.engine.network.outputs import TrainingOutputs

if TYPE_CHECKING:
    from napari_unet.engine.network.config import NetworkConfig
    from napari_unet.engine.network.monai import configs

_VAE_WEIGHT = 0.1  # of what Myronenko 2018 adds to the loss: both of its terms


def monai_nets(title: str) -> Any:
    """Return MONAI's module of networks, which takes seconds to import.

    Raises
    ------
    BadInput
        Where it is not installed; ``title`` is the network that needs it.

    """
    try:
        nets = import_module("monai.networks.nets")
        import_module("einops")  # which MONAI's transformers need, and it does not ask for
    except ImportError:
        raise not_installed(f"the network {title}", "MONAI", "networks") from None
    return nets


class MonaiNetwork(Network):
    """One that gives logits as they come out of ``net``."""

    def __init__(self, config: NetworkConfig, net: nn.Module) -> None:
        super().__init__()
        self.config, self.net = config, net

    def forward(self, frames: Tensor) -> Tensor:
        """Return the logits of ``frames``."""
        return self._whole(frames, 0)[0]

    def _raw(self, frames: Tensor) -> list[Tensor]:
        """Return what ``net`` gives for frames of a multiple of its stride, the result first."""
        return [self.net(frames)]

    def _whole(self, frames: Tensor, last: int | None = None) -> list[Tensor]:
        """Return outputs up to ``last`` (all where None) as logits of the frames' own size."""
        padded, crop = pad_to_multiple(frames, self.config.multiples)
        raw = self._raw(padded)
        cut = [out[:, :, *crop] for out in (raw if last is None else raw[: last + 1])]
        return [class_logits(out) for out in cut] if self.config.softmax else cut


class UNetPlusPlus(MonaiNetwork):
    """Its four nested U-Nets learn with equal weights; the largest is the result."""

    def __init__(self, config: configs.UNetPlusPlusConfig) -> None:
        net = monai_nets(config.title).BasicUNetPlusPlus(
            spatial_dims=2,
            in_channels=config.in_channels,
            out_channels=len(config.outputs),
            features=config.filters,
            deep_supervision=True,
            norm="batch",
            dropout=config.dropout,
        )
        super().__init__(config, net)

    def training_outputs(self, frames: Tensor) -> TrainingOutputs:
        """Return the logits of the largest and of those nested in it."""
        logits = self._whole(frames)
        return TrainingOutputs(logits, (1 / len(logits),) * len(logits))

    def _raw(self, frames: Tensor) -> list[Tensor]:
        return list(reversed(self.net(frames)))


class ResUNet(MonaiNetwork):
    """MONAI's UNet, with residual units and batch normalisation."""

    def __init__(self, config: configs.ResUNetConfig) -> None:
        net = monai_nets(config.title).UNet(
            spatial_dims=2,
            in_channels=config.in_channels,
            out_channels=len(config.outputs),
            channels=config.filters,
            strides=(2,) * (len(config.filters) - 1),
            num_res_units=config.units,
            norm="batch",
            dropout=config.dropout,
        )
        super().__init__(config, net)


class FlexibleUNet(MonaiNetwork):
    """An encoder that is known from photographs, and a decoder; no weights are fetched."""

    def __init__(
        self, config: configs.ResNet18UNetConfig | configs.EfficientNetB2UNetConfig
    ) -> None:
        net = monai_nets(config.title).FlexibleUNet(
            in_channels=config.in_channels,
            out_channels=len(config.outputs),
            backbone=config.network.removesuffix("-unet"),
            pretrained=False,
            decoder_channels=config.filters,
            dropout=config.dropout,
        )
        for unused in ("_conv_head", "_bn1", "_fc"):  # of photographs: would be written, too
            if hasattr(net.encoder, unused):
                delattr(net.encoder, unused)
        if config.network == "resnet18-unet":
            learn_shortcuts(net.encoder)
        super().__init__(config, net)
        self.backbone = config.network.removesuffix("-unet")

    @property
    def encoder(self) -> nn.Module:
        """Return the part that others have trained, too."""
        return cast("nn.Module", self.net.encoder)


def learn_shortcuts(encoder: Any) -> None:
    """Give an encoder the shortcuts that ResNet-18 is known with, by 1x1 convolutions.

    MONAI's pad with zeros, and keep gradients from going through them.
    """
    for level in (encoder.layer2, encoder.layer3, encoder.layer4):
        inputs, outputs = level[0].conv1.in_channels, level[0].conv1.out_channels
        shortcut = nn.Conv2d(inputs, outputs, 1, stride=2, bias=False)
        nn.init.kaiming_normal_(shortcut.weight, mode="fan_out", nonlinearity="relu")
        level[0].downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))


class AttentionUNet(MonaiNetwork):
    """MONAI's AttentionUnet."""

    def __init__(self, config: configs.AttentionUNetConfig) -> None:
        net = monai_nets(config.title).AttentionUnet(
            spatial_dims=config.dims,
            in_channels=config.in_channels,
            out_channels=len(config.outputs),
            channels=config.filters,
            strides=config.steps,
            dropout=config.dropout,
        )
        super().__init__(config, net)


class _OfOneSize(MonaiNetwork):
    def _raw(self, frames: Tensor) -> list[Tensor]:
        given, windows = frames.shape[2:], self.config.windows
        if tuple(given) != windows:
            raise BadInput(
                f"a {self.config.title} was given {' x '.join(map(str, given))} pixels",
                f"{' x '.join(map(str, windows))}, the one size that it was made for",
                "leave the crop out, or train a new network with another",
            )
        return [self.net(frames)]


class UNETR(_OfOneSize):
    """MONAI's UNETR."""

    def __init__(self, config: configs.UNETRConfig) -> None:
        net = monai_nets(config.title).UNETR(
            in_channels=config.in_channels,
            out_channels=len(config.outputs),
            img_size=config.windows,
            feature_size=config.features,
            hidden_size=config.hidden,
            mlp_dim=4 * config.hidden,
            num_heads=config.heads,
            dropout_rate=config.dropout,
            spatial_dims=config.dims,
        )
        super().__init__(config, net)


class _Contiguous(nn.Module):
    """MONAI's next step wants a view of it, which channels last do not allow."""

    def forward(self, x: Tensor) -> Tensor:
        return x.contiguous()


class SegResNetVAE(_OfOneSize):
    """MONAI's SegResNetVAE: what it draws again is compared with its input while it learns."""

    def __init__(self, config: configs.SegResNetVAEConfig) -> None:
        net = monai_nets(config.title).SegResNetVAE(
            input_image_size=config.windows,
            vae_nz=config.latent,
            spatial_dims=config.dims,
            init_filters=config.features,
            in_channels=config.in_channels,
            out_channels=len(config.outputs),
            dropout_prob=config.dropout or None,
        )
        net.vae_down.append(_Contiguous())
        super().__init__(config, net)
        self._drawn: Tensor | None = None

    def training_outputs(self, frames: Tensor) -> TrainingOutputs:
        """Return the logits, and what its drawing lacks and its latent space costs."""
        logits = self._whole(frames)
        drawn, self._drawn = self._drawn, None
        return TrainingOutputs(logits, extra=None if drawn is None else _VAE_WEIGHT * drawn)

    def _raw(self, frames: Tensor) -> list[Tensor]:
        logits, self._drawn = super()._raw(frames)[0]
        return [logits]


class DynUNet(MonaiNetwork):
    """MONAI's DynUNet; while it learns, coarser levels say their part (deep supervision)."""

    def __init__(self, config: configs.DynUNetConfig) -> None:
        levels = len(config.filters)
        net = monai_nets(config.title).DynUNet(
            spatial_dims=config.dims,
            in_channels=config.in_channels + self.added,
            out_channels=len(config.outputs),
            kernel_size=[3] * levels,
            strides=[(1,) * config.dims, *config.steps],
            upsample_kernel_size=config.steps,
            filters=config.filters,
            dropout=config.dropout or None,
            deep_supervision=True,
            deep_supr_num=max(1, levels - 3),  # all but the two coarsest, as nnU-Net does
        )
        # the same layers under two names each: they would be written twice
        for twin in ("input_block", "downsamples", "bottleneck", "upsamples"):
            delattr(net, twin)
        del net.deep_supervision_heads
        super().__init__(config, net)

    added = 0  # channels beside the image's

    def training_outputs(self, frames: Tensor) -> TrainingOutputs:
        """Return the logits of each level; from one to the next they count half."""
        logits = self._whole(frames)
        halves = [0.5**level for level in range(len(logits))]
        return TrainingOutputs(logits, tuple(half / sum(halves) for half in halves))

    def _raw(self, frames: Tensor) -> list[Tensor]:
        out = self.net(frames)
        heads = cast("list[Tensor]", self.net.heads)
        heads[:] = [torch.empty(0)] * len(heads)  # kept, they could neither be copied nor freed
        return list(out.unbind(1)) if self.net.training else [out]


class DynUNetOptimised(DynUNet):
    """With a further channel, 1 where any channel of the normalised image is above 0."""

    added = 1

    def _raw(self, frames: Tensor) -> list[Tensor]:
        above = (frames > 0).any(1, keepdim=True).to(frames.dtype)
        return super()._raw(torch.cat((frames, above), 1))
