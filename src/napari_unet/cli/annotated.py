"""A movie beside labels of some of its frames, as train, compare and tune open them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.cli.notices import Noticed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.errors import Notice
    from napari_unet.engine.labels.read_labels import Kind
    from napari_unet.engine.labels.regions import Regions
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import Selection
    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True)
class Annotated:
    """A movie, labels that are open, and how both are to be understood.

    ``found`` are the movie's notices, which may become more.
    """

    stack: Stack
    truth: Stack
    noticed: Noticed
    found: list[Notice]
    frames: str | None
    partial: bool
    kind: Kind | None
    offset: int | None

    def annotations(
        self, model: Model | None = None, regions: Regions = (), beside: tuple[int, ...] = ()
    ) -> Annotations:
        """Read the labels for a model that is there already, in ``regions`` where there are some.

        ``beside`` are frames that are read beside those asked for. Where no kind was given they
        are of classes as the model is, else it is guessed.
        """
        from napari_unet.engine.annotations.annotations import Annotations
        from napari_unet.engine.stack.frame_numbers import parse_frames
        from napari_unet.engine.training.initial_network import in_its_colours

        stack = self.stack
        chosen = {*parse_frames(self.frames, len(stack)), *beside} if self.frames else None
        of_classes = regions or (model and model.config.classes)
        kind = self.kind or ("classes" if of_classes else "auto")
        read = Annotations.from_labels(
            stack, self.truth, chosen, partial=self.partial, kind=kind, offset=self.offset
        )
        found = read.in_regions(regions, known=model is not None)
        seen = in_its_colours(stack, found.frame_indices, model)
        self.noticed.of(stack.name, (*seen.taken, *found.notices), at_once=True)
        return found

    def learned_by(self, model: Model) -> None:
        """Take back that colours are taken as grey, where a model learned from them after all."""
        if self.stack.seen_by(model.config.in_channels) is not self.stack:
            self.found[:] = [notice for notice in self.found if notice not in self.stack.taken]


@contextmanager
def open_annotated(
    movie: Path,
    labels: Path,
    wanted: Selection,
    *,
    frames: str | None,
    partial: bool,
    kind: Kind | None,
    offset: int | None,
) -> Iterator[Annotated]:
    """Open a movie and labels of it; at the end say what was guessed or left out."""
    from napari_unet.engine.labels.given.open_labels import open_labels
    from napari_unet.engine.stack.stack import Stack

    with ExitStack() as files:
        noticed = files.enter_context(Noticed())
        stack = files.enter_context(Stack.open(movie, wanted))
        truth = files.enter_context(open_labels(labels, stack))
        found = noticed.of(stack.name, stack.notices, at_once=True)
        yield Annotated(stack, truth, noticed, found, frames, partial, kind, offset)
