"""Lengths and times that a file states: in which units, and whether they can be believed."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any

from napari_unet.engine.errors import Notice

_LENGTHS = {
    "µm": 1.0, "μm": 1.0, "um": 1.0, "\\u00b5m": 1.0, "?m": 1.0, "мкм": 1.0, "微米": 1.0,
    "micron": 1.0, "micro": 1.0, "micrometer": 1.0, "nm": 1e-3, "нм": 1e-3, "nanometer": 1e-3,
    "mm": 1e3, "мм": 1e3, "millimeter": 1e3, "cm": 1e4, "centimeter": 1e4, "m": 1e6, "meter": 1e6,
    "pm": 1e-6, "picometer": 1e-6, "å": 1e-4, "angstrom": 1e-4, "ångström": 1e-4,
    "inch": 25400.0, "inche": 25400.0, "in": 25400.0,
}  # fmt: skip
_TIMES = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3,
    "µs": 1e-6, "μs": 1e-6, "us": 1e-6, "microsecond": 1e-6, "ns": 1e-9, "nanosecond": 1e-9,
    "min": 60.0, "minute": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0,
    "d": 86400.0, "day": 86400.0,
}  # fmt: skip
_NO_UNITS = ("", "pixel", "px", "none", "frame", "unit", "reference frame", "referenceframe")
_PLAUSIBLE = (0.005, 20.0)  # µm: 72 or 300 dots per inch are a printer's, not a microscope's
_THICKEST = 500.0  # µm from section to section
_SHORTEST, _LONGEST = 1e-6, 31 * 86400.0  # s from frame to frame
_SQUARE = 1e-3  # pixels are square where height and width differ by less than this part

Sizes = tuple[float | None, float | None]
"""Height and width of a pixel in µm, each None where it is not said."""


def micrometres(unit: str) -> float | None:
    """Return how many µm a unit is, however it is written; None where it is none of length."""
    return _unit(unit, _LENGTHS, "m")


def seconds(unit: str) -> float | None:
    """Return how many seconds a unit is, however it is written; None where it is none of time."""
    return _unit(unit, _TIMES, "s")


class Stated:
    """What a file states: read by its units, with a line for what cannot be taken."""

    def __init__(self, name: str) -> None:
        self._name, self._odd, self._notices = name, list[str](), list[Notice]()

    def length(self, value: Any, unit: str, what: str = "a pixel size") -> float | None:
        """Return a length in µm; None where there is none, or none that can be."""
        return self._in(value, unit, micrometres(unit), what)

    def time(self, value: Any, unit: str, what: str = "a frame interval") -> float | None:
        """Return a time in s; None where there is none, or none that can be."""
        return self._in(value, unit, seconds(unit), what)

    def odd(self, what: str) -> None:
        """Keep what cannot be taken."""
        self._odd.append(what)

    def interval(self, value: float | None) -> float | None:
        """Return a time from frame to frame that can be."""
        return self._within(value, _SHORTEST, _LONGEST, "a frame interval", "s")

    def z_step(self, value: float | None) -> float | None:
        """Return a distance of sections that can be."""
        return self._within(value, _PLAUSIBLE[0], _THICKEST, "a distance of sections", "µm")

    def times(self, taken: tuple[float, ...] | None) -> dict[str, Any]:
        """Return when frames were taken and what is between them; {} where time does not go on."""
        if taken is None or len(set(taken)) == 1:
            return {}
        found = timing(taken)
        if not found:
            shown = ", ".join(f"{t:.6g}" for t in taken[:4]) + " …" * (len(taken) > 4)
            line = (
                f"{self._name} says that its frames were taken at {shown} s, which do not rise: "
                "not taken; are the frames in order?"
            )
            self._notices.append(Notice("check", line))
        elif max(b - a for a, b in itertools.pairwise(taken)) > _LONGEST:
            self.interval(found["frame_interval"])
            return {}
        return found

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What was not taken, each once."""
        if not self._odd:
            return tuple(self._notices)
        line = f"{self._name} gives {' and '.join(dict.fromkeys(self._odd))}, which cannot be taken"
        return (*self._notices, Notice("noted", line))

    def _in(self, value: Any, unit: str, factor: float | None, what: str) -> float | None:
        number = as_number(value)
        word = unit.strip().lower()
        no_unit = not factor and (word in _NO_UNITS or word.removesuffix("s") in _NO_UNITS)
        if value is None or not str(value).strip() or number == 0 or no_unit:
            return None
        if number is not None and factor and number > 0 and math.isfinite(number * factor):
            return number * factor
        self._odd.append(f"{what} of {value if number is None else f'{number:.6g}'} {unit}")
        return None

    def _within(
        self, value: float | None, least: float, most: float, what: str, unit: str
    ) -> float | None:
        if value is None or least <= value <= most:
            return value
        self._odd.append(f"{what} of {value:.6g} {unit}")
        return None


def as_number(value: Any) -> float | None:
    """Return a finite number; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def settle_sizes(
    sizes: Sizes, name: str, *, silent: bool = False
) -> tuple[tuple[float, float] | None, tuple[Notice, ...]]:
    """Believe in sizes that a microscope can have; one of the two stands for both.

    ``silent`` about others, where they are no one's statement but a printer's default.
    """
    known = [size for size in sizes if size is not None]
    if not known:
        return None, ()
    height, width = (float(f"{size or known[0]:.6g}") for size in sizes)
    if not all(_PLAUSIBLE[0] <= size <= _PLAUSIBLE[1] for size in (height, width)):
        line = f"{name} says that a pixel is {width:.4g} µm wide, as no microscope's: not taken"
        return None, () if silent else (Notice("noted", line),)
    if len(known) == 1:
        said, other = ("height", "width") if sizes[0] is not None else ("width", "height")
        only = f"{name} says the {said} of a pixel only ({width:.4g} µm)"
        line = f"{only}: taken for its {other}, too"
        return (width, width), () if silent else (Notice("noted", line),)
    if abs(height / width - 1) < _SQUARE:
        return (width, width), ()
    line = (
        f"{name} has oblong pixels, {width:.4g} µm wide and {height:.4g} µm high: "
        "areas and places in µm take both"
    )
    return (height, width), (Notice("check", line),)


def timing(taken: Sequence[float]) -> dict[str, Any]:
    """Return for `Metadata` when frames were taken, in s, and the time from one to the next.

    {} where there are not two, or where time does not go on: a clock was set, or none ran.
    """
    steps = [b - a for a, b in itertools.pairwise(taken)]
    if not steps or not all(step > 0 for step in steps):  # nor is a time that is not known
        return {}
    return {"times": tuple(taken), "frame_interval": statistics.median(steps)}


def _unit(text: str, units: dict[str, float], base: str) -> float | None:
    """Look a unit up; what is no letter of English before m or s is a µ of some alphabet."""
    word = text.strip().lower().rstrip(".")
    singular = word.removesuffix("s").replace("metre", "meter")
    for each in (word, singular):
        if each in units:
            return units[each]
    before = word.removesuffix(base)
    foreign = word != before and before and not any(c.isascii() for c in before)
    return {"m": 1.0, "s": 1e-6}[base] if foreign else None
