"""A drawing of lines and words, written as PNG, or as SVG or PDF, sharp at any size."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from PIL import Image, ImageColor, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    Anchor = Literal["left", "middle", "right"]

_FINE = 2  # pixels of a PNG to one of the drawing
_DPI = 192
_POINTS = 0.75  # of a pixel
_CAP = 0.36  # of a font's size: from the middle of a line of words to its foot
_WIDE = 0.5  # of a font's size: a letter of Helvetica, about
KINDS = ("png", "svg", "pdf")


@dataclass(frozen=True)
class _Line:
    ends: tuple[float, float, float, float]
    colour: str
    width: float


@dataclass(frozen=True)
class _Words:
    place: tuple[float, float]
    words: str
    anchor: Anchor
    size: float


@dataclass
class Drawing:
    """Lines and words on white; places are (x, y) in pixels from the upper left."""

    width: float
    height: float
    ink: str = "#222222"
    _lines: list[_Line] = field(default_factory=list)
    _words: list[_Words] = field(default_factory=list)

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: str, width: float) -> None:
        """Draw a line."""
        self._lines.append(_Line((x0, y0, x1, y1), colour, width))

    def text(
        self, x: float, y: float, words: str, anchor: Anchor = "left", size: float = 11
    ) -> None:
        """Write words, whose middle is as high as ``y``."""
        self._words.append(_Words((x, y), words, anchor, size))

    def to_bytes(self, kind: str) -> bytes:
        """Return a file of one of the `KINDS`."""
        ways: dict[str, Callable[[], bytes]] = {
            "png": self._to_png, "svg": self._to_svg, "pdf": self._to_pdf
        }  # fmt: skip
        return ways[kind]()

    def _to_png(self) -> bytes:
        size = round(self.width * _FINE), round(self.height * _FINE)
        page = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(page)
        for one in self._lines:
            ends = [v * _FINE for v in one.ends]
            draw.line(ends, one.colour, max(1, round(one.width * _FINE)))
        for said in self._words:
            place = said.place[0] * _FINE, said.place[1] * _FINE
            anchor = {"left": "lm", "middle": "mm", "right": "rm"}[said.anchor]
            font = ImageFont.load_default(said.size * _FINE)
            draw.text(place, said.words, self.ink, font, anchor)
        buffer = io.BytesIO()
        page.save(buffer, "PNG", dpi=(_DPI, _DPI))
        return buffer.getvalue()

    def _to_svg(self) -> bytes:
        size = f'width="{self.width:g}" height="{self.height:g}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
            f'viewBox="0 0 {self.width:g} {self.height:g}" '
            'font-family="Helvetica, Arial, sans-serif">',
            '<rect width="100%" height="100%" fill="white"/>',
        ]
        for one in self._lines:
            x0, y0, x1, y1 = (f"{v:.2f}" for v in one.ends)
            parts.append(
                f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="{one.colour}" '
                f'stroke-width="{one.width:g}"/>'
            )
        for said in self._words:
            x, y = said.place[0], said.place[1] + _CAP * said.size
            anchor = {"left": "start", "middle": "middle", "right": "end"}[said.anchor]
            parts.append(
                f'<text x="{x:.2f}" y="{y:.2f}" font-size="{said.size:g}" fill="{self.ink}" '
                f'text-anchor="{anchor}">{escape(said.words)}</text>'
            )
        return "\n".join([*parts, "</svg>", ""]).encode()

    def _to_pdf(self) -> bytes:
        """Return one page: what is drawn, and the six objects that a PDF is at least."""
        page = " ".join(self._pdf_lines()).encode("latin-1", "replace")
        packed = zlib.compress(page)
        width, height = self.width * _POINTS, self.height * _POINTS
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] "
            "/Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>".encode(),
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(packed), packed),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        ]
        file, starts = bytearray(b"%PDF-1.4\n"), []
        for number, what in enumerate(objects, start=1):
            starts.append(len(file))
            file += b"%d 0 obj\n%b\nendobj\n" % (number, what)
        table = len(file)
        file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        file += b"".join(b"%010d 00000 n \n" % start for start in starts)
        file += b"trailer << /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
        return bytes(file + b"startxref\n%d\n%%%%EOF\n" % table)

    def _pdf_lines(self) -> list[str]:
        def rgb(colour: str) -> str:
            return " ".join(f"{v / 255:.3f}" for v in ImageColor.getrgb(colour)[:3])

        parts = [f"{_POINTS} 0 0 -{_POINTS} 0 {self.height * _POINTS:.2f} cm"]  # y goes down
        for one in self._lines:
            x0, y0, x1, y1 = (f"{v:.2f}" for v in one.ends)
            parts.append(f"{rgb(one.colour)} RG {one.width:g} w {x0} {y0} m {x1} {y1} l S")
        for said in self._words:
            back = {"left": 0.0, "middle": 0.5, "right": 1.0}[said.anchor]
            x = said.place[0] - back * _WIDE * said.size * len(said.words)
            y = said.place[1] + _CAP * said.size
            words = said.words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            font = f"{rgb(self.ink)} rg /F {said.size:g} Tf"
            parts.append(f"BT {font} 1 0 0 -1 {x:.2f} {y:.2f} Tm ({words}) Tj ET")
        return parts
