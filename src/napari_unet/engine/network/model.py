"""Model: network, normalisation, label settings and training record in one .safetensors file.

Opening a model never runs code. Its content carries its own sha256, so that a flipped bit is
refused instead of quietly giving other cells.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.files.names import readable_name, user_path
from napari_unet.engine.files.read_json import parse_json
from napari_unet.engine.network.exchange.import_bioimageio import read_package
from napari_unet.engine.network.exchange.import_pth import read_state_dict
from napari_unet.engine.network.exchange.package import is_package
from napari_unet.engine.network.model_checks import check_arrays, check_card, check_weights
from napari_unet.engine.network.model_files import SUFFIX, bundled_models, find_model
from napari_unet.engine.network.networks import build, read_config
from napari_unet.engine.network.self_check import TOLERANCE, difference
from napari_unet.engine.settings import LabelSettings, Normalisation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_unet.engine.network.config import NetworkConfig
    from napari_unet.engine.network.network import Network

logger = logging.getLogger(__name__)
FORMAT = "napari-unet 1"
_KEY = "napari_unet"
_ARRAY = "data/"
_WANTED = (
    "choose a .safetensors model of this program or the .pth state_dict of a network that is known"
)


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network and all that is needed to use it as it was meant.

    ``record`` says how it was trained (parent's sha256, frames, scores, seed, versions) and
    ``card`` what it is for (stain, pixel_size in µm, diameter in px, data, terms, not for).
    ``arrays`` holds images that travel with it: ``check/…`` a small test crop with its labels,
    ``replay/…`` samples of the training data.
    """

    network: Network
    normalisation: Normalisation = Normalisation()
    label_settings: LabelSettings = LabelSettings()
    name: str = "model"
    record: dict[str, Any] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    path: Path | None = None
    next_best: tuple[
        Model, ...
    ] = ()  # other weights of the same training, in order; not saved with it

    @property
    def config(self) -> NetworkConfig:
        """Return which network it is, and its shape."""
        return self.network.config

    @property
    def sha256(self) -> str:
        """Hex digest of weights, description and arrays: the model's identity."""
        return _digest(self.description, self._tensors())

    @property
    def diameter(self) -> float | None:
        """Typical diameter in pixels of the objects it was trained on."""
        value = self.card.get("diameter")
        return float(value) if value else None

    def save(self, path: Path | str) -> Path:
        """Write the model; an older file stays until the new one is whole on disk."""
        path = user_path(path)
        if path.suffix != SUFFIX:
            path = path.with_name(path.name + SUFFIX)
        description, tensors = self.description, self._tensors()
        header = {_KEY: json.dumps(description), "sha256": _digest(description, tensors)}
        with atomic_path(path) as temporary:
            temporary.write_bytes(to_safetensors(tensors, metadata=header))
        return path

    @classmethod
    def load(cls, source: Path | str) -> Model:
        """Load a model by name, its file, a known network's ``.pth``, or a bioimage.io package.

        Raises
        ------
        BadInput
            Where there is no such model, the file is damaged, or it is not a U-Net.

        """
        path = find_model(source)
        if path.suffix == SUFFIX:
            return _load(cls, path)
        if is_package(path):
            read = read_package(path)
            return cls(
                read.network,
                read.normalisation,
                read.label_settings,
                read.name,
                read.record,
                read.card,
                path=path,
            )
        config, tensors = read_state_dict(path)
        network = build(config)
        network.load_state_dict(tensors)
        return cls(network.eval(), name=path.stem, path=path, record={"imported": path.name})

    @staticmethod
    def bundled() -> list[str]:
        """Names of the models that come with the package."""
        return list(bundled_models())

    @property
    def description(self) -> dict[str, Any]:
        """Return all that its file says beside weights and arrays, as plain values."""
        description = {
            "format": FORMAT,
            "name": self.name,
            "config": self.config.model_dump(mode="json"),
            "normalisation": self.normalisation.model_dump(mode="json"),
            "label_settings": self.label_settings.model_dump(mode="json"),
            "record": self.record,
            "card": self.card,
        }
        return cast("dict[str, Any]", json.loads(json.dumps(description)))  # as it is read back

    def _tensors(self) -> dict[str, torch.Tensor]:
        weights = {k: v.detach().cpu().contiguous() for k, v in self.network.state_dict().items()}
        arrays = {
            _ARRAY + k: torch.from_numpy(np.array(v, order="C")) for k, v in self.arrays.items()
        }
        return weights | arrays


def _load(cls: type[Model], path: Path) -> Model:
    try:
        with readable_name(path) as text, safe_open(text, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise BadInput(
            f"{path.name} cannot be read as a model ({error})", "a .safetensors file", _WANTED
        ) from error
    if _KEY not in header:
        raise BadInput(
            f"{path.name} holds tensors, but no U-Net of ours",
            "a model that U-Net Live saved",
            _WANTED,
        )
    try:
        description = parse_json(header[_KEY])
        if _digest(description, tensors) != header.get("sha256"):
            raise BadInput(
                f"{path.name} is damaged: its content does not match its sha256",
                "an intact file",
                "copy the model again from where it came from",
            )
        return _build(cls, path, description, tensors)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        if isinstance(error, BadInput):
            raise
        reason = _first_reason(error)
        raise BadInput(
            f"{path.name} describes a model that this version cannot build ({reason})",
            f"format {FORMAT}",
            "update the program, or ask for a newer copy of the model",
        ) from error


def _build(
    cls: type[Model], path: Path, description: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> Model:
    if description["format"] != FORMAT:
        raise ValueError(f"format '{description['format']}'")
    for key, kind in (("name", str), ("record", dict), ("card", dict)):
        if not isinstance(description[key], kind):
            raise TypeError(f"{key}: not a {kind.__name__}")
    config = read_config(description["config"])
    weights = {k: v for k, v in tensors.items() if not k.startswith(_ARRAY)}
    check_weights(config, weights)
    check_card(description["card"], description["record"])
    network = build(config)
    network.load_state_dict(weights)
    arrays = {k.removeprefix(_ARRAY): v.numpy() for k, v in tensors.items() if k.startswith(_ARRAY)}
    check_arrays(config, arrays)
    model = cls(
        network.eval(),
        Normalisation.model_validate(description["normalisation"]),
        LabelSettings.model_validate(description["label_settings"]),
        description["name"],
        description["record"],
        description["card"],
        arrays,
        path,
    )
    changed = difference(model.network, model.normalisation, model.label_settings, arrays)
    if changed is not None and changed > TOLERANCE:
        logger.warning(
            "%s gives other labels than when it was made (%.1f %% of the pixels of its test frame)",
            path.name,
            100 * changed,
        )
    return model


def _first_reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _digest(description: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
