"""The canvas brought to a place of a movie; the time and the section on it, to come back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.gui.viewer.layers import frame_on_screen, go_to_frame, is_movie_shaped

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer
    from qtpy.QtCore import QSize

    from napari_unet.engine.stack.stack import Stack

_ACROSS = 8.0  # of what is looked at go into the canvas


def camera_of(viewer: Viewer) -> Any:
    """Return the viewer's camera: in its scene from napari 0.9."""
    shown: Any = viewer
    return getattr(shown, "scene", shown).camera


def in_grid(viewer: Viewer) -> bool:
    """Whether layers are beside each other, not over each other."""
    shown: Any = viewer
    grid = shown.canvas.grid if hasattr(shown, "canvas") else shown.grid  # from napari 0.9
    return bool(grid.enabled)


def seen_from_above(viewer: Viewer) -> bool:
    """Whether the viewer shows one flat frame, as the movie lies."""
    shown: Any = viewer
    order = tuple(shown.dims.order)
    flat = shown.dims.ndisplay == 2 and order == tuple(sorted(order))
    turned = getattr(camera_of(viewer), "orientation2d", ("down", "right"))
    return flat and not in_grid(viewer) and tuple(map(str, turned)) == ("down", "right")


def on_canvas(
    viewer: Viewer, layer: Layer, place: tuple[float, ...], size: QSize
) -> tuple[float, float]:
    """Return where a place of a layer lies (x, y) in pixels of a canvas so large."""
    camera, world = camera_of(viewer), layer.data_to_world(place)[-2:]
    sides = zip(world, camera.center[-2:], (size.height(), size.width()), strict=True)
    down, across = ((at - middle) * camera.zoom + side / 2 for at, middle, side in sides)
    return across, down


def look_at(viewer: Viewer, layer: Layer, place: tuple[float, ...], size: float) -> None:
    """Show a place (frame, y, x) in the middle, near enough to see what is ``size`` px across.

    Of volumes it is (frame, z, y, x), and its section is shown.
    """
    *before, y, x = place
    go_to_frame(viewer, layer, round(place[0]))
    bring_to_middle(viewer, layer, place)
    corner, centre = (
        layer.data_to_world((*before, *point)[-layer.ndim :])[-2:]
        for point in ((y + size, x + size), (y, x))
    )
    camera = camera_of(viewer)
    across = max(corner[0] - centre[0], corner[1] - centre[1])
    if across > 0:
        camera.zoom = min(_size_of(viewer)) / (_ACROSS * across)


def look_at_all(viewer: Viewer, layer: Layer) -> None:
    """Show the whole of a layer, where it lies."""
    shown: Any = viewer
    if hasattr(shown, "fit_to_view"):
        shown.fit_to_view(layers=[layer])
    else:
        viewer.reset_view()


def _size_of(viewer: Viewer) -> tuple[float, float]:
    """Return the height and width of the canvas, px; its own of napari 0.9."""
    shown: Any = viewer
    canvas = getattr(shown, "canvas", None)
    size = getattr(shown, "_canvas_size", None) if canvas is None else canvas.size
    return size or (400, 400)


def bring_to_middle(viewer: Viewer, layer: Layer, place: tuple[float, ...]) -> None:
    """Show a place (frame, y, x) in the middle, of volumes (frame, z, y, x) and its section."""
    *before, y, x = layer.data_to_world(place[-layer.ndim :])
    camera = camera_of(viewer)
    camera.center = (camera.center[0], y, x)
    if layer.ndim > 3 and viewer.dims.ndisplay == 2:
        viewer.dims.set_point(viewer.dims.ndim - 3, before[-1])


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
