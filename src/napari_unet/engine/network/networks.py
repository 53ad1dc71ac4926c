"""Every network by its name: its config from a file, and the network from its config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Discriminator, Tag, TypeAdapter

from napari_unet.engine.network.foreign.bilinear_unet import BilinearUNet, BilinearUNetConfig
from napari_unet.engine.network.foreign.onnx_network import OnnxConfig, OnnxNetwork
from napari_unet.engine.network.foreign.smp_unet import (
    SmpEfficientNetUNetConfig,
    SmpResNetUNetConfig,
    SmpUNet,
)
from napari_unet.engine.network.monai import configs as of_monai
from napari_unet.engine.network.monai import networks as monai
from napari_unet.engine.network.unet import (
    UNet,
    UNet2015,
    UNet2015Config,
    UNetConfig,
    UNetNotebookConfig,
)

if TYPE_CHECKING:
    from napari_unet.engine.network.config import NetworkConfig
    from napari_unet.engine.network.network import Network


def _name(value: Any) -> str:
    """Return the name in a config; those of version 0.1.0 have none."""
    if isinstance(value, dict):
        return str(value.get("network", "unet"))
    return str(getattr(value, "network", "unet"))


AnyConfig = Annotated[
    Annotated[UNetConfig, Tag("unet")]
    | Annotated[UNet2015Config, Tag("unet-2015")]
    | Annotated[UNetNotebookConfig, Tag("unet-notebook")]
    | Annotated[of_monai.UNetPlusPlusConfig, Tag("unet++")]
    | Annotated[of_monai.ResUNetConfig, Tag("resunet")]
    | Annotated[of_monai.ResNet18UNetConfig, Tag("resnet18-unet")]
    | Annotated[of_monai.EfficientNetB2UNetConfig, Tag("efficientnet-b2-unet")]
    | Annotated[of_monai.AttentionUNetConfig, Tag("attention-unet")]
    | Annotated[of_monai.UNETRConfig, Tag("unetr")]
    | Annotated[of_monai.SegResNetVAEConfig, Tag("segresnet-vae")]
    | Annotated[of_monai.NnUNetConfig, Tag("nnunet")]
    | Annotated[of_monai.NnUNetOptimisedConfig, Tag("nnunet-optimised")]
    | Annotated[OnnxConfig, Tag("onnx")]
    | Annotated[BilinearUNetConfig, Tag("unet-bilinear")]
    | Annotated[SmpResNetUNetConfig, Tag("smp-resnet-unet")]
    | Annotated[SmpEfficientNetUNetConfig, Tag("smp-efficientnet-unet")],
    Discriminator(_name),
]
_ADAPTER: TypeAdapter[AnyConfig] = TypeAdapter(AnyConfig)

_NETWORKS: dict[type[NetworkConfig], Any] = {
    UNetConfig: UNet,
    UNet2015Config: UNet2015,
    UNetNotebookConfig: UNet,
    of_monai.UNetPlusPlusConfig: monai.UNetPlusPlus,
    of_monai.ResUNetConfig: monai.ResUNet,
    of_monai.ResNet18UNetConfig: monai.FlexibleUNet,
    of_monai.EfficientNetB2UNetConfig: monai.FlexibleUNet,
    of_monai.AttentionUNetConfig: monai.AttentionUNet,
    of_monai.UNETRConfig: monai.UNETR,
    of_monai.SegResNetVAEConfig: monai.SegResNetVAE,
    of_monai.NnUNetConfig: monai.DynUNet,
    of_monai.NnUNetOptimisedConfig: monai.DynUNetOptimised,
}
_FOREIGN: dict[type[NetworkConfig], Any] = {
    OnnxConfig: OnnxNetwork,
    BilinearUNetConfig: BilinearUNet,
    SmpResNetUNetConfig: SmpUNet,
    SmpEfficientNetUNetConfig: SmpUNet,
}
"""Those that only come from files of others."""
CONFIGS: dict[str, type[NetworkConfig]] = {
    kind.model_fields["network"].default: kind for kind in _NETWORKS
}
"""The config of each network that can be made from new, by its name."""


def of_volumes() -> tuple[type[NetworkConfig], ...]:
    """Return the kinds of networks that can be made for volumes, too."""
    return tuple(kind for kind in CONFIGS.values() if not kind.flat)


def read_config(values: Any) -> NetworkConfig:
    """Return the config that ``values`` describe; pydantic's ValidationError where none does."""
    return cast("NetworkConfig", _ADAPTER.validate_python(values))


def build(config: NetworkConfig) -> Network:
    """Return a new network.

    Raises
    ------
    BadInput
        Where it needs MONAI, which is not installed.

    """
    return cast("Network", (_NETWORKS | _FOREIGN)[type(config)](config))


def from_values(config: dict[str, Any]) -> Network:
    """Return a new network from its config as plain values: packages of bioimage.io name this."""
    return build(read_config(config))
