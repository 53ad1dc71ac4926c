"""Images in an OME-Zarr, 0.1 to 0.5: what its attributes say, as plain values.

A group is an image (``multiscales``), a plate of wells, a well of fields, or a row of images as
bioformats2raw writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.stack.units import Stated, as_number

if TYPE_CHECKING:
    import zarr


_WHAT = {
    "T": "a frame interval",
    "Z": "a distance of sections",
    "Y": "a pixel height",
    "X": "a pixel width",
}


@dataclass(frozen=True)
class ZarrImage:
    """One image: its group, the array of one of its levels, and what is said of that."""

    n_levels: int
    place: str
    array: str
    axes: str
    scale: Mapping[str, float]  # µm and s, where there is a unit
    channel_names: tuple[str, ...]
    labels: tuple[str, ...]
    notices: tuple[Notice, ...] = ()


def images_in(group: zarr.Group) -> list[tuple[str, str]]:
    """Return the place in the group, and the name, of each image; [] where there are none."""
    said = described(group)
    if "multiscales" in said:
        return [("", "")]
    if "plate" in said:
        return [f for well in _wells(said) if well in group for f in _fields(group, well)]
    if "well" in said:
        return [(place, name.lstrip("/")) for place, name in _fields(group, "")]
    if "bioformats2raw.layout" in said:
        row = described(group["OME"]).get("series") if "OME" in group else None
        names = row or sorted((n for n in group.group_keys() if n.isdecimal()), key=int)
        return [(str(name), str(name)) for name in names]
    return []


def missing_wells(group: zarr.Group) -> tuple[str, ...]:
    """Return the wells that a plate names and has not, as where its acquisition was stopped."""
    said = described(group)
    wells = _wells(said) if "plate" in said else []
    return tuple(well.replace("/", "") for well in wells if well not in group)


def _wells(said: Mapping[str, Any]) -> list[str]:
    return [str(well["path"]) for well in said["plate"]["wells"]]


def described(group: Any) -> dict[str, Any]:
    """Return what OME says in the attributes of a group: from 0.5 on in a corner of its own."""
    attributes = dict(group.attrs)
    corner = attributes.get("ome")
    return {**attributes, **corner} if isinstance(corner, dict) else attributes


def read_image(root: zarr.Group, place: str, name: str, level: int = 0) -> ZarrImage:
    """Describe the image at a place, at its finest level or another; ``name`` is the file's."""
    if place and place not in root:
        raise BadInput(
            f"{name} has no image in {place}, which it names",
            "the images that are there",
            "choose another position, or copy it again from where it was made",
        )
    group: Any = root[place] if place else root
    said = described(group)
    try:
        multiscale = said["multiscales"][0]
        dataset = multiscale["datasets"][level]  # the finest comes first
        if dataset["path"] not in group:
            raise _without_level(name, dataset["path"])
        n_axes = group[dataset["path"]].ndim
        axes = multiscale.get("axes") or list("tczyx")[-n_axes:]
        named = [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]
    except (KeyError, IndexError, TypeError) as error:
        raise BadInput(
            f"{name} has an image without levels or axes in {place or 'its root'}",
            "OME-Zarr 0.4 or 0.5",
            "write it again with a program that follows the format",
        ) from error
    letters = "".join(_letter(str(axis["name"])) for axis in named)
    stated = Stated(name)
    scale = _scale(named, letters, (dataset, multiscale), stated)
    notices = stated.notices
    if not multiscale.get("axes") and n_axes != len("tczyx"):  # versions 0.1 and 0.2 have these
        line = f"{name} does not name its axes; read as {letters}: if they are others, give them"
        notices += (Notice("check", line),)
    return ZarrImage(
        n_levels=len(multiscale["datasets"]),
        place=place,
        array=f"{place}/{dataset['path']}".lstrip("/"),
        axes=letters,
        scale=scale,
        channel_names=_channel_names(said),
        labels=labels_of(group),
        notices=notices,
    )


def _without_level(name: str, path: object) -> BadInput:
    return BadInput(
        f"{name} is damaged or cut short (it names a level {path}, and has it not)",
        "all levels that its metadata name",
        "copy it again from where it was made",
    )


def labels_of(group: zarr.Group) -> tuple[str, ...]:
    """Return the names of an image's labels."""
    if "labels" not in group:
        return ()
    said = described(group["labels"]).get("labels")
    return tuple(map(str, said)) if isinstance(said, list) else ()


def _fields(group: zarr.Group, well: str) -> list[tuple[str, str]]:
    """Return place and name of each field of a well: ``A/1/0`` is ``A1 0``."""
    fields = described(group[well] if well else group).get("well", {}).get("images", ())
    paths = [str(field["path"]) for field in fields]
    name = well.replace("/", "")
    if len(paths) == 1:
        return [(f"{well}/{paths[0]}".lstrip("/"), name or paths[0])]
    return [(f"{well}/{path}".lstrip("/"), f"{name} {path}".lstrip()) for path in paths]


def _letter(name: str) -> str:
    return name.upper() if len(name) == 1 else "?"


def _scale(
    axes: list[dict[str, Any]],
    letters: str,
    levels: tuple[dict[str, Any], ...],
    stated: Stated,
) -> dict[str, float]:
    """Return µm along X, Y and Z, and s along T, of axes with a unit and a scale."""
    found: dict[str, float] = {}
    for level in levels:
        for step in level.get("coordinateTransformations") or ():
            given = step.get("scale", ()) if step.get("type") == "scale" else None
            if given is None:
                continue
            values = [as_number(value) for value in given]
            if len(values) != len(letters) or None in values:
                stated.odd(f"a scale of {given} for the axes {letters}")
                continue
            for letter, value in zip(letters, values, strict=True):
                found[letter] = found.get(letter, 1.0) * (value or 0.0)
    scale = {}
    for letter, axis in zip(letters, axes, strict=True):
        if letter not in "TZYX":
            continue
        read = stated.time if letter == "T" else stated.length
        value = read(found.get(letter), str(axis.get("unit") or ""), _WHAT[letter])
        if value is not None:
            scale[letter] = value
    return scale


def _channel_names(said: Mapping[str, Any]) -> tuple[str, ...]:
    channels = said.get("omero", {}).get("channels") or ()
    names = tuple(str(channel.get("label") or "") for channel in channels)
    return names if all(names) else ()
