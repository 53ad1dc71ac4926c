"""Whether a movie gives a model the channels that it learned from, in their order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_unet.engine.errors import Notice

if TYPE_CHECKING:
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack

_NAMELESS = re.compile(r"channel \d+")


def channel_doubt(model: Model, stack: Stack) -> Notice | None:
    """Say where the names of a movie's channels, or their order, are not those of the training.

    Nothing where either has no names. Of one channel it is only noted: another stain may do.
    """
    learned, here = model.card.get("channel"), stack.selected_channels
    if not isinstance(learned, str) or not here or len(stack.channel_names) < 2:
        return None
    if _NAMELESS.search(learned) or any(map(_NAMELESS.fullmatch, here)):
        return None
    if learned.casefold() == ", ".join(here).casefold():
        return None
    if len(here) == 1:
        return Notice("noted", f"{model.name} learned from {learned}, and segments {here[0]} here")
    line = f"{model.name} learned from {learned} in this order, the movie gives {', '.join(here)}"
    names = [name.casefold() for name in stack.channel_names]
    wanted = [name.strip().casefold() for name in learned.split(",")]
    if set(wanted) <= set(names):
        line += f": --channel {','.join(str(names.index(name)) for name in wanted)} gives these"
    return Notice("check", line)
