"""What the docks of one viewer share: the movie, its labels, the models, and the job.

Docks never speak to each other. Each shows the state of these parts and changes it there.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari_unet.gui.session.autosave import SessionAutosave
from napari_unet.gui.session.cells.chosen_cells import ChosenCells
from napari_unet.gui.session.job import Job
from napari_unet.gui.session.lifetime import Lifetime
from napari_unet.gui.session.models import ModelList
from napari_unet.gui.session.movie_choice import MovieChoice
from napari_unet.gui.session.movie_labels import MovieLabels
from napari_unet.gui.session.place import Place
from napari_unet.gui.session.positions import Positions
from napari_unet.gui.session.training import Training
from napari_unet.gui.session.workers import tell_arrays_apart
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.alone import is_aside, put_aside, show_alone

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

_sessions: weakref.WeakKeyDictionary[Viewer, Session] = weakref.WeakKeyDictionary()


class Session:
    """The state that the docks of one viewer share, part by part.

    What was started here belongs to its `lifetime` and ends when the viewer's window is closed.
    """

    def __init__(self, viewer: Viewer) -> None:
        tell_arrays_apart()
        self.lifetime = life = Lifetime()
        self.job = Job()
        life.at_end(self.job.end)
        self.models = ModelList()
        self.training = Training(self.job, self.models)
        self.movie = MovieChoice(viewer, life)
        self.positions = Positions()
        self.chosen = ChosenCells()
        self.place = Place(self.movie)
        # the first to hear of another frame
        self.labels = MovieLabels(self.movie, self.place, life)
        self.autosave = SessionAutosave(
            self.movie, self.place, self.labels, self.models, self.training, life
        )
        life.connect(self.movie.changed, self._on_movie)
        layers.when_closed(viewer, self.close)
        self.movie.refresh()

    def close(self, *_: object) -> None:
        """End the session: the job is cancelled, what is not written yet is, nothing is heard."""
        self.lifetime.end()

    def add_movie(self, made: list[tuple[Any, dict[str, Any], str]]) -> None:
        """Add a movie's lazy layers and make it the movie; what shows other movies is put aside."""
        before = [layer for layer, _ in self._known()]
        # first: else napari warns of units
        aside = put_aside(self.viewer, before, made[0][1]["units"])
        try:
            self.movie.choose_image(layers.add_movie(self.viewer, made)[0])
        finally:
            self.show_movie(fresh=aside)

    def show_movie(self, *, fresh: bool = False) -> None:
        """Bring the movie into sight; what shows other movies is put aside."""
        if self.movie.image is not None:
            show_alone(self.viewer, self.movie.image, self._known(), fresh=fresh)

    def _known(self) -> list[tuple[Layer, Image]]:
        """Return the layers of movies, and of their labels, with the movie that they are of."""
        of = {id(live): image for image, _, live in self.labels.everywhere()}
        shown = [x for x in layers.images(self.viewer) if layers.stack_behind(x) is not None]
        labels = [x for x in layers.label_layers(self.viewer) if id(x.data) in of]
        return [*((x, x) for x in shown), *((x, of[id(x.data)]) for x in labels)]

    def _on_movie(self) -> None:
        """Show a movie that was put aside: the one that was looked at is gone, or not chosen."""
        if self.movie.image is not None and is_aside(self.movie.image):
            self.show_movie()

    @classmethod
    def of(cls, viewer: Viewer) -> Session:
        """Return the viewer's session, the same for every proxy that napari hands to a dock."""
        viewer = layers.raw(viewer)  # a proxy lives only as long as its dock
        if viewer not in _sessions:
            _sessions[viewer] = cls(viewer)
        return _sessions[viewer]

    @property
    def viewer(self) -> Viewer:
        """The viewer; `RuntimeError` once it is closed."""
        return self.movie.viewer
