"""Movies beside the one on screen that have annotations: a network can learn from them, too."""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.layer_stack import stack_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari.layers import Image, Labels

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.session.session_folder import Mark
    from napari_unet.engine.settings import Selection
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.train.annotation_source import AnnotationSource, Scope

_JOURNAL = re.compile(r"corrections(?:-position(\d+))?(?:-z(\w+))?\.journal")


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
        return self.image, self.selection.without_lengths()

    @property
    def mark(self) -> Mark:
        """What names it for good, in a napari that is opened anew, too."""
        source = self.shown.path if self.shown is not None else None
        image = self.image()
        name = image.name if image is not None else self.name
        return str(source or name), self.selection.position, self.selection.z

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
            labels = _corrections(stack)
        own = Scope(whole=scope.whole, kind=scope.kind)
        return AnnotationSource(stack=stack, labels=labels, name=self.name, scope=own)


def _corrections(stack: Stack) -> LiveLabels:
    """Return the corrections of an earlier session, to read."""
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.session.session_folder import SessionFolder

    folder = SessionFolder.find(stack)
    corrections = folder.read_corrections()[0] if folder is not None else None
    return LiveLabels((len(stack), *stack.frame_shape), corrections=corrections)


def other_movies(
    session: Session, chosen: Labels | None, kept: Iterable[OtherMovie]
) -> tuple[OtherMovie, ...]:
    """Return the other movies that have annotations: painted here, kept, or layers of labels.

    ``chosen`` is the layer that the movie on screen learns from, ``kept`` are those of
    `kept_movies`. Of several channels that were
    painted on, the one that is chosen on screen counts.
    """
    stack, here = session.movie.stack, screen_key(session)
    mark = None if here is None else OtherMovie(*here, "", "", shown=stack).mark
    channel = stack.selection.channel if stack is not None else None
    found: dict[Mark, OtherMovie] = {}
    for other in (*_painted(session), *kept, *_layers(session, chosen)):
        if other.key == here or other.mark == mark:
            continue
        known = found.get(other.mark)
        if known is None or channel == other.selection.channel != known.selection.channel:
            found[other.mark] = other
    return tuple(found.values())


def as_begun(
    movies: Sequence[OtherMovie], begun: Sequence[tuple[Mark, Selection]]
) -> tuple[OtherMovie, ...]:
    """Return those of ``movies`` that a training was begun with, in its order.

    Raises
    ------
    BadInput
        Where one is not open.

    """
    open_now = {movie.mark: movie for movie in movies}
    gone = [Path(mark[0]).name for mark, _ in begun if mark not in open_now]
    if gone:
        raise BadInput(
            f"this training learned from {', '.join(gone)}, too",
            "all of its movies, with their annotations",
            "open it, then press Resume",
        )
    return tuple(replace(open_now[mark], selection=selection) for mark, selection in begun)


def screen_key(session: Session) -> tuple[Any, Selection] | None:
    """Return the key of the movie on screen; None where there is none."""
    image, stack = session.movie.image, session.movie.stack
    if image is None or stack is None:
        return None
    return weakref.ref(image), stack.selection.without_lengths()


def _painted(session: Session) -> Iterator[OtherMovie]:
    for image, selection, live in session.labels.everywhere():
        if image in layers.images(session.viewer) and live.corrections.frames():
            stack = layers.stack_behind(image)
            name = _name(image, stack, selection)
            yield OtherMovie(
                weakref.ref(image), selection, name, "Painted here", live=live, shown=stack
            )


def kept_movies(session: Session) -> Iterator[OtherMovie]:
    """Find movies of files, and positions of them, that an earlier session has corrections of.

    It looks into folders, which may be those of a server: not with every stroke.
    """
    for image in layers.images(session.viewer):
        stack = layers.stack_behind(image)
        if stack is None or stack.path is None:
            continue
        from napari_unet.engine.session.session_folder import journals_near

        for path in journals_near(stack):
            match = _JOURNAL.fullmatch(path.name)
            position = int(match[1] or 0) if match is not None else len(stack.position_names)
            if match is None or position >= len(stack.position_names):
                continue
            z = int(match[2]) if (match[2] or "").isdecimal() else match[2] or "max"
            selection = _as_on_screen(session, stack).replace(position=position, z=z)
            name = _name(image, stack, selection)
            yield OtherMovie(
                weakref.ref(image), selection, name, "Kept of an earlier session", shown=stack
            )


def _as_on_screen(session: Session, stack: Stack) -> Selection:
    """Return what is selected of a movie, with the channels on screen where it has the same."""
    screen = session.movie.stack
    if screen is None or screen.channel_names != stack.channel_names:
        return stack.selection
    return stack.selection.replace(channel=screen.selection.channel)


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
