"""Dates in the names of files: year, month and day, in the order that a country writes them."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.engine.stack.names.file_name import FileName

Day = tuple[int, int, int]
"""Year, month and day; without a year it is 0, and 1 once New Year is over."""

_WRITTEN = {
    "with the year first": (0, 1, 2),
    "with the day first": (2, 1, 0),
    "with the month first": (2, 0, 1),
}
_WITHOUT_YEAR = {"with the day first": (1, 0), "with the month first": (0, 1)}
_LONGEST = 92  # days that a movie takes, where numbers leave open whether they are dates
_SHORTLY, _YEARS = 62, 3653  # days: of numbers without a year; where a year has four digits
_YEAR = 366
_SEPARATORS = "-._ "


@dataclass(frozen=True)
class Date:
    """One way to read the dates in names: their columns, and the day of each name."""

    what: str
    columns: tuple[int, ...]
    days: tuple[Day, ...]

    @property
    def span(self) -> int:
        """Days from the first to the last."""
        ordinals = [datetime.date(y + 2000 * (y < 2), m, d).toordinal() for y, m, d in self.days]
        return max(ordinals) - min(ordinals)


def dates_in(names: Sequence[FileName]) -> Iterator[list[Date]]:
    """Yield what may be the dates of names, the surest first, each with the ways to read it."""
    columns = range(len(names[0].numbers))
    for i in columns:
        if found := _readings(names, (i,), 8):
            yield _one(found)
    for digits, longest in ((4, _YEARS), (2, _LONGEST)):
        for i in columns[:-2]:
            three = (i, i + 1, i + 2)
            if digits == 4 or _is_short_date(names, three):
                found = _readings(names, three, digits) if _goes_on(names[0], i) else []
                yield _believable(found, longest)
    for i in columns[:-1]:
        if any(names[0].is_month[i : i + 2]):
            yield _one(_without_year(names, (i, i + 1)))
        if all(len(n.texts[i + 1]) in (4, 6) for n in names) and _set_apart(names[0], i, 2):
            yield _believable(_readings(names, (i,), 6), _LONGEST)


def dates_maybe(names: Sequence[FileName], varying: Sequence[int]) -> list[Date]:
    """Return ways to read as dates what may as well be plain numbers: 050124, 3101, 31.01."""
    i, found = varying[0], list[Date]()
    if len(varying) == 1:
        found = _believable(_readings(names, (i,), 6), _LONGEST)
        found += _without_year(names, (i,))
    two = any(len(name.texts[k]) == 2 for name in names for k in varying)
    if varying[-1] == i + 1 and _set_apart(names[0], i, 2) and two:
        found += _without_year(names, (i, i + 1))
    turned = [over_new_year(one) for one in found if len(names) > 2]
    found += [one for one in turned if one is not None]
    return [one for one in found if one.days[0][0] > 1 or one.span <= _SHORTLY]


def over_new_year(date: Date) -> Date | None:
    """Return days without a year as they are if they go over New Year; None if hardly so."""
    if any(year for year, _, _ in date.days):
        return None
    days = [datetime.date(2000, m, d).toordinal() for _, m, d in date.days]
    ordered = sorted(set(days))
    gaps = [b - a for a, b in itertools.pairwise(ordered)]
    if not gaps or max(gaps) <= 2 * (_YEAR - (ordered[-1] - ordered[0])):
        return None
    first = ordered[gaps.index(max(gaps)) + 1]
    turned = ((int(day < first), *of[1:]) for day, of in zip(days, date.days, strict=True))
    return Date("over New Year", date.columns, tuple(turned))


def _believable(found: list[Date], longest: int) -> list[Date]:
    """Return readings that take no more than a year where one of them is a movie's length."""
    short = any(one.span <= longest for one in found)
    return [one for one in found if short and one.span <= max(longest, _YEAR)]


