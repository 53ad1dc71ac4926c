"""Which files of a folder are frames, and in which order: what their names say.

Numbers are compared from the left, all of them; days and clocks in the order of time. Where two
orders are possible, neither is taken.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unet.engine.errors import BadInput, Notice

_DIGITS = re.compile(r"(\d+)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile(rf"(?<![a-z])({'|'.join(_MONTHS)})[a-z]*(?![a-z])")
_HALF_DAY = re.compile(r"(?<!\d)(\d{1,2})((?:[-_.:h ]?\d{2}){1,2})[ _-]?([ap]m)(?![a-z])")
_TIME_BEFORE = re.compile(
    r"(?:^|[^a-z])(t|tp|time|timepoint|frame|frames|f|img|image|cycle)[ _=-]?$"
)
_STAGE_BEFORE = re.compile(r"(?:^|[^a-z])(x|y|z|pos|position|stage|focus|exp|e)[ _=-]?$")
_UNIT_AFTER = re.compile(r"^ ?(d|day|days|h|hr|hrs|hour|hours|m|min|mins|s|sec|secs|ms)(?![a-z])")
_UNIT_BEFORE = re.compile(r"(?:^|[^a-z])(day|d|hour|h|min|m|sec|s)[ _=-]?$")
_UNITS = ("d", "h", "m", "s")
_IN_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DAY = 86400
_SHOWN = 4  # files named of each order

Key = Callable[[int], tuple[int, ...]]


@dataclass(frozen=True)
class Ordered:
    """Frames in order; ``numbers`` are those of their names, None where they have none."""

    files: list[Path]
    numbers: tuple[int, ...] | None
    notices: tuple[Notice, ...] = ()


def order_files(files: Sequence[Path]) -> Ordered:
    """Sort the files of a folder as its frames.

    A lone file that is named otherwise is left out and said. ``BadInput`` where the names allow
    two orders, or are of several kinds.
    """
    half = _half_days(files)
    names = [_Name(f, half) for f in files]
    patterns = Counter(name.pattern for name in names)
    if len(patterns) > 1:
        usual, n = patterns.most_common(1)[0]
        strangers = [name.path for name in names if name.pattern != usual]
        lone = len(strangers) == 1 or len(strangers) * 10 <= len(files)
        if n >= 3 and lone and "#" in usual:
            return _without(strangers, [f for f in files if f not in strangers])
        if n >= 3 or min(patterns.values()) > 1:
            _refuse_kinds(files, patterns)
    if len(patterns) > 1 or "#" not in next(iter(patterns)):
        ordered = sorted(files, key=_natural)
        said = (Notice("check", _alphabetical(ordered)),) if len(files) > 1 else ()
        return Ordered(ordered, None, said)
    return _by_numbers(names)


def _half_days(files: Sequence[Path]) -> bool:
    """Whether all names have a clock of twelve hours: am alone may be somebody's initials."""
    found = [_HALF_DAY.search(file.stem.lower()) for file in files]
    return {half[3] if half else "" for half in found} == {"am", "pm"}


def _whole_day(found: re.Match[str]) -> str:
    """Return a clock of twelve hours as one of twenty-four: 1-30pm is 13-30."""
    hour, rest, half = int(found[1]), found[2], found[3]
    return f"{hour % 12 + 12 * (half == 'pm'):02d}{rest}"


class _Name:
    """A file's name, taken apart into numbers (months among them) and the text between."""

    def __init__(self, path: Path, half_days: bool = False) -> None:
        self.path = path
        text = path.stem.lower()
        clock = _HALF_DAY.search(text) if half_days else None
        self.clock = _numbers_of(text, clock) if clock else range(0)  # its columns, of 12 hours
        text = _HALF_DAY.sub(_whole_day, text) if half_days else text
        text = _MONTH.sub(lambda m: f"\0{_MONTHS.index(m[1]) + 1:02d}\0", text)
        parts = re.split(r"(\0\d+\0|\d+)", text)
        self.between = parts[::2]
        self.is_month = [p.startswith("\0") for p in parts[1::2]]
        self.texts = [p.strip("\0") for p in parts[1::2]]
        self.numbers = tuple(int(p) for p in self.texts)
        self.pattern = "#".join(self.between)


