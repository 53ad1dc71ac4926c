"""The user's words: sizes and durations said in plain language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.stack.stack import Stack


def describe_stack(stack: Stack) -> str:
    """``48 frames · 320 × 256 px · 0.65 µm/px · every 10 min``."""
    height, width = stack.frame_shape
    parts = [counted(len(stack), "frame"), f"{width} × {height} px"]  # noqa: RUF001
    if stack.pixel_size:
        parts.append(f"{stack.pixel_size:.4g} µm/px")
    if stack.frame_interval:
        parts.append(f"every {interval(stack.frame_interval)}")
    return " · ".join(parts)


def interval(seconds: float) -> str:
    """``30 s``, ``10 min``, ``2 h``."""
    if seconds < 120:
        return f"{seconds:.4g} s"
    if seconds < 7200:
        return f"{seconds / 60:.4g} min"
    return f"{seconds / 3600:.4g} h"


def ranges(frames: Sequence[int]) -> str:
    """``0, 3–5, 9`` for (0, 3, 4, 5, 9)."""
    runs: list[list[int]] = []
    for frame in sorted(frames):
        if runs and frame == runs[-1][-1] + 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}–{r[-1]}" for r in runs)  # noqa: RUF001
