"""The page of benchmarks, and where the real movies lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
NETWORKS = ROOT / "docs" / "networks.md"
DATA = Path(os.environ.get("NAPARI_UNET_DATA", ROOT.parent / "shared" / "data"))
HELA = DATA / "Fluo-N2DL-HeLa"  # of the Cell Tracking Challenge
DSB = DATA / "dsb2018_fluo"
SHARES, ERRORS = ("seg", "iou", "f1"), ("missed", "invented", "merged", "split")  # per 100 cells
SCORE_HEAD = ("SEG", "IoU", "F1@0.5", *ERRORS)


def score_cells(score: Callable[[str], float]) -> tuple[str, ...]:
    """Return the cells of a row under SCORE_HEAD, of scores by their names."""
    return (*(f"{score(name):.3f}" for name in SHARES), *(f"{score(name):.1f}" for name in ERRORS))


def markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Make a table."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines)


def write_between_markers(marker: str, text: str, page: Path = PAGE) -> None:
    """Replace what a page has between ``<!-- marker -->`` and ``<!-- /marker -->``."""
    start, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    block = f"{start}\n{text.strip()}\n{end}"
    content = page.read_text() if page.is_file() else "# Benchmarks\n"
    if start in content:
        before, rest = content.split(start, 1)
        content = before + block + rest.split(end, 1)[1]
    else:
        content = f"{content.rstrip()}\n\n{block}\n"
    page.write_text(content)


def write_row(marker: str, head: tuple[str, ...], row: tuple[str, ...], page: Path = PAGE) -> None:
    """Put a row into a table of a page, in place of an older one with the same first cell.

    Rows under another head go: they say other things.
    """
    text = page.read_text() if page.is_file() else ""
    block = text.partition(f"<!-- {marker} -->")[2].partition(f"<!-- /{marker} -->")[0]
    lines = [line[2:-2].split(" | ") for line in block.splitlines() if line.startswith("|")]
    known = lines[2:] if lines and tuple(lines[0]) == head else []
    rows = {line[0]: tuple(line) for line in known} | {row[0]: row}
    write_between_markers(marker, markdown(head, list(rows.values())), page)
