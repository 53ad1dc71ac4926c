"""Networks that MONAI builds, as values: their widths, stride, and how they are run."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from napari_unet.engine.network.config import (
    HalvedConfig,
    NetworkConfig,
    Widths,
    WindowedConfig,
)


class UNetPlusPlusConfig(NetworkConfig):
    """Nested U-Nets of one to four levels, each with an output to learn from (Zhou 2018)."""

    title: ClassVar[str] = "U-Net++"
    flat: ClassVar[bool] = True
    exact: ClassVar[bool] = True

    network: Literal["unet++"] = "unet++"
    dims: int = Field(2, ge=2, le=2)
    filters: Annotated[Widths, Field(min_length=6, max_length=6)] = (32, 32, 64, 128, 256, 32)
    dropout: float = Field(0.0, ge=0, lt=1)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return self.filters[:5]

    @property
    def load(self) -> float:
        """Feature maps of the frame's size: a level holds several nodes, the upper ones most."""
        return sum((5 - i) * width / 4.0**i for i, width in enumerate(self.widths))

    @property
    def multiple(self) -> int:
        """Four times halved."""
        return 16

    @property
    def halo(self) -> int:
        """As of a plain U-Net of five levels: the longest way is the deepest."""
        return int(sum(2 * 2**i for i in range(5)) + sum(3 * 2**i for i in range(4)))


class ResUNetConfig(HalvedConfig):
    """A U-Net of residual units, which halves with its first unit (Kerfoot 2018)."""

    title: ClassVar[str] = "Residual U-Net"
    flat: ClassVar[bool] = True
    exact: ClassVar[bool] = True

    network: Literal["resunet"] = "resunet"
    dims: int = Field(2, ge=2, le=2)
    filters: Annotated[Widths, Field(min_length=2, max_length=7)] = (16, 32, 64, 128, 256)
    units: int = Field(2, ge=1, le=8)
    dropout: float = Field(0.0, ge=0, lt=1)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level; that of the frame's size holds the outputs only."""
        return (len(self.outputs), *self.filters[:-1])

    @property
    def halo(self) -> int:
        """Convolutions of a unit down, of the bottom, and two of a unit up with its rise."""
        steps = [2**i for i in range(len(self.filters) - 1)]
        down = sum(step + (self.units - 1) * 2 * step for step in steps)
        return int(down + self.units * self.multiple + sum(3 * step for step in steps))


class ResNet18UNetConfig(NetworkConfig):
    """A ResNet-18 as encoder (He 2016), upsampling and convolutions as decoder."""

    title: ClassVar[str] = "U-Net on ResNet-18"
    flat: ClassVar[bool] = True
    exact: ClassVar[bool] = True

    network: Literal["resnet18-unet"] = "resnet18-unet"
    dims: int = Field(2, ge=2, le=2)
    filters: Annotated[Widths, Field(min_length=5, max_length=5)] = (256, 128, 64, 32, 16)
    dropout: float = Field(0.0, ge=0, lt=1)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, the decoder's at the frame's size."""
        return (self.filters[-1], 64, 64, 128, 256, 512)

    @property
    def multiple(self) -> int:
        """Five times halved."""
        return 32

    @property
    def halo(self) -> int:
        """Stem, pooling and sixteen convolutions down; two and an upsampling a level up; head."""
        down = 3 + 2 + 4 * 4 + (4 + 3 * 8) + (8 + 3 * 16) + (16 + 3 * 32)
        return int(down + sum(3 * 2**i for i in range(5)) + 1)


class EfficientNetB2UNetConfig(WindowedConfig):
    """An EfficientNet-B2 as encoder (Tan 2019); its squeeze-and-excitation sees the whole input."""

    title: ClassVar[str] = "U-Net on EfficientNet-B2"
    flat: ClassVar[bool] = True

    network: Literal["efficientnet-b2-unet"] = "efficientnet-b2-unet"
    dims: int = Field(2, ge=2, le=2)
    filters: Annotated[Widths, Field(min_length=5, max_length=5)] = (256, 128, 64, 32, 16)
    dropout: float = Field(0.0, ge=0, lt=1)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, of which the encoder expands its own sixfold."""
        return (self.filters[-1], 96, 144, 288, 720, 1248)

    @property
    def multiple(self) -> int:
        """Five times halved."""
        return 32


