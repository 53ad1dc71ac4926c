"""A model of images as the start for volumes: each section is seen as an image was.

Kernels of images become the middle planes of kernels of volumes, so that what lies above and below
is all that is left to learn (Carreira and Zisserman 2017, doi:10.1109/CVPR.2017.502, who spread
them over all planes). What a model knows of cells and outlines is worth many minutes of volumes,
whose steps are dear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_unet.engine.network.networks import build
from napari_unet.engine.network.unet import PlainUNetConfig
from napari_unet.engine.network.volumes import diameter_of, size_of, strides_for
from napari_unet.engine.prediction.ensemble import Ensemble
from napari_unet.engine.training.bases.adapted_base import AdaptedBase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack


def can_be_inflated(model: Model) -> bool:
    """Whether a model of images has a network of which one of volumes can be made."""
    if isinstance(model, Ensemble):
        return False
    return isinstance(model.config, PlainUNetConfig) and model.config.dims == 2


def inflated_base(stack: Stack, base: Model) -> AdaptedBase | None:
    """Return the start for the volumes of ``stack``; None of images, or where none can be made."""
    if stack.dims == 2 or not can_be_inflated(base):
        return None
    config = base.config
    assert isinstance(config, PlainUNetConfig)
    strides = strides_for(len(config.filters), stack.spacing, stack.n_z)
    network = build(config.replace(dims=3, strides=strides, scale=1.0))
    network.load_state_dict(dict(_inflated(base.network.state_dict(), network.state_dict())))
    smallest = size_of(diameter_of(base.label_settings.min_size, 2), 3, stack.spacing)
    labels = base.label_settings.replace(min_size=max(1, round(smallest)))
    words = f"{base.name} begins with each section as an image"
    return AdaptedBase.made_of(base, network, words, label_settings=labels)


def _inflated(
    flat: Mapping[str, Tensor], solid: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Yield weights of images in the shapes of those of volumes."""
    for name, weight in flat.items():
        shape = solid[name].shape
        if weight.shape == shape:
            yield name, weight
        elif name.startswith("rise."):  # every section below gives all those above it
            yield name, weight[:, :, None].expand(shape).clone()
        else:
            deep = torch.zeros(shape)
            deep[:, :, shape[2] // 2] = weight
            yield name, deep
