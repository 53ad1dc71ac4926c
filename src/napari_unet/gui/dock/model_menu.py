"""The short model menu: bundled, mine, from file; and *a new network* where that is a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox
from superqt.utils import signals_blocked

from napari_unet.gui.widgets.parts import narrow

if TYPE_CHECKING:
    from napari_unet.gui.session.models import ModelChoice
    from napari_unet.gui.session.session import Session


class ModelMenu(QComboBox):
    """Models of the session. The menu of Segment chooses the session's model."""

    def __init__(self, session: Session, name: str, new: str = "", chooses: bool = True) -> None:
        super().__init__()
        self.setObjectName(name)
        narrow(self)
        self._session, self._new, self._chooses = session, new, chooses
        session.lifetime.connect(session.models.changed, self.show_models, self)
        self.show_models()
        if chooses:
            self.currentIndexChanged.connect(lambda _: session.models.choose(self.choice()))

    def choice(self) -> ModelChoice | None:
        """Return the model chosen; None for a new network, or where there is none."""
        found: ModelChoice | None = self.currentData()
        return found

    def show_models(self) -> None:
        """Show what the session has, and keep what was chosen here."""
        session = self._session
        kept = session.models.chosen if self._chooses else self.choice()
        began = self.count() == 0
        with signals_blocked(self):
            self.clear()
            for model in session.models.all:
                self.addItem(model.title, model)
            if self._new:
                self.addItem(self._new, None)
            if not self.count():
                self.addItem("no model yet", None)
            self.setCurrentIndex(self._index_of(kept, began))
        self.setEnabled(bool(session.models.all) or bool(self._new))

    def _index_of(self, kept: ModelChoice | None, began: bool) -> int:
        for index in range(self.count()):
            if self.itemData(index) is kept and not (began and kept is None):
                return index
        return 0
