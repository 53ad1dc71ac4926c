"""napari-unet evaluate: how well labels agree with a truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_unet.cli import options as o
from napari_unet.cli.notices import Noticed
from napari_unet.cli.outputs import prepare_folder
from napari_unet.cli.progress import follow, say

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from napari_unet.engine.jobs.scoring import Labelled
    from napari_unet.engine.labels.label_stack import LabelStack
    from napari_unet.engine.labels.regions import Regions
    from napari_unet.engine.labels.scores import FrameScores, Scores

Pairs = list[tuple[int, int]]
ERRORS = ("missed", "invented", "merged", "split")  # of 100 cells
SCORES = ("iou", "dice", "seg", "det", "f1", *ERRORS)
COUNTS = ("n_truth", "n_predicted")
DETAIL = ("f1_75", "f1_90", "area_error", "flicker", "n_followed")  # of all frames together
TITLES = (
    "IoU",
    "Dice",
    "SEG",
    "DET",
    "F1",
    "missed",
    "invented",
    "merged",
    "split",
    "cells",
    "found",
)


def evaluate(
    predicted: Annotated[Path, o.path_argument(metavar="PREDICTED", help="Labels to score.")],
    truth: Annotated[Path, o.path_argument(metavar="TRUTH", help="Labels that are right.")],
    frames: o.Frames = None,
    exclude: Annotated[
        str | None,
        typer.Option(metavar="0,3-5", help="Leave these frames out, counted from 0."),
    ] = None,
    offset: o.Offset = None,
    border: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Leave out objects wholly in the outer N pixels."),
    ] = 0,
    labels_are: Annotated[
        Literal["instances", "classes"] | None,
        typer.Option(
            help="One number for each cell, or a number for each class of pixels; guessed from "
            "the truth where left out."
        ),
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=CLASSES;...",
            help="Say the IoU of sets of classes, such as whole=1,2,4; core=1,4.",
        ),
    ] = None,
    by_frame: Annotated[
        list[Path] | None,
        o.path_option(
            "--by-frame",
            metavar="OUT.csv|OUT.parquet|OUT.png",
            help="Write the scores of each frame as a table, or as curves; may be given again.",
        ),
    ] = None,
    cells: Annotated[
        Path | None,
        o.path_option(
            "--cells",
            metavar="OUT.tif",
            help="Write what became of each cell: 1 right, 2 missed, 3 invented, 4 merged, "
            "5 split.",
        ),
    ] = None,
    as_json: o.AsJson = False,
    overwrite: o.Overwrite = False,
) -> None:
    """Score labels against a truth, frame by frame and over all.

    IoU and Dice are means over frames, SEG and F1 are pooled over objects; missed, invented,
    merged and split are per 100 cells of the truth. Of classes the cells are the connected
    pieces, and the IoU of each class over all frames is said, too.
    """
    from napari_unet.engine.jobs.scoring import holds_classes, odd_labels
    from napari_unet.engine.labels.given.open_labels import open_pair
    from napari_unet.engine.labels.label_stack import LabelStack, both_as_volumes
    from napari_unet.engine.labels.regions import parse_regions
    from napari_unet.engine.labels.scores import pool
    from napari_unet.engine.stack.frame_matching import match_frames

    of_regions = parse_regions(regions or "")
    labels_are = labels_are or ("classes" if of_regions else None)
    files = ScoreFiles.checked(by_frame or [], cells, overwrite)
    with Noticed() as noticed, open_pair(predicted, truth) as (labels, right):
        labels, right = both_as_volumes(labels, right)
        mine, true = LabelStack.of(labels), LabelStack.of(right, labels)
        if not labels_are:
            mine.part_mask()
            true.part_mask()
        matched = match_frames(mine, true, offset)
        pairs = choose(matched, len(mine), frames, exclude)
        classes = labels_are == "classes" if labels_are else holds_classes(true, pairs)
        said = odd_labels(mine, true, matched, labels_are or "auto")
        noticed.of("", [*mine.notices, *true.notices, *said])
        scored = score(mine, true, pairs, border, classes=classes, regions=of_regions)
        chosen = [frame for frame, _ in pairs]
        files.write(mine, true, pairs, scored, classes=classes)
    if as_json:
        values = {**as_values(chosen, scored, pool(scored)), **noticed.as_values()}
        typer.echo(json.dumps(values, indent=2))
        return
    table(chosen, scored, pool(scored), len(true.frame_shape))


@dataclass(frozen=True)
class ScoreFiles:
    """Files of scores that are asked for: tables and curves by frame, cells judged."""

    by_frame: tuple[Path, ...]
    cells: Path | None

    @classmethod
    def checked(cls, by_frame: list[Path], cells: Path | None, overwrite: bool) -> ScoreFiles:
        """Refuse names that say no format and files that are there, before anything is scored."""
        from napari_unet.engine.export.target.table_file import require_format

        for path in by_frame:
            if path.suffix.lower() not in (".csv", ".parquet", ".png"):
                raise typer.BadParameter(f"--by-frame: {path.name} is no .csv, .parquet or .png")
            require_format(path.name)
        if cells is not None and cells.suffix.lower() not in (".tif", ".tiff"):
            raise typer.BadParameter(f"--cells: {cells.name} is no .tif")
        for path in (*by_frame, *([cells] if cells else [])):
            prepare_folder(path.absolute().parent, [path.name], overwrite=overwrite)
        return cls(tuple(by_frame), cells)

    def write(
        self,
        labels: LabelStack,
        truth: LabelStack,
        pairs: Pairs,
        scored: list[FrameScores],
        *,
        classes: bool,
    ) -> None:
        """Write them and say where."""
        from napari_unet.engine.export.plots.score_curves import frame_rows, write_scores

        rows = frame_rows([frame for frame, _ in pairs], scored)
        for path in self.by_frame:
            write_scores(path, rows)
            say(str(path))
        if self.cells is not None:
            if classes:
                raise typer.BadParameter("--cells: the labels are classes of pixels, not cells")
            follow(_judged(self.cells, labels, truth, pairs), "Cells", len(labels))
            say(str(self.cells))


def _judged(
    path: Path, labels: LabelStack, truth: LabelStack, pairs: Pairs
) -> Generator[int, None, Path]:
    """Write what became of each cell, for the frames of the labels."""
    from napari_unet.engine.errors import BadInput
    from napari_unet.engine.export.formats.write_labels import write_labels
    from napari_unet.engine.export.target.writing import WriteOptions
    from napari_unet.engine.labels.truth.judged_cells import JudgedCells
    from napari_unet.engine.stack.stack import Stack

    if len(labels.shape) != 3:
        raise BadInput(f"{labels.name} holds volumes", "images, for --cells", "leave --cells out")
    n, height, width = labels.shape
    cells = JudgedCells(labels, truth, pairs, (n, height, width))
    numbers = labels.numbers if labels.numbered else None
    stack = Stack.from_array(cells, axes="TYX", name=labels.name, numbers=numbers)
    frames = (cells[t] for t in range(len(cells)))
    return write_labels(path, frames, stack, WriteOptions(overwrite=True), format="imagej")


def score(
    labels: Labelled,
    truth: Labelled,
    pairs: Pairs,
    border: int = 0,
    *,
    classes: bool = False,
    regions: Regions = (),
) -> list[FrameScores]:
    """Score the matched frames with a progress bar."""
    from napari_unet.engine.jobs.scoring import score_frames

    scored: list[FrameScores] = []

    def steps(frames: Iterator[FrameScores]) -> Generator[int, None, None]:
        for frame in frames:
            scored.append(frame)
            yield len(scored)

    frames = score_frames(labels, truth, pairs, border, classes=classes, regions=regions)
    follow(steps(frames), "Score", len(pairs))
    return scored


def choose(pairs: Pairs, n: int, frames: str | None, exclude: str | None) -> Pairs:
    """Keep the pairs whose frame among the ``n`` predicted frames was asked for.

    Raises
    ------
    BadInput
        Where none is left.

    """
    from napari_unet.engine.errors import BadInput
    from napari_unet.engine.stack.frame_numbers import parse_frames

    wanted = set(parse_frames(frames, n)) if frames else set(range(n))
    if exclude:
        wanted -= set(parse_frames(exclude, n))
    chosen = [pair for pair in pairs if pair[0] in wanted]
    if not chosen:
        raise BadInput(
            "none of the chosen frames has a truth",
            f"some of {', '.join(str(p) for p, _ in pairs[:20])}",
            "check --frames and --exclude; frames are counted from 0",
        )
    return chosen


def as_values(frames: list[int], scored: list[FrameScores], total: Scores) -> dict[str, Any]:
    """Return all scores as plain values for JSON."""
    return {
        **{key: getattr(total, key) for key in (*SCORES, *COUNTS, *DETAIL)},
        "n_frames": len(scored),
        **({"classes": total.classes, "class_iou": total.class_iou} if total.classes else {}),
        "frames": [
            {"frame": frame, "number": scores.number, **frame_values(scores)}
            for frame, scores in zip(frames, scored, strict=True)
        ],
    }


def frame_values(scores: FrameScores) -> dict[str, Any]:
    """Scores of one frame, per 100 cells like those over all frames."""
    from napari_unet.engine.labels.scores import pool

    alone = pool([scores])
    return {key: getattr(alone, key) for key in (*SCORES, *COUNTS)}


def table(frames: list[int], scored: list[FrameScores], total: Scores, dims: int = 2) -> None:
    """Print the scores for a user, of images or, of 3 ``dims``, volumes."""
    typer.echo("  ".join([f"{'frame':>11s}", *(f"{title:>8s}" for title in TITLES)]))
    for frame, scores in zip(frames, scored, strict=True):
        name = f"{frame}" if scores.number in (None, frame) else f"{frame} ({scores.number})"
        typer.echo(_row(name, frame_values(scores)))
    typer.echo(_row("all", {key: getattr(total, key) for key in (*SCORES, *COUNTS)}))
    typer.echo(str(total))
    typer.echo(total.in_detail(dims))
    if total.classes:
        from napari_unet.engine.labels.class_scores import classes_in_words

        typer.echo(classes_in_words(total))


def _row(name: str, values: dict[str, Any]) -> str:
    cells = [f"{values[key]:8.3f}" for key in SCORES[:5]]
    cells += [f"{values[key]:8.1f}" for key in SCORES[5:]]
    cells += [f"{values[key]:8d}" for key in COUNTS]
    return "  ".join([f"{name:>11s}", *cells])
