"""One export from beginning to end: what the Export dock and ``napari-unet export`` both run.

Which frames, under which names, with which ids, written by which of the writers; each method is a
generator that yields the frames it is through with and returns the path. The writers are
imported when they are needed: a dock makes an `Export` where it may not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.formats import (
    COMPARISON,
    IN_PLACE,
    PROBABILITIES,
    TABLE,
    Meaning,
    always_links,
    labels_name,
    map_name,
    movie_name,
    still_name,
)
from napari_unet.engine.export.target.writing import WriteOptions, Writer, write_one
from napari_unet.engine.tracks.by_hand import ByHand

if TYPE_CHECKING:
    import numpy as np

    from napari_unet.engine.export.formats.measuring import Measured
    from napari_unet.engine.export.formats.table import MeasuredBefore, Stated
    from napari_unet.engine.export.overlay.figure import MapColours
    from napari_unet.engine.export.overlay.flat import Flat
    from napari_unet.engine.export.overlay.look import LookSource
    from napari_unet.engine.export.overlay.write_movie import Beside
    from napari_unet.engine.export.tracks.links import Links
    from napari_unet.engine.labels.label_frames import LabelFrames
    from napari_unet.engine.settings import OverlaySettings, TableSettings
    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.tracks.families import Cell
    from napari_unet.engine.tracks.tracking import Linker


@dataclass(frozen=True)
class Export:
    """One thing to write: of which movie and labels, where, and which frames.

    ``stated`` gives the states of a frame's cells, ``by_hand`` the ids that are never renumbered,
    and links: asked while the export runs, since it takes its time. ``classes``: labels are kinds
    of pixels. A ``path`` takes the place of the name of a file in the ``folder``.
    """

    stack: Stack
    labels: Frames
    folder: Path
    options: WriteOptions = field(default_factory=WriteOptions)
    meaning: Meaning = "ids"
    threshold: float | None = None
    corrected: Callable[[int], Collection[int]] | None = None
    stated: Stated | None = None
    probabilities: Any = None
    by_hand: Callable[[], ByHand] = ByHand
    classes: bool = False

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames of the movie that are written."""
        return self.options.chosen(self.stack)

    @property
    def linked(self) -> bool:
        """Whether ids are to be constant through time."""
        return self.meaning in ("linked", "laptrack")

    def of_cells(self, cells: Sequence[Cell]) -> Generator[int, None, Export]:
        """Return the same of some cells (frame, id) and their daughters alone, linked as it links.

        Its labels are `Families`. What is made of probabilities stays that of all cells.
        """
        from napari_unet.engine.tracks.families import find_families, say_cells

        self.check_cells()
        linker = yield from self.find_linker()
        found = yield from find_families(self.labels, self.frames, cells, linker)
        made_by = self.options.provenance
        made_by = replace(made_by, details={**made_by.details, "only": say_cells(cells)})
        return replace(self, labels=found, options=replace(self.options, provenance=made_by))

    # ---- labels and table -------------------------------------------------------------------

    def write_labels(self, format: str, path: Path | None = None) -> Generator[int, None, Path]:
        """Write labels, or probabilities, in one of the formats."""
        if format in PROBABILITIES:
            return (yield from self._write_probabilities(format, path))
        links = always_links(format)
        if links:
            self.check_cells()
        linker = (yield from self.find_linker()) if self.linked or links else None
        writer = self.labels_writer(format, path, linker)
        return (yield from write_one(writer, self.frames, self._labelled()))

    def labels_writer(
        self, format: str, path: Path | None = None, linker: Linker | None = None
    ) -> Writer:
        """Return the writer of labels, for a pass that other writers share."""
        from napari_unet.engine.export.formats.write_labels import labels_writer

        in_place, links = format == IN_PLACE.name, always_links(format)
        name = IN_PLACE.name if in_place else labels_name(self.stack.name, format)
        return labels_writer(
            path or self.folder / name,
            self.stack,
            self.options,
            format=format,
            semantic=self.meaning == "mask" and not links,
            linker=linker,
        )

    def _write_probabilities(self, format: str, path: Path | None) -> Generator[int, None, Path]:
        from napari_unet.engine.export.formats.write_labels import write_probabilities

        if self.probabilities is None:
            raise BadInput("there are no probabilities", "those of this movie", "segment it first")
        return (
            yield from write_probabilities(
                path or self.folder / labels_name(self.stack.name, format),
                self.probabilities,
                self.stack,
                self.options,
                as_float=format.endswith("float"),
            )
        )

    def write_table(
        self, settings: TableSettings | None = None, path: Path | None = None
    ) -> Generator[int, None, Path]:
        """Write one row per object and frame."""
        linker = yield from self.find_linker()
        measured: dict[int, Measured | None] = {}
        writer = self.table_writer(settings, path, linker, measured.pop)
        return (yield from write_one(writer, self.frames, self._measured(settings, measured)))

    def table_writer(
        self,
        settings: TableSettings | None = None,
        path: Path | None = None,
        linker: Linker | None = None,
        measured: MeasuredBefore | None = None,
    ) -> Writer:
        """Return the writer of the table, for a pass that other writers share."""
        from napari_unet.engine.export.formats.table import table_writer

        where = path or self.folder / TABLE
        how = self._columns(settings, linker, measured)
        return table_writer(where, self.stack, self.options, **how)

    def measure(
        self, settings: TableSettings | None = None
    ) -> Generator[int, None, dict[str, NDArray[Any]]]:
        """Return the columns of the table, in memory."""
        from napari_unet.engine.export.formats.table import gather_table

        self.check_cells()
        linker = yield from self.find_linker()
        measured: dict[int, Measured | None] = {}
        labelled = zip(self.frames, self._measured(settings, measured), strict=True)
        how = self._columns(settings, linker, measured.pop)
        return (yield from gather_table(self.stack, labelled, **how))

    def _columns(self, settings: Any, linker: Any, measured: Any) -> dict[str, Any]:
        of_users = {"corrected": self.corrected, "stated": self.stated}
        known = {"settings": settings, "threshold": self.threshold, **of_users}
        return {**known, "linker": linker, "measured": measured}

    # ---- movie ------------------------------------------------------------------------------

    def movie_steps(self, settings: OverlaySettings) -> int:
        """How often `write_movie` yields: tails and linked colours read all labels before."""
        return len(self.frames) * (2 if self._needs_tracks(settings) else 1)

    def still_steps(self, settings: OverlaySettings, frame: int) -> int:
        """How often `write_still` yields."""
        if not self._needs_tracks(settings, frame):
            return 1
        return 1 + self.links().n_needed(frame)

    def check_movie(self, settings: OverlaySettings, before: Frames | None = None) -> None:
        """Refuse at once what `write_movie` would refuse when it begins."""
        from napari_unet.engine.export.overlay.write_movie import check_movie

        flat = self.flat(settings)
        labels, before = flat.labels_of(self.labels), flat.labels_of(before)
        check_movie(flat.stack, labels, settings, flat.codes_of(self.probabilities), before)

    def write_movie(
        self,
        settings: OverlaySettings,
        look: LookSource,
        kind: str = ".mp4",
        before: Frames | None = None,
        path: Path | None = None,
    ) -> Generator[int, None, Path]:
        """Write the overlay movie; tails and linked colours take a look at all frames first."""
        from napari_unet.engine.export.overlay.write_movie import check_length

        labels, tracks = yield from self._tracked(settings, self.frames[-1])
        check_length(self.stack, labels)
        writer = self.movie_writer(settings, look, kind, before, path, tracks)
        return (yield from write_one(writer, self.frames, self._labelled(labels)))

    def movie_writer(
        self,
        settings: OverlaySettings,
        look: LookSource,
        kind: str = ".mp4",
        before: Frames | None = None,
        path: Path | None = None,
        tracks: NDArray[np.float64] | None = None,
    ) -> Writer:
        """Return the writer of the overlay movie, for a pass that other writers share."""
        from napari_unet.engine.export.overlay.write_movie import movie_writer

        flat = self.flat(settings)
        beside = self._beside(settings, look, flat, before, tracks)
        path = path or self.folder / movie_name(kind)
        shown = look.of(flat.stack)
        return flat.writer(movie_writer(path, shown, settings, self.options, beside))

    def write_still(
        self,
        settings: OverlaySettings,
        look: LookSource,
        frame: int,
        before: Frames | None = None,
    ) -> Generator[int, None, Path]:
        """Write one frame as it is in the movie, at 300 dpi; its past is looked at first."""
        from napari_unet.engine.export.overlay.write_movie import write_still

        (labels, tracks), flat = (yield from self._tracked(settings, frame)), self.flat(settings)
        path = write_still(
            self.folder / still_name(frame),
            look.of(flat.stack),
            flat.labels_of(labels),
            frame,
            settings if tracks is not None else settings.replace(tail=0),
            self.options,
            self._beside(settings, look, flat, before, tracks),
        )
        yield frame
        return path

    def write_comparison(
        self,
        settings: OverlaySettings,
        look: LookSource,
        truth: LabelFrames,
        names: Sequence[str] = (),
        *,
        named: bool = True,
    ) -> Generator[int, None, Path]:
        """Write a figure of some frames: prediction, truth, one against the other, raw classes.

        Where the frames were not ``named``, a few are chosen of those with a truth.
        """
        from napari_unet.engine.export.overlay import write_figure

        self.flat(settings).refuse_volumes()
        path, stack, options = self.folder / COMPARISON, look.of(self.stack), self.options
        if not named:
            few = yield from write_figure.with_truth(self.frames, truth)
            options = replace(options, frames=few)
        beside = self._beside(settings, look, self.flat(settings), None, None)
        return (
            yield from write_figure.write_comparison(
                path, stack, self.labels, truth, settings, options, beside, names=names
            )
        )

    def comparison_steps(self, *, named: bool) -> int:
        """How often `write_comparison` yields, about: frames to choose from are looked at first."""
        from napari_unet.engine.export.overlay.write_figure import EVENLY

        n = len(self.frames)
        return n if named else n + min(EVENLY, n)

    def write_map(
        self, settings: OverlaySettings, look: LookSource, frame: int, colours: MapColours
    ) -> Generator[int, None, Path]:
        """Write a frame beside its probabilities, with a colour bar."""
        from napari_unet.engine.export.overlay.write_figure import write_map

        self.flat(settings).refuse_volumes()
        measured = look.measured(look.of(self.stack), settings, self.frames)
        yield frame
        return write_map(
            self.folder / map_name(frame), look.of(self.stack), self.probabilities, frame,
            settings, self.options, measured, colours=colours,
        )  # fmt: skip

    def _beside(
        self,
        settings: OverlaySettings,
        look: LookSource,
        flat: Flat,
        before: Frames | None,
        tracks: NDArray[np.float64] | None,
    ) -> Beside:
        from napari_unet.engine.export.overlay.write_movie import Beside

        measured = look.measured(look.of(flat.stack), settings, self.frames)
        codes, before = flat.codes_of(self.probabilities), flat.labels_of(before)
        return Beside(codes, before, flat.tracks(tracks), measured)

    def flat(self, settings: OverlaySettings) -> Flat:
        """Return what pictures are made of: of volumes a section, or the maximum of all."""
        from napari_unet.engine.export.overlay.flat import Flat

        return Flat(self.stack, settings.section)

    def links(self) -> Links:
        """Return the links of its labels, found as far as they are asked for."""
        from napari_unet.engine.export.tracks.links import Links

        spacing = self.stack.spacing
        return Links(self.labels, self._shape, self.frames, self.meaning, self.by_hand, spacing)

    def _needs_tracks(self, settings: OverlaySettings, frame: int | None = None) -> bool:
        chosen = frame is None or frame in self.frames
        return chosen and (self.linked or settings.tail > 0)

    def _tracked(
        self, settings: OverlaySettings, frame: int
    ) -> Generator[int, None, tuple[Frames, NDArray[np.float64] | None]]:
        """Link as far as ``frame`` needs it; gives the labels, and rows for the tails."""
        if not self._needs_tracks(settings, frame):
            return self.labels, None
        self.check_cells()
        links = self.links()
        for _ in range(links.n_needed(frame)):
            links.advance(frame, seconds=0)
            yield links.reached
        return links.linked(), links.rows()

    def find_tracks(self) -> Generator[int, None, tuple[Any, dict[int, list[int]]]]:
        """Return rows (id, t, y, x) and the graph of divisions, for a Tracks layer."""
        self.check_cells()
        linker = yield from self.find_linker()
        for t, labels in zip(self.frames, self._labelled(), strict=True):
            linker(labels, t)
            yield t
        return linker.points()

    def check_cells(self) -> None:
        """Refuse what needs paths through time where labels are classes."""
        if self.classes:
            raise BadInput(
                "the labels are classes of pixels, which have no paths",
                "single cells, where ids or colours are to go through time",
                "export the ids of each frame, without tails, in another format",
            )

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.stack.frame_shape)

    def _labelled(self, labels: Frames | None = None) -> Iterator[NDArray[Any]]:
        """Labels of the chosen frames, without supervised background, made ahead."""
        from napari_unet.engine.jobs.stages.ahead import labelled_ahead

        ahead = labelled_ahead(self.labels if labels is None else labels, self.frames, self._shape)
        return (made.labels for made in ahead)

    def _measured(
        self, settings: TableSettings | None, into: dict[int, Measured | None]
    ) -> Iterator[NDArray[Any]]:
        """Labels of the chosen frames; what was measured of each is there when it comes."""
        from napari_unet.engine.jobs.stages.ahead import measured_ahead

        return measured_ahead(self.stack, self.labels, self.frames, settings, into)

    def find_linker(self) -> Generator[int, None, Linker]:
        """Return a fresh linker; LapTrack looks at all frames before the first is renumbered."""
        from napari_unet.engine.tracks.tracking import Linker

        if self.linked:
            self.check_cells()
        known: dict[str, Any] = {"by_hand": self.by_hand(), "spacing": self.stack.spacing}
        if self.meaning != "laptrack":
            return Linker(**known)
        from napari_unet.engine.tracks.laptrack_linker import LaptrackLinker  # an extra

        yield self.frames[0]  # a moment to cancel before all frames are read
        return LaptrackLinker.from_frames(self._labelled(), self.frames, **known)
