"""Tensors in PyTorch's own format, read without running the code that such a file may hold."""

from __future__ import annotations

import pickle
import struct
import warnings
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
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
)


class Unreadable(Exception):
    """What a file is in place of plain tensors: ``cannot be read as a PyTorch file (…)``."""


def read_plain(path: Path) -> Any:
    """Return the tensors, numbers, strings and containers of ``path``, on the CPU.

    Raises
    ------
    Unreadable
        Where the file holds code, is damaged, or is something else.

    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's advice on files that are refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        what = "is not plain tensors: it may be a whole pickled program and was not opened"
        raise Unreadable(what) from None
    except _DAMAGED as error:
        if "TorchScript" in str(error):
            raise Unreadable("is a TorchScript program and was not opened") from None
        reason = (str(error).splitlines() or ["it ends early"])[0][:80]
        raise Unreadable(f"cannot be read as a PyTorch file ({reason})") from None