def _numbers_of(text: str, found: re.Match[str]) -> range:
    """Return which of the numbers and months of a name are in a part of it."""
    before = _MONTH.sub("0", text[: found.start()])
    first = len(_DIGITS.findall(before))
    return range(first, first + len(_DIGITS.findall(found[0])))


def _by_numbers(names: list[_Name]) -> Ordered:
    """Order names that are alike but for their numbers."""
    rows = [name.numbers for name in names]
    if len(set(rows)) < len(rows):
        _refuse(names, "have the same number twice")
    columns = range(len(rows[0]))
    varying = [i for i in columns if len({row[i] for row in rows}) > 1]
    unique = [i for i in varying if len({row[i] for row in rows}) == len(rows)]
    if len(names) == 1:
        return Ordered([names[0].path], (rows[0][-1],))
    left = sorted(range(len(rows)), key=rows.__getitem__)
    keys = _time_keys(names, varying)
    orders = {what: sorted(range(len(rows)), key=key) for what, key in keys.items()}
    midnight = _over_midnight(names, varying)
    if keys and (len(varying) > 1 or any(order != left for order in orders.values())):
        order = _only(names, {**orders, **midnight})
        joined = _joined(order, next(iter(keys.values())))
        return Ordered([names[i].path for i in order], joined)
    if not unique:
        _refuse(names, "differ in several numbers")
    orders = {"from the left": left, **_decimal_order(names, varying)}
    orders |= midnight
    for i in unique:
        fraction = names[0].between[i] == "." and i - 1 in varying
        if not fraction and not _settled_by_words(names, i, varying, left, rows):
            by = sorted(range(len(rows)), key=lambda k: rows[k][i])
            orders[f"by the number {_place(i, varying)}"] = by
    order = _only(names, orders)
    agreeing = [i for i in unique if [rows[k][i] for k in order] == sorted(r[i] for r in rows)]
    column = agreeing[-1] if agreeing else unique[-1]
    numbers = tuple(rows[k][column] for k in order) if agreeing else None
    return Ordered([names[k].path for k in order], numbers)


def _settled_by_words(
    names: list[_Name],
    column: int,
    varying: list[int],
    left: list[int],
    rows: list[tuple[int, ...]],
) -> bool:
    """Whether a number is no rival: the first one orders all, and words say which is time."""
    first = varying[0]
    if column == first or [rows[k][first] for k in left] != sorted({r[first] for r in rows}):
        return False
    before = names[0].between
    is_time = bool(_TIME_BEFORE.search(before[first])) and not _TIME_BEFORE.search(before[column])
    return is_time or bool(_STAGE_BEFORE.search(before[column]))


def _decimal_order(names: list[_Name], varying: list[int]) -> dict[str, list[int]]:
    """Return the order by decimal fractions, where names have them: t1.25 before t1.5."""
    for i in varying[1:]:
        if names[0].between[i] == "." and len({len(n.texts[i]) for n in names}) > 1:
            values = [float(f"{n.texts[i - 1]}.{n.texts[i]}") for n in names]
            key = [(n.numbers[: i - 1], value) for n, value in zip(names, values, strict=True)]
            return {"by decimal fractions": sorted(range(len(names)), key=key.__getitem__)}
    return {}


def _time_keys(names: list[_Name], varying: list[int]) -> dict[str, Key]:
    """Return what sorts the names in time, where all that varies is a date or a clock.

    Two keys where a day may be a month.
    """
    units = _unit_columns(names[0])
    dates = _date_columns(names)
    times = {*units, *(i for group in dates.values() for i in group)}
    times |= _clock_columns(names, times)
    if not set(varying) <= times:
        return {}
    if not dates:
        return {"in time": _key(names, times, [])}
    return {what: _key(names, times, group) for what, group in dates.items()}


