"""Movies beside the one on screen that have annotations: a network can learn from them, too."""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.layer_stack import stack_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Image, Labels

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.settings import Selection
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.train.annotation_source import AnnotationSource, Scope

_JOURNAL = re.compile(r"corrections(?:-position(\d+))?(?:-z(\d+))?\.journal")


@dataclass(frozen=True)
class OtherMovie:
    """A movie of the viewer and what is painted on it; `open` reads its file, in a worker.

    ``live`` are its labels where they were painted here, ``labels`` those of a layer; without
    either they are what an earlier session kept.
    """

    image: weakref.ref[Image]
    selection: Selection
    name: str
    tip: str
    live: LiveLabels | None = field(default=None, compare=False, repr=False)
    labels: Any = field(default=None, compare=False, repr=False)
    shown: Stack | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> tuple[Any, Selection]:
        """What tells it from all others."""
        return self.image, self.selection

    def open(self, scope: Scope) -> AnnotationSource:
        """Return what it teaches; what a user typed of frames and areas is of the first movie.

        Raises
        ------
        BadInput
            Where it is gone, or its file cannot be opened.

        """
        from napari_unet.gui.train.annotation_source import AnnotationSource, Scope

        image = self.image()
        if image is None:
            raise BadInput(f"{self.name} is gone", "a movie that is open", "untick it")
        stack = self.shown
        if stack is None:
            stack = stack_of(image, self.selection)
        elif stack.selection != self.selection:
            stack = stack.select(**dict(self.selection))
        labels = self.live if self.live is not None else self.labels
        if labels is None:
            labels = _kept(stack)
        own = Scope(whole=scope.whole, kind=scope.kind)
        return AnnotationSource(stack=stack, labels=labels, name=self.name, scope=own)


def _kept(stack: Stack) -> LiveLabels:
    """Return the corrections of an earlier session, to read."""
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.session.session_folder import SessionFolder

    folder = SessionFolder.find(stack)
    corrections = folder.read_corrections()[0] if folder is not None else None
    return LiveLabels((len(stack), *stack.frame_shape), corrections=corrections)


def other_movies(session: Session, chosen: Labels | None) -> tuple[OtherMovie, ...]:
    """Return the other movies that have annotations: painted here, kept, or layers of labels.

    ``chosen`` is the layer that the movie on screen learns from.
    """
    here = screen_key(session)
    found: dict[tuple[Any, Selection], OtherMovie] = {}
    for other in (*_painted(session), *_kept_positions(session), *_layers(session, chosen)):
        if other.key != here:
            found.setdefault(other.key, other)
    return tuple(found.values())


def screen_key(session: Session) -> tuple[Any, Selection] | None:
    """Return the key of the movie on screen; None where there is none."""
    image, stack = session.movie.image, session.movie.stack
    return (weakref.ref(image), stack.selection) if image is not None and stack else None


def _painted(session: Session) -> Iterator[OtherMovie]:
    for image, selection, live in session.labels.everywhere():
        if image in layers.images(session.viewer) and live.corrections.frames():
            stack = layers.stack_behind(image)
            name = _name(image, stack, selection)
            yield OtherMovie(
                weakref.ref(image), selection, name, "Painted here", live=live, shown=stack
            )


def _kept_positions(session: Session) -> Iterator[OtherMovie]:
    """Find other positions of the file on screen that an earlier session has corrections of."""
    folder, stack, image = session.place.folder, session.movie.stack, session.movie.image
    if folder is None or stack is None or image is None or len(stack.position_names) < 2:
        return
    for path in sorted(folder.path.glob("corrections*.journal")):
        match = _JOURNAL.fullmatch(path.name)
        if match is None or not path.stat().st_size:
            continue
        z = int(match[2]) if match[2] else "max"
        selection = stack.selection.replace(position=int(match[1] or 0), z=z)
        name = _name(image, stack, selection)
        yield OtherMovie(weakref.ref(image), selection, name, "Kept of an earlier session",
                         shown=layers.stack_behind(image))  # fmt: skip


def _layers(session: Session, chosen: Labels | None) -> Iterator[OtherMovie]:
    """Find image layers with a layer of labels that fits them: of a like name, or the only one."""
    viewer = session.viewer
    ours = {id(live) for _, _, live in session.labels.everywhere()}
    free = [x for x in layers.label_layers(viewer) if x is not chosen and id(x.data) not in ours]
    for image in layers.images(viewer):
        if image is session.movie.image:
            continue
        fits = [x for x in free if tuple(x.data.shape) == tuple(image.data.shape)]
        like = [x for x in fits if image.name in x.name or x.name in image.name]
        labels = (like or fits)[-1] if like or len(fits) == 1 else None
        if labels is None:
            continue
        stack = layers.stack_behind(image)
        selection = stack.selection if stack is not None else session.movie.selection_of(image)
        tip = f"With the labels of the layer {labels.name}"
        yield OtherMovie(
            weakref.ref(image), selection, image.name, tip, labels=labels.data, shown=stack
        )


def _name(image: Image, stack: Stack | None, selection: Selection) -> str:
    positions = stack.position_names if stack is not None else ()
    if len(positions) > 1 and selection.position < len(positions):
        return f"{image.name} · {positions[selection.position]}"
    return str(image.name)
