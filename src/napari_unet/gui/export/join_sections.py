"""*Join sections*: what was segmented section by section is written as cells in 3D."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_unet.engine.labels.sections import JoinedSections, StackedCodes
from napari_unet.gui.widgets.wrapping import WrapCheck

if TYPE_CHECKING:
    from napari_unet.engine.jobs.export import Export
    from napari_unet.engine.stack.source import Frames
    from napari_unet.gui.export.preview import Scene
    from napari_unet.gui.session.session import Session

_TIP = (
    "Write volumes: cells that overlap from one section to the next become one, in 3D. The movie "
    "shows the maximum of all sections"
)
_ALONE = "Not of joined sections: untick Join sections"


class JoinSections(WrapCheck):
    """Shown where each section is a frame; ticked by the user."""

    def __init__(self, session: Session, owner: str) -> None:
        super().__init__("Join sections: cells in 3D", f"{owner}.join")
        self.setProperty("tip", _TIP)
        self.setToolTip(_TIP)
        self._session = session
        session.lifetime.connect(session.movie.changed, self._update, self)
        self._update()

    @property
    def wanted(self) -> bool:
        """Whether it is ticked, and there are sections to join."""
        return self.isChecked() and self._possible()

    def refuses(self) -> str:
        """Why what is made of single frames cannot be made; empty where it can."""
        return _ALONE if self.wanted else ""

    def export(self, export: Export) -> Export:
        """Return an export of volumes, where sections are to be joined."""
        if not self.wanted:
            return export
        from napari_unet.engine.jobs.joining.joined_export import joined

        return joined(export)

    def labels(self, labels: Frames) -> Frames:
        """Return labels as they will be written."""
        if not self.wanted:
            return labels
        live = self._session.labels.live
        n = self._session.movie.require_stack().n_z
        return JoinedSections(labels, n, classes=bool(live and live.classes))

    def scene(self, scene: Scene) -> Scene:
        """Return what the preview shows: the volume on screen, without what links would tell."""
        if not self.wanted:
            return scene
        n, codes = scene.stack.n_z, scene.probabilities
        return replace(
            scene,
            stack=scene.stack.select(z="volume"),
            labels=self.labels(scene.labels),
            position=scene.position // n,
            probabilities=None if codes is None else StackedCodes(codes, n),
            links=None,
        )

    def _possible(self) -> bool:
        stack = self._session.movie.stack
        return stack is not None and stack.selection.z == "frames" and stack.n_z > 1

    def _update(self) -> None:
        self.setVisible(self._possible())
