"""The network a training begins with: a new one, or a copy of another model's."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from torch import nn

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.class_labels import class_outputs
from napari_unet.engine.labels.regions import (
    parse_regions,
    region_outputs,
    region_text,
    regions_of,
)
from napari_unet.engine.network.config import WindowedConfig
from napari_unet.engine.network.exchange.encoder_weights import take_encoder
from napari_unet.engine.network.networks import CONFIGS, build, of_volumes
from napari_unet.engine.network.normalisation import is_boxed
from napari_unet.engine.network.volumes import strides_for, thickness
from napari_unet.engine.prediction.ensemble import Ensemble
from napari_unet.engine.prediction.prediction import check_dims
from napari_unet.engine.training.losses import check_class_weights

if TYPE_CHECKING:
    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.labels.regions import Regions
    from napari_unet.engine.network.config import NetworkConfig
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.network import Network
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.stack.stack import Stack


def initial_network(
    stack: Stack,
    settings: TrainSettings,
    base: Model | None,
    classes: tuple[int, ...] = (),
    crop: int = 128,
    scale: float = 1.0,
) -> Network:
    """Return a copy of the base's network, or a new one for the channels and ``classes``.

    ``crop`` is the edge in px of what it will learn from, for networks that keep to it, ``scale``
    the factor by which frames are resized for it.
    """
    if base is None:
        network = build(_new_config(stack, settings, classes, crop).replace(scale=scale))
        if settings.initialisation == "kaiming":
            network.apply(_kaiming)
        return network
    config = base.config
    if isinstance(config, WindowedConfig) and settings.crop and not config.fixed:
        config = config.sized(settings.crop)
    network = build(config.replace(scale=scale))
    network.load_state_dict(base.network.state_dict())
    return network


def _new_config(
    stack: Stack, settings: TrainSettings, classes: tuple[int, ...], crop: int
) -> NetworkConfig:
    kind = CONFIGS[settings.network]
    options: dict[str, Any] = {
        "in_channels": stack.channels,
        "outputs": network_outputs(settings, None, classes),
        "softmax": bool(classes) and not settings.regions.strip(),
    }
    if settings.width:
        options |= kind.wide(settings.width)
    if settings.dropout is not None:
        options["dropout"] = _dropout(settings.dropout, kind)
    if own_filters(settings) and "filters" in kind.model_fields:
        options["filters"] = settings.filters
    if stack.dims == 3:
        options |= _of_volumes(stack, kind, options.get("filters"))
        options["boxed"] = is_boxed(settings.normalisation)
    try:
        config = kind.model_validate(options)
        return _sized(config, crop, stack) if isinstance(config, WindowedConfig) else config
    except ValidationError as error:
        reason = error.errors()[0]
        raise BadInput(
            f"a {kind.title} cannot be made so ({reason['loc'][-1]}: {reason['msg']})"
            if reason["loc"]
            else f"a {kind.title} cannot be made so ({reason['msg']})",
            "channels of its levels, and a crop that they can halve",
            "leave filters and crop out, or choose others",
        ) from None


def _of_volumes(
    stack: Stack, kind: type[NetworkConfig], filters: tuple[int, ...] | None
) -> dict[str, Any]:
    """Return what makes a network one of volumes: it pools along z where voxels are near cubes."""
    if kind not in of_volumes():
        these = ", ".join(one.model_fields["network"].default for one in of_volumes())
        raise BadInput(
            f"a {kind.title} learns from images, and {stack.name} is taken as a volume",
            f"a network of volumes: {these}",
            "choose one of them, or take each section as a frame (--z frames)",
        )
    options: dict[str, Any] = {"dims": 3}
    if "strides" in kind.model_fields:
        levels = len(filters or kind.model_fields["filters"].default)
        options["strides"] = strides_for(levels, stack.spacing, stack.n_z)
    return options


def _sized(config: WindowedConfig, crop: int, stack: Stack) -> WindowedConfig:
    """Return a network for crops of so many px, and as deep as they are wide."""
    if config.dims == 2:
        return config.sized(crop)
    return config.sized(crop, min(round(crop / thickness(stack.spacing)), stack.n_z))


def _dropout(share: float, kind: type[NetworkConfig]) -> float:
    if "dropout" not in kind.model_fields:
        raise BadInput(
            f"a {kind.title} has no dropout",
            "a network that has such a layer",
            "leave dropout out, or choose unet-2015 or another",
        )
    return share


def take_encoder_weights(network: Network, settings: TrainSettings) -> dict[str, str]:
    """Return what was taken for the encoder where weights are chosen for it, in words, too."""
    if not settings.encoder_weights:
        return {}
    return asdict(take_encoder(network, settings.encoder_weights))


def own_filters(settings: TrainSettings) -> bool:
    """Whether the widths in the settings are meant: each network has its own otherwise."""
    return settings.network == "unet" or settings.filters != type(settings)().filters


def _kaiming(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # He 2015
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def network_outputs(
    settings: TrainSettings, base: Model | None, classes: tuple[int, ...] = ()
) -> tuple[str, ...]:
    """Name what the network gives: as its base, regions, classes, or objects and their borders."""
    if base:  # another head would have to be learned anew, on what may be three cells
        return base.config.outputs
    if regions := parse_regions(settings.regions):
        return region_outputs(regions)
    if classes:
        return class_outputs(classes)
    return ("object", "border") if settings.border else ("object",)


def wanted_regions(settings: TrainSettings, base: Model | None) -> Regions:
    """Return the regions to learn: the base's own, else those in the settings; () for none."""
    return regions_of(base.config.outputs) if base else parse_regions(settings.regions)


