"""Contrast and colours of a movie as they are on screen: taken once, so that nothing flickers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.gui.viewer import layers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.export.overlay.overlay import Window
    from napari_unet.engine.export.overlay.write_movie import Look
    from napari_unet.engine.settings import OverlaySettings
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.session import Session

_MOST_COLOURS = 4096  # colours repeat after so many ids, where each id has its own


@dataclass(frozen=True)
class ScreenLook:
    """What the viewer shows: channels, their contrast and tints, and the colours of ids.

    ``windows`` is None where the contrast is to be measured on the movie.
    """

    channels: tuple[int, ...] = ()
    windows: tuple[Window, ...] | None = None
    tints: tuple[tuple[int, int, int], ...] = ()
    fill: NDArray[np.uint8] | None = field(default=None, compare=False)

    def of(self, stack: Stack) -> Stack:
        """Return the movie with the channels that are on screen together."""
        return stack.select(channel=self.channels) if len(self.channels) > 1 else stack

    def measured(
        self, stack: Stack, settings: OverlaySettings, frames: Sequence[int] | None = None
    ) -> Look:
        """Return the engine's look; measures the contrast where the screen's is not taken."""
        from dataclasses import replace

        from napari_unet.engine.export.overlay.colours import lifted
        from napari_unet.engine.export.overlay.write_movie import movie_look

        look = movie_look(stack, settings, frames, self.windows, self.tints)
        return look if self.fill is None else replace(look, fill=self.fill, line=lifted(self.fill))


def look_on_screen(session: Session, labels: Labels | None, *, contrast: bool = True) -> ScreenLook:
    """Resolve what the viewer shows of the session's movie."""
    shown = _channels_on_screen(session)
    if not shown:
        return ScreenLook(fill=colours_of(labels))
    tints = tuple(_tint(layer) for _, layer in shown)
    grey = len(shown) == 1 and tints[0] == (256, 256, 256)
    return ScreenLook(
        channels=tuple(channel for channel, _ in shown),
        windows=tuple(_window(layer) for _, layer in shown) if contrast else None,
        tints=() if grey else tints,
        fill=colours_of(labels),
    )


def colours_of(labels: Labels | None) -> NDArray[np.uint8] | None:
    """Return the colours of ids 1, 2, … (n, 3) of a layer; None for those of a movie."""
    if labels is None:
        return None
    colormap = labels.colormap
    if isinstance(colormap, CyclicLabelColormap):
        colours = np.asarray(colormap.colors)[1:]
        if len(colours) >= BACKGROUND_ID:  # a live layer: the last is the background brush
            return None
    else:
        colours = colormap.map(np.arange(1, _MOST_COLOURS + 1))
    return np.rint(np.asarray(colours)[:, :3] * 255).astype(np.uint8)


def _channels_on_screen(session: Session) -> list[tuple[int, Image]]:
    """Visible layers of the movie by channel; the chosen one where it is not of a file."""
    image = session.movie.image
    if image is None or session.movie.stack is None:
        return []
    origin = layers.source_of(image)
    found: dict[int, Image] = {}
    for layer in layers.images(session.viewer) if origin else ():
        other = layers.source_of(layer)
        alike = other is not None and other[0] == origin[0]
        if alike and layer.visible and other[1].replace(channel=0) == origin[1].replace(channel=0):
            if isinstance(other[1].channel, int):
                found[other[1].channel] = layer
    if len(found) > 1:
        return sorted(found.items())
    channel = session.movie.stack.selection.channel
    return [(channel if isinstance(channel, int) else 0, image)]


def _window(layer: Image) -> Window:
    low, high = (float(v) for v in layer.contrast_limits)
    return low, high if high > low else low + 1.0


def _tint(layer: Image) -> tuple[int, int, int]:
    """Colour of the brightest pixels, of 256; white where the colormap does not begin in black."""
    colours: Any = np.asarray(layer.colormap.map(np.array([0.0, 1.0])))[:, :3]
    if colours[0].max() > 0.1 or colours[1].max() < 0.2:
        return 256, 256, 256
    red, green, blue = (int(v) for v in np.rint(colours[1] * 256))
    return red, green, blue
