"""Clocks in the names of files: of a day, of twelve hours, or the time that has passed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.engine.stack.names.file_name import FileName

_UNIT_AFTER = re.compile(r"^ ?(d|day|days|h|hr|hrs|hour|hours|m|min|mins|s|sec|secs|ms)(?![a-z])")
_UNIT_BEFORE = re.compile(r"(?:^|[^a-z])(day|d|hour|h|min|m|sec|s)[ _=-]?$")
_UNITS = ("d", "h", "m", "s")
_IN_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_MARKS = " _-.:"  # between the numbers of a date and a clock, or of a clock
_AFTER_DATE = ("", "t", "d", "at", "日")
_IN_CLOCK = ("", "h", "m", "時", "时", "分", "uhr")
_DAY = 86400
_UNEVEN = 4  # times: the longest step of a clock by its shortest
_WHOLE = (4, 6, 8, 9)  # digits of a clock, with hundredths or thousandths of a second
_LIMITS = (24, 60, 60)


def unit_columns(name: FileName) -> dict[int, str]:
    """Columns with a unit of time (d, h, m, s) after or before them, from long to short."""
    found: dict[int, str] = {}
    vague: set[int] = set()  # d1_s2 may be a dish and a site
    for i in range(len(name.numbers)):
        after = _UNIT_AFTER.match(name.between[i + 1])
        before = None if after else _UNIT_BEFORE.search(name.between[i])
        if unit := after or before:
            found[i] = unit[1][0]
            vague |= {i} if before and len(unit[1]) == 1 else set()
    ranks = [_UNITS.index(unit) for unit in found.values()]
    sure = not vague or "h" in found.values()
    return found if sure and ranks == sorted(set(ranks)) else {}


def clock_columns(names: Sequence[FileName], known: set[int]) -> set[int]:
    """Columns of hours, minutes and seconds after a date: 230000, 2300 or 23-00-00."""
    found: set[int] = set()
    for i in range(len(names[0].numbers)):
        if i in known or not (known & set(range(i)) or found):
            continue
        texts = [n.texts[i] for n in names]
        between = names[0].between[i].strip(_MARKS)
        if between not in (_IN_CLOCK if i - 1 in found else _AFTER_DATE):
            continue
        if not found and all(len(t) in _WHOLE and is_clock(t[:6]) for t in texts):
            return {i, *_fraction(names, i)}
        if len(found) < 3 and all(len(t) <= 2 and int(t) < _LIMITS[len(found)] for t in texts):
            found.add(i)
        elif len(found) == 3 and i - 1 in found:
            return {*found, *_fraction(names, i - 1)}
    return found


def bare_clock(names: Sequence[FileName], varying: Sequence[int]) -> range:
    """Return the columns of hours, minutes and seconds without a date; () where there is none.

    Two or three numbers of two digits, with one and the same mark between them.
    """
    for n in (3, 2):
        for i in range(len(names[0].numbers) - n + 1):
            columns = range(i, i + n)
            between = set(names[0].between[i + 1 : i + n])
            if not set(varying) <= set(columns) or len(between) > 1 or not between <= set("-:."):
                continue
            limits = ((100, 60, 60), (60, 60))[n == 2]
            fits = (
                all(len(name.texts[k]) == 2 and name.numbers[k] < limit for name in names)
                for k, limit in zip(columns, limits, strict=True)
            )
            if all(fits):
                return columns
    return range(0)


def is_even(names: Sequence[FileName], clock: range) -> bool:
    """Whether clocks go on by about the same from name to name, as frames do."""
    seconds = sorted(
        sum(name.numbers[i] * n for n, i in zip((3600, 60, 1), clock, strict=False))
        for name in names
    )
    steps = [b - a for a, b in itertools.pairwise(seconds)]
    return len(steps) > 1 and max(steps) <= _UNEVEN * min(steps)


def over_midnight(names: Sequence[FileName], varying: Sequence[int]) -> dict[str, list[int]]:
    """Return the order of clocks without a day that most likely go over midnight."""
    clocks = [_seconds(names, name, varying) for name in names]
    if None in clocks or len(names) < 3:
        return {}
    seconds = [clock for clock in clocks if clock is not None]
    order = sorted(range(len(names)), key=seconds.__getitem__)
    ordered = [seconds[k] for k in order]
    gaps = [b - a for a, b in itertools.pairwise(ordered)]
    widest = max(range(len(gaps)), key=gaps.__getitem__)
    through = _DAY - (ordered[-1] - ordered[0])
    if gaps[widest] <= 2 * through:
        return {}
    return {"over midnight": order[widest + 1 :] + order[: widest + 1]}


def is_clock(text: str) -> bool:
    """Whether two, four or six digits are hours, minutes and seconds."""
    parts = [int(text[k : k + 2]) for k in range(0, len(text), 2)]
    return parts[0] < 24 and all(part < 60 for part in parts[1:])


def _seconds(names: Sequence[FileName], name: FileName, varying: Sequence[int]) -> int | None:
    """Seconds since midnight of a clock such as 230000 or 23h40m; None where there is none."""
    units = unit_columns(name)
    if "h" in units.values() and "d" not in units.values() and set(varying) <= set(units):
        return sum(name.numbers[i] * _IN_SECONDS[units[i]] for i in units)
    columns = name.clock if set(varying) <= set(name.clock) else bare_clock(names, varying)
    if len(columns) and name.numbers[columns[0]] < _LIMITS[0]:
        return sum(name.numbers[i] * n for n, i in zip((3600, 60, 1), columns, strict=False))
    text = name.texts[varying[0]]
    if len(varying) > 1 or len(text) != 6 or not is_clock(text):
        return None
    return int(text[:2]) * 3600 + int(text[2:4]) * 60 + int(text[4:])


def _fraction(names: Sequence[FileName], i: int) -> set[int]:
    """Return the column of a clock's parts of a second."""
    following = i + 1 < len(names[0].texts)
    same = following and len({len(n.texts[i + 1]) for n in names}) == 1
    return {i + 1} if same and names[0].between[i + 1] in tuple(".,-_") else set()
