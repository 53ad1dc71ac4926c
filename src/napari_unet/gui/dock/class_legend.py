"""The classes that the labels on screen tell: a colour and a name each, which can be changed."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLineEdit, QPushButton, QWidget

from napari_unet.gui.viewer.layers import paint
from napari_unet.gui.widgets.parts import Column, button, row

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_unet.gui.session.session import Session

_SIDE = 22  # px of a patch of colour


class ClassLegend(QWidget):
    """A row for each class; takes no room where labels are cells."""

    def __init__(self, session: Session, owner: str) -> None:
        super().__init__()
        self._session, self._owner = session, owner
        self._linked: weakref.WeakSet[Labels] = weakref.WeakSet()
        self._rows: dict[int, tuple[QPushButton, QLineEdit]] = {}
        self._inside = QWidget()
        self._column = Column(self)
        self._column.add(self._inside)
        session.lifetime.connect(session.labels.changed, self.show_classes, self)
        self.show_classes()

    def show_classes(self, *_: Any) -> None:
        """Show the classes of the labels on screen, in the colours that they have there."""
        live, layer = self._session.labels.live, self._session.labels.layer
        told = live is not None and bool(live.classes) and layer is not None
        self.setVisible(told)
        if not told or layer is None:
            return
        names = self._session.labels.named_classes()
        if names.keys() != self._rows.keys():
            self._rebuild(list(names))
        if layer not in self._linked:
            self._linked.add(layer)
            self._session.lifetime.connect(layer.events.colormap, self.show_classes, self)
        for number, (patch, name) in self._rows.items():
            colour = QColor.fromRgbF(*(float(v) for v in layer.colormap.map(number).ravel()[:3]))
            patch.setStyleSheet(f"background: {colour.name()}; border-radius: 3px;")
            if not name.hasFocus():
                name.setText(names[number])

    def _rebuild(self, numbers: list[int]) -> None:
        inside = QWidget()
        column = Column(inside)
        self._rows = {}
        for number in numbers:
            patch = button("", f"{self._owner}.take_class_{number}", f"Paint class {number}")
            patch.setFixedSize(_SIDE, _SIDE)
            name = QLineEdit(objectName=f"{self._owner}.class_{number}")
            name.setToolTip(f"What class {number} is called, here, in figures and in new models")
            patch.clicked.connect(partial(self._take, number))
            name.editingFinished.connect(partial(self._name, number))
            column.add(row(patch, name, stretch=1))
            self._rows[number] = patch, name
        self._column.replaceWidget(self._inside, inside)
        self._inside.deleteLater()
        self._inside = inside

    def _take(self, number: int, *_: Any) -> None:
        layer = self._session.labels.layer
        if layer is not None:
            paint(self._session.viewer, layer, number)

    def _name(self, number: int) -> None:
        self._session.labels.name_class(number, self._rows[number][1].text().strip())
