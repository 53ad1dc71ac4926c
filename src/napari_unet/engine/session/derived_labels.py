"""The machine's side of LiveLabels: labels derived from probability when a frame is read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.basins import Basins
from napari_unet.engine.labels.class_labels import classes_of
from napari_unet.engine.labels.labels import basins_key
from napari_unet.engine.session.frame_labels import FrameCache, FrameLabels, draft_labels, seen
from napari_unet.engine.session.live_array import LiveArray
from napari_unet.engine.session.predicted_objects import PredictedObjects
from napari_unet.engine.settings import LabelSettings

if TYPE_CHECKING:
    from napari_unet.engine.annotations.corrections import Corrections


class DerivedLabels(LiveArray):
    """Labels of a movie at the settings' threshold: model < threshold < corrections.

    Basins of the frames used last are kept, so that a moved threshold costs a comparison. Safe to
    read from several threads. ``on_change`` hears of frames to draw again (None: all of them),
    ``on_notice`` of lines for the user. ``takes_draft`` is asked, where a watershed is due,
    whether the reader of a frame rather has a draft at once; it draws again later.
    """

    corrections: Corrections

    def __init__(
        self,
        shape: tuple[int, int, int],
        probabilities: Any = None,
        settings: LabelSettings | None = None,
    ) -> None:
        super().__init__()
        self.shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        self.on_change: list[Callable[[tuple[int, ...] | None], object]] = []
        self.on_notice: list[Callable[[str], object]] = []
        self.takes_draft: Callable[[int], bool] | None = None
        self._lock = threading.RLock()
        self._cache = FrameCache(self.shape[1:])
        self._settings = settings or LabelSettings()
        self._probabilities = _checked(probabilities, self.shape)
        self._depth = 0
        self._waiting: list[tuple[list[Callable[[Any], object]], Any]] = []

    @property
    def settings(self) -> LabelSettings:
        """Threshold, splitting and sizes; assigning them changes the machine's labels at once."""
        return self._settings

    @settings.setter
    def settings(self, settings: LabelSettings) -> None:
        with self._changing():
            if settings == self._settings:
                return
            if basins_key(settings) != basins_key(self._settings):
                self._cache.clear()
            self._settings = settings
            self._news(self.on_change, None)

    @property
    def probabilities(self) -> Any:
        """The model's probabilities; assigning others changes the model, corrections stay."""
        return self._probabilities

    @probabilities.setter
    def probabilities(self, probabilities: Any) -> None:
        probabilities = _checked(probabilities, self.shape)
        with self._changing():
            self._probabilities = probabilities
            self._cache.clear()
            self._news(self.on_change, None)

    def notify(self, notice: str) -> None:
        """Say something to the user, through ``on_notice``."""
        for listener in tuple(self.on_notice):
            listener(notice)

    def computed(self, frame: int) -> bool:
        """Tell whether the model has predicted a frame, all of it."""
        probabilities = self._probabilities
        return probabilities is not None and bool(probabilities.computed[frame])

    def invalidate(self, frame: int) -> None:
        """Forget what was derived for a frame: its probabilities were written anew."""
        with self._changing():
            self._cache.drop(frame)
            self._news(self.on_change, (frame,))

    def prepare(self, frame: int) -> bool:
        """Compute a frame's basins ahead, in a worker thread; False where nothing is predicted."""
        return self._frame(frame).machine is not None

    def is_prepared(self, frame: int) -> bool:
        """Tell whether reading a frame takes no watershed."""
        with self._lock:
            known = self._cache.has(frame) or not seen(self._probabilities, frame)
            return known or bool(self.classes)

    @property
    def classes(self) -> tuple[int, ...]:
        """Numbers of the classes that the model tells apart; () where labels are objects."""
        return classes_of(getattr(self._probabilities, "outputs", ()))

    def machine(self, frame: int) -> NDArray[np.uint16]:
        """Return the machine's objects of a frame (Y, X), without those a user took."""
        view = self._frame(frame)
        with self._lock:
            return view.machine_labels(self._settings)

    def count_curve(self, frame: int) -> NDArray[np.int64]:
        """Count the cells of a frame, by the machine and by hand, at each of 256 thresholds.

        Place ``c`` is the threshold that lets codes above ``c`` through. Takes a watershed, and
        keeps nothing of it.
        """
        basins = FrameCache.basins(self._probabilities, frame, self._settings)
        with self._lock:
            sheet, complete = self.corrections.edits(frame), self.corrections.is_complete(frame)
            by_hand = len(self.corrections.ids(frame))
            hidden = sheet.edited() if sheet else np.zeros(self.shape[1:], bool)
            if not isinstance(basins, Basins):  # not predicted, or classes: the machine has none
                return np.full(256, by_hand, np.int64)
            machine = PredictedObjects(basins, sheet, complete)
        return machine.count_curve(self._settings, hidden) + by_hand

    def _frame(self, frame: int) -> FrameLabels:
        """Return what is derived for a frame; a missing watershed runs outside the lock."""
        while True:
            with self._lock:
                view = self._cache.get(frame, self.corrections)
                probabilities, settings = self._probabilities, self._settings
                if view is not None and (
                    view.machine is not None or not seen(probabilities, frame)
                ):
                    return view
                version = self._cache.version(frame)
            basins = FrameCache.basins(probabilities, frame, settings)
            with self._lock:
                self._cache.put(frame, basins, version)

    def _read(self, frame: int, key: Any = ...) -> Any:
        view = self._frame(frame)
        with self._lock:
            return view.labels(self._settings)[key].copy()

    def _look(self, frame: int, key: Any) -> Any:
        asked = self.takes_draft
        if asked is None or self.is_prepared(frame) or not asked(frame):
            return self._read(frame, key)
        probabilities, settings = self._probabilities, self._settings
        codes = probabilities[frame]
        with self._lock:
            sheet, complete = self.corrections.edits(frame), self.corrections.is_complete(frame)
            return draft_labels(codes[0], settings, sheet, complete)[key]

    def _at_hand(self, frame: int) -> bool:
        return self.is_prepared(frame)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock; listeners hear of what changed when it is free again."""
        waiting: list[tuple[list[Callable[[Any], object]], Any]] = []
        try:
            with self._lock:
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                    if not self._depth:
                        waiting, self._waiting = self._waiting, []
        finally:
            for listeners, news in waiting:
                for listener in tuple(listeners):
                    listener(news)

    def _news(self, listeners: list[Callable[[Any], object]], news: Any) -> None:
        told = (told == news for to, told in self._waiting if to is listeners)
        if not any(told):
            self._waiting.append((listeners, news))


def _checked(probabilities: Any, shape: tuple[int, int, int]) -> Any:
    if probabilities is not None:
        t, _, y, x = probabilities.shape
        check_shape("the probabilities are", (t, y, x), shape)
    return probabilities


def check_shape(what: str, found: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Refuse what was made on a movie of another shape."""
    if tuple(found) != tuple(shape):
        raise BadInput(
            f"{what} of a movie of {tuple(found)} (frames, height, width)",
            str(tuple(shape)),
            "use those made on this movie",
        )
