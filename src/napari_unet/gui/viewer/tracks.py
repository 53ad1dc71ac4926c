"""Linked ids as napari's Tracks layer, divisions and all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Tracks

from napari_unet.gui.viewer import layers

if TYPE_CHECKING:
    from napari.viewer import Viewer

TRACKS = "tracks"
_TAIL = 10  # frames of the past that are drawn


def make_tracks(
    points: Any, graph: dict[int, list[int]], labels: Labels, name: str
) -> Tracks | None:
    """Make a layer over ``labels`` from rows (id, t, …, y, x); None where nothing was linked."""
    if not len(points):
        return None
    return Tracks(
        points,
        graph=graph,
        name=name,
        tail_length=_TAIL,
        metadata={layers.OURS: {"role": TRACKS}},
        **layers.place(labels, dims=points.shape[1] - 2),
    )


def show_tracks(viewer: Viewer, tracks: Tracks) -> None:
    """Add the layer in place of an earlier one; the layer that was chosen stays chosen."""
    with layers.held(viewer):
        for former in [x for x in map(layers.raw, viewer.layers) if layers.role(x) == TRACKS]:
            viewer.layers.remove(former)
        viewer.add_layer(tracks)
