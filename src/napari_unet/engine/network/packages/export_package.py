"""A model as a package of bioimage.io: weights in several formats, described, with a test.

What our normalisation has a counterpart for is described as preprocessing. Where there is none,
the package takes frames that are normalised already, and its page says how.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml
from PIL import Image

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.network.exchange.import_bioimageio import OURS
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.packages.graphs import OPSET, onnx_graph, torchscript
from napari_unet.engine.network.packages.page import page
from napari_unet.engine.network.self_check import made_frame

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.engine.network.config import NetworkConfig
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import Normalisation

_AXES = ["x", "y"]
_UNSAID = re.compile(r"[^\w\-. ()/]")
_CITE = {"text": "Ronneberger et al. 2015", "doi": "10.1007/978-3-319-24574-4_28"}
_DOI = re.compile(r"10\.[0-9]{4}.+")
_LEAST_EDGE = 128


@dataclass(frozen=True)
class PackageAbout:
    """What a user says of a package: ``authors`` as ``Name; affiliation``, the licence by SPDX."""

    authors: tuple[str, ...]
    licence: str
    description: str = ""
    cite: tuple[str, ...] = ()


def export_package(model: Model, path: Path, about: PackageAbout) -> Path:
    """Write a package ``path`` (a .zip) of ``model``: state dict, ONNX, TorchScript, test, page.

    Raises
    ------
    BadInput
        Where the packages for it are missing, or the model is of volumes or an ONNX graph itself.

    """
    if not model.config.trainable:
        raise BadInput(
            f"{model.name} came as an ONNX graph",
            "a model with weights",
            "hand on the package that it came from",
        )
    if model.config.dims == 3:
        raise BadInput(
            f"{model.name} is a model of volumes",
            "a model of images, which is what these packages are written for",
            "hand on its file",
        )
    if not about.authors or not about.licence.strip():
        raise BadInput("no author or no licence is given", "both, for others to use it", "add them")
    files = _files(model, about)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content, zipfile.ZIP_DEFLATED)
    return path


def preprocessing(settings: Normalisation) -> list[dict[str, Any]] | None:
    """Return a normalisation as steps of a description; None where it has no counterpart."""
    steps: list[dict[str, Any]] = [{"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}]
    if settings.scope == "movie" and settings.kind != "none":
        return None
    if settings.kind == "zscore":
        steps.append({"id": "zero_mean_unit_variance", "kwargs": {"axes": _AXES}})
    elif settings.kind in ("minmax", "percentile"):
        if settings.kind == "percentile" and settings.peak is not None:
            return None
        ends = (0, 100) if settings.kind == "minmax" else (settings.low, settings.high)
        kwargs = {"axes": _AXES, "min_percentile": ends[0], "max_percentile": ends[1]}
        steps.append({"id": "scale_range", "kwargs": kwargs})
    elif settings.kind != "none":
        return None
    if settings.clip:
        steps.append({"id": "clip", "kwargs": {"min": 0.0, "max": 1.0}})
    return steps


def _edge(config: NetworkConfig) -> int:
    """Return the edge in px of the test: of what is more than the halo, or the one window."""
    if not config.exact:
        return config.window
    least = max(_LEAST_EDGE, 2 * config.halo + config.multiple)
    return -(-least // config.multiple) * config.multiple


def _files(model: Model, about: PackageAbout) -> dict[str, bytes]:
    config = model.config
    edge, steps = _edge(config), preprocessing(model.normalisation)
    frame = made_frame(config.in_channels, model.diameter or 30.0, edge).astype(np.float32)
    normal = Normaliser(model.normalisation)(frame)
    with torch.inference_mode():
        example = torch.from_numpy(normal)[None]
        found = torch.sigmoid(model.network(example)).numpy()
    given = frame[None] if steps is not None else normal[None]
    state = io.BytesIO()
    torch.save(dict(model.network.state_dict()), state)
    files = {
        "weights.pth": state.getvalue(),
        "weights.onnx": onnx_graph(model.network, example),
        "test_input.npy": _npy(given),
        "test_output.npy": _npy(found),
        "cover.png": _cover(normal, found[0]),
    }
    if (script := torchscript(model.network, example)) is not None:
        files["weights.pt"] = script
    files["README.md"] = page(model, steps is not None).encode()
    said = _description(model, about, edge, steps, files)
    return {"bioimageio.yaml": yaml.safe_dump(said, sort_keys=False).encode(), **files}


def _description(
    model: Model,
    about: PackageAbout,
    edge: int,
    steps: list[dict[str, Any]] | None,
    files: dict[str, bytes],
) -> dict[str, Any]:
    authors = [_author(words) for words in about.authors]
    name = _UNSAID.sub(" ", model.name).strip() or "model"
    return {
        "format_version": "0.5.4",
        "type": "model",
        "name": name if len(name) > 4 else f"{name} U-Net",
        "description": _summary(model, about),
        "authors": authors,
        "license": about.licence,
        "cite": [*(_cited(words) for words in about.cite), _CITE],
        "covers": ["cover.png"],
        "documentation": "README.md",
        "tags": ["unet", "segmentation", "cells", "2d", "pytorch", "napari"],
        "inputs": [_input(model, edge, steps, files)],
        "outputs": [_output(model.config, files)],
        "weights": _weights(model, files),
        "config": {OURS: model.description},
    }  # fmt: skip


def _summary(model: Model, about: PackageAbout) -> str:
    said = about.description or str(model.card.get("for") or f"{model.config.title}, for cells")
    return " ".join(said.split())[:1000]


def _input(
    model: Model, edge: int, steps: list[dict[str, Any]] | None, files: dict[str, bytes]
) -> dict[str, Any]:
    config = model.config
    size: Any = {"min": edge, "step": config.multiple} if config.exact else edge
    names = [f"channel{i}" for i in range(config.in_channels)]
    return {
        "id": "raw",
        "description": "one frame" if steps is not None else "one frame, normalised already",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": names},
            {"type": "space", "id": "y", "size": size},
            {"type": "space", "id": "x", "size": size},
        ],
        "test_tensor": _file("test_input.npy", files),
        "preprocessing": steps or [{"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}],
    }


def _output(config: NetworkConfig, files: dict[str, bytes]) -> dict[str, Any]:
    halo = config.halo if config.exact else 0
    names = [name.replace(" ", "_") for name in config.outputs]
    space = [
        {"type": "space", "id": a, "size": {"tensor_id": "raw", "axis_id": a}} for a in ("y", "x")
    ]
    return {
        "id": "probability",
        "description": "probability of each: " + ", ".join(config.outputs),
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": names},
            *({**axis, "halo": halo} if halo else axis for axis in space),
        ],
        "test_tensor": _file("test_output.npy", files),
        "postprocessing": [
            {"id": "sigmoid"},
            {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
        ],
    }


def _weights(model: Model, files: dict[str, bytes]) -> dict[str, Any]:
    version = torch.__version__.partition("+")[0]
    architecture = {
        "import_from": "napari_unet.engine.network.networks",
        "callable": "from_values",
        "kwargs": {"config": model.description["config"]},
    }
    weights: dict[str, Any] = {
        "pytorch_state_dict": _file("weights.pth", files)
        | {"architecture": architecture, "pytorch_version": version},
        "onnx": _file("weights.onnx", files)
        | {"opset_version": OPSET, "parent": "pytorch_state_dict"},
    }
    if "weights.pt" in files:
        script = {"pytorch_version": version, "parent": "pytorch_state_dict"}
        weights["torchscript"] = _file("weights.pt", files) | script
    return weights


def _author(words: str) -> dict[str, str]:
    name, _, place = (part.strip() for part in words.partition(";"))
    return {"name": name, "affiliation": place} if place else {"name": name}


def _cited(words: str) -> dict[str, str]:
    text, _, where = (part.strip() for part in words.partition(";"))
    key = "url" if where.startswith("https://") else "doi"
    if not text or (key == "doi" and not _DOI.fullmatch(where)):
        raise BadInput(
            f"'{words}' cites nothing that can be found",
            "'TEXT; DOI', the DOI as 10.1007/978-3-319-24574-4_28",
            "add the DOI, or an address that begins with https://",
        )
    return {"text": text, key: where}


def _file(name: str, files: dict[str, bytes]) -> dict[str, Any]:
    return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}


def _npy(array: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array, dtype=np.float32))
    return file.getvalue()


def _cover(frame: NDArray[np.float32], found: NDArray[np.float32]) -> bytes:
    """Return the test frame beside its probability of *object*, twice as wide as high."""
    plane = frame[0] - frame[0].min()
    plane = plane / (plane.max() or 1)
    both = np.concatenate((plane, found[0]), axis=1)
    file = io.BytesIO()
    Image.fromarray((255 * both).round().astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
