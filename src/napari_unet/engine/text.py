"""Counts, sizes and times in words: each said in one way, on the command line and in the docks."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def counted(n: int, singular: str, plural: str | None = None) -> str:
    """Return ``1 cell``, ``73 cells``, ``1,024 frames``."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def say_ranges(numbers: Iterable[int]) -> str:
    """Return ``0, 3-5, 9`` for (0, 3, 4, 5, 9), which is how frames are typed, too."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def say_bytes(n_bytes: float) -> str:
    """Return a size as disks are sold: ``3.2 GB`` for 3.2e9."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(n_bytes) < 1000:
            return f"{n_bytes:.0f} {unit}" if unit in ("bytes", "kB") else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def say_duration(seconds: float, *, exact: bool = False) -> str:
    """Return ``a few seconds``, ``about 40 s``, ``about 4 min``, ``about 1 h 20 min``.

    What is expected is never exact; what was set is: ``30 s``, ``10 min``, ``1.5 h`` where
    ``exact``.
    """
    if exact:
        for unit, length in (("s", 1), ("min", 60)):
            if seconds < 120 * length:
                return f"{seconds / length:.4g} {unit}"
        return f"{seconds / 3600:.4g} h"
    if seconds < 5:
        return "a few seconds"
    if seconds < 55:
        return f"about {round(seconds / 5) * 5} s"
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return f"about {minutes} min"
    if minutes < 24 * 60:
        return f"about {minutes // 60} h {minutes % 60} min"
    return f"about {minutes / 1440:.1f} days"


def say_clock(seconds: float, interval: float | None = None) -> str:
    """Return a moment as a clock shows it: ``h:mm:ss``.

    Of frames ``interval`` s apart, ``h:mm h`` where those are whole minutes, and seconds with
    decimals where frames would share one.
    """
    sign = "-" if seconds < 0 else ""
    seconds = abs(seconds)
    if interval is not None and interval < 1:
        return f"{sign}{seconds:.{min(3, 1 - floor(log10(interval)))}f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if interval is not None and interval >= 60 and interval % 60 == 0:
        return f"{sign}{hours}:{minutes:02d} h"
    return f"{sign}{hours}:{minutes:02d}:{rest:02d}"
