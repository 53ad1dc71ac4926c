"""Small files as MetaMorph, Micro-Manager and slide scanners write them, for the tests of Stack."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHAPE = (40, 48)
IFD = 162  # bytes of the pages' headers that Micro-Manager writes


def write_stk(
    path: Path,
    planes: Sequence[int],
    *,
    distance: int = 0,
    colours: Sequence[int] | None = None,
    seconds: Sequence[int] | None = None,
) -> None:
    """Write planes, each full of one number, after one page (imageio#802, bioformats#1835)."""
    n, (h, w) = len(planes), SHAPE
    colours = colours or [488] * n
    seconds = seconds or range(1, n + 1)
    data = np.stack([np.full(SHAPE, v, "<u2") for v in planes]).tobytes()
    first = 8 + len(data)
    base, extra = first + 2 + 15 * 12 + 4, b""

    def place(content: bytes) -> int:
        nonlocal extra
        at = base + len(extra)
        extra += content
        return at

    moments = [v for s in seconds for v in (distance, 1, 2459000, 1000 * s, 2459000, 1000 * s)]
    uic2 = place(struct.pack(f"<{6 * n}I", *moments))
    uic3 = place(struct.pack(f"<{2 * n}I", *[v for c in colours for v in (c, 1)]))
    uic4, uic1 = place(struct.pack("<H", 0)), place(struct.pack("<II", 0, 1))
    tags = [
        (254, 4, 1, 0), (256, 3, 1, w), (257, 3, 1, h), (258, 3, 1, 16), (259, 3, 1, 1),
        (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, h), (279, 4, 1, h * w * 2),
        (296, 3, 1, 1), (33628, 4, 1, uic1), (33629, 5, n, uic2), (33630, 5, n, uic3),
        (33631, 4, n, uic4),
    ]  # fmt: skip
    header = struct.pack("<2sHI", b"II", 42, first) + data + struct.pack("<H", len(tags))
    packed = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    path.write_bytes(header + packed + struct.pack("<I", 0) + extra + bytes(64))


def write_micromanager(
    path: Path, planes: Sequence[tuple[tuple[int, int, int, int], int]], **summary: Any
) -> None:
    """Write planes ((c, z, t, position), number) and a summary (tifffile#186, iohub#66)."""
    h, w = SHAPE
    said = {
        "MicroManagerVersion": "2.0.0", "Frames": 4, "Slices": 1, "Channels": 1, "Positions": 1,
        "Width": w, "Height": h, "PixelType": "GRAY16", "SlicesFirst": True, "TimeFirst": False,
        "Prefix": path.name.split("_MMStack")[0], **summary,
    }  # fmt: skip
    text = json.dumps(said).encode()
    start = 40 + len(text) + len(text) % 2
    size = h * w * 2
    meta = b'{"Camera":"x"}\0'
    meta_at = start + len(planes) * (IFD + size)
    body, offsets = b"", []
    for k, (_, value) in enumerate(planes):
        at = start + k * (IFD + size)
        offsets.append(at)
        following = at + IFD + size if k + 1 < len(planes) else 0
        tags = [
            (254, 4, 1, 0), (256, 3, 1, w), (257, 3, 1, h), (258, 3, 1, 16), (259, 3, 1, 1),
            (262, 3, 1, 1), (273, 4, 1, at + IFD), (277, 3, 1, 1), (278, 3, 1, h),
            (279, 4, 1, size), (284, 3, 1, 1), (296, 3, 1, 1), (51123, 2, len(meta), meta_at),
        ]  # fmt: skip
        packed = b"".join(struct.pack("<HHII", *tag) for tag in tags)
        body += struct.pack("<H", 13) + packed + struct.pack("<I", following)
        body += np.full(SHAPE, value, "<u2").tobytes()
    body += meta + bytes(len(meta) % 2)
    index_at = start + len(body)
    index = struct.pack("<II", 3453623, len(planes))
    index += b"".join(
        struct.pack("<5I", *i, at) for (i, _), at in zip(planes, offsets, strict=True)
    )
    display_at = index_at + len(index)
    display = struct.pack("<II", 347834724, 2) + b"{}"
    comments_at = display_at + len(display)
    comments = struct.pack("<II", 84720485, 2) + b"{}"
    head = struct.pack("<2sHI", b"II", 42, start) + struct.pack(
        "<8I", 54773648, index_at, 483765892, display_at, 99384722, comments_at, 2355492, len(text)
    )
    head += text
    path.write_bytes(head + b" " * (start - len(head)) + body + index + display + comments)
