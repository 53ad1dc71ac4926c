"""Choices of a menu that need an extra which is not installed."""

from __future__ import annotations

from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox

from napari_unet.engine.export.target.formats import missing_extra


def switch_off_missing(menu: QComboBox) -> None:
    """Switch off what needs an extra that is not installed, and say which."""
    items = menu.model()
    assert isinstance(items, QStandardItemModel)
    for index in range(menu.count()):
        extra, item = missing_extra(menu.itemData(index)), items.item(index)
        if extra and item is not None:
            item.setEnabled(False)
            item.setText(f"{item.text()} (needs [{extra}])")
            item.setToolTip(f'Not installed: pip install "napari-unet-live[{extra}]"')
