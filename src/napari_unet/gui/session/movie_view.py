"""What the movie picker shows of the movie that is chosen, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.engine.text import counted, say_duration

if TYPE_CHECKING:
    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True)
class MovieView:
    """All that the movie picker shows, resolved from the layer list and the selection."""

    layers: tuple[str, ...] = ()
    index: int = -1
    channels: tuple[str, ...] = ()
    channel: int = 0
    together: tuple[int, ...] = ()  # channels that are one model's input, where they are several
    n_z: int = 1
    z: int | str = "max"
    z_step: float | None = None  # µm, of a volume
    pixel_size: float | None = None  # µm
    positions: tuple[str, ...] = ()
    position: int = 0
    axes: str = ""
    summary: str = ""
    problem: str = ""


def describe_stack(stack: Stack) -> str:
    """Return ``48 frames · 320 × 256 px · 0.65 µm/px · every 10 min``; of volumes sections, too."""
    *sections, height, width = stack.frame_shape
    what = "volume" if sections else "frame"
    parts = [counted(len(stack), what), f"{width} × {height} px"]  # noqa: RUF001
    parts += [counted(n, "section") for n in sections]
    if stack.pixel_size:
        parts.append(f"{stack.pixel_size:.4g} µm/px")
    if sections and stack.z_step:
        parts.append(f"sections {stack.z_step:.4g} µm apart")
    if stack.frame_interval:
        parts.append(f"every {say_duration(stack.frame_interval, exact=True)}")
    return " · ".join(parts)


def view_of(stack: Stack, layers: tuple[str, ...], index: int) -> MovieView:
    """Return what is chosen of an open movie, the layer at an ``index`` of all there are."""
    channel, channels = stack.selection.channel, stack.channel_names
    if isinstance(channel, str):
        channel = channels.index(channel)
    together = channel if isinstance(channel, tuple) else ()
    return MovieView(
        layers=layers,
        index=index,
        channels=channels,
        channel=channel if isinstance(channel, int) else next(iter(together), 0),
        together=together,
        n_z=stack.n_z,
        z=stack.selection.z,
        z_step=stack.z_step,
        pixel_size=stack.pixel_size,
        positions=stack.position_names,
        position=stack.selection.position,
        axes=stack.selection.axes or stack.source_axes,
        summary=describe_stack(stack),
    )
