"""What the chosen cell is: mitotic, dead, debris, or a word of the user's own, in one line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QPushButton, QSizePolicy, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.annotations.states import STATES
from napari_unet.gui.viewer.verb_keys import VERBS, keys_of, with_key
from napari_unet.gui.widgets.parts import allow, button
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.gui.session.session import Session
    from napari_unet.gui.viewer.live_layer import LiveLayer

_LETTERS, _LEAST = 1, 80  # that the menu asks for, beside two buttons in a row; px at least


class StatePanel(QWidget):
    """A menu of states with room for own words, *Call it* and *No state*."""

    def __init__(self, session: Session, actions: Callable[[], LiveLayer | None]) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self.menu = QComboBox(objectName="review.state")
        self.menu.setEditable(True)
        self.menu.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.menu.setMinimumContentsLength(_LETTERS)
        self.menu.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.menu.setMinimumWidth(_LEAST)  # napari's style wants more
        self.menu.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.menu.addItems(STATES)
        line = self.menu.lineEdit()
        assert line is not None
        line.setPlaceholderText("a word")
        self.buttons: dict[str, QPushButton] = {}
        for name in ("own_state", "no_state"):
            made = button(VERBS[name].title, f"review.{name}", VERBS[name].tip)
            made.clicked.connect(partial(self._act, name))
            self.buttons[name] = made
        self.setLayout(Flow(self.menu, *self.buttons.values(), shares=(1, 0, 0)))
        self.menu.currentTextChanged.connect(self._on_word)

    @property
    def word(self) -> str:
        """The state that is said next."""
        return self.menu.currentText().strip()

    def _on_word(self, _: str) -> None:
        if (actions := self._actions()) is not None:
            actions.corrector.own_state = self.word
        allow(self.buttons["own_state"], self._why_not())

    def _act(self, name: str, *_: object) -> None:
        if (actions := self._actions()) is not None:
            actions.corrector.own_state = self.word
            actions.act(name)

    def _why_not(self) -> str:
        return "" if self.word else "Choose a state, or write a word"

    def update_state(self, why_not: str) -> None:
        """Offer the states that some cell has; switch the buttons on, or off with the reason."""
        actions = self._actions()
        if actions is not None:
            actions.corrector.own_state = self.word
            known = {self.menu.itemText(i) for i in range(self.menu.count())}
            with signals_blocked(self.menu):
                for word in actions.live.corrections.states.words():
                    if word not in known:
                        self.menu.addItem(word)
        cell = actions is not None and 0 < int(actions.layer.selected_label)
        none = why_not or ("" if cell else "Click a cell first")
        keys = ", ".join(f"{keys_of(name)[0]} {name}" for name in STATES if keys_of(name))
        tip = f"What the chosen cell is, through its track; or a word of yours. Keys: {keys}"
        self.menu.setProperty("tip", tip)
        for name, made in self.buttons.items():
            made.setText(with_key(name))
        allow(self.menu, why_not)
        allow(self.buttons["own_state"], none or self._why_not())
        allow(self.buttons["no_state"], none)
