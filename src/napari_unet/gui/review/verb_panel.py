"""The verbs as buttons, with their keys beside the words, and the line that undoes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QWidget

from napari_unet.gui.viewer.verb_keys import VERBS, keep_preset, kept_preset, with_key
from napari_unet.gui.widgets.editors import ChoiceEditor
from napari_unet.gui.widgets.parts import (
    Column,
    Fold,
    add_field,
    allow,
    button,
    form_rows,
    primary,
)
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.gui.session.session import Session
    from napari_unet.gui.viewer.live_layer import LiveLayer

TOOLS = ("delete", "merge", "split", "draw", "fill")
_MORE = (
    "grow", "shrink", "lower", "higher", "smooth", "fill_holes",
    "copy_previous", "copy_next", "interpolate",
)  # fmt: skip
_ALL_FRAMES = ("delete_track", "merge_track")
_PRESETS = {"own": "napari-unet", "cellpose": "Cellpose"}


class VerbPanel(QWidget):
    """*Correct*, the tools of the mouse, and under *More* what is done to the chosen cell."""

    def __init__(self, session: Session, actions: Callable[[], LiveLayer | None]) -> None:
        super().__init__()
        self._actions = actions
        self.buttons: dict[str, QPushButton] = {}
        self.correct = primary(self._button("correct", checkable=True))
        self.more = Fold("More", self._build_more)
        inner = self.more.layout()
        assert inner is not None
        inner.setAlignment(Qt.AlignmentFlag(0))  # else it is as high as rows that do not wrap
        self.unfold = self.more.toggleButton()  # of which the dock says where it stands
        self.more.hide()
        self.more.toggled.connect(self.more.setVisible)
        tools = [self._button(name, checkable=True) for name in TOOLS]
        self._between = self._button("fill_between")
        Column(self).add(Flow(self.correct, *tools), self._between, self.more)
        self._why_not, self._session = "", session

    def _build_more(self) -> QWidget:
        inside = QWidget()
        redraw = self._button("redraw", checkable=True)
        self.preset = ChoiceEditor(_PRESETS)
        self.preset.setObjectName("review.preset")
        self.preset.setValue(kept_preset())
        self.preset.setToolTip("Keys and mouse as here, or as in Cellpose")
        self.preset.valueChanged.connect(self._on_preset)
        rows = form_rows()
        add_field(rows, "Keys and mouse", self.preset)
        Column(inside).add(
            Flow(redraw, *(self._button(name) for name in _MORE)),
            Flow(*(self._button(name) for name in _ALL_FRAMES)),
            rows,
        )
        self.update_state(self._why_not)
        return inside

    def _button(self, name: str, *, checkable: bool = False) -> QPushButton:
        made = button(VERBS[name].title, f"review.{name}", VERBS[name].tip, checkable)
        made.clicked.connect(partial(self._on_clicked, name))
        self.buttons[name] = made
        return made

    def _on_clicked(self, name: str, *_: object) -> None:
        actions = self._actions()
        if actions is not None:
            actions.act(name)
        self.update_state(self._why_not)

    def _on_preset(self, preset: str) -> None:
        keep_preset(preset)
        self.update_state(self._why_not)

    def update_state(self, why_not: str) -> None:
        """Switch the buttons on, or off with the reason; show what the mouse does."""
        self._why_not = why_not
        actions = self._actions()
        corrector = actions.corrector if actions is not None else None
        on = corrector is not None and corrector.on
        stack = self._session.movie.stack
        self._between.setVisible(stack is not None and stack.dims == 3)
        for name, made in self.buttons.items():
            allow(made, why_not)
            made.setText(with_key(name))
            if name == "correct":
                made.setChecked(on)
            elif made.isCheckable():
                made.setChecked(on and corrector is not None and corrector.tool == name)
