"""Regions: overlapping sets of classes, parts after their wholes, each an output of its own.

``whole=1,2,4; core=1,4; enhancing=4`` are three. Two regions are nested or apart, and each has a
class that none of its parts has: its number, by which its pixels come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_PREFIX = "region "
_EXAMPLE = "NAME=CLASS,CLASS; …, such as whole=1,2,4; core=1,4; enhancing=4"
_MOST, _LONGEST = 63, 40  # a network has 64 outputs, one of them *object*; letters of a name


@dataclass(frozen=True)
class Region:
    """A named set of classes.

    ``number`` is the class that its pixels get where they are in none of its parts; ``parent`` is
    the place among the regions of the smallest one around it, None where there is none.
    """

    name: str
    classes: tuple[int, ...]
    number: int
    parent: int | None

    def __str__(self) -> str:
        return f"{self.name}={','.join(map(str, self.classes))}"


Regions = tuple[Region, ...]


@lru_cache(maxsize=64)
def parse_regions(text: str) -> Regions:
    """Read regions as they are typed; () for an empty text.

    Raises
    ------
    BadInput
        Where one is empty, named twice, no set of whole numbers, or neither nested nor apart.

    """
    parts = [part.strip() for part in text.split(";")]
    return _related([_named(part) for part in parts if part])


def region_outputs(regions: Regions) -> tuple[str, ...]:
    """Name the outputs of a network of regions: *object*, then one for each."""
    return ("object", *(f"{_PREFIX}{region}" for region in regions))


@lru_cache(maxsize=64)
def regions_of(outputs: Sequence[str]) -> Regions:
    """Return the regions that outputs (a tuple) tell; () for a model of objects or classes."""
    found = [name.removeprefix(_PREFIX) for name in outputs if name.startswith(_PREFIX)]
    return _related([_named(text) for text in found])


def region_text(regions: Regions) -> str:
    """Say regions as they are typed."""
    return "; ".join(map(str, regions))


def region_name(output: str) -> str:
    """Return the name in an output; other outputs as they are."""
    return output.removeprefix(_PREFIX).split("=")[0] if output.startswith(_PREFIX) else output


def in_regions(labels: NDArray[Any], regions: Regions) -> NDArray[Any]:
    """Return classes ``(Y, X)`` as numbers of regions; what is in none of them is 0.

    65535 stays.
    """
    found = np.where(labels == BACKGROUND_ID, labels, 0).astype(labels.dtype)
    for region in regions:
        found[np.isin(labels, region.classes)] = region.number
    return found


def check_present(regions: Regions, classes: Sequence[int]) -> None:
    """Refuse regions with a class that the labels do not hold."""
    for region in regions:
        absent = [number for number in region.classes if number not in classes]
        if absent:
            raise BadInput(
                f"the region {region.name} has class {absent[0]}, which the labels do not hold",
                f"some of {', '.join(map(str, classes)) or 'none'}",
                "leave that class out, or choose frames that show it",
            )


def _named(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, numbers = (part.strip() for part in text.partition("="))
    words = [word.strip() for word in numbers.split(",") if word.strip()]
    if not (equals and name) or len(name) > _LONGEST:
        raise BadInput(f"'{text[:60]}' is no region", _EXAMPLE, "give each region a name")
    if not words:
        raise BadInput(f"the region {name} is empty", _EXAMPLE, "say which classes it has")
    for word in words:
        whole = word.isascii() and word.isdigit() and len(word) < 6
        if not whole or not 0 < int(word) < BACKGROUND_ID:
            raise BadInput(
                f"the region {name} has class {word[:20]}",
                f"whole numbers from 1 to {BACKGROUND_ID - 1}",
                "give the numbers that the labels hold",
            )
    return name, tuple(dict.fromkeys(int(word) for word in words))


def _related(named: Sequence[tuple[str, tuple[int, ...]]]) -> Regions:
    """Return regions that know their numbers and parents."""
    if len(named) > _MOST:
        raise BadInput(f"there are {len(named)} regions", f"at most {_MOST}", "give fewer")
    for i, (name, classes) in enumerate(named):
        for other, others in named[:i]:
            _check_pair(other, set(others), name, set(classes))
    found: list[Region] = []
    for i, (name, classes) in enumerate(named):
        around = [k for k, (_, others) in enumerate(named[:i]) if set(classes) < set(others)]
        parent = min(around, key=lambda k: len(named[k][1]), default=None)
        parts = {number for _, others in named[i + 1 :] for number in others}
        own = [number for number in classes if number not in parts]
        if not own:
            raise BadInput(
                f"all classes of the region {name} are in its parts",
                "one class of its own, by which its pixels come back",
                "leave one of the parts out, or add a class",
            )
        found.append(Region(name, classes, own[0], parent))
    return tuple(found)


def _check_pair(first: str, wide: set[int], second: str, narrow: set[int]) -> None:
    if first == second:
        raise BadInput(
            f"two regions are called {first}", "a name of its own for each", "rename one"
        )
    if narrow < wide or not narrow & wide:
        return
    if wide < narrow:
        raise BadInput(
            f"the region {second} comes after {first}, a part of it",
            "wholes before their parts",
            f"put {second} before {first}",
        )
    same = "have the same classes" if wide == narrow else "overlap and are not nested"
    raise BadInput(
        f"the regions {first} and {second} {same}",
        "each inside of an earlier one, or apart from it",
        "change the classes of one",
    )
