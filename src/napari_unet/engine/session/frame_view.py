"""One frame of an array-like, read only when its pixels are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray


class FrameView(NDArrayOperatorsMixin):
    """What ``live[t]`` gives: knows its shape and dtype, and becomes an array on first use.

    napari reads ``data[0].dtype`` on every stroke; that must not label frame 0.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: DTypeLike, read: Callable[[], NDArray[Any]]
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.ndim, self.size = len(shape), int(np.prod(shape))
        self._read = read
        self._pixels: NDArray[Any] | None = None

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if self._pixels is None:
            self._pixels = self._read()
        return np.array(self._pixels, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = (np.asarray(x) if isinstance(x, FrameView) else x for x in inputs)
        return getattr(ufunc, method)(*plain, **kwargs)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        return np.asarray(self)[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)
