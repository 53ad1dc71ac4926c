"""Movies beside labels of some of their frames, as train, compare and tune open them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_unet.cli.notices import Noticed
from napari_unet.engine.errors import BadInput, Notice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.cli.given import Given
    from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.labels.read_labels import Kind
    from napari_unet.engine.labels.regions import Regions
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True)
class Opened:
    """Movies with labels of them, open, and how these are to be understood."""

    movies: tuple[tuple[Stack, Stack, str | None], ...]  # with labels, and frames as typed
    noticed: Noticed
    partial: bool
    kind: Kind | None
    offset: int | None

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The movies alone."""
        return tuple(stack for stack, _, _ in self.movies)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name for each movie, by which it is told from the others."""
        from napari_unet.engine.annotations.annotated_movie import movie_names

        return movie_names(self.stacks)

    @property
    def most_frames(self) -> int:
        """Frames of the longest movie."""
        return max(map(len, self.stacks))

    @property
    def found(self) -> list[Notice]:
        """What was noticed in all of them by now."""
        names = (*self.names, *([_ALL] if len(self.movies) > 1 else []))
        lists = [self.noticed.of(name) for name in names]
        return list(dict.fromkeys(notice for found in lists for notice in found))

    def read(
        self, model: Model | None = None, regions: Regions = (), beside: tuple[int, ...] = ()
    ) -> list[AnnotatedMovie]:
        """Read the labels for a model that is there already, in ``regions`` where there are some.

        ``beside`` are frames that are read beside those asked for. Where no kind was given they
        are of classes as the model is, else it is guessed.
        """
        from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
        from napari_unet.engine.training.bases.start import in_its_colours

        read = []
        for (stack, truth, frames), name in zip(self.movies, self.names, strict=True):
            try:
                found = self._of(stack, truth, frames, beside, model, regions)
            except BadInput as error:
                if len(self.movies) == 1:
                    raise
                raise BadInput(f"{name}: {error.found}", error.expected, error.remedy) from error
            seen = in_its_colours(stack, found.frame_indices, model)
            self.noticed.of(name, (*seen.taken, *found.notices), at_once=True)
            read.append(AnnotatedMovie(stack, found))
        return read

    def _of(
        self,
        stack: Stack,
        truth: Stack,
        frames: str | None,
        beside: tuple[int, ...],
        model: Model | None,
        regions: Regions,
    ) -> Annotations:
        from napari_unet.engine.annotations.annotations import Annotations
        from napari_unet.engine.stack.frame_numbers import parse_frames

        more = [t for t in beside if len(self.movies) == 1 or t < len(stack)]
        chosen = {*parse_frames(frames, len(stack)), *more} if frames else None
        of_classes = regions or (model and model.config.classes)
        kind = self.kind or ("classes" if of_classes else "auto")
        found = Annotations.from_labels(
            stack, truth, chosen, partial=self.partial, kind=kind, offset=self.offset
        )
        return found.in_regions(regions, known=model is not None)

    def learned_by(self, model: Model) -> None:
        """Take in what was odd of movies together; take back what a model did not do after all.

        That is: colours that were said to be taken as grey, where it learned from them.
        """
        if len(self.movies) > 1:
            known = [Notice(**notice) for notice in model.record.get("notices", ())]
            self.noticed.of(_ALL, [notice for notice in known if notice not in self.found])
        for stack, name in zip(self.stacks, self.names, strict=True):
            if stack.seen_by(model.config.in_channels) is not stack:
                found = self.noticed.of(name)
                found[:] = [notice for notice in found if notice not in stack.taken]


_ALL = "all movies"


@contextmanager
def open_annotated(
    given: Sequence[Given], *, partial: bool, kind: Kind | None, offset: int | None
) -> Iterator[Opened]:
    """Open movies and labels of them; at the end say what was guessed or left out."""
    from napari_unet.engine.labels.given.open_labels import open_labels
    from napari_unet.engine.stack.stack import Stack

    with ExitStack() as files:
        noticed = files.enter_context(Noticed())
        movies = []
        for one in given:
            stack = files.enter_context(Stack.open(one.movie, one.selection))
            truth = files.enter_context(open_labels(one.labels, stack))
            movies.append((stack, truth, one.frames))
        opened = Opened(tuple(movies), noticed, partial, kind, offset)
        for stack, name in zip(opened.stacks, opened.names, strict=True):
            noticed.of(name, stack.notices, at_once=True)
        yield opened
