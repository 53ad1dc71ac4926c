"""Arrays as scripts and napari hold them, with odd pixels, and what segmenting them gives."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.labels.measuring.measurement import measure_frame
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.settings import LabelSettings, PredictSettings, Selection
from napari_unet.engine.stack.stack import Stack

BAD = ("crash", "differs")
RESULTS = ("labels", "refused", *BAD)
SHAPES = {
    "YX": (24, 28),
    "TYX": (3, 24, 28),
    "TCYX": (2, 2, 24, 28),
    "TZYX": (2, 3, 24, 28),
    "YXS": (24, 28, 3),
}
DTYPES = (
    *("bool", "u1", "i1", "u2", "i2", ">u2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">f4"),
    *("longdouble", "c8", "O", "M8[s]", "U3"),
)
PREDICT = PredictSettings(backend="torch", device="cpu", threads=1)


def _plain(array: NDArray[Any]) -> None:
    """Leave it as it is."""


def _some(value: float) -> Callable[[NDArray[Any]], None]:
    def put(array: NDArray[Any]) -> None:
        with np.errstate(all="ignore"):
            array.reshape(-1)[::3] = np.array(value).astype(array.dtype)

    return put


def _all(value: float) -> Callable[[NDArray[Any]], None]:
    def put(array: NDArray[Any]) -> None:
        with np.errstate(all="ignore"):
            array[...] = np.array(value).astype(array.dtype)

    return put


def _largest(array: NDArray[Any]) -> None:
    kind = array.dtype.kind
    top = np.finfo(array.dtype).max if kind == "f" else 1
    if kind in "iu":
        top = np.iinfo(array.dtype).max
    array.reshape(-1)[::3] = top


PIXELS: dict[str, Callable[[NDArray[Any]], None]] = {
    "plain": _plain,
    "NaN": _some(np.nan),
    "all NaN": _all(np.nan),
    "infinite": _some(np.inf),
    "constant": _all(7),
    "zero": _all(0),
    "negative": _some(-9),
    "largest": _largest,
    "1 px": _plain,
    "empty": _plain,
}


def _dask(array: NDArray[Any], folder: Path) -> Any:
    import dask.array

    return dask.array.from_array(array, chunks=tuple(max(1, n // 2) for n in array.shape))


def _zarr(array: NDArray[Any], folder: Path) -> Any:
    import zarr

    made = zarr.create_array(store={}, shape=array.shape, dtype=array.dtype)
    made[...] = array
    return made


def _memmap(array: NDArray[Any], folder: Path) -> Any:
    path = folder / f"{len(list(folder.iterdir()))}.bin"
    made = np.memmap(path, array.dtype, "w+", shape=array.shape)
    made[...] = array
    made.flush()
    return np.memmap(path, array.dtype, "r", shape=array.shape)


def _turned(array: NDArray[Any], folder: Path) -> Any:
    return np.asfortranarray(array[..., ::-1])[..., ::-1]


class Levels(NamedTuple):
    """A pyramid as napari is given it: the finest level first."""

    arrays: list[NDArray[Any]]


def _levels(array: NDArray[Any], folder: Path) -> Any:
    halves = tuple(slice(None, None, 2 if 20 < n < 30 else 1) for n in array.shape)
    return Levels([array, array[halves]])


HOLDERS: dict[str, Callable[[NDArray[Any], Path], Any]] = {
    "numpy": lambda array, _: array,
    "turned": _turned,
    "dask": _dask,
    "zarr": _zarr,
    "memmap": _memmap,
    "multiscale": _levels,
}
UNKNOWN_TO_ZARR = {"O", "U3", "M8[s]", "longdouble"}
NEEDS = {"dask": "dask", "zarr": "zarr", "multiscale": "napari"}


class Case(NamedTuple):
    """A combination."""

    dtype: str
    pixels: str
    axes: str
    holder: str
    named: bool  # whether the axes are given

    def __str__(self) -> str:
        return " ".join(map(str, (*self[:4], "named" if self.named else "unnamed")))


def missing_holders() -> list[str]:
    """Return the holders that are not installed here."""
    return [holder for holder, module in NEEDS.items() if find_spec(module) is None]


def all_cases() -> list[Case]:
    """Every combination that can be made here."""
    held = [holder for holder in HOLDERS if holder not in missing_holders()]
    named = (True, False)
    cases = (Case(*c) for c in itertools.product(DTYPES, PIXELS, SHAPES, held, named))
    return [case for case in cases if case.holder != "zarr" or case.dtype not in UNKNOWN_TO_ZARR]


def made(case: Case) -> NDArray[Any]:
    """Make the array of a case."""
    shape = SHAPES[case.axes]
    if case.pixels == "1 px":
        shape = tuple(1 if 20 < n < 30 else n for n in shape)
    if case.pixels == "empty":
        shape = (0, *shape[1:])
    pixels = np.random.default_rng(0).integers(0, 90, shape)
    if case.dtype in ("O", "U3", "M8[s]"):
        return pixels.astype(case.dtype)
    array = (pixels > 45 if case.dtype == "bool" else pixels).astype(case.dtype)
    if array.size:
        PIXELS[case.pixels](array)
    return array


_models: list[Model] = []


def tiny_model() -> Model:
    """A network that learned nothing and finds objects."""
    if not _models:
        torch.manual_seed(0)
        network = UNet(UNetConfig(filters=(2, 4), outputs=("object",))).eval()
        _models.append(Model(network, name="tiny", label_settings=LabelSettings(min_size=1)))
    return _models[0]


def outcome(case: Case, folder: Path) -> str:
    """Return ``labels``, ``refused``, or ``differs`` where numpy's array gives something else."""
    array = made(case)
    held = HOLDERS[case.holder](array, folder)
    if isinstance(held, Levels):
        try:
            held = _layer(held, rgb=case.axes == "YXS")
        except (TypeError, ValueError, RuntimeError):  # napari itself shows no such layer
            return "refused"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = _labels(case, held)
        same = found if case.holder == "numpy" else _labels(case, array)
    if isinstance(found, str) or isinstance(same, str):
        return "refused" if type(found) is type(same) else "differs"
    return "labels" if np.array_equal(found, same) else "differs"


def _labels(case: Case, held: Any) -> NDArray[np.uint16] | str:
    """Return all labels ``(T, Y, X)``, or the line that refuses."""
    try:
        with _stack(case, held) as stack:
            found = np.stack([step.labels for step in segment(stack, tiny_model(), PREDICT)])
            assert found.shape == stack.shape and found.dtype == np.uint16
            for t in range(len(stack)):
                measure_frame(found[t], np.asarray(stack[t]), ("intensity",))
            assert len(stack.fingerprint) == 64
            return found
    except BadInput as error:
        line = str(error)
        assert "\n" not in line
        return line


def _stack(case: Case, held: Any) -> Stack:
    axes = case.axes if case.named else None
    if not hasattr(held, "multiscale"):
        return Stack.from_array(held, axes=axes)
    from napari_unet.gui.viewer.layer_stack import stack_of

    return stack_of(held, Selection(axes=axes))


def _layer(levels: Levels, *, rgb: bool) -> Any:
    from napari.layers import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, of the sizes of levels
        return Image(levels.arrays, multiscale=True, rgb=rgb, contrast_limits=(0, 90))
