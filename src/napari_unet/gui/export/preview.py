"""The frame on screen as it will be in the movie; composed off the GUI thread, newest wins.

The links of the labels on screen are kept until the labels change.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QImage, QPixmap, QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_unet.engine.errors import BadInput
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer.label_frames import edits_of
from napari_unet.gui.widgets.parts import Hint

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from numpy.typing import NDArray
    from qtpy.QtGui import QShowEvent

    from napari_unet.engine.export.tracks.family_links import FamilyLinks
    from napari_unet.engine.export.tracks.links import Links
    from napari_unet.engine.settings import OverlaySettings
    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.export.screen_look import ScreenLook

    Found = Links | FamilyLinks

_WAIT_MS = 120
_LINK_S = 0.3  # of linking, then a newer question has its turn
_TALLEST, _SHARE = 320, 0.19  # px of the dock; of the window's height
_LARGEST = 720  # px of the picture that is kept: twice the dock's width


@dataclass(frozen=True)
class Scene:
    """All that one picture of a movie is made from."""

    stack: Stack
    labels: Frames
    position: int
    settings: OverlaySettings
    look: ScreenLook
    probabilities: Any = None
    before: Frames | None = None
    links: Found | None = None

    def compose(self) -> NDArray[np.uint8]:
        """Return the picture (Y, X, 3), as small as a dock needs it; links must have been found."""
        from napari_unet.engine.export.overlay.flat import Flat
        from napari_unet.engine.export.overlay.write_movie import compose_overlay
        from napari_unet.engine.export.target.outputs import time_of

        flat = Flat(self.stack, self.settings.section)
        stack, t = self.look.of(flat.stack), self.position
        codes = flat.codes_of(self.probabilities)
        codes = None if codes is None else np.asarray(codes[t])
        picture = compose_overlay(
            np.asarray(stack[t]),
            flat.labels(t, self.labels[t] if self.links is None else self.links.labels(t)),
            self.settings,
            self.look.measured(stack, self.settings),
            probability=codes[0] if codes is not None and codes.ndim == 3 else codes,
            before=None if self.before is None else flat.labels(t, self.before[t]),
            time=time_of(stack, t),
            tails=None if self.links is None else self.links.tails(t, self.settings.tail),
        )
        return _shrunk(picture)


@dataclass(frozen=True)
class _Answer:
    """What the worker has: a picture, the contrast it measured, and how far linking is."""

    scene: Scene
    picture: NDArray[np.uint8] | None
    contrast: tuple[Any, ScreenLook] | None
    linking: str = ""


class Preview(QLabel):
    """Shows a scene; asks for it only while it is in sight.

    Where cells have to be linked for it, it shows them unlinked meanwhile, and `note` says so.
    """

    def __init__(self, scene: Callable[[], Scene | None]) -> None:
        super().__init__(objectName="export.preview")
        self._scene = scene
        self.note = Hint(name="export.preview_note")
        self._picture = QPixmap()
        self._contrast: tuple[Any, ScreenLook] | None = None
        self._latest = Latest(self, wait_ms=_WAIT_MS)
        self._latest.answered.connect(self._show)
        self._latest.failed.connect(self._say)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip("The frame on screen as it will be in the movie")
        self._say("")

    def update_scene(self, *_: Any) -> None:
        """Compose the picture again, once nothing more changes; at once forget what is gone."""
        if not self.isVisible():
            return
        try:
            scene = self._scene()
        except BadInput as error:
            self._latest.forget()
            self._say(str(error))
            return
        if scene is None:
            self._latest.forget()
            self._say("")
        else:
            self._latest.ask(lambda: self._compose(scene))

    def _compose(self, scene: Scene, again: bool = False) -> _Answer:
        """Compose in the worker; a contrast measured on the movie is measured once."""
        from napari_unet.engine.export.overlay.flat import Flat

        known, whole = self._contrast, scene
        if scene.look.windows is None:
            settings, flat = scene.settings, Flat(scene.stack, scene.settings.section)
            stack = scene.look.of(flat.stack)
            key = (stack.fingerprint, settings.low, settings.high)
            if known is None or known[0] != key:
                windows = scene.look.measured(stack, settings).windows
                known = key, replace(scene.look, windows=windows)
            scene = replace(scene, look=replace(scene.look, windows=known[1].windows))
        links, t = scene.links, scene.position
        if links is None or links.advance(t, _LINK_S):
            return _Answer(whole, scene.compose(), known)
        line = f"Linking cells: {links.n_read} of {links.n_needed(t)} frames…"
        plain = None if again else replace(scene, links=None).compose()
        return _Answer(whole, plain, known, line)

    def _show(self, answer: _Answer) -> None:
        self._contrast = answer.contrast
        self.note.say(answer.linking)
        if answer.linking and self.isVisible():
            self._latest.ask(lambda: self._compose(answer.scene, again=True))
        if answer.picture is None:
            return
        height, width = answer.picture.shape[:2]
        pixels = answer.picture.tobytes()
        image = QImage(pixels, width, height, 3 * width, QImage.Format.Format_RGB888)
        self._picture = QPixmap.fromImage(image)
        self.setText("")
        self._fit()

    def _say(self, line: str) -> None:
        self.note.say("")
        self._picture = QPixmap()
        self.clear()
        self.setText(line)
        self._fit()

    def _fit(self) -> None:
        """Make the picture as wide as the dock, on sharp screens with all their pixels."""
        if self._picture.isNull():
            self.setFixedHeight(self.sizeHint().height() if self.text() else 0)
            return
        ratio = self.devicePixelRatioF()
        window = self.window()
        tallest = min(_TALLEST, _SHARE * window.height() if window is not None else _TALLEST)
        room = QSize(round(self.width() * ratio), round(tallest * ratio))
        scaled = self._picture.scaled(
            room,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        scaled.setDevicePixelRatio(ratio)
        self.setPixmap(scaled)
        self.setFixedHeight(round(scaled.height() / ratio))

    def minimumSizeHint(self) -> QSize:
        """Never widen the dock."""
        return QSize(10, 0)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Fit the picture to another width."""
        super().resizeEvent(event)
        if event is None or event.size().width() != event.oldSize().width():
            self._fit()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Catch up with what changed while it was out of sight."""
        super().showEvent(event)
        self.update_scene()


def _shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture that is not larger than a dock can show."""
    from PIL import Image

    largest = max(picture.shape[:2])
    if largest <= _LARGEST:
        return np.ascontiguousarray(picture)
    size = tuple(max(1, round(n * _LARGEST / largest)) for n in picture.shape[1::-1])
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


