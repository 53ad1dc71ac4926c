"""What the docks of one viewer share: the movie, the models, the labels, and the job.

Docks never speak to each other. Each shows this state and changes it here; what follows from a
change is resolved into a frozen value (`MovieView`) and announced once.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import PredictSettings, Selection
from napari_unet.gui.session.autosave import SessionAutosave
from napari_unet.gui.session.job import Job
from napari_unet.gui.session.models import ModelList
from napari_unet.gui.session.movie_labels import MovieLabels
from napari_unet.gui.session.words import describe_stack
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.layer_stack import stack_of

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_unet.engine.stack.stack import Stack

_sessions: weakref.WeakKeyDictionary[Viewer, Session] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class MovieView:
    """All that the movie picker shows, resolved from the layer list and the selection."""

    layers: tuple[str, ...] = ()
    index: int = -1
    channels: tuple[str, ...] = ()
    channel: int = 0
    n_z: int = 1
    z: int | str = "max"
    positions: tuple[str, ...] = ()
    position: int = 0
    axes: str = ""
    summary: str = ""
    problem: str = ""


@dataclass
class _Opened:
    """A layer's movie: what is selected of it, and the stack, or why there is none."""

    selection: Selection
    stack: Stack | None = None
    problem: str = ""
    data: Any = None  # the data the stack was made from, to notice when it is replaced


class Session:
    """The state that the docks of one viewer share."""

    view_changed = Signal(object)  # MovieView
    movie_changed = Signal()  # another stack
    frame_changed = Signal(int)
    layers_changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = weakref.ref(viewer)
        self.job = Job()
        self.view = MovieView()
        self.models = ModelList()
        self.labels = MovieLabels(self)
        self.autosave = SessionAutosave(self)
        self.predict_settings = PredictSettings()
        self._chosen: weakref.ref[Image] | None = None
        self._opened: weakref.WeakKeyDictionary[Image, _Opened] = weakref.WeakKeyDictionary()
        self._announced: Stack | None = None
        self._shown: tuple[int, Any] = (0, None)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.connect(self._on_layers)
        events.inserted.connect(self._on_inserted)
        viewer.dims.events.point.connect(self._on_dims)
        for layer in layers.images(viewer):
            layer.events.name.connect(self._on_layers)
        self.refresh()

    @classmethod
    def of(cls, viewer: Viewer) -> Session:
        """Return the viewer's session, the same for every proxy that napari hands to a dock."""
        viewer = layers.raw(viewer)  # a proxy lives only as long as its dock
        if viewer not in _sessions:
            _sessions[viewer] = cls(viewer)
        return _sessions[viewer]

    # ---- the viewer -------------------------------------------------------------------------

    @property
    def viewer(self) -> Viewer:
        """The viewer; kept weakly, so that a closed one can go."""
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("the viewer of this session is closed")
        return viewer

    def _on_layers(self, event: Any = None) -> None:
        if self._viewer() is not None:
            self.refresh()
            self.layers_changed.emit()

    def _on_inserted(self, event: Any) -> None:
        layer = layers.raw(event.value)
        layer.events.name.connect(self._on_layers)
        if layer in layers.images(self.viewer) and self.image is None:
            self.choose_image(layer)

    def _on_dims(self, event: Any = None) -> None:
        if self._viewer() is None:
            return
        shown = (self.frame, self._chosen)
        if shown != self._shown:
            self._shown = shown
            self.labels.go_along()
            self.frame_changed.emit(self.frame)

    # ---- the movie --------------------------------------------------------------------------

    @property
    def image(self) -> Image | None:
        """The image layer that is the movie."""
        return self._chosen() if self._chosen is not None else None

    @property
    def stack(self) -> Stack | None:
        """The movie: chosen layer, channel, z and position; None where it cannot be made."""
        opened = self._opened.get(self.image) if self.image is not None else None
        return opened.stack if opened else None

    @property
    def frame(self) -> int:
        """Position of the frame on screen."""
        if self.image is None or self.stack is None:
            return 0
        return layers.frame_on_screen(self.viewer, self.image, len(self.stack))

    def require_stack(self) -> Stack:
        """Return the movie, or say why there is none."""
        if self.stack is None:
            problem = self.view.problem or "no movie is open"
            raise BadInput(problem.rstrip("."), "a movie", "open one above, or add an image layer")
        return self.stack

    def movie_layer(self) -> Image:
        """Return the layer of the movie with axes T, Y, X; one with more axes is unfolded first."""
        stack, image = self.require_stack(), self.image
        assert image is not None
        if layers.is_movie_shaped(image, stack):
            return image
        unfolded = layers.unfold(self.viewer, image, stack)
        self._opened[unfolded] = _Opened(stack.selection, stack, data=unfolded.data)
        self.choose_image(unfolded)
        return unfolded

    def choose_image(self, layer: Image | None) -> None:
        """Make another layer the movie."""
        self._chosen = weakref.ref(layer) if layer is not None else None
        self.refresh()

    def choose_index(self, index: int) -> None:
        """Make the ``index``-th image layer the movie."""
        found = layers.images(self.viewer)
        self.choose_image(found[index] if 0 <= index < len(found) else None)

    def select(self, **changes: Any) -> None:
        """Choose another channel, z, position or order of axes."""
        image = self.image
        if image is None:
            return
        opened = self._opened.setdefault(image, _Opened(Selection()))
        selection = opened.selection.replace(**changes)
        if selection == opened.selection:
            return
        sibling = self._sibling(image, selection)
        if sibling is not None:
            self.choose_image(sibling)
            return
        self._opened[image] = _Opened(selection)
        self.refresh()
        shown = self._opened.get(image)
        if shown and shown.stack is not None and layers.source_of(image):
            layers.show_selection(image, shown.stack)
            shown.data = image.data
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

    def refresh(self) -> None:
        """Resolve what is chosen from what there is, and announce what became different."""
        found = layers.images(self.viewer)
        if self.image is not None and self.image not in found:
            self._chosen = None
        if self.image is None and found:
            self._chosen = weakref.ref(found[-1])
        image = self.image
        opened = self._open(image) if image is not None else None
        index = found.index(image) if image is not None else -1
        view, stack = _resolve(tuple(x.name for x in found), index, opened), self.stack
        if view != self.view:
            self.view = view
            self.view_changed.emit(view)
        if stack is not self._announced:
            self._announced = stack
            self.labels.go_along()
            self.movie_changed.emit()
            self._on_dims()

    def _open(self, image: Image) -> _Opened:
        opened = self._opened.get(image)
        if opened is not None and opened.data is image.data:
            return opened
        source = layers.source_of(image)
        selection = opened.selection if opened else source[1] if source else Selection()
        try:
            stack = stack_of(image, selection)
            opened = _Opened(stack.selection, stack, data=image.data)
        except BadInput as error:
            opened = _Opened(selection, problem=str(error), data=image.data)
        self._opened[image] = opened
        return opened


def _resolve(names: tuple[str, ...], index: int, opened: _Opened | None) -> MovieView:
    if opened is None:
        return MovieView(names, index)
    stack, selection = opened.stack, opened.selection
    if stack is None:
        return MovieView(names, index, axes=selection.axes or "", problem=opened.problem)
    channels = stack.channel_names
    channel = selection.channel
    if isinstance(channel, str):
        channel = channels.index(channel)
    return MovieView(
        layers=names,
        index=index,
        channels=channels,
        channel=channel if isinstance(channel, int) else 0,
        n_z=stack.n_z,
        z=selection.z,
        positions=stack.position_names,
        position=selection.position,
        axes=selection.axes or stack.source_axes,
        summary=describe_stack(stack),
    )
