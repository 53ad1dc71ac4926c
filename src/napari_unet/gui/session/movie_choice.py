"""Which layer, channel, z and position are the movie of a viewer: chosen once for all its docks.

What follows from a change of the layer list or the selection is resolved into a frozen value
(`MovieView`), compared with the one before, and announced once.
"""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import Selection
from napari_unet.gui.session.movie_view import MovieView, view_of
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.layer_stack import stack_of
from napari_unet.gui.viewer.levels import read_ahead, show_frames
from napari_unet.gui.viewer.look_at import go_to_moment, moment_of, section_on_screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from napari_unet.engine.stack.lazy_frames import LazyFrames
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.lifetime import Lifetime


@dataclass
class _Opened:
    """A layer's movie: what is selected of it, and the stack, or why there is none.

    Neither stack nor problem: a worker is opening it.
    """

    selection: Selection
    stack: Stack | None = None
    problem: str = ""
    data: Any = None  # the data the stack was made from, to notice when it is replaced

    def view(self, layers: tuple[str, ...], index: int, before: MovieView) -> MovieView:
        """Return what is shown of it; what is not known yet stays as it was ``before``."""
        if self.stack is not None:
            return view_of(self.stack, layers, index)
        selection = self.selection
        if self.problem:
            axes = selection.axes or ""
            return MovieView(layers, index, axes=axes, problem=self.problem)
        return replace(
            before,
            layers=layers,
            index=index,
            position=selection.position,
            axes=selection.axes or before.axes,
            summary="Opening the movie…",
            problem="",
        )


@dataclass(frozen=True)
class _Reopened:
    """What a worker brings of a layer's movie; ``levels`` hold the frame on screen already."""

    image: weakref.ref[Image]
    selection: Selection
    levels: list[LazyFrames] = field(default_factory=list)
    stack: Stack | None = None
    problem: str = ""


