"""Write the table of formats into docs/formats.md: what is read, by what, with which extra.

Usage: python scripts/formats_table.py
"""

from __future__ import annotations

import re
from pathlib import Path

from napari_unet.engine.stack.kinds import KINDS

PAGE = Path(__file__).parents[1] / "docs" / "formats.md"
BEGIN, END = "<!-- by scripts/formats_table.py -->\n", "<!-- end -->"


def table() -> str:
    """Return a row for each kind of file."""
    rows = ["| format | names | its positions are | read by | licence | extra |", "|---" * 6 + "|"]
    for kind in KINDS:
        names = " ".join(f"`{suffix}`" for suffix in kind.suffixes)
        extra = f"`{kind.extra}`" if kind.extra else ""
        cells = (kind.title, names, kind.positions, kind.package, kind.licence, extra)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def written(page: str) -> str:
    """Return the page with the table in its place."""
    return re.sub(f"{BEGIN}.*?{END}", lambda _: BEGIN + table() + END, page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