class KeptLinks:
    """Keeps the links of one layer and one choice of frames; forgets them when a frame changes."""

    def __init__(
        self, changed: Callable[[], object], connect: Callable[[Any, Callable[..., Any]], None]
    ) -> None:
        self._changed, self._connect = changed, connect  # the latter until the dock is gone
        self._key: tuple[Any, ...] = ()
        self._links: Found | None = None
        self._segmented: NDArray[np.bool_] = np.zeros(0, bool)
        self._layer: weakref.ref[Labels] | None = None

    def find(self, layer: Labels, key: tuple[Any, ...], make: Callable[[], Found]) -> Found:
        """Return the links found so far for ``key``, or new ones that have found nothing yet."""
        self._watch(layer)
        probabilities = getattr(layer.data, "probabilities", None)
        # What moves all frames of live labels is compared; `edited` tells of single ones.
        looks = getattr(probabilities, "parts_written", 0)
        key = (*key, getattr(layer.data, "settings", None), id(probabilities), looks)
        segmented = np.zeros(0, bool) if probabilities is None else probabilities.computed
        if self._links is None or key != self._key or self._is_segmented_anew(segmented):
            self._key, self._links = key, make()
        self._segmented = segmented
        return self._links

    def _is_segmented_anew(self, now: NDArray[np.bool_]) -> bool:
        """Whether frames that were read have been predicted since."""
        links, before = self._links, self._segmented
        if links is None or len(before) != len(now):
            return True
        read = list(links.frames[: links.n_read]) if len(now) else []
        return bool((before[read] != now[read]).any())

    def _watch(self, layer: Labels) -> None:
        """Listen to another layer than before: live labels say which frames a user changes."""
        before = self._layer() if self._layer is not None else None
        if before is not layer:
            self._links, self._layer = None, weakref.ref(layer)
            for event in edits_of(before) if before is not None else ():
                event.disconnect(self._on_edit)
            for event in edits_of(layer):
                self._connect(event, self._on_edit)
        if (edited := getattr(layer.data, "edited", None)) is not None:
            edited.connect(self.forget, unique=True)  # held weakly; called in any thread

    def _on_edit(self, _: Any = None) -> None:
        self._links = None
        self._changed()

    def forget(self, frames: tuple[int, ...]) -> None:
        """Forget links that were found over one of ``frames``."""
        links = self._links
        if links is not None and min(frames, default=0) <= links.reached:
            self._links = None