def _key(names: list[_Name], times: set[int], date: list[int]) -> Key:
    """Compare year, month and day first to last in the place of the date, the rest as written."""
    at = min(date, default=0)
    order = [i for i in sorted(times) if i < at] + date
    order += [i for i in sorted(times) if i not in order]
    whole = date if len(date) == 1 else []

    def key(k: int) -> tuple[int, ...]:
        return tuple(
            _year_first(names[k].texts[i]) if i in whole else names[k].numbers[i] for i in order
        )

    return key


def _year_first(text: str) -> int:
    """Return 20240105 for 20240105 and for 05012024."""
    if len(text) == 8 and not _is_date(text[:4], text[4:6], text[6:]):
        return int(text[4:] + text[2:4] + text[:2])
    return int(text)


def _unit_columns(name: _Name) -> dict[int, str]:
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


def _over_midnight(names: list[_Name], varying: list[int]) -> dict[str, list[int]]:
    """Return the order of clocks without a day that most likely go over midnight."""
    clocks = [_seconds(name, varying) for name in names]
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


def _seconds(name: _Name, varying: list[int]) -> int | None:
    """Seconds since midnight of a clock such as 230000 or 23h40m; None where there is none."""
    units = _unit_columns(name)
    if "h" in units.values() and "d" not in units.values() and set(varying) <= set(units):
        return sum(name.numbers[i] * _IN_SECONDS[units[i]] for i in units)
    if name.clock and set(varying) <= set(name.clock):
        long = (3600, 60, 1)
        return sum(name.numbers[i] * n for n, i in zip(long, name.clock, strict=False))
    text = name.texts[varying[0]]
    if len(varying) > 1 or len(text) != 6 or not _is_clock(text):
        return None
    return int(text[:2]) * 3600 + int(text[2:4]) * 60 + int(text[4:])


def _date_columns(names: list[_Name]) -> dict[str, list[int]]:
    """Columns of year, month and day, by what they are taken for."""
    columns = range(len(names[0].numbers))
    for i in columns:
        texts = [n.texts[i] for n in names]
        if all(len(t) == 8 and _is_date(t[:4], t[4:6], t[6:]) for t in texts):
            return {"in time": [i]}
        if all(len(t) == 8 and _is_date(t[4:], t[2:4], t[:2]) for t in texts):
            return {"in time": [i]}
    for i in columns[:-2]:
        found = {
            what: [i + k for k in order]
            for what, order in _WRITTEN.items()
            if all(_fits(name, [i + k for k in order]) for name in names)
        }
        if found:
            return found
    return {}


_WRITTEN = {
    "with the year first": (0, 1, 2),
    "with the day first": (2, 1, 0),
    "with the month first": (2, 0, 1),
}


def _fits(name: _Name, columns: list[int]) -> bool:
    year, month, day = (name.texts[i] for i in columns)
    months = [i for i in columns if name.is_month[i]]
    return months in ([], [columns[1]]) and _is_date(year, month, day)


def _is_date(year: str, month: str, day: str) -> bool:
    return (
        len(year) == 4
        and 1900 <= int(year) < 2100
        and len(month) <= 2
        and len(day) <= 2
        and 1 <= int(month) <= 12
        and 1 <= int(day) <= 31
    )


def _clock_columns(names: list[_Name], known: set[int]) -> set[int]:
    """Columns of hours, minutes and seconds after a date: 230000, 2300 or 23-00-00."""
    found: set[int] = set()
    limits = (24, 60, 60)
    for i in range(len(names[0].numbers)):
        texts = [n.texts[i] for n in names]
        after = known & set(range(i))
        between = names[0].between[i]
        if between.strip(" _-.:") and between != "t" and i - 1 not in found:
            continue
        whole = all(len(t) in (4, 6) and _is_clock(t) for t in texts)
        if i in known or not (after or found):
            continue
        if whole and not found:
            return {i, *_fraction(names, i)}
        if len(found) < 3 and all(len(t) <= 2 and int(t) < limits[len(found)] for t in texts):
            found.add(i)
    return found