def _one(found: list[Date]) -> list[Date]:
    """Call the only way to read dates the one in time."""
    return [Date("in time", found[0].columns, found[0].days)] if len(found) == 1 else found


def _readings(names: Sequence[FileName], columns: tuple[int, ...], digits: int) -> list[Date]:
    """Return dates with a year: in one number of so many digits, or in three numbers."""
    found = []
    for what, order in _WRITTEN.items():
        days = [_day(name, columns, order, digits) for name in names]
        whole = [day for day in days if day is not None]
        if len(whole) == len(names):
            found.append(Date(what, columns, tuple(whole)))
    return found


def _day(
    name: FileName, columns: tuple[int, ...], order: tuple[int, ...], digits: int
) -> Day | None:
    if len(columns) == 1:
        text, year = name.texts[columns[0]], digits - 4
        if len(text) != digits or name.is_month[columns[0]]:
            return None
        widths = [2, 2, 2]
        widths[order[0]] = year
        ends = list(itertools.accumulate(widths))
        parts = [text[end - n : end] for n, end in zip(widths, ends, strict=True)]
    else:
        year, parts = digits, [name.texts[i] for i in columns]
        months = [k for k, i in enumerate(columns) if name.is_month[i]]
        if months and months != [order[1]]:
            return None
    texts = [parts[i] for i in order]
    if len(texts[0]) != year or any(len(text) > 2 for text in texts[1:]):
        return None
    return _valid(_whole_year(texts[0]), int(texts[1]), int(texts[2]))


def _without_year(names: Sequence[FileName], columns: tuple[int, ...]) -> list[Date]:
    found = []
    for what, order in _WITHOUT_YEAR.items():
        days = []
        for name in names:
            text = name.texts[columns[0]]
            if len(columns) == 1:
                parts = [text[:2], text[2:]] if len(text) == 4 else []
            else:
                parts = [name.texts[i] for i in columns]
                months = [k for k, i in enumerate(columns) if name.is_month[i]]
                parts = [] if months not in ([], [order[0]]) else parts
            if not parts or any(len(part) > 2 for part in parts):
                break
            day = _valid(2000, *(int(parts[i]) for i in order))
            if day is None:
                break
            days.append((0, *day[1:]))
        else:
            found.append(Date(what, columns, tuple(days)))
    return found


def _whole_year(text: str) -> int:
    return int(text) + (2000 if len(text) == 2 else 0)


def _valid(year: int, month: int, day: int) -> Day | None:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return None
    return (year, month, day) if 1900 <= year < 2100 else None


def _goes_on(name: FileName, i: int) -> bool:
    """Whether a year belongs to a named month: it does in 5Jan2024, and not in 5Jan_2024."""
    if not any(name.is_month[i : i + 3]):
        return True
    first, second = (mark.replace(",", "").strip() for mark in name.between[i + 1 : i + 3])
    return first == second


def _is_short_date(names: Sequence[FileName], three: tuple[int, ...]) -> bool:
    """Whether three numbers look like a date whose year has two digits: 5Jan24 or 05.01.24."""
    if any(names[0].is_month[three[0] : three[0] + 3]):
        return True
    return _set_apart(names[0], three[0], 3) and not is_grid(names, three)


def _set_apart(name: FileName, i: int, n: int) -> bool:
    """Whether numbers from ``i`` on have one and the same mark between them."""
    between = set(name.between[i + 1 : i + n])
    return len(between) == 1 and between <= set(_SEPARATORS)


def is_grid(names: Sequence[FileName], columns: tuple[int, ...]) -> bool:
    """Whether numbers that follow each other occur in each combination: frames and sections."""
    values = [sorted({name.numbers[i] for name in names}) for i in columns]
    several = [v for v in values if len(v) > 1]
    runs = all(v[-1] - v[0] == len(v) - 1 for v in several)
    n = 1
    for each in several:
        n *= len(each)
    return len(several) > 1 and runs and n == len(names)
