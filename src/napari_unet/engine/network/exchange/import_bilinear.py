"""State dicts of the best known repository's U-Net, with ``bilinear=True``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_unet.engine.network.exchange.state_dict import Foreign, outputs_of
from napari_unet.engine.network.foreign.bilinear_unet import BilinearUNetConfig
from napari_unet.engine.network.model_checks import check_weights

if TYPE_CHECKING:
    from torch import Tensor

    from napari_unet.engine.network.config import NetworkConfig

FIRST = "inc.double_conv.0.weight"


def from_bilinear(state: dict[str, Tensor]) -> tuple[NetworkConfig, dict[str, Tensor]] | None:
    """Return config and tensors of such a network; None where it is none."""
    ups = [k for k in state if re.match(r"up\d+\.conv\.double_conv\.0\.weight", k)]
    if FIRST not in state or not ups or any(".up." in key for key in state):
        return None
    levels = len(ups)
    downs = [
        "inc.double_conv",
        *(f"down{i}.maxpool_conv.1.double_conv" for i in range(1, levels + 1)),
    ]
    names = {f"{name}.": f"down.{i}." for i, name in enumerate(downs)}
    names |= {f"up{i}.conv.double_conv.": f"up.{levels - i}." for i in range(1, levels + 1)}
    names |= {"outc.conv.": "head.", "outc.": "head."}
    tensors: dict[str, Tensor] = {}
    for key, tensor in state.items():
        start = next((name for name in names if key.startswith(name)), "")
        tensors[names[start] + key.removeprefix(start) if start else key] = tensor
    try:
        config = BilinearUNetConfig(
            in_channels=state[FIRST].shape[1],
            filters=tuple(len(state[f"{name}.3.weight"]) for name in downs),
            bias="inc.double_conv.0.bias" in state,
            **outputs_of(len(tensors["head.weight"])),
        )
        check_weights(config, tensors)
    except (ValueError, KeyError) as error:
        raise Foreign(
            f"looks like a U-Net that rises bilinearly, with other parts ({error})"
        ) from None
    return config, tensors
