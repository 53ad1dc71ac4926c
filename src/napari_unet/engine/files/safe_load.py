"""Tensors in PyTorch's own format, read without running the code that such a file may hold."""

from __future__ import annotations

import pickle
import struct
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# what torch.load was seen to raise on damaged files, beside UnpicklingError
_DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)
_ZIP = b"PK\x03\x04"
_SHARED = 4  # times that the same values may be named, as tied weights are


class Unreadable(Exception):
    """What a file is in place of plain tensors: ``cannot be read as a PyTorch file (…)``."""


def read_plain(path: Path) -> Any:
    """Return the tensors, numbers, strings and containers of ``path``, on the CPU.

    Raises
    ------
    Unreadable
        Where the file holds code, is damaged, declares more than it holds, or is something else.

    """
    try:
        _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's advice on files that are refused below
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        _check_tensors(loaded, path.stat().st_size)
        return loaded
    except pickle.UnpicklingError:
        what = "is not plain tensors: it may be a whole pickled program and was not opened"
        raise Unreadable(what) from None
    except _DAMAGED as error:
        if "TorchScript" in str(error):
            raise Unreadable("is a TorchScript program and was not opened") from None
        reason = (str(error).splitlines() or ["it ends early"])[0][:80]
        raise Unreadable(f"cannot be read as a PyTorch file ({reason})") from None


def _check_archive(path: Path) -> None:
    """Compare the checksums of an archive: torch itself takes flipped bits for weights."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            return  # the older format, which has none
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise Unreadable("declares more than it holds and was not opened")
        if archive.testzip() is not None:
            raise Unreadable("is damaged: its content does not match its checksums")


def _check_tensors(loaded: Any, held: int) -> None:
    """Refuse tensors that would take far more memory than the ``held`` bytes of their file."""
    declared = 0
    for tensor in _tensors(loaded):
        if tensor.layout != torch.strided or tensor.is_meta:
            raise Unreadable("holds sparse or empty tensors")
        declared += tensor.numel() * tensor.element_size()
    if declared > _SHARED * held:
        raise Unreadable("declares more than it holds and was not opened")


def _tensors(loaded: Any) -> Iterator[torch.Tensor]:
    left, seen = [loaded], set()
    while left:
        value = left.pop()
        if id(value) in seen:  # a list may hold itself
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, dict):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            left += value
