"""Models of bioimage.io: from a package to a network, its normalisation and where it is from.

Taken are weights of a network that is known, and ONNX graphs. What is made of them must give the
package's own test result. TorchScript and a package's own code are programs, and are not run.
"""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.safe_load import Unreadable, read_plain
from napari_unet.engine.network.exchange.described_tensors import Described, described, normalised
from napari_unet.engine.network.exchange.import_pth import recognise
from napari_unet.engine.network.exchange.package import Package
from napari_unet.engine.network.exchange.state_dict import Foreign, plain_tensors
from napari_unet.engine.network.foreign.onnx_network import OnnxConfig, OnnxNetwork
from napari_unet.engine.network.networks import build, read_config
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.settings import LabelSettings, Normalisation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.network.network import Network

OURS = "napari_unet"
_AGREE = 0.01  # of a probability
_SHARE = 0.002  # of pixels that may differ by more: other processors round differently
_BORDER = ("border", "bound", "edge", "contour", "membrane", "outline")
_PROGRAMS = ("torchscript", "keras", "tensorflow")


@dataclass(frozen=True, eq=False)
class ReadPackage:
    """What a model is made of."""

    network: Network
    normalisation: Normalisation
    name: str
    record: dict[str, Any]
    card: dict[str, Any]
    label_settings: LabelSettings = field(default_factory=LabelSettings)


@dataclass(frozen=True)
class _Told:
    """A package, and what its description says of its one image in and out."""

    package: Package
    given: Described
    found: Described
    normalisation: Normalisation
    steps: tuple[Any, ...]


def read_package(path: Path) -> ReadPackage:
    """Return the model of a package of bioimage.io: a zip, a folder or its description.

    Raises
    ------
    BadInput
        Where it is damaged, reaches outside of itself, runs code, or is of another kind.

    """
    package = Package(path)
    try:
        return _read(package)
    except Foreign as found:
        raise BadInput(
            f"{package.name} {found}",
            "a model of 2D images with ONNX weights, or the state dict of a network that is known",
            "nothing of it was run: ask its author for ONNX weights, or choose another model",
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, BadInput):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise BadInput(
            f"{package.name} has a description that is not whole ({reason})",
            "a description of a model, version 0.4 or 0.5",
            "get the package again from where it came from",
        ) from error


def _read(package: Package) -> ReadPackage:
    description = package.description
    inputs, outputs = description["inputs"], description["outputs"]
    if len(inputs) != 1:
        raise Foreign(f"takes {len(inputs)} images at once")
    given, found = (
        described(_with_test(description, inputs[0], "test_inputs"), "input"),
        described(_with_test(description, outputs[0], "test_outputs"), "output"),
    )
    normalisation, steps = normalised(given)
    told = _Told(package, given, found, normalisation, steps)
    network, weights, checked = _network(told)
    record = {"imported": package.name, "from": "bioimage.io", "weights": weights, **checked}
    if told.found.halo:
        record["halo"] = told.found.halo
    result = ReadPackage(
        network, normalisation, str(description.get("name", "model"))[:100], record,
        _card(description),
    )  # fmt: skip
    own = _own(description)
    if own and weights == "pytorch_state_dict":
        return replace(
            result,
            normalisation=Normalisation.model_validate(own["normalisation"]),
            label_settings=LabelSettings.model_validate(own["label_settings"]),
            card=dict(own["card"]),
            record=record | {"training": dict(own["record"])},
        )
    return result


