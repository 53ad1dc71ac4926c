"""A threshold for each region, where the model on screen tells regions; no room otherwise."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget
from superqt.utils import signals_blocked

from napari_unet.gui.widgets.parts import Column, add_field, allow, button, form_rows
from napari_unet.gui.widgets.threshold_slider import ThresholdSlider

if TYPE_CHECKING:
    from napari_unet.gui.session.session import Session

CLASS_FIELDS = ("class_thresholds", "class_sizes", "class_sure")
_TIP = "Pixels above this probability are in the region {}; until it is moved, as the one above"


class RegionSliders(QWidget):
    """Sliders in the order of the regions; each follows the threshold of all until it is moved."""

    def __init__(self, session: Session, owner: str) -> None:
        super().__init__()
        self._session, self._owner = session, owner
        self._names: tuple[str, ...] = ()
        self.sliders: list[ThresholdSlider] = []
        self._box = QWidget()
        self.reset = button("Same for all", f"{owner}.regions_reset")
        self.reset.setProperty("tip", "Let all regions follow the one threshold again")
        self._column = Column(self)
        self._column.add(self._box, self.reset)
        self.reset.clicked.connect(lambda: self._set(()))
        news = (session.labels.changed, session.labels.settings_changed, session.movie.changed)
        session.lifetime.connect_all(news, self.show_regions, self)
        self.show_regions()

    def show_regions(self, *_: object) -> None:
        """Show a slider for each region of the model on screen, at the threshold it has."""
        names = self._told()
        if names != self._names:
            self._rebuild(names)
        self.setVisible(bool(names))
        settings = self._session.labels.settings
        for k, slider in enumerate(self.sliders):
            own = settings.class_thresholds[k : k + 1]
            with signals_blocked(slider):
                slider.setValue(own[0] if any(own) else settings.threshold)
        own_ones = any(settings.class_thresholds)
        allow(self.reset, "" if own_ones else "All regions follow the threshold above")

    def _told(self) -> tuple[str, ...]:
        from napari_unet.engine.labels.regions import regions_of

        live = self._session.labels.live
        predicted = live.probabilities if live is not None else None
        if predicted is None:
            return ()
        return tuple(region.name for region in regions_of(tuple(predicted.outputs)))

    def _rebuild(self, names: tuple[str, ...]) -> None:
        self._names, self.sliders, old = names, [], self._box
        self._box = QWidget()
        rows = form_rows(self._box)
        for k, name in enumerate(names):
            slider = ThresholdSlider()
            slider.setObjectName(f"{self._owner}.region_{k}")
            slider.setToolTip(_TIP.format(name))
            slider.valueChanged.connect(partial(self._on_moved, k))
            self.sliders.append(slider)
            add_field(rows, name, slider)
        self._column.replaceWidget(old, self._box)
        old.hide()
        old.deleteLater()

    def _on_moved(self, k: int, threshold: float) -> None:
        own = list(self._session.labels.settings.class_thresholds)
        own += [0.0] * (len(self.sliders) - len(own))
        own[k] = threshold
        self._set(tuple(own))

    def _set(self, own: tuple[float, ...]) -> None:
        labels = self._session.labels
        labels.set_settings(labels.settings.replace(class_thresholds=own))