class AttentionUNetConfig(HalvedConfig, WindowedConfig):
    """A U-Net whose skips are weighted by gates (Oktay 2018); MONAI's merges by instance norm."""

    title: ClassVar[str] = "Attention U-Net"

    network: Literal["attention-unet"] = "attention-unet"
    filters: Annotated[Widths, Field(min_length=2, max_length=7)] = (16, 32, 64, 128, 256)
    dropout: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _check_gates(self) -> AttentionUNetConfig:
        if min(self.filters) < 2:
            raise ValueError("gates have half as many channels, so a level has two at least")
        return self


class UNETRConfig(WindowedConfig):
    """A vision transformer of patches of 16 px as encoder (Hatamizadeh 2022), of one size only."""

    title: ClassVar[str] = "UNETR"
    fixed: ClassVar[bool] = True

    network: Literal["unetr"] = "unetr"
    hidden: int = Field(768, ge=2, le=4096)
    heads: int = Field(12, ge=1, le=64)
    features: int = Field(16, ge=1, le=512)
    dropout: float = Field(0.0, ge=0, lt=1)

    @classmethod
    def wide(cls, width: int) -> dict[str, int]:
        """Return the options for a width: with as many heads as divide it, twelve at most."""
        return {"hidden": width, "heads": max(n for n in range(1, 13) if width % n == 0)}

    @model_validator(mode="after")
    def _check_heads(self) -> UNETRConfig:
        if self.hidden % self.heads:
            raise ValueError("the width is a multiple of the number of heads")
        return self

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return (*(self.features * 2**i for i in range(4)), self.hidden)

    @property
    def multiple(self) -> int:
        """Return the edge of a patch."""
        return 16


class SegResNetVAEConfig(WindowedConfig):
    """A residual network that also learns to draw its input again (Myronenko 2018)."""

    title: ClassVar[str] = "SegResNet with VAE"
    fixed: ClassVar[bool] = True

    network: Literal["segresnet-vae"] = "segresnet-vae"
    features: int = Field(16, ge=8, le=256, multiple_of=8)
    latent: int = Field(256, ge=1, le=4096)
    dropout: float = Field(0.0, ge=0, lt=1)

    @classmethod
    def wide(cls, width: int) -> dict[str, int]:
        """Return the options for a width of the first level."""
        return {"features": width}

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.features * 2**i for i in range(4))

    @property
    def multiple(self) -> int:
        """Three times halved, and once more where the image is drawn again."""
        return 16


class DynUNetConfig(HalvedConfig, WindowedConfig):
    """What the networks of nnU-Net (Isensee 2021) have in common: instance norm, leaky ReLU."""

    filters: Annotated[Widths, Field(min_length=3, max_length=7)]
    dropout: float = Field(0.0, ge=0, lt=1)


class NnUNetConfig(DynUNetConfig):
    """As nnU-Net plans it for images, and of volumes for large ones."""

    title: ClassVar[str] = "nnU-Net"

    network: Literal["nnunet"] = "nnunet"
    filters: Annotated[Widths, Field(min_length=3, max_length=7)] = (32, 64, 128, 256, 320, 320)


class NnUNetOptimisedConfig(DynUNetConfig):
    """Deeper, with a channel that says where the image is above 0 (Futrega 2021)."""

    title: ClassVar[str] = "nnU-Net, optimised"

    network: Literal["nnunet-optimised"] = "nnunet-optimised"
    filters: Annotated[Widths, Field(min_length=3, max_length=7)] = (
        64, 96, 128, 192, 256, 384, 512,
    )  # fmt: skip