def in_wanted_regions(
    annotations: Annotations, settings: TrainSettings, base: Model | None
) -> Annotations:
    """Return annotations in the regions to learn, where there are some."""
    return annotations.in_regions(wanted_regions(settings, base), known=base is not None)


def kept_of_base(base: Model | None, settings: TrainSettings) -> str:
    """Say which settings were chosen in vain, as they are the base's own; empty where none were."""
    if base is None:
        return ""
    own = {
        "network": type(base.config).model_fields["network"].default,
        "filters": getattr(base.config, "filters", None),
        "dropout": getattr(base.config, "dropout", None),
        "border": "border" in base.config.outputs,
        "normalisation": base.normalisation,
        "regions": region_text(regions_of(base.config.outputs)),
    }
    usual = type(settings)()
    chosen = settings.replace(regions=region_text(parse_regions(settings.regions)))
    names = [
        name
        for name, value in own.items()
        if getattr(chosen, name) not in (value, getattr(usual, name))
    ]
    return f"{' and '.join(names)} stay as in {base.name}" if names else ""


def check_base(
    stack: Stack, settings: TrainSettings, base: Model | None, classes: tuple[int, ...] = ()
) -> None:
    """Refuse a base for other channels than the movie's, or other ``classes`` than the labels'."""
    if base is not None and not base.config.trainable:
        raise BadInput(
            f"the model {base.name} came as an ONNX graph, which only predicts",
            "a model with weights that can learn",
            "start from another model or a new network, or ask its author for the state dict",
        )
    if settings.freeze_norm and base is None:
        raise BadInput(
            "batch norm is to be frozen in a new network",
            "a model to start from, whose statistics are kept",
            "choose a model, or turn freeze_norm off",
        )
    if settings.encoder_weights and base is not None:
        raise BadInput(
            f"encoder weights are given, and the model {base.name} to start from",
            "one of them: a model has its own encoder",
            "leave the encoder weights out, or start from a new network",
        )
    if isinstance(base, Ensemble):
        raise BadInput(
            f"the training is to start from {len(base.members)} models",
            "a single one",
            "choose one of them to start from",
        )
    _check_classes(base, classes, regions=bool(wanted_regions(settings, base)))
    check_class_weights(settings, base.config.classes if base else classes)
    _check_crop(base, settings)
    if base:
        check_dims(stack, base)
    if base and base.config.in_channels != stack.channels:
        raise BadInput(
            f"the model {base.name} takes {base.config.in_channels} channels, "
            f"the movie gives {stack.channels}",
            "as many channels as the model takes",
            "choose other channels, or start from a new model",
        )


def _check_crop(base: Model | None, settings: TrainSettings) -> None:
    kind = type(base.config) if base else CONFIGS[settings.network]
    if kind.fixed and settings.whole_frames:
        raise BadInput(
            f"a {kind.title} is to learn from whole frames, and takes one size only",
            "crops",
            "turn whole frames off, or choose another network",
        )
    if base is None or not base.config.fixed or settings.crop in (None, base.config.window):
        return
    raise BadInput(
        f"crops of {settings.crop} px are asked for, the model {base.name} takes "
        f"{base.config.window} px and no others",
        "its own size",
        "leave the crop out, or start from a new network",
    )


def _check_classes(base: Model | None, classes: tuple[int, ...], *, regions: bool) -> None:
    # Class 3 of one model is not class 3 of another's labels: only numbers it knows are taken
    known = base.config.classes if base else ()
    if base is None or not known:
        if base is not None and classes:
            raise BadInput(
                f"the model {base.name} finds objects, the labels hold {_these(classes)}",
                "labels of objects",
                "start from a new network, or say that the labels are instances",
            )
        if len(classes) == 1 and not regions:
            raise BadInput(
                f"the labels hold only {_these(classes)}",
                "two classes or more",
                "paint another class, or say that the labels are binary",
            )
        return
    assert base is not None
    if not classes:
        raise BadInput(
            f"the model {base.name} tells {_these(known)} apart, the labels hold objects",
            "labels of its classes",
            "start from a new network, or say that the labels are classes",
        )
    others = tuple(sorted(set(classes) - set(known)))
    if others:
        raise BadInput(
            f"the labels hold {_these(others)}",
            f"{_these(known)}, as the model {base.name}",
            "start from a new network, or change the labels",
        )


def _these(classes: tuple[int, ...]) -> str:
    """Say them in words: ``class 7``, ``classes 1, 2, 3``."""
    return f"class{'es' * (len(classes) > 1)} {', '.join(map(str, classes))}"
