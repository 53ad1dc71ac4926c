"""What a package of bioimage.io says of its tensors: axes, sizes, what is done to values.

Descriptions of versions 0.4 and 0.5, as plain values out of YAML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari_unet.engine.network.exchange.state_dict import Foreign
from napari_unet.engine.settings import Normalisation

_KEPT = ("ensure_dtype",)
_WANTED_EDGE = 256  # px, where the size of what goes in can be chosen
_LARGEST = 2048

Step = tuple[str, float, float]


@dataclass(frozen=True)
class Described:
    """One tensor: its axes as letters, channels by name, edge in px and step of it, halo."""

    axes: str
    channels: tuple[str, ...]
    edge: int
    step: int
    halo: int
    steps: tuple[tuple[str, dict[str, Any]], ...]
    test: tuple[str, str | None] | None


def described(tensor: dict[str, Any], what: str) -> Described:
    """Return what is said of a tensor, the ``what`` (input or output) of a model; or `Foreign`."""
    given = tensor["axes"]
    axes = _axes_04(tensor) if isinstance(given, str) else _axes_05(given)
    letters = "".join(axis["letter"] for axis in axes)
    by = {axis["letter"]: axis for axis in axes}
    if not set(letters) <= set("bcyx") or not {"x", "y"} <= set(letters):
        raise Foreign(f"has an {what} with axes {letters}, not of a 2D image")
    (edge, step), other = by["y"]["size"], by["x"]["size"]
    if other != (edge, step):
        raise Foreign(f"has an {what} of {edge} x {other[0]} px, which is no square")
    names = by.get("c", {}).get("names", ("",))
    test = tensor.get("test_tensor")
    source = (str(test["source"]), test.get("sha256")) if isinstance(test, dict) else None
    steps = [*(tensor.get("preprocessing") or []), *(tensor.get("postprocessing") or [])]
    said = tuple((str(s.get("id") or s.get("name")), dict(s.get("kwargs") or {})) for s in steps)
    halo = max(by["y"].get("halo", 0), by["x"].get("halo", 0))
    return Described(letters, tuple(names), edge, step, halo, said, source)


def _axes_05(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    axes = []
    for axis in given:
        kind = axis["type"]
        letter = {"batch": "b", "channel": "c", "time": "t", "index": "i"}.get(kind)
        letter = letter or str(axis.get("id", "x"))
        size = axis.get("size", 1)
        names = tuple(map(str, axis.get("channel_names") or ()))
        if not names and kind == "channel":
            names = ("",) * (size if isinstance(size, int) else 1)
        if "concatenable" in axis and letter == "t":
            raise Foreign("takes images with an axis of time")
        said = {"letter": letter, "size": _size(size), "names": names}
        axes.append(said | {"halo": int(axis.get("halo", 0))})
        if axis.get("scale", 1) != 1:
            raise Foreign("changes the size of the image")
    return axes


def _axes_04(tensor: dict[str, Any]) -> list[dict[str, Any]]:
    letters, shape = str(tensor["axes"]), tensor.get("shape")
    halo = tensor.get("halo") or [0] * len(letters)
    if isinstance(shape, dict) and "reference_tensor" in shape:
        scale, offset = shape.get("scale") or [], shape.get("offset") or []
        moved = [s for s, a in zip(scale, letters, strict=False) if a in "yx" and s != 1]
        moved += [o for o, a in zip(offset, letters, strict=False) if a in "yx" and o]
        if moved:
            raise Foreign("changes the size of the image")
        at = letters.find("c")
        channels = int(2 * float(offset[at])) if at >= 0 and offset and offset[at] else 1
        sizes: list[Any] = [channels if a == "c" else {"min": 1, "step": 1} for a in letters]
    elif isinstance(shape, dict):
        sizes = [
            {"min": low, "step": step} if step else low
            for low, step in zip(shape["min"], shape["step"], strict=True)
        ]
    else:
        sizes = list(shape or [])
    return [
        {
            "letter": letter,
            "size": _size(size),
            "names": ("",) * (size if isinstance(size, int) else 1) if letter == "c" else (),
            "halo": int(around),
        }
        for letter, size, around in zip(letters, sizes, halo, strict=True)
    ]


def _size(size: Any) -> tuple[int, int]:
    """Return an edge in px that is allowed, and the step of it; 0 where it is only that one."""
    if isinstance(size, int):
        return size, 0
    if isinstance(size, dict) and "min" in size:
        least, step = int(size["min"]), max(1, int(size.get("step") or 1))
        least += max(0, -(-(_WANTED_EDGE - least) // step)) * step
        return min(least, _LARGEST), step
    return 0, 1  # that of another tensor


def normalised(said: Described) -> tuple[Normalisation, tuple[Step, ...]]:
    """Return what is measured on an image, and what is done to its values after that.

    Raises
    ------
    Foreign
        Where a step has no counterpart here.

    """
    kind = Normalisation(kind="none")
    after: list[Step] = []
    for name, options in said.steps:
        if name in _KEPT:
            continue
        if measured := _measured(name, options, len(said.channels)):
            if kind.kind != "none" or after:
                raise Foreign(f"normalises in several steps, {name} among them")
            kind = measured
        else:
            after += _constant(name, options)
    return kind, tuple(after)


def _measured(name: str, options: dict[str, Any], channels: int) -> Normalisation | None:
    if name == "zero_mean_unit_variance" and options.get("mode", "per_sample") != "fixed":
        if options.get("mode") == "per_dataset":
            raise Foreign("normalises by the mean of a data set")
        _check_axes(options, channels)
        return Normalisation(kind="zscore")
    if name == "scale_range":
        _check_axes(options, channels)
        if options.get("reference_tensor"):
            raise Foreign("normalises by another image")
        low = float(options.get("min_percentile", 0))
        high = float(options.get("max_percentile", 100))
        if (low, high) == (0, 100):
            return Normalisation(kind="minmax")
        if low > 50 or high < 50:
            raise Foreign(f"normalises between the percentiles {low:g} and {high:g}")
        return Normalisation(kind="percentile", low=low, high=high)
    return None


def _check_axes(options: dict[str, Any], channels: int) -> None:
    """Refuse where an image is not measured by itself, or its channels are not apart."""
    given = options.get("axes")
    axes = set(given or ("x", "y")) - {"batch", "b"}
    if channels == 1:
        axes -= {"channel", "c"}
    if axes != {"x", "y"}:
        raise Foreign(f"normalises over the axes {', '.join(sorted(map(str, axes)))}")


def _constant(name: str, options: dict[str, Any]) -> list[Step]:
    if name in ("zero_mean_unit_variance", "fixed_zero_mean_unit_variance"):
        spread = _one(options["std"])
        return [("linear", 1 / spread, -_one(options["mean"]) / spread)]
    if name == "scale_linear":
        return [("linear", _one(options.get("gain", 1)), _one(options.get("offset", 0)))]
    if name == "clip" and {"min", "max"} <= options.keys():
        return [("clip", float(options["min"]), float(options["max"]))]
    raise Foreign(f"prepares images by {name}, which is not known here")


def _one(value: Any) -> float:
    values = {float(v) for v in value} if isinstance(value, list | tuple) else {float(value)}
    if len(values) != 1:
        raise Foreign("normalises each channel in its own way")
    return values.pop()
