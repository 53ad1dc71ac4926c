"""TrackMate's XML: each cell a spot with its outline, each lineage a track.

As TrackMate 7 writes it, with a manual detector and tracker, so that its *Load a TrackMate file*
opens it over the movie. Lengths are in µm where the pixel size is known, else in pixels; places
count from the middle of the first pixel. Of a cell in several pieces the largest is the outline,
and holes are filled, since a spot has one polygon; cells of volumes are balls as large as they.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Self
from xml.sax.saxutils import quoteattr

import numpy as np

from napari_unet.engine.export.formats.outlines import object_outlines
from napari_unet.engine.export.formats.track_graph import Node, TrackGraph
from napari_unet.engine.tracks.tracking import Linker

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.engine.export.target.outputs import FrameInfo
    from napari_unet.engine.stack.stack import Stack

_VERSION = "7.11.1"
_DIGITS = 12  # of the number of spots, which is known when all are written
_SPOT = """
    QUALITY Quality QUALITY false
    POSITION_X X POSITION false
    POSITION_Y Y POSITION false
    POSITION_Z Z POSITION false
    POSITION_T T TIME false
    FRAME Frame NONE true
    RADIUS Radius LENGTH false
    VISIBILITY Visibility NONE true
"""
_EDGE = """
    SPOT_SOURCE_ID Source_spot_ID NONE true
    SPOT_TARGET_ID Target_spot_ID NONE true
"""
_TRACK = """
    TRACK_INDEX Track_index NONE true
    TRACK_ID Track_ID NONE true
    NUMBER_SPOTS Number_of_spots_in_track NONE true
"""


class TrackMateXmlWriter:
    """Links frames in order and writes their spots as they come, the tracks at the end."""

    def __init__(
        self, path: Path, info: FrameInfo, stack: Stack, linker: Linker | None = None
    ) -> None:
        self.info, self.stack = info, stack
        self.graph = TrackGraph(linker or Linker(spacing=info.spacing))
        self._pixel, self._step = info.scale or (1.0, 1.0), info.z_step or 1.0
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._n = 0

    def __enter__(self) -> Self:
        space = "µm" if self.info.scale else "pixel"
        time = "sec" if self.stack.frame_interval else "frame"
        self._file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<TrackMate version="{_VERSION}">\n'
            f'  <Model spatialunits="{space}" timeunits="{time}">\n'
            "    <FeatureDeclarations>\n"
            f"{_declared('Spot', _SPOT)}{_declared('Edge', _EDGE)}{_declared('Track', _TRACK)}"
            '    </FeatureDeclarations>\n    <AllSpots nspots="'
        )
        self._place = self._file.tell()
        self._file.write(f'{0:0{_DIGITS}d}">\n')
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._file.write("    </AllSpots>\n")
            self._write_tracks()
            self._file.write("  </Model>\n")
            self._file.write(self._settings())
            self._file.write("</TrackMate>\n")
            self._file.seek(self._place)
            self._file.write(f"{len(self.graph):0{_DIGITS}d}")
        self._file.close()

    def write(self, labels: NDArray[Any]) -> None:
        """Append the spots of the next frame."""
        frame = self.info.frames[self._n]
        self._n += 1
        outlines: dict[int, NDArray[np.float64]] = {}
        for label, outline in object_outlines(labels) if labels.ndim == 2 else ():
            if label not in outlines or _area(outline) > _area(outlines[label]):
                outlines[label] = outline
        self._file.write(f'      <SpotsInFrame frame="{frame}">\n')
        for node in self.graph.add(labels, frame):
            self._file.write(self._spot(node, outlines.get(node.label)))
        self._file.write("      </SpotsInFrame>\n")

    def _spot(self, node: Node, outline: NDArray[np.float64] | None) -> str:
        height, width = self._pixel
        *z, y, x = node.place
        centre = np.array([x * width, y * height])
        size = node.area * width * height * (self._step if z else 1.0)
        radius = np.cbrt(size * 3 / (4 * np.pi)) if z else np.sqrt(size / np.pi)
        polygon, points = "", ""
        if outline is not None:
            corners = (outline - 0.5) * (width, height) - centre
            polygon = f' ROI_N_POINTS="{len(outline)}"'
            points = " ".join(f"{value:.6g}" for value in corners.ravel())
        return (
            f'        <Spot ID="{node.number}" name="{node.track}" QUALITY="1.0" '
            f'POSITION_X="{centre[0]:.10g}" POSITION_Y="{centre[1]:.10g}" '
            f'POSITION_Z="{z[0] * self._step if z else 0:.10g}" '
            f'POSITION_T="{node.frame * (self.stack.frame_interval or 1.0):.10g}" '
            f'FRAME="{node.frame}" RADIUS="{radius:.10g}" VISIBILITY="1"{polygon}>{points}</Spot>\n'
        )

    def _write_tracks(self) -> None:
        """Write a track for each lineage of two cells or more, in which every cell is linked."""
        edges = defaultdict(list)
        for source, target in self.graph.edges:
            edges[self.graph.lineages[source]].append((source, target))
        self._file.write("    <AllTracks>\n")
        for index, (lineage, links) in enumerate(edges.items()):
            self._file.write(
                f'      <Track name="Track_{lineage}" TRACK_INDEX="{index}" TRACK_ID="{lineage}" '
                f'NUMBER_SPOTS="{len(links) + 1}">\n'
            )
            for source, target in links:
                ends = f'SPOT_SOURCE_ID="{source}" SPOT_TARGET_ID="{target}"'
                self._file.write(f"        <Edge {ends} />\n")
            self._file.write("      </Track>\n")
        self._file.write("    </AllTracks>\n    <FilteredTracks>\n")
        for lineage in edges:
            self._file.write(f'      <TrackID TRACK_ID="{lineage}" />\n')
        self._file.write("    </FilteredTracks>\n")

    def _settings(self) -> str:
        (*_, height, width), n = self.info.shape, len(self.stack)
        path = self.stack.path
        name = quoteattr(self.info.name if path is None else path.name)
        folder = quoteattr("" if path is None else f"{path.parent}/")
        return f"""  <Settings>
    <ImageData filename={name} folder={folder} width="{width}" height="{height}" \
