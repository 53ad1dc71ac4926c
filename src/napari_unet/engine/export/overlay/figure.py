"""Figures on white for a paper: predictions beside the truth, and a map of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_unet.engine.export.overlay.colours import JET, LABEL_COLOURS, VIRIDIS
from napari_unet.engine.export.overlay.overlay import Look, Picture, as_bytes, compose
from napari_unet.engine.export.overlay.zooming import zoomed_labels
from napari_unet.engine.labels.class_labels import classes_of, label_classes
from napari_unet.engine.labels.codes import decode, threshold_code
from napari_unet.engine.labels.regions import regions_of
from napari_unet.engine.settings import LabelSettings, OverlaySettings

Bytes = NDArray[np.uint8]
MapColours = Literal["viridis", "jet"]
ROWS = ("Image with prediction", "Truth", "Prediction against truth", "Raw classes")
_WIDTH = 380  # px of a panel
_GAP, _MARGIN, _LEFT, _HEAD, _RIGHT = 8, 16, 34, 32, 176
_FINE = 2  # maps of classes are made so many times finer, for smooth edges
_INK, _PALE = "#222222", "#666666"
_GROUND = (28, 30, 36)
# Okabe and Ito: told apart with any kind of colour vision
_CLASSES = (
    (86, 180, 233), (230, 159, 0), (0, 158, 115), (240, 228, 66), (204, 121, 167), (213, 94, 0),
    (0, 114, 178), (180, 180, 180),
)  # fmt: skip
_RIGHT_ONE, _MISSED, _INVENTED, _OTHER = (
    (190, 195, 200), (86, 180, 233), (230, 159, 0), (204, 121, 167),
)  # fmt: skip


@dataclass(frozen=True)
class ComparedFrame:
    """One frame: raw (Y, X) or (C, Y, X), labels and truth (Y, X), codes (C, Y, X) if known."""

    number: int
    frame: NDArray[Any]
    labels: NDArray[Any]
    truth: NDArray[Any]
    codes: NDArray[np.uint8] | None = None
    outputs: tuple[str, ...] = ()


def comparison_figure(
    frames: Sequence[ComparedFrame],
    settings: OverlaySettings,
    look: Look,
    *,
    classes: tuple[int, ...] = (),
    names: Sequence[str] = (),
) -> Image.Image:
    """Return the figure: a column for each frame, a row for each of `ROWS`.

    Labels are ids, or numbers of ``classes``, whose ``names`` the legend says.
    """
    height = frames[0].labels.shape[0], frames[0].labels.shape[1]
    y0, x0, y1, x1 = settings.crop or (0, 0, *height)
    settings = settings.replace(zoom=_WIDTH / (x1 - x0), title_text="", style="contours")
    tall = round((y1 - y0) * settings.zoom)
    page = _Page(_LEFT + len(frames) * (_WIDTH + _GAP) + _RIGHT, _HEAD + len(ROWS) * (tall + _GAP))
    for column, one in enumerate(frames):
        x = _LEFT + column * (_WIDTH + _GAP)
        page.text((x + _WIDTH / 2, _HEAD / 2 + 4), f"frame {one.number}", "mm", size=16)
        with_bar = settings.replace(show_scale_bar=settings.show_scale_bar and column == 0)
        for row, panel in enumerate(_panels(one, with_bar, look, classes)):
            y = _HEAD + row * (tall + _GAP)
            page.panel((x, y), panel, (_WIDTH, tall))
            if row == 2:
                page.caption((x + 8, y + tall - 8), _agreement(one, classes))
    for row, title in enumerate(ROWS):
        page.upright((_LEFT / 2, _HEAD + row * (tall + _GAP) + tall / 2), title)
    x = _LEFT + len(frames) * (_WIDTH + _GAP) + 8
    page.legend((x, _HEAD + 2 * (tall + _GAP)), tall, _judged(classes))
    page.legend((x, _HEAD + 3 * (tall + _GAP)), tall, _named(frames[0], classes, names))
    return page.image


def probability_figure(
    frame: NDArray[Any],
    codes: NDArray[np.uint8],
    settings: OverlaySettings,
    look: Look,
    colours: MapColours = "viridis",
) -> Image.Image:
    """Return a raw frame beside its probabilities, of codes (Y, X), with a colour bar."""
    y0, x0, y1, x1 = settings.crop or (0, 0, *codes.shape)
    settings = settings.replace(zoom=_WIDTH / (x1 - x0), title_text="", style="contours")
    tall = round((y1 - y0) * settings.zoom)
    table = VIRIDIS if colours == "viridis" else JET
    page = _Page(_MARGIN + 2 * (_WIDTH + _GAP) + 96, _HEAD + tall + _MARGIN)
    none = np.zeros(codes.shape, np.uint8)
    raw = _rgb(compose(Picture(frame, none), settings, look))
    part = decode(codes[y0:y1, x0:x1])
    shown = table[np.rint(part * 255).astype(np.uint8)]
    for column, (title, panel) in enumerate((("Image", raw), ("Probability", shown))):
        x = _MARGIN + column * (_WIDTH + _GAP)
        page.text((x + _WIDTH / 2, _HEAD / 2), title, "mm", size=16)
        page.panel((x, _HEAD), panel, (_WIDTH, tall))
    x = _MARGIN + 2 * (_WIDTH + _GAP) + 8
    bar = np.repeat(table[::-1][:, None], 18, axis=1)
    page.panel((x, _HEAD), bar, (18, tall))
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _HEAD + (1 - share) * (tall - 1)
        page.line([(x + 18, y), (x + 23, y)])
        page.text((x + 28, min(max(y, _HEAD + 6), _HEAD + tall - 6)), f"{share:g}", "lm", size=13)
    return page.image


def raw_classes(one: ComparedFrame, classes: tuple[int, ...]) -> NDArray[Any]:
    """Return what the network takes each pixel for, (Y, X): of objects 1 is cell, 2 is border.

    As the labels say it where its probabilities are not known.
    """
    if one.codes is None or not one.outputs:
        return one.labels if classes else (one.labels > 0).astype(np.uint8)
    if classes_of(one.outputs):
        return label_classes(one.codes, one.outputs, LabelSettings())
    half = threshold_code(0.5)
    found = (one.codes[0] >= half).astype(np.uint8)
    if "border" in one.outputs:
        border = one.codes[one.outputs.index("border")] >= half
        found[border & (found > 0)] = 2
    return np.asarray(found)


def _panels(
    one: ComparedFrame, settings: OverlaySettings, look: Look, classes: tuple[int, ...]
) -> list[Bytes]:
    plain = settings.replace(zoom=settings.zoom * _FINE)
    palette = _class_palette(classes) if classes else None
    image = _rgb(compose(Picture(one.frame, one.labels), settings, look))
    truth = zoomed_labels(one.truth, plain)
    return [
        image,
        palette[np.minimum(truth, len(palette) - 1)] if palette is not None else _of_ids(truth),
        _judgement(zoomed_labels(one.labels, plain), truth, classes),
        _class_palette(classes or (1, 2))[
            np.minimum(zoomed_labels(raw_classes(one, classes), plain), max(classes or (2,)))
        ],
    ]


def _rgb(packed: NDArray[np.uint32]) -> Bytes:
    return as_bytes(packed)[..., :3]


def _of_ids(ids: NDArray[Any]) -> Bytes:
    picture = LABEL_COLOURS[(ids.astype(np.intp) - 1) % len(LABEL_COLOURS)]
    picture[ids == 0] = _GROUND
    return picture


def _class_palette(classes: Sequence[int]) -> Bytes:
    """Return the colour of each number up to the largest class, (n, 3); 0 is the ground."""
    table = np.tile(np.array(_GROUND, np.uint8), (max(classes) + 1, 1))
    for place, number in enumerate(classes):
        table[number] = _CLASSES[place % len(_CLASSES)]
    return table


def _judgement(labels: NDArray[Any], truth: NDArray[Any], classes: tuple[int, ...]) -> Bytes:
    picture = np.empty((*labels.shape, 3), np.uint8)
    picture[...] = _GROUND
    found, there = labels > 0, truth > 0
    both = found & there
    picture[both] = _RIGHT_ONE
    if classes:
        picture[both & (labels != truth)] = _OTHER
    picture[there & ~found] = _MISSED
    picture[found & ~there] = _INVENTED
    return picture


def _judged(classes: tuple[int, ...]) -> list[tuple[str, tuple[int, int, int]]]:
    return [
        ("right", _RIGHT_ONE),
        *([("another class", _OTHER)] if classes else []),
        ("missed", _MISSED),
        ("invented", _INVENTED),
        ("ground", _GROUND),
    ]


def _named(
    one: ComparedFrame, classes: tuple[int, ...], names: Sequence[str]
) -> list[tuple[str, tuple[int, int, int]]]:
    regions = {region.number: region.name for region in regions_of(one.outputs)}
    usual = [regions.get(n, f"class {n}") for n in classes] or ["cell", "border"][
        : 1 + ("border" in one.outputs)
    ]
    said = [*names, *usual[len(names) :]][: len(usual)]
    coloured = [(name, _CLASSES[i % len(_CLASSES)]) for i, name in enumerate(said)]
    return [*coloured, ("ground", _GROUND)]


def _agreement(one: ComparedFrame, classes: tuple[int, ...]) -> str:
    if classes:
        return f"{100 * float(np.mean(one.labels == one.truth)):.1f} % of the pixels right"
    found, there = one.labels > 0, one.truth > 0
    either = int((found | there).sum())
    return f"IoU {(found & there).sum() / either if either else 1:.3f}"


class _Page:
    """A white page that panels and words are put on, in px."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), "white")
        self._draw = ImageDraw.Draw(self.image)

    def text(
        self,
        place: tuple[float, float],
        words: str,
        anchor: str,
        *,
        size: int = 14,
        colour: str = _INK,
    ) -> None:
        """Write words at a place."""
        self._draw.text(place, words, colour, ImageFont.load_default(size), anchor)

    def line(self, places: list[tuple[float, float]]) -> None:
        """Draw a thin line."""
        self._draw.line(places, _INK, 1)

    def panel(self, place: tuple[int, int], pixels: Bytes, size: tuple[int, int]) -> None:
        """Put a picture (Y, X, 3) there, brought to a size (width, height)."""
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        if picture.size != size:
            smaller = picture.width > size[0]
            way = Image.Resampling.BOX if smaller else Image.Resampling.NEAREST
            picture = picture.resize(size, way)
        self.image.paste(picture, place)

    def caption(self, place: tuple[float, float], words: str) -> None:
        """Write white words with a dark rim on a panel, from the lower left."""
        font = ImageFont.load_default(15)
        self._draw.text(place, words, "white", font, "ls", stroke_width=2, stroke_fill="#101010")

    def upright(self, place: tuple[float, float], words: str) -> None:
        """Write words from bottom to top, around a place."""
        font = ImageFont.load_default(16)
        left, top, right, bottom = (round(v) for v in font.getbbox(words))
        strip = Image.new("RGB", (right - left + 4, bottom - top + 4), "white")
        ImageDraw.Draw(strip).text((2 - left, 2 - top), words, _INK, font)
        turned = strip.rotate(90, expand=True)
        x, y = round(place[0] - turned.width / 2), round(place[1] - turned.height / 2)
        self.image.paste(turned, (x, y))

    def legend(
        self, place: tuple[int, int], tall: int, named: list[tuple[str, tuple[int, int, int]]]
    ) -> None:
        """Draw a bar of colours beside a row of panels, each with its name."""
        step = min(40, tall // len(named))
        for i, (name, colour) in enumerate(named):
            y = place[1] + i * step
            self._draw.rectangle((place[0], y, place[0] + 17, y + step - 1), colour)
            self.text((place[0] + 26, y + step / 2), name, "lm", size=14)
