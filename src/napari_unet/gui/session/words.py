"""A movie in one line, as the picker shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.text import counted, say_duration

if TYPE_CHECKING:
    from napari_unet.engine.stack.stack import Stack


def describe_stack(stack: Stack) -> str:
    """``48 frames · 320 × 256 px · 0.65 µm/px · every 10 min``."""
    height, width = stack.frame_shape
    parts = [counted(len(stack), "frame"), f"{width} × {height} px"]  # noqa: RUF001
    if stack.pixel_size:
        parts.append(f"{stack.pixel_size:.4g} µm/px")
    if stack.frame_interval:
        parts.append(f"every {say_duration(stack.frame_interval, exact=True)}")
    return " · ".join(parts)