nslices="{self.info.sections}" \
nframes="{n}" pixelwidth="{self._pixel[1]}" pixelheight="{self._pixel[0]}" \
voxeldepth="{self._step}" timeinterval="{self.stack.frame_interval or 1.0}" />
    <BasicSettings xstart="0" xend="{width - 1}" ystart="0" yend="{height - 1}" zstart="0" \
zend="{self.info.sections - 1}" tstart="0" tend="{n - 1}" />
    <DetectorSettings DETECTOR_NAME="MANUAL_DETECTOR" RADIUS="5.0" />
    <InitialSpotFilter feature="QUALITY" value="0.0" isabove="true" />
    <SpotFilterCollection />
    <TrackerSettings TRACKER_NAME="MANUAL_TRACKER" />
    <TrackFilterCollection />
    <AnalyzerCollection>
      <SpotAnalyzers />
      <EdgeAnalyzers />
      <TrackAnalyzers />
    </AnalyzerCollection>
  </Settings>
  <GUIState state="ConfigureViews" />
"""


def _declared(of: str, features: str) -> str:
    """Return the declaration of features: a line of key, name, dimension, whether whole, each."""
    lines = [f"      <{of}Features>"]
    for line in features.split("\n"):
        if line.strip():
            key, name, dimension, whole = line.split()
            words = name.replace("_", " ")
            lines.append(
                f'        <Feature feature="{key}" name="{words}" shortname="{words}" '
                f'dimension="{dimension}" isint="{whole}" />'
            )
    return "\n".join([*lines, f"      </{of}Features>\n"])


def _area(outline: NDArray[np.float64]) -> float:
    """Area in a polygon (n, 2)."""
    x, y = outline.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)
