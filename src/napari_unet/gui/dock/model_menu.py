"""The short model menu: bundled, mine, from file; and *a new network* where that is a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QComboBox
from superqt.utils import signals_blocked

from napari_unet.gui.widgets.parts import narrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.gui.session.models import ModelChoice
    from napari_unet.gui.session.session import Session


class ModelMenu(QComboBox):
    """Models of the session. The menu of Segment chooses the session's model."""

    def __init__(self, session: Session, name: str, new: str = "") -> None:
        super().__init__()
        self.setObjectName(name)
        narrow(self)
        self._session, self._new = session, new
        session.lifetime.connect(session.models.changed, self.show_models, self)
        self.show_models()
        self.currentIndexChanged.connect(self._on_index)

    def sizeHint(self) -> QSize:
        """Ask for the name that is shown; a row may give less."""
        asked = super().sizeHint()
        words = self.fontMetrics().horizontalAdvance(f"{self.currentText()} MM")
        return QSize(max(asked.width(), words), asked.height())

    def _on_index(self, _: int) -> None:
        self.setToolTip(self.currentText())
        self.take(self.choice())

    def choice(self) -> ModelChoice | None:
        """Return the model chosen; None for a new network, or where there is none."""
        found: ModelChoice | None = self.currentData()
        return found

    def chosen(self) -> ModelChoice | None:
        """Return what the session has chosen for this."""
        return self._session.models.chosen

    def offered(self) -> Sequence[ModelChoice]:
        """Return the models to choose from."""
        return self._session.models.all

    def take(self, choice: ModelChoice | None) -> None:
        """Tell the session what a user chose."""
        self._session.models.choose(choice)

    def show_models(self) -> None:
        """Show what the session has, and which of it is chosen."""
        session, chosen = self._session, self.chosen()
        with signals_blocked(self):
            self.clear()
            for model in self.offered():
                self.addItem(model.title, model)
            if self._new:
                self.addItem(self._new, None)
            if not self.count():
                self.addItem("no model yet", None)
            self.setCurrentIndex(self._index_of(chosen))
        self.setToolTip(self.currentText())  # the whole of it, where the dock is narrow
        self.setEnabled(bool(session.models.all) or bool(self._new))

    def _index_of(self, chosen: ModelChoice | None) -> int:
        places = (i for i in range(self.count()) if self.itemData(i) is chosen)
        return next(places, 0)


class BaseMenu(ModelMenu):
    """Models that a training may start from, or a new network; the session's training knows."""

    def __init__(self, session: Session, name: str, new: str) -> None:
        super().__init__(session, name, new)
        session.lifetime.connect(session.training.changed, self.show_models, self)

    def chosen(self) -> ModelChoice | None:
        """Return what the session's training starts from."""
        return self._session.training.start_from

    def offered(self) -> Sequence[ModelChoice]:
        """Return single models: a training does not start from several."""
        return [model for model in self._session.models.all if not model.parts]

    def take(self, choice: ModelChoice | None) -> None:
        """Tell the session's training what to start from."""
        self._session.training.start_from = choice
