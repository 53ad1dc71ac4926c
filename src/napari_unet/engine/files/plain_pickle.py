"""Pickles of arrays and plain values, without ever running what a pickle names.

Other programs keep dictionaries of arrays in ``.npy`` files, which are pickles. Of the names in
one, only those are known that make an array; anything else is refused before it is looked up.
"""

from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.engine.errors import BadInput

_PLAIN = "arrays, numbers, text, lists and dictionaries"


def read_npy(path: Path) -> Any:
    """Return what a ``.npy`` file holds: an array, or the plain value that is pickled in it.

    Raises
    ------
    BadInput
        Where it is damaged, or names anything but arrays and plain values.

    """
    if not path.is_file():
        raise BadInput(f"{path} does not exist", "a .npy file", "check the path")
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            if version[0] == 1:
                header = np.lib.format.read_array_header_1_0(file)
            else:
                header = np.lib.format.read_array_header_2_0(file)
            if header[2].hasobject:
                return _settled(_Unpickler(file, path.name).load())
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except BadInput:
        raise
    except Exception as error:  # pickles fail in any way
        why = str(error).split("\n")[0] or type(error).__name__
        raise BadInput(
            f"{path.name} is damaged, or no array ({why})", "a whole .npy file", "save it again"
        ) from error


def _bytes(content: Any, coding: str = "latin1") -> bytes:
    """Return bytes that an older pickle wrote as text."""
    if coding != "latin1":
        raise pickle.UnpicklingError(f"bytes as {coding}")
    return content.encode("latin1") if isinstance(content, str) else bytes(content)


class _Type:
    """A type of numbers, without the state that numpy itself would believe."""

    def __init__(self, text: str, *_: Any) -> None:
        self._text = str(text)
        self._order: Any = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self._order, *parts = state
        if any(part is not None for part in parts[:3]):
            raise pickle.UnpicklingError("numbers in parts")

    def plain(self) -> np.dtype[Any] | None:
        """Return numpy's; None for objects."""
        found = np.dtype(self._text)
        return None if found.hasobject else found.newbyteorder(self._order)


class _Array:
    """An array in the making: its content comes as a state."""

    value: Any = None

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_columns, content = state
        plain = dtype.plain()
        if plain is None:
            self.value = content[0] if shape == () else list(content)
        else:
            order: Any = "F" if by_columns else "C"
            self.value = np.frombuffer(_bytes(content), plain).reshape(shape, order=order)


def _scalar(dtype: _Type, content: Any = b"") -> Any:
    plain = dtype.plain()
    if plain is None:
        raise pickle.UnpicklingError("a number that is an object")
    return np.frombuffer(_bytes(content), plain)[0]


def _from_buffer(buffer: Any, dtype: _Type, shape: Any, order: Any, *_: Any) -> Any:
    plain = dtype.plain()
    if plain is None or order not in ("C", "F"):
        raise pickle.UnpicklingError("a buffer that is no plain array")
    return np.frombuffer(buffer, plain).reshape(shape, order=order)


def _settled(value: Any) -> Any:
    """Return plain values with the arrays in them in place of their stand-ins."""
    if isinstance(value, _Array):
        return _settled(value.value)
    if isinstance(value, dict):
        return {key: _settled(each) for key, each in value.items()}
    return [_settled(each) for each in value] if isinstance(value, (list, tuple)) else value


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _bytes,
    ("collections", "OrderedDict"): collections.OrderedDict,
    **{
        (f"numpy.{core}.{module}", name): make
        for core in ("core", "_core")
        for module, name, make in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}


class _Unpickler(pickle.Unpickler):
    """Knows the names that make arrays, and no others."""

    def __init__(self, file: Any, name: str) -> None:
        super().__init__(file, encoding="latin1")
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        """Return what makes an array; refuse all else."""
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]  # stand-ins of ours, never what the file names
        raise BadInput(
            f"{self._name} names {module}.{name}, which could run as a program",
            _PLAIN,
            "do not open it elsewhere either, unless you know who made it; save the labels as TIFF",
        )

    def persistent_load(self, pid: Any) -> Any:
        """Refuse what lies outside the file."""
        raise BadInput(f"{self._name} refers to something outside it", _PLAIN, "save it as TIFF")
