"""The network a training begins with: a new one, or a copy of another model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.class_labels import class_outputs
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.training.losses import check_class_weights

if TYPE_CHECKING:
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.stack.stack import Stack


def initial_network(
    stack: Stack, settings: TrainSettings, base: Model | None, classes: tuple[int, ...] = ()
) -> UNet:
    """Return a copy of the base's network, or a new one for the channels and ``classes``."""
    if base:
        network = UNet(base.config)
        network.load_state_dict(base.network.state_dict())
        return network
    config = UNetConfig(
        in_channels=_channels(stack),
        outputs=network_outputs(settings, base, classes),
        filters=settings.filters,
        softmax=bool(classes),
    )
    network = UNet(config)
    if settings.initialisation == "kaiming":
        network.apply(_kaiming)
    return network


def _kaiming(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # He 2015
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def network_outputs(
    settings: TrainSettings, base: Model | None, classes: tuple[int, ...] = ()
) -> tuple[str, ...]:
    """Name what the network gives: as its base, or classes, or objects and their borders."""
    if base:  # another head would have to be learned anew, on what may be three cells
        return base.config.outputs
    if classes:
        return class_outputs(classes)
    return ("object", "border") if settings.border else ("object",)


def kept_of_base(base: Model | None, settings: TrainSettings) -> str:
    """Say which settings were chosen in vain, as they are the base's own; empty where none were."""
    if base is None:
        return ""
    own = {
        "filters": base.config.filters,
        "border": "border" in base.config.outputs,
        "normalisation": base.normalisation,
    }
    usual = type(settings)()
    names = [
        name
        for name, value in own.items()
        if getattr(settings, name) not in (value, getattr(usual, name))
    ]
    return f"{' and '.join(names)} stay as in {base.name}" if names else ""


def _channels(stack: Stack) -> int:
    return 1 if len(stack.shape) == 3 else stack.shape[1]


def check_base(
    stack: Stack, settings: TrainSettings, base: Model | None, classes: tuple[int, ...] = ()
) -> None:
    """Refuse a base for other channels than the movie's, or other ``classes`` than the labels'."""
    if settings.freeze_norm and base is None:
        raise BadInput(
            "batch norm is to be frozen in a new network",
            "a model to start from, whose statistics are kept",
            "choose a model, or turn freeze_norm off",
        )
    _check_classes(base, classes)
    check_class_weights(settings, base.config.classes if base else classes)
    if base and base.config.in_channels != _channels(stack):
        raise BadInput(
            f"the model {base.name} takes {base.config.in_channels} channels, "
            f"the movie gives {_channels(stack)}",
            "as many channels as the model takes",
            "choose other channels, or start from a new model",
        )


def _check_classes(base: Model | None, classes: tuple[int, ...]) -> None:
    # Class 3 of one model is not class 3 of another's labels: only numbers it knows are taken
    known = base.config.classes if base else ()
    if base is None or not known:
        if base is not None and classes:
            raise BadInput(
                f"the model {base.name} finds objects, the labels hold {_these(classes)}",
                "labels of objects",
                "start from a new network, or say that the labels are instances",
            )
        if len(classes) == 1:
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
