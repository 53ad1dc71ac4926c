"""What a CZI file says of itself: its XML, the time of each frame, how long its tiles are."""

from __future__ import annotations

import itertools
import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

_IMAGE = "./Metadata/Information/Image"
_SEGMENT = 32  # bytes of an id and two sizes before every segment
_DIRECTORY = _SEGMENT + 72  # where the file's header has the place of the attachments' directory
_ENTRIES, _ENTRY = _SEGMENT + 256, 128  # of that directory
_DATA = _SEGMENT + 256  # from an attachment's segment to what is attached
_MOST = 1_000_000  # frames: beyond this the count is wrong
_PART = _SEGMENT + 48  # where it has the number of the file, of a movie in several
_TILES = _SEGMENT + 52  # where the file's header has the place of the directory of tiles
_TILE, _AXIS = 32, 20  # bytes of an entry of that, and of each of its axes


class CziHeader:
    """The XML of a CZI file, as far as it is needed; lengths in µm, times in s."""

    def __init__(self, xml: str) -> None:
        try:
            self._root = ET.fromstring(xml)  # noqa: S314 - of expat 2.4.1 on, no entity expands far
        except ET.ParseError:
            self._root = ET.Element("ImageDocument")

    @property
    def steps(self) -> dict[str, float]:
        """Return µm from pixel to pixel along X, Y and Z, as far as they are said."""
        found = {
            str(each.get("Id")): _number(each.findtext("Value")) * 1e6
            for each in self._root.iterfind("./Metadata/Scaling/Items/Distance")
        }
        return {axis: step for axis, step in found.items() if step > 0}

    @property
    def planned(self) -> dict[str, int]:
        """Return how many frames (T) and sections (Z) were planned; 0 where that is not said."""
        return {axis: int(_number(self._root.findtext(f"{_IMAGE}/Size{axis}"))) for axis in "TZ"}

    @property
    def interval(self) -> float | None:
        """Seconds from frame to frame, where the file has even ones."""
        step = self._root.findtext(f"{_IMAGE}/Dimensions/T/Positions/Interval/Increment")
        return _number(step) or None

    def channel_names(self, n: int) -> tuple[str, ...]:
        """Names of the channels; () unless each has one."""
        channels = self._root.findall(f"{_IMAGE}/Dimensions/Channels/Channel")
        names = tuple(str(c.get("Name") or c.findtext("Fluor") or "") for c in channels)
        return names if len(names) == n and all(names) else ()

    def scene_names(self, numbers: Sequence[int]) -> tuple[str, ...]:
        """Names of the scenes with these numbers; their numbers where several have none."""
        scenes = self._root.iterfind(f"{_IMAGE}/Dimensions/S/Scenes/Scene")
        given = {str(scene.get("Index")): str(scene.get("Name") or "") for scene in scenes}
        if len(numbers) < 2:
            return (given.get(str(numbers[0]), ""),)
        return tuple(given.get(str(i)) or f"scene {i}" for i in numbers)


def read_time_stamps(path: Path) -> tuple[float, ...]:
    """Return the seconds that ZEN attached for the frames; () where there are none."""
    with path.open("rb") as file:
        try:
            (directory,) = _unpack(file, _DIRECTORY, "<q")
            if directory <= 0:
                return ()
            (n,) = _unpack(file, directory + _SEGMENT, "<i")
            for i in range(min(n, _MOST)):
                entry = directory + _ENTRIES + i * _ENTRY
                (place,) = _unpack(file, entry + 12, "<q")
                (name,) = _unpack(file, entry + 48, "80s")
                if name.split(b"\0")[0] == b"TimeStamps":
                    _, count = _unpack(file, place + _DATA, "<ii")
                    count = count if 0 < count <= _MOST else 0
                    return _unpack(file, place + _DATA + 8, f"<{count}d")
        except (struct.error, OSError):  # no attachment is needed to read the pixels
            return ()
    return ()


def other_parts(path: Path) -> str:
    """Say which part of a movie in several files one is, by its header or those beside it.

    ZEN calls them ``a.czi``, ``a (1).czi``, ``a (2).czi``; empty where the file is all of it.
    """
    if part := _part(path):
        return f"part {part} of a movie in several files"
    names = (path.with_name(f"{path.stem} ({i}){path.suffix}") for i in itertools.count(1))
    beside = list(itertools.takewhile(_part, names))
    return f"the first of {len(beside) + 1} files of a movie" if beside else ""


def _part(path: Path) -> int:
    """Return the number of a file among those of a movie; 0 for the first, and for no such file."""
    try:
        with path.open("rb") as file:
            magic, part = *_unpack(file, 0, "16s"), *_unpack(file, _PART, "<i")
    except (struct.error, OSError):
        return 0
    return int(part) if magic.startswith(b"ZISRAWFILE") and 0 < part <= _MOST else 0


def has_whole_tiles(path: Path) -> bool:
    """Whether the parts of each tile fit into it; of one where they do not, libCZI dies.

    A directory that cannot be read is for the library to refuse.
    """
    with path.open("rb") as file:
        try:
            end = file.seek(0, 2)
            (place,) = _unpack(file, _TILES, "<q")
            (n,) = _unpack(file, place + _SEGMENT, "<i")
            place += _SEGMENT + 128
            for _ in range(n):
                (start,) = _unpack(file, place + 6, "<q")
                (axes,) = _unpack(file, place + 28, "<i")
                name, room, used, *parts = _unpack(file, start, "<16sqqiiq")
                fits = min(parts) >= 0 and sum(parts) <= (used or room) <= room <= end - start
                if not name.startswith(b"ZISRAWSUBBLOCK") or not fits:
                    return False
                place += _TILE + _AXIS * axes
        except (struct.error, OSError, ValueError):
            return True
    return True


def _unpack(file: BinaryIO, place: int, form: str) -> tuple[Any, ...]:
    file.seek(place)
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _number(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0
