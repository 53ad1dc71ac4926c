"""Counts in words."""

from __future__ import annotations


def counted(n: int, singular: str, plural: str | None = None) -> str:
    """Say ``1 cell``, ``73 cells``, ``1,024 frames``."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"
