"""Which files of a folder are frames, and in which order: what their names say.

Numbers are compared from the left, all of them; days and clocks in the order of time. Where two
orders are possible, neither is taken.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.stack.names.clocks import (
    bare_clock,
    clock_columns,
    is_even,
    over_midnight,
    unit_columns,
)
from napari_unet.engine.stack.names.dates import (
    Date,
    dates_in,
    dates_maybe,
    over_new_year,
)
from napari_unet.engine.stack.names.file_name import FileName, natural, taken_apart

_TIME_BEFORE = re.compile(
    r"(?:^|[^a-z])(t|tp|time|timepoint|frame|frames|f|img|image|cycle)[ _=-]?$"
)
_STAGE_BEFORE = re.compile(r"(?:^|[^a-z])(x|y|z|pos|position|stage|focus|exp|e)[ _=-]?$")
_LARGEST = 2**63  # numbers of frames are kept as 64 bits
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
    names = taken_apart(files)
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
        ordered = sorted(files, key=natural)
        said = (Notice("check", _alphabetical(ordered)),) if len(files) > 1 else ()
        return Ordered(ordered, None, said)
    return _by_numbers(names)


def _by_numbers(names: list[FileName]) -> Ordered:
    """Order names that are alike but for their numbers."""
    rows = [name.numbers for name in names]
    if len(set(rows)) < len(rows):
        twice = next(row for row, n in Counter(rows).items() if n > 1)
        same = [name for name in names if name.numbers == twice]
        _refuse(same, "have the same number twice", "delete the one that is too many")
    varying = [i for i in range(len(rows[0])) if len({row[i] for row in rows}) > 1]
    unique = [i for i in varying if len({row[i] for row in rows}) == len(rows)]
    if len(names) == 1:
        return Ordered([names[0].path], _kept([rows[0][-1]]))
    left = sorted(range(len(rows)), key=rows.__getitem__)
    keys = _time_keys(names, varying)
    orders = {what: sorted(range(len(rows)), key=key) for what, key in keys.items()}
    midnight = over_midnight(names, varying)
    if keys and (len(varying) > 1 or any(order != left for order in orders.values())):
        order = _only(names, {**orders, **midnight})
        joined = _joined(order, next(iter(keys.values())))
        return Ordered([names[i].path for i in order], joined)
    clock = bare_clock(names, varying) if len(varying) > 1 else range(0)
    if len(clock) and is_even(names, clock):
        orders = {"in time": left, **midnight, **_as_dates(names, varying)}
        order = _only(names, orders)
        return Ordered([names[i].path for i in order], _joined(order, _key(names, set(clock))))
    if not unique:
        _refuse(names, "differ in several numbers")
    orders = {"from the left": left, **_decimal_order(names, varying)}
    orders |= midnight | _as_dates(names, varying)
    for i in unique:
        fraction = names[0].between[i] == "." and i - 1 in varying
        if not fraction and not _settled_by_words(names, i, varying, left, rows):
            by = sorted(range(len(rows)), key=lambda k: rows[k][i])
            orders[f"by the number {_place(i, varying)}"] = by
    order = _only(names, orders)
    agreeing = [i for i in unique if [rows[k][i] for k in order] == sorted(r[i] for r in rows)]
    column = agreeing[-1] if agreeing else unique[-1]
    numbers = [rows[k][column] for k in order] if agreeing else [_LARGEST]
    return Ordered([names[k].path for k in order], _kept(numbers))


def _as_dates(names: list[FileName], varying: list[int]) -> dict[str, list[int]]:
    """Return the orders of numbers that may be dates."""
    return {
        f"as dates {date.what}": sorted(range(len(names)), key=date.days.__getitem__)
        for date in dates_maybe(names, varying)
    }


def _settled_by_words(
    names: list[FileName],
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


def _decimal_order(names: list[FileName], varying: list[int]) -> dict[str, list[int]]:
    """Return the order by decimal fractions, where names have them: t1.25 before t1.5."""
    for i in varying[1:]:
        if names[0].between[i] == "." and len({len(n.texts[i]) for n in names}) > 1:
            values = [float(f"{n.texts[i - 1]}.{n.texts[i]}") for n in names]
            key = [(n.numbers[: i - 1], value) for n, value in zip(names, values, strict=True)]
            return {"by decimal fractions": sorted(range(len(names)), key=key.__getitem__)}
    return {}


def _time_keys(names: list[FileName], varying: list[int]) -> dict[str, Key]:
    """Return what sorts the names in time, where all that varies is a date or a clock.

    Several keys where a day may be a month.
    """
    for dates in [*dates_in(names), []]:
        times = {*unit_columns(names[0]), *(i for date in dates for i in date.columns)}
        times |= clock_columns(names, times)
        if set(varying) <= times:
            break
    else:
        return {}
    if not dates:
        return {"in time": _key(names, times)}
    keys = {date.what: _key(names, times, date) for date in dates}
    for date in dates:
        if (turned := over_new_year(date)) is not None:
            keys["over New Year"] = _key(names, times, turned)
    return keys


def _key(names: list[FileName], times: set[int], date: Date | None = None) -> Key:
    """Compare year, month and day first to last in the place of the date, the rest as written."""
    at, held = (min(date.columns), set(date.columns)) if date else (0, set[int]())
    before, after = (
        sorted(i for i in times - held if (i < at) == first) for first in (True, False)
    )

    def key(k: int) -> tuple[int, ...]:
        numbers, day = names[k].numbers, date.days[k] if date else ()
        return (*(numbers[i] for i in before), *day, *(numbers[i] for i in after))

    return key


def _joined(order: list[int], key: Key) -> tuple[int, ...] | None:
    """One number a frame out of several, the same for other files of these names."""
    rows = [key(k) for k in order]
    widths = [max(2, *(len(str(row[i])) for row in rows)) for i in range(len(rows[0]))]
    return _kept(
        [int("".join(f"{n:0{w}d}" for n, w in zip(row, widths, strict=True))) for row in rows]
    )


def _kept(numbers: list[int]) -> tuple[int, ...] | None:
    """Return numbers of frames; None where one is too large to be kept."""
    return tuple(numbers) if max(numbers) < _LARGEST else None


def _only(names: list[FileName], orders: dict[str, list[int]]) -> list[int]:
    """Return the one order there is; ``BadInput`` that shows both where there are two."""
    (what, order), *others = orders.items()
    for other, rival in others:
        if rival != order:
            shown = (
                f"{way} {', '.join(names[k].path.name for k in way_order[:_SHOWN])} …"
                for way, way_order in ((what, order), (other, rival))
            )
            raise BadInput(
                f"the names in the folder {_place_of(names[0].path)} allow two orders: "
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
        f"the folder {_place_of(others[0])} has {len(others)} frames like {found.files[0].name}; "
        f"{which}{more}, named otherwise, {'is' if len(strangers) == 1 else 'are'} left out"
    )
    return Ordered(found.files, found.numbers, (*found.notices, Notice("check", line)))


def _alphabetical(files: list[Path]) -> str:
    return (
        f"the files in the folder {_place_of(files[0])} have no number in common: "
        f"read in the order of their names, {', '.join(f.name for f in files[:_SHOWN])}"
    )


def _refuse(
    names: list[FileName],
    what: str,
    remedy: str = "keep one channel and position in a folder, or save the movie as one TIFF",
) -> None:
    paths = [name.path for name in names]
    raise BadInput(
        f"the folder {_place_of(paths[0])} has files whose names {what} "
        f"(such as {paths[0].name} and {paths[-1].name})",
        "one file for each frame, with its number in the name",
        remedy,
    )


def _refuse_kinds(files: Sequence[Path], patterns: Counter[str]) -> None:
    kinds = ", ".join(f"{n} like {p}" for p, n in patterns.most_common(3))
    raise BadInput(
        f"the folder {_place_of(files[0])} holds several kinds of files: {kinds}",
        "one file for each frame, all named alike",
        "put each kind into its own folder",
    )


def _place_of(file: Path) -> str:
    """Return the name of the folder that a file is in, which a path may leave out."""
    return file.absolute().parent.name
