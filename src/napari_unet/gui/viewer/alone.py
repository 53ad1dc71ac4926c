"""A movie seen alone: layers of other movies are put aside, hidden, until they are the movie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.gui.viewer.layers import OURS, frame_on_screen, go_to_frame, source_of
from napari_unet.gui.viewer.look_at import in_grid, look_at_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.layers import Image, Layer
    from napari.viewer import Viewer

_ASIDE = "aside"  # in a layer's metadata: whether it was shown, and its units


def is_aside(layer: Layer) -> bool:
    """Whether a layer was put aside, as another movie is looked at."""
    ours = layer.metadata.get(OURS)
    return isinstance(ours, dict) and _ASIDE in ours


def put_aside(viewer: Viewer, layers: Iterable[Layer], units: Sequence[Any]) -> bool:
    """Hide layers and give them ``units``, those of the axes of what is looked at; not in a grid.

    Of units that differ napari uses none, and warns. Returns whether there was anything to hide.
    """
    layers = () if in_grid(viewer) else tuple(layers)
    fresh = _hide(layers)
    _suit(layers, units)
    return fresh


def show_alone(
    viewer: Viewer, movie: Image, known: Iterable[tuple[Layer, Image]], *, fresh: bool = False
) -> None:
    """Put layers of other movies aside and bring ``movie`` into sight, as it was; not in a grid.

    ``known`` are layers with the movie that they are of. What lies over each other cannot be told
    apart. One that is ``fresh`` is looked at as a whole, as one that comes back.
    """
    known = tuple(known)
    others = [layer for layer, of in known if not (_is_same(of, movie) or in_grid(viewer))]
    back = [layer for layer, of in known if _is_same(of, movie) and is_aside(layer)]
    shown = [layer.metadata[OURS].pop(_ASIDE) for layer in back]
    # napari draws where a layer is hidden or shown, and all units are alike then
    fresh = _hide(others) or bool(back) or fresh
    for layer, (_, units) in zip(back, shown, strict=True):
        layer.units = units
    _suit(others, tuple(movie.units))
    for layer, (visible, _) in zip(back, shown, strict=True):
        layer.visible = visible or layer.visible
    if fresh:
        movie.visible = True
        if movie.ndim > 2:
            go_to_frame(viewer, movie, frame_on_screen(viewer, movie, movie.data.shape[0]))
        look_at_all(viewer, movie)


def _hide(layers: Iterable[Layer]) -> bool:
    fresh = [layer for layer in layers if not is_aside(layer)]
    for layer in fresh:
        layer.metadata.setdefault(OURS, {})[_ASIDE] = layer.visible, tuple(layer.units)
        layer.visible = False
    return bool(fresh)


def _suit(layers: Iterable[Layer], units: Sequence[Any]) -> None:
    for layer in layers:
        more = max(0, layer.ndim - len(units))
        layer.units = (*layer.units[:more], *units[more - layer.ndim :])


def _is_same(layer: Image, movie: Image) -> bool:
    one, other = source_of(layer), source_of(movie)
    return layer is movie or (one is not None and other is not None and one[0] == other[0])