def _fraction(names: list[_Name], i: int) -> set[int]:
    """Return the column of a clock's parts of a second."""
    following = i + 1 < len(names[0].texts)
    same = following and len({len(n.texts[i + 1]) for n in names}) == 1
    return {i + 1} if same and names[0].between[i + 1] in ".,-_" else set()


def _is_clock(text: str) -> bool:
    parts = [int(text[k : k + 2]) for k in range(0, len(text), 2)]
    return parts[0] < 24 and all(part < 60 for part in parts[1:])


def _joined(order: list[int], key: Key) -> tuple[int, ...]:
    """One number a frame out of several, the same for other files of these names."""
    rows = [key(k) for k in order]
    widths = [max(2, *(len(str(row[i])) for row in rows)) for i in range(len(rows[0]))]
    return tuple(
        int("".join(f"{n:0{w}d}" for n, w in zip(row, widths, strict=True))) for row in rows
    )


def _only(names: list[_Name], orders: dict[str, list[int]]) -> list[int]:
    """Return the one order there is; ``BadInput`` that shows both where there are two."""
    (what, order), *others = orders.items()
    for other, rival in others:
        if rival != order:
            shown = (
                f"{way} {', '.join(names[k].path.name for k in way_order[:_SHOWN])} …"
                for way, way_order in ((what, order), (other, rival))
            )
            raise BadInput(
                f"the names in the folder {names[0].path.parent.name} allow two orders: "
                f"{', or '.join(shown)}",
                "names whose numbers agree on the order of the frames",
                "leave only the number of the frame in the names, or save the movie as one TIFF",
            )
    return order


def _place(column: int, varying: list[int]) -> str:
    place = varying.index(column)
    return "at the end" if column == varying[-1] else f"in place {place + 1}"


def _without(strangers: list[Path], others: list[Path]) -> Ordered:
    """Leave out what is named otherwise, and say so."""
    found = order_files(others)
    which = ", ".join(sorted(f.name for f in strangers)[:_SHOWN])
    more = f" and {len(strangers) - _SHOWN} more" if len(strangers) > _SHOWN else ""
    line = (
        f"the folder {others[0].parent.name} has {len(others)} frames like {found.files[0].name}; "
        f"{which}{more}, named otherwise, {'is' if len(strangers) == 1 else 'are'} left out"
    )
    return Ordered(found.files, found.numbers, (*found.notices, Notice("check", line)))


def _alphabetical(files: list[Path]) -> str:
    return (
        f"the files in the folder {files[0].parent.name} have no number in common: "
        f"read in the order of their names, {', '.join(f.name for f in files[:_SHOWN])}"
    )


def _refuse(names: list[_Name], what: str) -> None:
    paths = [name.path for name in names]
    raise BadInput(
        f"the folder {paths[0].parent.name} has files whose names {what} "
        f"(such as {paths[0].name} and {paths[-1].name})",
        "one file for each frame, with its number in the name",
        "keep one channel and position in a folder, or save the movie as one TIFF",
    )


def _refuse_kinds(files: Sequence[Path], patterns: Counter[str]) -> None:
    kinds = ", ".join(f"{n} like {p}" for p, n in patterns.most_common(3))
    raise BadInput(
        f"the folder {files[0].parent.name} holds several kinds of files: {kinds}",
        "one file for each frame, all named alike",
        "put each kind into its own folder",
    )


def _natural(path: Path) -> list[tuple[int, str]]:
    """Key for sorting as people do: ``t2`` before ``t10``."""
    parts = _DIGITS.split(path.stem.lower())
    return [(int(p), "") if p.isdigit() else (-1, p) for p in parts]
