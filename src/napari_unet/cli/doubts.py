"""napari-unet doubts: places of a movie where labels may be wrong, worst first."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli import options as o
from napari_unet.cli.labels import Labels, open_with_movie
from napari_unet.cli.notices import Noticed
from napari_unet.cli.outputs import prepare_folder
from napari_unet.cli.progress import follow, say
from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from napari_unet.engine.jobs.doubts import Contradict
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.tracks.doubts.doubt import Doubt


_COLUMNS: dict[str, type] = {
    "frame": int, "frames": object, "z": float, "y": float, "x": float, "labels": object,
    "reason": object, "words": object, "repair": object, "score": float,
}  # fmt: skip


class Safe(StrEnum):
    """Repairs that may be taken unseen."""

    MERGED = "merged"
    CUT = "cut"
    GONE = "gone"
    SPECK = "speck"


Flips = Annotated[
    int | None,
    typer.Option(
        "--flips",
        min=0,
        metavar="N",
        help="Predict N frames mirrored, too, the worst ones and some others, and doubt what the "
        "model finds otherwise then.",
        show_default="0, or 12 with --model",
    ),
]
FlippedBy = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|FILE",
        help="For --flips: the model. A session knows its own.",
        show_default=False,
    ),
]


def doubts(
    movie: o.Movie,
    labels: o.Labels = None,
    session: Annotated[
        bool, typer.Option("--session", help="Take the labels that napari keeps beside the movie.")
    ] = False,
    apply: Annotated[
        list[Safe] | None,
        typer.Option(
            help="Take these repairs: merged cells, cells cut in two, those gone for a frame, "
            "specks. Into the session, or with LABELS into --out. May be given several times.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        o.path_option("--out", metavar="FILE", help="For --apply with LABELS: the file to write."),
    ] = None,
    flips: Flips = None,
    model: FlippedBy = None,
    device: o.RunOn = None,
    table: Annotated[
        Path | None,
        o.path_option("--table", metavar="OUT.csv|OUT.parquet", help="Write them as a table, too."),
    ] = None,
    offset: o.Offset = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    pixel_size: o.PixelSize = None,
    z_step: o.ZStep = None,
    as_json: o.AsJson = False,
    overwrite: o.Overwrite = False,
) -> None:
    """Find where labels may be wrong: cells merged, cut, lost, invented; bad frames.

    A line each, worst first: place, what is odd beside the frames before and after, the repair
    that it calls for, and a score from 0 to 1.
    """
    from napari_unet.engine.tracks.doubts.doubt import SAFE

    _check(labels, session, apply, out)
    _check_flips(labels, flips, model)
    _check_table(table, overwrite)
    wanted = o.selection(axes, channel, z, position, pixel_size=pixel_size, z_step=z_step)
    with ExitStack() as files:
        noticed = files.enter_context(Noticed())
        given = open_with_movie(files, noticed, movie, wanted, labels, offset)
        if given.classes:
            raise BadInput("the labels are classes", "cells, each with a number", "give others")
        if out is not None:
            prepare_folder(out.parent, [out.name], overwrite=overwrite)
        look = _Look(given, labels, _Flips(flips, model, device))
        found = look.find()
        if table is not None:
            _write_table(table, found)
        reasons = {SAFE[reason] for reason in apply or ()}
        taken = look.repair(found, reasons, out, overwrite) if apply else None
        _print(found, taken, noticed if as_json else None)
    if taken is not None:
        say(f"{counted(len(taken), 'repair')} taken.")


def _check(labels: Path | None, session: bool, apply: list[Safe] | None, out: Path | None) -> None:
    of_file = _of_file(labels)
    if session and labels is not None:
        raise typer.BadParameter("--session: it takes the place of LABELS")
    if out is not None and not (apply and of_file):
        raise typer.BadParameter("--out: it is for --apply with a label file")
    if apply and of_file and out is None:
        raise typer.BadParameter("--apply: say with --out where the repaired labels go")


def _of_file(labels: Path | None) -> bool:
    return labels is not None and not (labels / "session.json").is_file()


def _check_flips(labels: Path | None, flips: int | None, model: str | None) -> None:
    if flips and model is None and _of_file(labels):
        raise typer.BadParameter("--flips: say with --model which model sees the movie mirrored")
    if model is not None and flips == 0:
        raise typer.BadParameter("--model: it is for --flips, and that is 0")


def _check_table(path: Path | None, overwrite: bool) -> None:
    """Refuse a name that says no format, and a file that is there, before anything is looked at."""
    if path is None:
        return
    from napari_unet.engine.export.target.table_file import require_format

    if path.suffix.lower() not in (".csv", ".parquet"):
        raise typer.BadParameter(f"--table: {path.name} is no .csv or .parquet")
    require_format(path.name)
    prepare_folder(path.absolute().parent, [path.name], overwrite=overwrite)


def _write_table(path: Path, found: list[Doubt]) -> None:
    """Write a row for each doubt; several cells or frames stand in one field, with blanks."""
    import numpy as np

    from napari_unet.engine.export.target.table_file import write_columns

    rows = [one.to_values() for one in found]
    columns: dict[str, Any] = {}
    solid = any("z" in row for row in rows)
    for name, kind in _COLUMNS.items():
        if name == "z" and not solid:
            continue
        values = [row[name] for row in rows]
        if kind is object:
            values = [" ".join(map(str, v)) if isinstance(v, list) else v or "" for v in values]
        columns[name] = np.array([np.nan if v is None else v for v in values], kind)
    write_columns(path, columns)
    say(str(path))


@dataclass(frozen=True)
class _Flips:
    """Which model sees how many frames mirrored, and what computes."""

    frames: int | None
    model: str | None
    device: str | None

    def open(self, given: Labels) -> Contradict | None:
        """Make the model ready; None where no frame is to be seen mirrored."""
        if not (self.frames or self.model):
            return None
        from napari_unet.engine.jobs.doubts import Contradict
        from napari_unet.engine.network.cell_size import recommended_for
        from napari_unet.engine.prediction.ensemble import load_models
        from napari_unet.engine.prediction.mirrored import open_mirrored
        from napari_unet.engine.settings import PredictSettings
        from napari_unet.engine.tracks.doubts.contradictions import FRAMES

        named = self.model or given.model
        if named is None:
            raise BadInput(
                "the session names no model", "the model that segmented the movie", "give --model"
            )
        model, live, how = load_models(named), given.frames, PredictSettings()
        if self.device is not None:
            how = how.replace(device=self.device)
        key = given.probabilities.key if given.probabilities is not None else None
        mirrored = open_mirrored(given.stack, model, how, key)
        settings = recommended_for(model, how) if key is None else live.settings
        return Contradict(mirrored, settings, FRAMES if self.frames is None else self.frames)


@dataclass
class _Look:
    """A look at the labels of a movie, which are a session's or a file's."""

    given: Labels
    path: Path | None  # of the labels; None for the session beside the movie
    flips: _Flips
    highest: int = 0  # number of a cell

    @property
    def live(self) -> LiveLabels | None:
        """The session's labels, to read."""
        from napari_unet.engine.session.live_labels import LiveLabels

        return self.given.frames if isinstance(self.given.frames, LiveLabels) else None

    def find(self) -> list[Doubt]:
        """Find the doubts that nobody has settled."""
        from napari_unet.engine.jobs.doubts import check_doubts
        from napari_unet.engine.session.reviewing.aside import codes_of
        from napari_unet.engine.session.reviewing.settled import unsettled
        from napari_unet.engine.session.users.disputed import disputed

        live, stack = self.live, self.given.stack
        contradict = self.flips.open(self.given)
        steps = check_doubts(
            stack,
            self._labels,
            partial(codes_of, live) if live is not None else None,
            margin=live.settings.edge if live is not None else 0,
            known_diameter=self._known_diameter(),
            labelled=self.given.labelled,
            contradict=contradict,
        )
        total = 2 * len(stack)
        if contradict is not None:
            n = min(contradict.frames, len(self.given.labelled))
            total += n * contradict.mirrored.n_views
        found = follow(steps, stack.name, total)
        if live is None:
            return found
        return disputed(live.corrections) + unsettled(found, live.corrections)

    def repair(
        self, found: list[Doubt], wanted: Collection[str], out: Path | None, overwrite: bool
    ) -> list[Doubt]:
        """Take repairs, into the session or a file; returns those that were taken."""
        from napari_unet.engine.jobs.doubts import Repaired, editable
        from napari_unet.engine.jobs.write import write_labels

        some = [one for one in found if one.reason in wanted and one.repair]
        if out is None:
            return self._take(self._session(), some)
        labels, stack = self.given.frames, self.given.stack
        live = editable(labels, some, self.highest, stack.spacing)
        taken = self._take(live, some)
        repaired = Repaired(labels, live, {t for one in taken for t in one.frames})
        known = self.given.labelled
        steps = write_labels(out, repaired, stack, frames=known, overwrite=overwrite)
        typer.echo(follow(steps, out.name, None), err=True)
        return taken

    def _take(self, live: LiveLabels, some: list[Doubt]) -> list[Doubt]:
        from napari_unet.engine.session.reviewing.repairs import Repairs

        repairs, taken = Repairs(live), []
        for doubt in some:
            try:
                repairs.take(doubt)
            except BadInput as error:  # an earlier repair changed what it goes by
                say(f"Frame {doubt.frame}, {doubt.reason}: not repaired, {error}.")
            else:
                taken.append(doubt)
        return taken

    def _labels(self, t: int) -> NDArray[Any] | None:
        import numpy as np

        from napari_unet.engine.session.reviewing.aside import labels_aside

        if self.live is not None:
            return labels_aside(self.live, t)
        if t not in self.given.labelled:
            return None
        found = np.asarray(self.given.frames[t])
        self.highest = max(self.highest, int(found.max(initial=0)))
        return found

    def _session(self) -> LiveLabels:
        """Return the session's labels, to be corrected: each correction is kept."""
        from napari_unet.engine.session.live_labels import LiveLabels
        from napari_unet.engine.session.session_folder import SessionFolder
        from napari_unet.engine.session.users.hold import open_corrections, require_free

        read, movie = self.live, self.given.stack
        folder = SessionFolder.find(movie) if self.path is None else SessionFolder(self.path, movie)
        assert read is not None and folder is not None
        corrections = require_free(open_corrections(folder))
        return LiveLabels(read.shape, read.probabilities, read.settings, corrections, read.spacing)

    def _known_diameter(self) -> float | None:
        """Return the size of the cells that the session's model knows, px; None without one."""
        from napari_unet.engine.prediction.ensemble import load_models

        if self.live is None or not self.given.model:
            return None
        try:
            return load_models(self.given.model).diameter or None
        except BadInput:  # its file is gone
            return None


def _print(found: list[Doubt], taken: list[Doubt] | None, noticed: Noticed | None) -> None:
    if noticed is None:
        for one in found:
            typer.echo(_line(one))
        return
    values: dict[str, Any] = {"doubts": [one.to_values() for one in found]}
    if taken is not None:
        values["repaired"] = [one.to_values() for one in taken]
    typer.echo(json.dumps(values | noticed.as_values(), indent=2))


def _line(doubt: Doubt) -> str:
    where = f"frame {doubt.frame}"
    if not doubt.whole_frame:
        where += "" if doubt.z is None else f", z {doubt.z:.0f}"
        where += f", y {doubt.y:.0f}, x {doubt.x:.0f}"
    if doubt.cells:
        cells = "cell" if len(doubt.cells) == 1 else "cells"
        where += f", {cells} {', '.join(map(str, doubt.cells))}"
    remedy = f"; {doubt.repair}" if doubt.repair else ""
    return f"{where}: {doubt.words}{remedy} ({doubt.score:.2f})"
