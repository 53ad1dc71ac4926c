"""The files that segment writes, and which of them are done: their sidecars tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import alone, process_mark, runs_elsewhere
from napari_unet.engine.settings import LabelSettings, OverlaySettings, PredictSettings
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.engine.export.target.sidecar import Provenance
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack

LABELS, TABLE, MOVIE = "labels.tif", "objects.csv", "overlay.mp4"
UNFINISHED = "unfinished"


@dataclass(frozen=True)
class Job:
    """How a movie is segmented: all that its results depend on, and what is asked for.

    ``linked`` labels have ids constant through time. ``corrections`` is a digest of a user's
    corrections of the movie, where there are any. Of ``joined`` sections cells in 3D are made: what
    is written is of volumes.
    """

    model: Model
    predict: PredictSettings
    labels: LabelSettings
    parts: tuple[str, ...] = (LABELS, TABLE, MOVIE)
    overlay: OverlaySettings = OverlaySettings()
    frames: str | None = None
    linked: bool = False
    corrections: str | None = None
    joined: bool = False

    def shown(self, stack: Stack) -> Stack:
        """Return the movie that is written of: where sections are joined, its volumes."""
        if not self.joined:
            return stack
        from napari_unet.engine.jobs.joining.joined_export import volumes_of

        return volumes_of(stack)

    def read(self, shown: Stack) -> Stack:
        """Return the movie that is predicted, of the one that is written of."""
        return shown.select(z="frames") if self.joined else shown

    def written(self, shown: Stack) -> tuple[int, ...]:
        """Return the frames that are written: of joined sections the volumes chosen whole.

        Raises
        ------
        BadInput
            Where no volume is.

        """
        if not self.joined:
            return self.chosen(len(shown))
        from napari_unet.engine.jobs.joining.joined_export import require_whole

        return require_whole(self.chosen(len(shown) * shown.n_z), shown.n_z)

    def predicted(self, stack: Stack) -> tuple[int, ...]:
        """Return the frames of a movie that what is written is made of."""
        if not self.joined:
            return self.chosen(len(stack))
        from napari_unet.engine.labels.sections import sections_of

        whole = self.written(self.shown(stack))
        return tuple(i for t in whole for i in sections_of(t, stack.n_z))

    def chosen(self, n: int) -> tuple[int, ...]:
        """Return the frames asked for of a movie of ``n``, in order; all where none were named."""
        from napari_unet.engine.stack.frame_numbers import parse_frames

        return tuple(sorted(parse_frames(self.frames, n)) if self.frames else range(n))

    @property
    def provenance(self) -> Provenance:
        """What the sidecars say about it."""
        from napari_unet.engine.export.target.sidecar import Provenance

        made_by = Provenance.of(self.model, prediction=self.predict, labels=self.labels)
        details = {
            "linked": self.linked, "corrections": self.corrections, "joined": self.joined,
        }  # fmt: skip
        return replace(made_by, details={name: said for name, said in details.items() if said})

    def is_alike(self, sidecar: dict[str, Any], part: str = LABELS) -> bool:
        """Whether a file was made of labels that this job makes, as far as that is in its words."""
        from napari_unet.engine.export.target.sidecar import said_settings

        linked = part == TABLE or bool(sidecar.get("linked")) == self.linked
        linked = linked and bool(sidecar.get("joined")) == self.joined
        settings, ours = said_settings(sidecar).get("labels"), self.labels.model_dump(mode="json")
        if isinstance(settings, dict) and not self._parts_at_holes:
            settings, ours = ({**each, "holes_part": None} for each in (settings, ours))
        return linked and settings == ours and sidecar.get("corrections") == self.corrections

    @property
    def _parts_at_holes(self) -> bool:
        """Whether the rule for holes makes a difference: cells part, and borders are known."""
        return self.labels.split and len(self.model.config.outputs) > 1


@dataclass(frozen=True)
class Results:
    """Places of one movie's results: plain names, or with the movie's in front."""

    folder: Path
    name: str = ""

    def path(self, part: str) -> Path:
        """Place of one of the files."""
        return self.folder / (f"{self.name}_{part}" if self.name else part)

    def missing(
        self, stack: Stack, job: Job, *, overwrite: bool, since: str = ""
    ) -> tuple[str, ...]:
        """Return the parts still to be written, or again where that was not ``since`` a time.

        Raises
        ------
        BadInput
            Where a file is there that another model or other settings made, or somebody else,
            and it may not be replaced.

        """
        left = tuple(
            part
            for part in job.parts
            if not self._is_done(part, stack, job)
            or str(self._sidecar(part).get("written", "")) < since
        )
        foreign = [
            part
            for part in left
            if self.path(part).exists() and UNFINISHED not in self._sidecar(part)
        ]
        for part in left:
            self.require_free(part, stack, job)
        again = [part for part in foreign if _saved_again(self._sidecar(part), stack)]
        if again and overwrite:
            self._forget(stack)
        if foreign and not overwrite and self.before(stack, job) is None:
            fewer = next(filter(None, (self._fewer(part, stack, job) for part in foreign)), None)
            raise self._foreign(foreign, stack, fewer, again=bool(again))
        return left

    def _foreign(
        self, parts: Sequence[str], stack: Stack, fewer: int | None, *, again: bool
    ) -> BadInput:
        """Say why files that are there already are not taken; ``fewer``: of how many frames."""
        names = ", ".join(self.path(part).name for part in parts)
        why = f"made before {stack.name} was saved again" if again else "made in another way"
        remedy = "choose another --out, or add --overwrite"
        if fewer is not None:
            now = counted(len(stack), "frame")
            why = f"made when {stack.name} had {fewer} frames; it has {now} now"
            remedy = f"see whether frames of the movie are missing; if it is whole, {remedy}"
        return BadInput(
            f"{self.folder} already holds {names}, {why}",
            "a new folder, or results of this movie, this model and these settings",
            remedy,
        )

    def _fewer(self, part: str, stack: Stack, job: Job) -> int | None:
        """Return how many frames a movie had that has lost some since; None where it has not."""
        sidecar = self._sidecar(part)
        source, frames = sidecar.get("source"), sidecar.get("frames")
        same = isinstance(source, dict) and source.get("name") == stack.name
        if not same or not isinstance(frames, list) or job.frames is not None:
            return None
        n = len(frames)
        return n if n > len(stack) and frames == list(range(n)) else None

    def before(self, stack: Stack, job: Job) -> Stack | None:
        """Return a folder's movie as it was when its results were made, where it grew since."""
        found = None
        for part in job.parts if job.frames is None else ():
            sidecar = self._sidecar(part)
            frames = sidecar.get("frames")
            if not isinstance(frames, list) or UNFINISHED in sidecar:
                continue
            n = len(frames)
            shorter = stack.first(n) if frames == list(range(n)) else None
            if shorter is not None and self._is_done(part, shorter, job):
                found = shorter
        return found

    def _forget(self, stack: Stack) -> None:
        """Delete what the network found in a movie that was saved again since."""
        from napari_unet.engine.jobs.queue.movies import stem

        name = stem(stack.path) if stack.path else stack.name
        for path in (self.folder / f"{name}.unet").glob("probabilities-*.unetp"):
            path.unlink(missing_ok=True)

    def announce(self, parts: Sequence[str], stack: Stack, job: Job) -> None:
        """Say in sidecars that files are being written: after a kill they are known as ours.

        Raises
        ------
        BadInput
            Where another program is writing something else there.

        """
        from napari_unet.engine.export.target.sidecar import write_sidecar

        details = {UNFINISHED: process_mark(), "frames": list(job.written(stack))}
        stack.content  # noqa: B018 - reads the movie: others are not kept waiting for that
        with alone(self.path(parts[0])):
            for part in parts:
                self.require_free(part, stack, job)
            for part in parts:
                write_sidecar(self.path(part), stack, job.provenance, kind=part, **details)

    def require_free(self, part: str, stack: Stack, job: Job, *, done: bool = False) -> None:
        """Refuse a file that another program is writing, or ``done``, has written meanwhile.

        The same command twice at once writes the same: that is no harm.
        """
        sidecar = self._sidecar(part)
        mark = sidecar.get(UNFINISHED)
        other = mark != process_mark() if done else runs_elsewhere(mark)
        if not other or _same_work(sidecar, stack, job):
            return
        source = sidecar.get("source")
        of = source.get("path") or source.get("name") if isinstance(source, dict) else "another"
        raise BadInput(
            f"{self.path(part)} is being written by another program, of {of}",
            "a folder of its own for each run",
            "choose another --out, or wait for the other one",
        )

    def _sidecar(self, part: str) -> dict[str, Any]:
        from napari_unet.engine.export.target.sidecar import sidecar_path
        from napari_unet.engine.files.read_json import read_json

        try:
            content = read_json(sidecar_path(self.path(part)))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _is_done(self, part: str, stack: Stack, job: Job) -> bool:
        path, sidecar = self.path(part), self._sidecar(part)
        if UNFINISHED in sidecar or not path.is_file():
            return False
        if sidecar.get("bytes") != path.stat().st_size:  # cut short, or edited since
            return False
        settings = sidecar.get("settings") or {}
        alike = sidecar.get("frames") == list(job.written(stack))
        if part == MOVIE:
            alike = alike and settings.get("overlay") == job.overlay.model_dump(mode="json")
            from napari_unet.engine.export.overlay.flat import Flat

            stack = Flat(stack, job.overlay.section).stack  # of which its sidecar speaks
        return (
            alike
            and job.is_alike(sidecar, part)
            and _made_by(sidecar, stack, job, settings.get("prediction"))
        )