def _with_test(description: dict[str, Any], tensor: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a tensor with its test, which version 0.4 has elsewhere."""
    if "test_tensor" in tensor or not description.get(key):
        return tensor
    return tensor | {"test_tensor": {"source": description[key][0]}}


def _own(description: dict[str, Any]) -> dict[str, Any]:
    own = (description.get("config") or {}).get(OURS)
    return own if isinstance(own, dict) else {}


def _network(told: _Told) -> tuple[Network, str, dict[str, Any]]:
    """Return the first network of the weights that gives the test result, and whose it is."""
    weights = told.package.description["weights"]
    problems: list[str] = []
    for kind, make in (("pytorch_state_dict", _of_state_dict), ("onnx", _of_onnx)):
        if kind not in weights:
            continue
        try:
            network = make(told, weights[kind])
            return network, kind, _checked(network, told)
        except Foreign as error:
            problems.append(f"{kind} {error}")
        except BadInput as error:
            if len(weights) == 1 or kind == "onnx":
                raise
            problems.append(error.found)
    programs = [name for name in weights if name.startswith(_PROGRAMS)]
    if not problems and programs:
        raise Foreign(f"holds {' and '.join(programs)} only, which would run code")
    raise Foreign("holds no weights that can be used" + "".join(f"; {p}" for p in problems))


def _of_state_dict(told: _Told, entry: dict[str, Any]) -> Network:
    content = told.package.read(str(entry["source"]), entry.get("sha256"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "weights.pth")
        file.write_bytes(content)
        try:
            state = plain_tensors(read_plain(file))
        except Unreadable as error:
            raise Foreign(str(error)) from None
    if own := _own(told.package.description):
        config, tensors = read_config(own["config"]), state
    else:
        try:
            config, tensors = recognise(state)
        except Foreign as error:
            raise Foreign(
                f"weights need the code of the package, and it is not run: {error}"
            ) from None
        if told.steps:
            raise Foreign(f"weights come after {told.steps[0][0]} steps")
    network = build(config)
    try:
        network.load_state_dict(tensors)
    except RuntimeError:
        raise Foreign("weights are not those of the network that is described") from None
    return network.eval()


def _of_onnx(told: _Told, entry: dict[str, Any]) -> Network:
    if entry.get("external_data"):
        raise Foreign("weights lie in a further file")
    content = told.package.read(str(entry["source"]), entry.get("sha256"))
    given, found = told.given, told.found
    names, picked, softmax, gives = _outputs(told)
    edge, test = given.edge, _test(told.package, given)
    if given.step and test is not None and test.shape[2] == test.shape[3]:
        edge = test.shape[3]  # what its author found fit to show it on
    if not 16 <= edge <= 2048:
        raise Foreign(f"is shown on images of {edge} px; 16 to 2048 px can be computed")
    config = OnnxConfig(
        length=len(content), in_channels=len(given.channels), outputs=names, softmax=softmax,
        axes=given.axes, output_axes=found.axes, size=edge, step=max(1, given.step),
        steps=told.steps, gives=gives, raw_outputs=len(found.channels), pick=picked,
    )  # fmt: skip
    network = OnnxNetwork(config)
    network.onnx.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    return network.eval()


def _outputs(told: _Told) -> tuple[tuple[str, ...], tuple[int, ...], bool, Any]:
    """Return names of outputs, which channels they are, whether exclusive, and what they are."""
    channels, steps = told.found.channels, [name for name, _ in told.found.steps]
    if own := _own(told.package.description):
        names = tuple(own["config"]["outputs"])
        return names, tuple(range(len(names))), False, "logits"
    unknown = [s for s in steps if s not in ("sigmoid", "softmax", "ensure_dtype", "binarize")]
    if unknown:
        raise Foreign(f"changes its result by {unknown[0]}, which is not known here")
    logits = "sigmoid" in steps or "softmax" in steps
    test = _test(told.package, told.found)
    inside = test is not None and 0 <= test.min() and test.max() <= 1
    if not logits and not inside:
        raise Foreign("gives neither probabilities nor what a sigmoid makes to them")
    gives = "logits" if logits else "probabilities"
    n = len(channels)
    exclusive = "softmax" in steps
    if test is not None and n > 1 and not exclusive:
        exclusive = bool(np.allclose(test.sum(1), 1, atol=1e-3))
    if exclusive and n > 1:
        more = ("foreground",) if n == 2 else tuple(f"class {k}" for k in range(1, n))
        return ("object", *more), tuple(range(n)), True, gives
    lower = [name.lower() for name in channels]
    border = [i for i, name in enumerate(lower) if any(word in name for word in _BORDER)]
    if n == 2 and border == [1]:
        return ("object", "border"), (0, 1), False, gives
    if n > 1:
        raise Foreign(f"gives {n} channels ({', '.join(channels)[:80]}) that are no classes")
    return ("object",), (0,), False, gives


def _test(package: Package, said: Described) -> NDArray[np.float32] | None:
    """Return a test tensor as ``(N, C, Y, X)``; None where there is none."""
    if said.test is None or not package.has(said.test[0]):
        return None
    content = package.read(*said.test)
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise Foreign(f"holds a {said.test[0]} that cannot be read ({error})") from None
    letters = said.axes
    if array.ndim != len(letters) or array.dtype.kind not in "uifb":
        raise Foreign(f"holds a {said.test[0]} of other axes than {letters}")
    for letter in "bc":
        if letter not in letters:
            array, letters = array[None], letter + letters
    return np.asarray(array.transpose([letters.index(a) for a in "bcyx"]), np.float32)


def _checked(network: Network, told: _Told) -> dict[str, Any]:
    """Return how far the network's probabilities are from the package's; `Foreign` where they are.

    A package without a test is said to be unchecked.
    """
    image, expected = _test(told.package, told.given), _test(told.package, told.found)
    if image is None or expected is None:
        return {"checked": "the package holds no test"}
    frame = Normaliser(told.normalisation)(image[0])
    with torch.inference_mode():
        logits = network(torch.from_numpy(frame)[None])[0]
    found = torch.sigmoid(logits).numpy()
    wanted = expected[0]
    if network.config.softmax and not _own(told.package.description):  # ours says *object* first
        wanted = np.concatenate((1 - wanted[:1], wanted[1:]))
    if isinstance(network, OnnxNetwork) and not network.config.softmax:
        wanted = wanted[list(network.config.pick)]
    if "binarize" in dict(told.found.steps):
        return {"checked": "the package's test is of a mask"}
    if found.shape != wanted.shape:
        raise Foreign(f"weights give {found.shape[0]} outputs, {wanted.shape[0]} are described")
    away = np.abs(found - wanted)
    if float(np.mean(away > _AGREE)) > _SHARE:
        raise Foreign(f"weights do not give the package's test result (off by {away.max():.2f})")
    return {"checked": f"the package's test result to {float(away.max()):.1g}"}


def _card(description: dict[str, Any]) -> dict[str, Any]:
    """Return for what it is, from which data, under which terms, and whom to cite."""
    cited = [
        f"{c.get('text', '')} {c.get('doi') or c.get('url') or ''}".strip()
        for c in description.get("cite") or []
        if isinstance(c, dict)
    ]
    authors = [str(a["name"]) for a in description.get("authors") or [] if "name" in a]
    data = description.get("training_data") or {}
    said = {
        "for": " ".join(str(description.get("description", "")).split())[:500],
        "terms": str(description.get("license", "")),
        "citation": "; ".join(" ".join(c.split()) for c in cited),
        "authors": ", ".join(authors),
        "data": str(data.get("id") or data.get("name") or "") if isinstance(data, dict) else "",
    }
    return {key: value for key, value in said.items() if value}
