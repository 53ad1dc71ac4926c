"""The time and the section on screen, kept while a movie's layer gets other axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.gui.viewer.layers import frame_on_screen, go_to_frame, is_movie_shaped

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True)
class Moment:
    """A place in time, counted from 0, and a section; None where none is looked at."""

    time: int
    section: int | None = None


def moment_of(viewer: Viewer, layer: Image, stack: Stack, known: int | None = None) -> Moment:
    """Return what of a movie the viewer shows; the section is the one ``known`` where it is flat.

    The layer may be an array with more axes than the movie.
    """
    z, axes = stack.selection.z, "TZYX" if stack.dims == 3 else "TYX"
    ours = is_movie_shaped(layer, stack)
    if not ours:
        axes = stack.selection.axes or stack.source_axes
    if len(axes) != layer.ndim or viewer.dims.ndim < layer.ndim:
        return Moment(frame_on_screen(viewer, layer, len(stack)), known)
    at = layer.world_to_data(viewer.dims.point[-layer.ndim :])
    there = {axis: round(float(place)) for axis, place in zip(axes, at, strict=True)}
    time = there.get("T", 0)
    if ours and z == "frames":
        return Moment(*divmod(time, stack.n_z))
    return Moment(time, z if isinstance(z, int) else there.get("Z", known))


def go_to_moment(viewer: Viewer, layer: Image, stack: Stack, moment: Moment) -> None:
    """Show a time, and of volumes a section: the middle one, where none is known."""
    section = stack.n_z // 2 if moment.section is None else moment.section
    each = stack.selection.z == "frames"
    frame = moment.time * stack.n_z + section if each else moment.time
    go_to_frame(viewer, layer, int(np.clip(frame, 0, len(stack) - 1)))
    show_section(viewer, layer, section)


def section_on_screen(viewer: Viewer, layer: Layer) -> int | None:
    """Return the section that is shown of a layer of volumes; None of any other."""
    if layer.ndim < 4 or viewer.dims.ndim < layer.ndim:
        return None
    z = layer.world_to_data(viewer.dims.point[-layer.ndim :])[-3]
    return int(np.clip(round(float(z)), 0, layer.data.shape[-3] - 1))


def show_section(viewer: Viewer, layer: Layer, section: int) -> None:
    """Show a section of a layer of volumes; nothing is done to any other."""
    if layer.ndim > 3:
        z = int(np.clip(section, 0, layer.data.shape[-3] - 1))
        place = layer.data_to_world((*(0,) * (layer.ndim - 3), z, 0, 0))
        viewer.dims.set_point(viewer.dims.ndim - 3, place[-3])
