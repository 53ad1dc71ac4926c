"""Make the contact sheets of the documentation: frames of an overlay movie in each style.

A movie is segmented by the bundled model, written as mp4, read back by ffmpeg and its frames put
side by side: the pictures show what a user gets. Writes movie-STYLE.png into docs/images/, small
enough for a repository. Another movie than the sample: ``contact_sheet.py MOVIE --out FOLDER``.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_unet.engine.export.overlay.write_movie import Beside, write_movie
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.network.model import Model
from napari_unet.engine.prediction.prediction import predict, probabilities_shape
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import LabelSettings, OverlaySettings, PredictSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.tracks.tracking import Linker
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import FRAME_INTERVAL, PIXEL_SIZE

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTH = 1200  # px at most
GAP = 6  # px of white between frames
COLOURS = 256  # of a sheet's palette: it halves the file


@dataclass(frozen=True)
class Sheet:
    """How a movie looks, and how many frames of it stand beside and below each other."""

    look: dict[str, Any]
    columns: int
    rows: int


PART = (50, 130, 190, 320)  # of the sample, where cells divide and touch
SHEETS = {
    "contours": Sheet({"tail": 12}, 3, 1),
    "filled": Sheet({"style": "filled", "show_ids": True}, 3, 1),
    "side_by_side": Sheet({"style": "side_by_side"}, 1, 2),
    "probability": Sheet({"style": "probability"}, 1, 2),
    "before_after": Sheet({"style": "before_after"}, 1, 2),
}


@dataclass(frozen=True)
class Movie:
    """A segmented movie: linked labels, those without splitting, and the tracks."""

    stack: Stack
    probabilities: Probabilities
    labels: list[NDArray[Any]]
    unsplit: list[NDArray[Any]]
    tracks: NDArray[np.float64]


def segment(stack: Stack) -> Movie:
    """Segment the frames with the first bundled model."""
    model = Model.load(Model.bundled()[0])
    probabilities = Probabilities.in_memory(probabilities_shape(stack, model))
    with closing(open_predictor(model, PredictSettings(), stack)) as predictor:
        for _ in predict(stack, predictor, probabilities):
            pass
    settings, linker = model.label_settings or LabelSettings(), Linker()
    merged = settings.replace(split=False)
    labels = [linker(label_frame(probabilities[t], settings), t) for t in range(len(stack))]
    unsplit = [label_frame(probabilities[t], merged) for t in range(len(stack))]
    return Movie(stack, probabilities, labels, unsplit, linker.points()[0])


def frames_of(
    movie: Movie, sheet: Sheet, crop: tuple[int, int, int, int] | None
) -> list[NDArray[np.uint8]]:
    """Write the movie, and read the frames of a sheet back from the file."""
    settings = OverlaySettings(line_width=1, crop=crop, zoom=2) if crop else OverlaySettings()
    with tempfile.TemporaryDirectory(prefix="sheet") as folder:
        path = Path(folder) / "overlay.mp4"
        for _ in write_movie(
            path,
            movie.stack,
            movie.labels,
            settings.replace(**sheet.look),
            beside=Beside(movie.probabilities, movie.unsplit, movie.tracks),
        ):
            pass
        reader = imageio_ffmpeg.read_frames(str(path))
        width, height = next(reader)["size"]
        found = [np.frombuffer(f, np.uint8).reshape(height, width, 3) for f in reader]
    if len(found) != len(movie.stack):
        raise SystemExit(f"{len(found)} frames in the file, not {len(movie.stack)}")
    n = sheet.columns * sheet.rows
    first = len(found) // 4  # where tails have grown
    return [found[t] for t in np.linspace(first, len(found) - 1, n).round().astype(int)]


def arrange(frames: list[NDArray[np.uint8]], sheet: Sheet) -> Image.Image:
    """Put frames on white, in as few colours as look the same."""
    height, width = frames[0].shape[:2]
    whole = Image.new(
        "RGB",
        (sheet.columns * (width + GAP) - GAP, sheet.rows * (height + GAP) - GAP),
        "white",
    )
    for i, frame in enumerate(frames):
        row, column = divmod(i, sheet.columns)
        whole.paste(Image.fromarray(frame), (column * (width + GAP), row * (height + GAP)))
    if whole.width > WIDTH:
        size = WIDTH, round(whole.height * WIDTH / whole.width)
        whole = whole.resize(size, Image.Resampling.LANCZOS)
    return whole.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def sample() -> Stack:
    """Return the sample movie."""
    return Stack.from_array(
        sample_movie()[0], axes="TYX", pixel_size=PIXEL_SIZE, frame_interval=FRAME_INTERVAL
    )


def main(stack: Stack, crop: tuple[int, int, int, int] | None, out: Path) -> None:
    """Make all sheets."""
    movie = segment(stack)
    out.mkdir(parents=True, exist_ok=True)
    for style, sheet in SHEETS.items():
        path = out / f"movie-{style}.png"
        arrange(frames_of(movie, sheet, crop), sheet).save(path, optimize=True)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("movie", type=Path, nargs="?", help="of fluorescent nuclei")
    parser.add_argument("--out", type=Path, default=IMAGES)
    arguments = parser.parse_args()
    if arguments.movie:
        main(Stack.open(arguments.movie), None, arguments.out)
    else:
        main(sample(), PART, arguments.out)
