"""Blocks: frames of a movie that one worker does at a time, and what comes of them as one file."""

from __future__ import annotations

import io
import itertools
import math
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from napari_unet.engine.export.formats.measuring import Measured
from napari_unet.engine.jobs.stages.frame_work import FrameDone
from napari_unet.engine.jobs.stages.frame_worker import Packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_PIXELS = 1 << 23  # of a block: some seconds of a core, and some megabytes of codes
_MOST = 1024  # frames: of small ones
_COLUMN = "column "


@dataclass(frozen=True)
class Block:
    """Frames that are done together, in their order."""

    frames: tuple[int, ...]

    @property
    def name(self) -> str:
        """What its file is called: the same frames, the same name."""
        text = ",".join(map(str, self.frames)).encode()
        return f"{self.frames[0]:07d}-{len(self.frames)}-{zlib.crc32(text):08x}.npz"


def frames_of_a_block(shape: tuple[int, ...]) -> int:
    """How many frames a block has: whatever the cluster, so that a rerun finds them."""
    fit = max(1, min(_MOST, _PIXELS // math.prod(shape)))
    return 1 << (fit.bit_length() - 1)


def blocks_of(frames: Sequence[int], n: int) -> list[Block]:
    """Part frames into blocks: those between two multiples of ``n`` are one."""
    parts = itertools.groupby(frames, lambda t: t // n)
    return [Block(tuple(part)) for _, part in parts]


@dataclass(frozen=True, eq=False)
class BlockDone:
    """What was made of a block: codes ``(N, C, Y, X)``, while they lie here, and labels."""

    frames: tuple[int, ...]
    codes: NDArray[np.uint8] | None
    made: tuple[Packed, ...]

    def each(self) -> Iterator[tuple[int, NDArray[np.uint8] | None, FrameDone]]:
        """Yield each frame with its codes, its labels and what the table says of them."""
        for i, (t, made) in enumerate(zip(self.frames, self.made, strict=True)):
            labels, measured = made.unpacked()
            if measured is not None:  # a copy: who writes a table takes columns out
                measured = Measured(dict(measured.columns), measured.missing)
            codes = None if self.codes is None else self.codes[i]
            yield t, codes, FrameDone(labels, measured)

    def packed(self) -> bytes:
        """Return it as the bytes of a file of arrays: nothing in it is run when it is read."""
        made = self.made
        arrays: dict[str, NDArray[Any]] = {
            "frames": np.array(self.frames, np.int64),
            "shape": np.array(made[0].shape, np.int64),
            "runs": np.array([len(one.lengths) for one in made], np.int64),
            "lengths": np.concatenate([one.lengths for one in made]),
            "values": np.concatenate([one.values for one in made]),
        }
        if self.codes is not None:
            arrays["codes"] = self.codes
        measured = [one.measured for one in made if one.measured is not None]
        if measured:
            arrays |= _measured_arrays(measured)
        file = io.BytesIO()
        np.savez(file, **arrays)  # type: ignore[arg-type]  # names of our own, none of them savez's
        return file.getvalue()

    @classmethod
    def read(cls, content: bytes | Path) -> BlockDone:
        """Read what was packed.

        Raises
        ------
        ValueError
            Where it is damaged.

        """
        try:
            with _stream(content) as stream, np.load(stream, allow_pickle=False) as file:
                return _of(file)
        except (OSError, KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(f"a block cannot be read: {error}") from error


def frames_in(path: Path) -> tuple[tuple[int, ...], bool]:
    """Return which frames are in the file of a block, and whether their codes are."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return tuple(file["frames"].tolist()), "codes" in file.files
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        return (), False


def _stream(content: bytes | Path) -> BinaryIO:
    return io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")


def _measured_arrays(measured: Sequence[Measured]) -> dict[str, NDArray[Any]]:
    some = next((m for m in measured if len(_first(m.columns))), measured[0])
    full = [m for m in measured if len(_first(m.columns))] or [some]
    columns = {
        _COLUMN + name: np.concatenate([m.columns[name] for m in full]) for name in some.columns
    }
    objects = [len(_first(m.columns)) for m in measured]
    missing = [m.missing for m in measured]
    return {**columns, "objects": np.array(objects), "missing": np.array(missing)}


def _first(columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    return next(iter(columns.values()))


def _of(file: Mapping[str, NDArray[Any]]) -> BlockDone:
    frames = tuple(file["frames"].tolist())
    shape = tuple(file["shape"].tolist())
    lengths, values = _parts(file["lengths"], file["runs"]), _parts(file["values"], file["runs"])
    measured: list[Measured | None] = [None] * len(frames)
    if "objects" in file:
        names = [name for name in file if name.startswith(_COLUMN)]
        parted = {n.removeprefix(_COLUMN): _parts(file[n], file["objects"]) for n in names}
        measured = [
            Measured({name: column[i] for name, column in parted.items()}, missing)
            for i, missing in enumerate(file["missing"].tolist())
        ]
    made = tuple(
        Packed(shape, *of_frame) for of_frame in zip(lengths, values, measured, strict=True)
    )
    return BlockDone(frames, file["codes"] if "codes" in file else None, made)


def _parts(array: NDArray[Any], counts: NDArray[Any]) -> list[NDArray[Any]]:
    return np.split(array, np.cumsum(counts)[:-1])