class MovieChoice:
    """The movie of a viewer. The docks show it and change it, and so never disagree.

    Call `refresh` once those who want to know have connected.
    """

    view_changed = Signal(object)  # MovieView
    changed = Signal()  # another stack
    turns = Signal(object)  # to a stack whose axes may be others, before the layer shows it
    frame_changed = Signal(int)
    section_changed = Signal()  # of volumes, on the frame that is shown
    layers_changed = Signal()

    def __init__(self, viewer: Viewer, lifetime: Lifetime) -> None:
        self._viewer = weakref.ref(viewer)
        self.view = MovieView()
        self._chosen: weakref.ref[Image] | None = None
        self._opened: weakref.WeakKeyDictionary[Image, _Opened] = weakref.WeakKeyDictionary()
        self._announced: Stack | None = None
        self._shown: tuple[int, Any, int | None] = (0, None, None)
        self._sections: weakref.WeakKeyDictionary[Image, int] = weakref.WeakKeyDictionary()
        self._lifetime, self._switching = lifetime, False
        self._reopening = Latest(wait_ms=0, lifetime=lifetime)
        self._reopening.answered.connect(self._on_reopened)
        self._reopening.failed.connect(self._on_failed)
        events = viewer.layers.events
        changes = (events.inserted, events.removed, events.reordered)
        lifetime.connect_all(changes, self._on_layers)
        lifetime.connect(events.inserted, self._on_inserted)
        lifetime.connect(viewer.dims.events.point, self._on_dims)
        for layer in layers.images(viewer):
            self._follow(layer)

    # ---- the viewer -------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the viewer is there still, and its window open."""
        return self._viewer() is not None and not self._lifetime.ended

    @property
    def viewer(self) -> Viewer:
        """The viewer; kept weakly, so that a closed one can go."""
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("the viewer of this session is closed")
        return viewer

    def _on_layers(self, event: Any = None) -> None:
        if self.is_open and not self._switching:
            self.refresh()
            self.layers_changed.emit()

    def _on_inserted(self, event: Any) -> None:
        layer = layers.raw(event.value)
        self._follow(layer)
        if layer in layers.images(self.viewer) and self.image is None:
            self.choose_image(layer)

    def _follow(self, layer: Layer) -> None:
        """Hear of another name, and of pixels replaced by a script; held weakly."""
        layer.events.name.connect(self._on_layers)
        layer.events.data.connect(self._on_layers)

    def _on_dims(self, event: Any = None) -> None:
        if not self.is_open or self._switching:
            return
        shown, before = (self.frame, self._chosen, self.section), self._shown
        self._shown = shown
        if shown[:2] != before[:2]:
            self.frame_changed.emit(self.frame)
        elif shown != before:
            self.section_changed.emit()

    # ---- what is chosen ---------------------------------------------------------------------

    @property
    def image(self) -> Image | None:
        """The image layer that is the movie; None, too, once the viewer is closed."""
        if self._chosen is None or not self.is_open:
            return None
        return self._chosen()

    @property
    def stack(self) -> Stack | None:
        """The movie: chosen layer, channel, z and position; None where it cannot be made."""
        opened = self._opened.get(self.image) if self.image is not None else None
        return opened.stack if opened else None

    @property
    def frame(self) -> int:
        """Index of the frame on screen."""
        if self.image is None or self.stack is None:
            return 0
        if self.image not in layers.images(self.viewer):  # just removed: napari's sliders are at 0
            return self._shown[0]
        return layers.frame_on_screen(self.viewer, self.image, len(self.stack))

    @property
    def section(self) -> int | None:
        """The section on screen, where the movie is one of volumes."""
        if self.image is None or self.image not in layers.images(self.viewer):
            return self._shown[2]  # just removed, as for the frame
        return section_on_screen(self.viewer, self.image)

    def selection_of(self, image: Image) -> Selection:
        """Return what was selected of an image layer last."""
        known = self._opened.get(image)
        return known.selection if known else Selection()

    def require_stack(self) -> Stack:
        """Return the movie, or say why there is none."""
        if self.stack is None:
            problem = self.view.problem or "no movie is open"
            raise BadInput(problem.rstrip("."), "a movie", "open one above, or add an image layer")
        return self.stack

    def require_layer(self) -> Image:
        """Return the layer of the movie with axes T, Y, X; one with more axes is unfolded first.

        Of volumes T, Z, Y, X: of an array, too, so that another z is shown in the same layer.
        """
        stack, image = self.require_stack(), self.image
        assert image is not None
        of_ours = stack.dims == 2 or layers.stack_behind(image) is not None
        if of_ours and layers.is_movie_shaped(image, stack):
            return image
        moment = moment_of(self.viewer, image, stack)
        unfolded = layers.unfold(self.viewer, image, _first_channel(stack))
        go_to_moment(self.viewer, unfolded, stack, moment)
        self.choose_image(unfolded)
        self.select(channel=stack.selection.channel)
        return unfolded

    # ---- choosing ---------------------------------------------------------------------------

    def choose_image(self, layer: Image | None) -> None:
        """Make another layer the movie."""
        self._chosen = weakref.ref(layer) if layer is not None else None
        self.refresh()

    def select(self, **changes: Any) -> None:
        """Choose another channel, z, position or order of axes."""
        image = self.image
        if image is None:
            return
        before = self._opened.setdefault(image, _Opened(Selection())).selection
        selection = before.replace(**changes)
        if selection == before:
            return
        sibling = self._sibling(image, selection)
        if sibling is not None:
            self.choose_image(sibling)
            return
        shown = layers.stack_behind(image)
        if shown is not None and shown.path is not None and shown.reopens(**dict(selection)):
            which, frame = weakref.ref(image), self.frame
            self._opened[image] = _Opened(selection, data=image.data)
            self._reopening.ask(lambda: _reopen(which, shown, selection, frame))
            self.refresh()
            return
        opened = self._opened[image] = _open(image, selection)
        if shown is None or opened.stack is None:
            self.refresh()
            return
        seen, channel = opened.stack, shown.selection.channel
        if isinstance(selection.channel, tuple):  # the layer goes on showing one of them
            seen = (
                seen.select(channel=channel) if isinstance(channel, int) else _first_channel(seen)
            )
        if seen.selection != shown.selection:
            self._show(image, opened, seen.levels())
        else:
            self.refresh()

    def _show(self, image: Image, opened: _Opened, levels: list[LazyFrames]) -> None:
        """Show in the layer what was selected, where its former selection was shown.

        Time and section on screen stay, whatever the axes are.
        """
        before, now = layers.stack_behind(image), levels[0].movie
        known = self._sections.get(image)
        moment = moment_of(self.viewer, image, before, known) if before is not None else None
        if moment is not None and moment.section is not None:
            self._sections[image] = moment.section
        with self._switched():
            self.turns.emit(now)
            self._show_in(image, opened, levels)
            self._show_others(image, opened.selection)
            if moment is not None and before is not now:
                go_to_moment(self.viewer, image, now, moment)
        self.refresh()
        if before is not None and before.dims != now.dims:
            self.layers_changed.emit()
        self._on_dims()

    @contextmanager
    def _switched(self) -> Iterator[None]:
        """Keep still while layers get other axes: then nothing fits for a while."""
        self._switching = True
        try:
            yield
        finally:
            self._switching = False

    def _show_in(self, image: Image, opened: _Opened, levels: list[LazyFrames]) -> None:
        was, each = image.ndim, layers.is_each_section(image)
        show_frames(image, levels)
        if image.ndim > 3 or image.ndim != was or each != layers.is_each_section(image):
            layers.put_in_place(image)  # time and sections got a place, or another one
        opened.data = image.data

    def _show_others(self, image: Image, selection: Selection) -> None:
        """Let the file's other channels lie on the same axes: else napari mixes time and z."""
        source = layers.source_of(image)
        for other in layers.images(self.viewer):
            of_it, stack = layers.source_of(other), layers.stack_behind(other)
            alike = source is not None and of_it is not None and of_it[0] == source[0]
            if other is image or stack is None or not alike or other.ndim == image.ndim:
                continue
            follows = stack.select(z=selection.z, z_step=selection.z_step)
            opened = self._opened[other] = _Opened(follows.selection, follows)
            self._show_in(other, opened, _first_channel(follows).levels())

    def _on_reopened(self, found: _Reopened) -> None:
        image = found.image()
        before = self._opened.get(image) if image is not None else None
        if image is None or before is None or before.selection != found.selection:
            return  # gone, or something else is selected by now
        opened = _Opened(found.selection, found.stack, found.problem, image.data)
        self._opened[image] = opened
        if found.levels:
            self._show(image, opened, found.levels)
        else:
            self.refresh()

    def _on_failed(self, line: str) -> None:
        opened = self._opened.get(self.image) if self.image is not None else None
        if opened is not None and opened.stack is None:
            opened.problem = line
            self.refresh()

    def _sibling(self, image: Image, selection: Selection) -> Image | None:
        """Another layer of the same file that already shows this selection."""
        source = layers.source_of(image)
        if source is None:
            return None
        wanted = (source[0], selection)
        return next(
            (
                x
                for x in layers.images(self.viewer)
                if x is not image and layers.source_of(x) == wanted
            ),
            None,
        )

    # ---- what follows -----------------------------------------------------------------------

    def refresh(self) -> None:
        """Resolve what is chosen from what there is, and announce what became different."""
        found = layers.images(self.viewer)
        if self.image is not None and self.image not in found:
            self._chosen = None
        if self.image is None and found:
            self._chosen = weakref.ref(found[-1])
        image = self.image
        opened = self._opened_of(image) if image is not None else None
        index = found.index(image) if image is not None else -1
        names, stack = tuple(x.name for x in found), self.stack
        view = MovieView(names, index) if opened is None else opened.view(names, index, self.view)
        if view != self.view:
            self.view = view
            self.view_changed.emit(view)
        if stack is not self._announced:
            self._announced = stack
            if stack is not None:
                self.turns.emit(stack)
            self.changed.emit()
            self._on_dims()

    def _opened_of(self, image: Image) -> _Opened:
        known = self._opened.get(image)
        if known is not None and known.data is image.data:
            return known
        shown = layers.stack_behind(image)
        selection = shown.selection if shown else known.selection if known else Selection()
        opened = self._opened[image] = _open(image, selection)
        return opened


def _open(image: Image, selection: Selection) -> _Opened:
    try:
        stack = stack_of(image, selection)
    except BadInput as error:
        return _Opened(selection, problem=str(error), data=image.data)
    return _Opened(stack.selection, stack, data=image.data)


def _reopen(image: weakref.ref[Image], shown: Stack, selection: Selection, frame: int) -> _Reopened:
    """Open the movie of a layer again, in a worker: many files may have to be looked at."""
    try:
        stack = shown.select(**dict(selection))
        levels = _first_channel(stack).levels()
        read_ahead(levels, frame)  # which the layer draws first
        stack.fingerprint  # noqa: B018 - reads here the files that it samples
        stack.content  # noqa: B018 - and what tells whether it was saved again
    except BadInput as error:
        return _Reopened(image, selection, problem=str(error))
    return _Reopened(image, selection, levels, stack)


def _first_channel(stack: Stack) -> Stack:
    """Return what a layer can show of a movie: of several channels the first."""
    channel = stack.selection.channel
    return stack.select(channel=channel[0]) if isinstance(channel, tuple) else stack
