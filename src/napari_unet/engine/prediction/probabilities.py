"""Probabilities of a movie: uint8 codes in one file or in memory, read frame by frame."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.prediction.probability_file import Header, ProbabilityFile, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.engine.network.parts.tiles import Part

_MOST_PARTS = 4  # frames of which a part is kept


class _Store(Protocol):
    """Where the frames are: a file or memory."""

    def read(self, t: int) -> NDArray[np.uint8]: ...
    def write(self, t: int, codes: NDArray[np.uint8]) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class Probabilities:
    """uint8 codes ``(T, C, Y, X)`` of a movie (see `probability`), channel 0 *object*.

    Of volumes they are ``(T, C, Z, Y, X)``. ``probabilities[t]`` is one frame of them; zeros where
    frame ``t`` is not computed yet. Parts of frames can be looked at before: they are kept in
    memory, and do not count as computed. Safe to read and write from several threads; a deep copy
    is the same object.
    """

    def __init__(
        self,
        store: _Store,
        shape: Shape,
        key: dict[str, Any],
        computed: NDArray[np.bool_],
        path: Path | None,
    ) -> None:
        self._store, self.shape, self.key, self.path = store, shape, key, path
        self._computed = computed
        self._parts: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self.parts_written = 0
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path | str, shape: Shape, key: Mapping[str, Any]) -> Self:
        """Make the file, or open it where one for the same shape and key is there.

        Raises
        ------
        BadInput
            Where the file belongs to something else, is damaged, or cannot be written.

        """
        path, key, shape = Path(path), _plain(key), _checked(shape)
        if not path.exists():
            ProbabilityFile.write_empty(path, Header(shape, key))
        found = cls.open(path)
        if found.shape != shape or found.key != key:
            found.close()
            raise BadInput(
                f"{path.name} holds the probabilities of another movie or model",
                "those of this one",
                "use another file, or delete this one",
            )
        return found

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a file, to read it or to go on with it.

        Raises
        ------
        BadInput
            Where there is no such file or it is damaged.

        """
        path = Path(path)
        store = ProbabilityFile.open(path)
        header = store.header
        return cls(store, header.shape, header.key, store.marks(), path)

    @classmethod
    def in_memory(cls, shape: Shape, key: Mapping[str, Any] | None = None) -> Self:
        """Keep the frames that are written in memory: for single frames and small movies."""
        shape = _checked(shape)
        return cls(_MemoryStore(shape), shape, _plain(key or {}), np.zeros(shape[0], bool), None)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, t: int) -> NDArray[np.uint8]:
        t = self._position(t)
        with self._lock:
            if not self._computed[t]:
                part = self._parts.get(t)
                return np.zeros(self.shape[1:], np.uint8) if part is None else part.copy()
        return self._store.read(t)

    def write(self, t: int, codes: NDArray[np.uint8]) -> None:
        """Store the codes ``(C, Y, X)`` of frame ``t``; it counts as computed from now on."""
        t = self._position(t)
        if codes.shape != self.shape[1:] or codes.dtype != np.uint8:
            raise ValueError(f"codes are {codes.dtype} {codes.shape}, not uint8 {self.shape[1:]}")
        self._store.write(t, np.ascontiguousarray(codes))
        with self._lock:
            self._computed[t] = True
            self._parts.pop(t, None)

    def write_part(self, t: int, box: Part, codes: NDArray[np.uint8]) -> None:
        """Keep the codes of a box (slices) of frame ``t``, beside those of other boxes.

        Of the last few frames only; nothing is kept of a frame that is computed.
        """
        t = self._position(t)
        with self._lock:
            if self._computed[t]:
                return
            part = self._parts.pop(t, None)
            self._parts[t] = part = np.zeros(self.shape[1:], np.uint8) if part is None else part
            part[:, *box] = codes
            self.parts_written += 1
            while len(self._parts) > _MOST_PARTS:
                self._parts.popitem(last=False)

    @property
    def parts(self) -> frozenset[int]:
        """Frames of which only a part is there."""
        with self._lock:
            return frozenset(self._parts)

    @property
    def computed(self) -> NDArray[np.bool_]:
        """Which frames are there: ``(T,)``, a copy."""
        with self._lock:
            return self._computed.copy()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the channels, as far as the key has them."""
        numbered = ("object", *(f"output {c}" for c in range(1, self.shape[1])))
        return tuple(self.key.get("outputs") or numbered)

    @property
    def frame_bytes(self) -> int:
        """Size of one frame on disk."""
        return int(np.prod(self.shape[1:], dtype=np.int64))

    def flush(self) -> None:
        """Return once everything written would survive a power cut."""
        self._store.flush()

    def close(self) -> None:
        """Flush and let go of the file; reads under way still finish."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        done = int(self._computed.sum())
        return f"<Probabilities {self.path or 'in memory'} {self.shape}, {done} computed>"

    def _position(self, t: int) -> int:
        if not -len(self) <= t < len(self):
            raise IndexError(f"frame {t} of {len(self)}")
        return int(t) % len(self)


class _MemoryStore:
    def __init__(self, shape: Shape) -> None:
        self._frames: list[NDArray[np.uint8] | None] = [None] * shape[0]

    def read(self, t: int) -> NDArray[np.uint8]:
        frame = self._frames[t]
        assert frame is not None
        return frame.copy()

    def write(self, t: int, codes: NDArray[np.uint8]) -> None:
        self._frames[t] = codes.copy()

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def _checked(shape: Any) -> Shape:
    found = tuple(int(n) for n in shape)
    if len(found) not in (4, 5) or min(found) < 1:
        raise ValueError(f"shape {shape} is neither of frames nor of volumes, or has an empty axis")
    return found


def _plain(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key as it comes back from the file: tuples are lists there."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(key)))
    return plain
