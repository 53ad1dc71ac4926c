"""A file's name taken apart: its numbers, months among them, and the text between."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_DIGITS = re.compile(r"(\d+)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_GERMAN = {"mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12}
_NUMBER = {month: i for i, month in enumerate(_MONTHS, 1)} | _GERMAN
_MONTH = re.compile(rf"(?<![a-z])({'|'.join(_NUMBER)})[a-z]*(?![a-z])")
_HALF_DAY = re.compile(
    r"(?<!\d)(?P<h>\d{1,2})(?P<sep>[-_.:h ]?)(?P<rest>\d\d(?:(?P=sep)\d\d)?)[ _-]?"
    r"(?P<half>[ap])\.? ?m(?![a-z])\.?"
)
_DATE_BEFORE = re.compile(
    r"\d{4}([-_. ])\d{1,2}\1\d{1,2}(?!\d)|(?<!\d)\d{1,2}([-_. ])\d{1,2}\2(\d{4}|\d\d)(?=[ _t]+\d)"
)


class FileName:
    """A file's name, taken apart; ``clock`` are its columns that are a clock of twelve hours."""

    def __init__(self, path: Path, half_days: bool = False) -> None:
        self.path = path
        text = _text(path)
        clock = _half_day(text) if half_days else None
        self.clock = _columns_of(text, clock) if clock else range(0)
        if clock:
            text = text[: clock.start()] + _whole_day(clock) + text[clock.end() :]
        text = _MONTH.sub(lambda m: f"\0{_NUMBER[m[1]]:02d}\0", text)
        parts = re.split(r"(\0\d+\0|\d+)", text)
        self.between = parts[::2]
        self.is_month = [p.startswith("\0") for p in parts[1::2]]
        self.texts = [p.strip("\0") for p in parts[1::2]]
        self.numbers = tuple(int(p) for p in self.texts)
        self.pattern = "#".join(self.between)


def taken_apart(files: Sequence[Path]) -> list[FileName]:
    """Return the names of files; am and pm are believed where both occur: one may be initials."""
    found = [_half_day(_text(file)) for file in files]
    half_days = {half["half"] for half in found if half} == {"a", "p"}
    return [FileName(file, half_days) for file in files]


def natural(path: Path) -> list[tuple[int, str]]:
    """Key for sorting as people do: ``t2`` before ``t10``."""
    parts = _DIGITS.split(_text(path))
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in parts]


def _text(path: Path) -> str:
    """Return a name without its suffix in small letters, whichever way a disk writes ü."""
    return unicodedata.normalize("NFC", path.stem.lower())


def _half_day(text: str) -> re.Match[str] | None:
    """Find a clock of twelve hours, after the date where there is one."""
    date = _DATE_BEFORE.search(text)
    return _HALF_DAY.search(text, date.end() if date else 0)


def _whole_day(found: re.Match[str]) -> str:
    """Return a clock of twelve hours as one of twenty-four: 1-30pm is 13-30."""
    hour = int(found["h"]) % 12 + 12 * (found["half"] == "p")
    return f"{hour:02d}{found['sep']}{found['rest']}"


def _columns_of(text: str, found: re.Match[str]) -> range:
    """Return which of the numbers and months of a name are in a part of it."""
    before = _MONTH.sub("0", text[: found.start()])
    first = len(_DIGITS.findall(before))
    return range(first, first + len(_DIGITS.findall(found[0])))
