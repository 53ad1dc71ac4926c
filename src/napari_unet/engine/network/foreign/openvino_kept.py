"""Networks as OpenVINO models, kept between runs: to trace and convert one takes half a second.

A file holds a graph and its weights, no code, under the hash of all that they were made from.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from platformdirs import user_cache_path

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.network.foreign.openvino_core import core, keep_quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.engine.network.network import Network

logger = logging.getLogger(__name__)

_FORMAT = b"napari-unet openvino 1\n"
_DIGEST, _LENGTH = 32, 8  # bytes
_LEAST, _MOST = 1 << 18, 1 << 26  # bytes of weights: less is converted at once, more fills the disk
_FILES = 8  # the last used


def kept_or_converted(network: Network, convert: Callable[[Network], Any]) -> Any:
    """Return what ``convert`` makes of a network, from a file where it was made before."""
    weights = network.state_dict()
    size = sum(tensor.nbytes for tensor in weights.values())
    if not _LEAST <= size <= _MOST:
        return convert(network)
    path = _folder() / f"{_key(network, weights)}.bin"
    with suppress(OSError, RuntimeError, ValueError):
        return _read(path)
    model = convert(network)
    try:
        _write(path, model)
    except (OSError, RuntimeError, BadInput) as error:  # it was only to save time
        logger.debug("%s is not kept: %s", path, error)
    return model


def _folder() -> Path:
    return user_cache_path("napari-unet", appauthor=False) / "openvino"


def _key(network: Network, weights: dict[str, torch.Tensor]) -> str:
    """Return the hash of a network and of what converts it."""
    keep_quiet()
    import openvino

    made_by = f"{openvino.__version__} {torch.__version__} {type(network).__qualname__}"
    digest = hashlib.sha256(f"{made_by} {network.config.model_dump_json()}".encode())
    for name, tensor in weights.items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _read(path: Path) -> Any:
    """Return the model in a file; `ValueError` where the file is not as it was written."""
    content = path.read_bytes()
    head, content = content[: len(_FORMAT)], content[len(_FORMAT) :]
    digest, content = content[:_DIGEST], content[_DIGEST:]
    if head != _FORMAT or hashlib.sha256(content).digest() != digest:
        raise ValueError(path)
    n = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    model = core().read_model(content[_LENGTH:n], content[n:])
    path.touch()  # used last
    return model


def _write(path: Path, model: Any) -> None:
    import openvino

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        graph, weights = Path(folder) / "model.xml", Path(folder) / "model.bin"
        openvino.serialize(model, graph, weights)
        text = graph.read_bytes()
        content = len(text).to_bytes(_LENGTH, "little") + text + weights.read_bytes()
    with atomic_path(path) as temporary:
        temporary.write_bytes(_FORMAT + hashlib.sha256(content).digest() + content)
    kept = sorted(path.parent.glob("*.bin"), key=lambda file: -file.stat().st_mtime)
    for file in kept[_FILES:]:
        file.unlink(missing_ok=True)