def _made_by(sidecar: dict[str, Any], stack: Stack, job: Job, prediction: object) -> bool:
    """Whether movie and model are the same, and the settings that change probabilities."""
    from napari_unet.engine.prediction.prediction import prediction_key

    try:
        settings = PredictSettings.model_validate(prediction)
        source = sidecar["source"]
        fingerprint, z_step = source["fingerprint"], source.get("z_step_um")
        lengths = (source["pixel_size_um"], z_step, source["frame_interval_s"])
        by_model = sidecar["model"]["sha256"] == job.model.sha256
    except (ValidationError, KeyError, TypeError):
        return False
    between = stack.z_step if stack.dims == 3 else None
    wanted = (stack.pixel_size, between, stack.frame_interval)
    return (
        by_model
        and not _saved_again(sidecar, stack)
        and fingerprint == stack.fingerprint
        and lengths == wanted
        and prediction_key(stack, job.model, settings)
        == prediction_key(stack, job.model, job.predict)
    )


def _same_work(sidecar: dict[str, Any], stack: Stack, job: Job) -> bool:
    """Whether somebody who writes a file makes the same of the same movie."""
    settings = sidecar.get("settings") or {}
    return (
        sidecar.get("frames") == list(job.written(stack))
        and job.is_alike(sidecar)
        and _made_by(sidecar, stack, job, settings.get("prediction"))
    )


def _saved_again(sidecar: dict[str, Any], stack: Stack) -> bool:
    """Whether the movie of a result was saved since with other content; a copy was not."""
    source = sidecar.get("source")
    if not isinstance(source, dict) or source.get("fingerprint") != stack.fingerprint:
        return False
    if source.get("content") is None or source.get("stamp") == stack.stamp:
        return False
    return stack.content is not None and bool(source["content"] != stack.content)
