"""Where a movie has its contrast and colours from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from napari_unet.engine.export.overlay.overlay import Look
    from napari_unet.engine.settings import OverlaySettings
    from napari_unet.engine.stack.stack import Stack


class LookSource(Protocol):
    """What a movie shows of its channels, with which contrast and colours."""

    def of(self, stack: Stack, /) -> Stack:
        """Return the movie with the channels that are shown together."""

    def measured(
        self, stack: Stack, settings: OverlaySettings, frames: Sequence[int] | None = None, /
    ) -> Look:
        """Return contrast and colours, the same for all frames."""


class PlainLook:
    """The channel that is chosen, its contrast measured over the movie."""

    def of(self, stack: Stack, /) -> Stack:
        """Return the movie itself."""
        return stack

    def measured(
        self, stack: Stack, settings: OverlaySettings, frames: Sequence[int] | None = None, /
    ) -> Look:
        """Measure black and white."""
        from napari_unet.engine.export.overlay.write_movie import movie_look

        return movie_look(stack, settings, frames)
