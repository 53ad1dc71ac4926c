"""Tracks that TrackMate saved as XML, as labels: one id for a cell through time.

Spots with an outline are drawn by it, others as discs. Where a track divides, each branch gets
an id of its own, as our own linking does.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.labels.given.drawn_labels import DrawnLabels, Outline
from napari_unet.engine.stack.stack import Stack


def open_trackmate(path: Path, movie: Stack | None) -> Stack:
    """Open the visible spots of a file as labels; the image's size is the file's own."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314 - of expat 2.4.1 on, no entity expands far
        if root.tag != "TrackMate":
            raise ValueError(f"its root is {root.tag}")
        image = root.find("./Settings/ImageData")
        assert image is not None
        size = tuple(int(image.get(name, "0")) for name in ("nframes", "height", "width"))
        pixel = float(image.get("pixelwidth", "1")), float(image.get("pixelheight", "1"))
        spots = [s for s in root.iterfind("./Model/AllSpots/SpotsInFrame/Spot") if _shown(s)]
        ids = _ids(root, [s.get("ID", "") for s in spots])
        outlines: dict[int, list[Outline]] = defaultdict(list)
        for spot in spots:
            t = int(float(spot.get("FRAME", "0")))
            outlines[t].append(_outline(spot, ids[spot.get("ID", "")], pixel))
    except (OSError, ET.ParseError, AssertionError, ValueError, TypeError) as error:
        raise BadInput(
            f"{path.name} is damaged, or not of TrackMate ({str(error) or 'no image in it'})",
            "a file that TrackMate saved",
            "save it again",
        ) from error
    if not outlines or 0 in size:
        raise BadInput(f"{path.name} has no spots", "tracked cells", "run TrackMate to its end")
    n, height, width = size
    numbers = movie.numbers if movie is not None and movie.numbered and len(movie) == n else None
    drawn = DrawnLabels(outlines, (n, height, width))
    labels = Stack.from_array(drawn, axes="TYX", name=path.name, numbers=numbers)
    discs = sum(o.ellipse is not None for each in outlines.values() for o in each)
    if discs:
        line = (
            f"{discs} of {len(spots)} spots of {path.name} have no outline: they are drawn as discs"
        )
        labels.note(Notice("check", line))
    return labels


def _shown(spot: ET.Element) -> bool:
    return spot.get("VISIBILITY", "1") not in ("0", "0.0")


def _ids(root: ET.Element, spots: list[str]) -> dict[str, int]:
    """Return an id for each branch of the tracks, by spot; one in no track is by itself."""
    after: dict[str, list[str]] = defaultdict(list)
    before: dict[str, str] = {}
    frames = {s.get("ID", ""): float(s.get("FRAME", "0")) for s in root.iter("Spot")}
    for edge in root.iterfind("./Model/AllTracks/Track/Edge"):
        named = [edge.get(f"SPOT_{end}_ID", "") for end in ("SOURCE", "TARGET")]
        if set(named) <= set(frames):
            earlier, later = sorted(named, key=lambda spot: frames[spot])
            after[earlier].append(later)
            before.setdefault(later, earlier)
    ids: dict[str, int] = {}
    n_branches = 0
    for spot in sorted(spots, key=lambda s: frames[s]):
        parent = before.get(spot, "")
        if parent in ids and len(after[parent]) == 1:
            ids[spot] = ids[parent]
        else:
            n_branches += 1
            ids[spot] = n_branches
    return ids


def _outline(spot: ET.Element, identity: int, pixel: tuple[float, float]) -> Outline:
    """Return a spot in pixel corners: TrackMate counts from the middle of the first pixel."""
    centre = np.array([float(spot.get(f"POSITION_{a}", "0")) for a in "XY"])
    points: Any = np.array((spot.text or "").split(), float)
    if len(points) >= 6 and len(points) % 2 == 0:
        return Outline(identity, ((points.reshape(-1, 2) + centre) / pixel + 0.5,))
    radius = float(spot.get("RADIUS", "0"))
    left, top = (centre - radius) / pixel + 0.5
    right, bottom = (centre + radius) / pixel + 0.5
    return Outline(identity, ellipse=(left, top, right, bottom))
