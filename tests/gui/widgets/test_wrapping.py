"""Rows, check boxes and lines that stay whole in a narrow dock."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QPushButton, QWidget

from napari_unet.gui.widgets.wrapping import Flow, LineButton, WrapCheck

WORDS = "Every cell on these frames is outlined"


@pytest.mark.parametrize(("width", "lines"), [(400, 1), (220, 2), (120, 3)])
def test_buttons_take_as_many_lines_as_they_need_and_fill_them(qtbot, width, lines):
    holder = QWidget()
    qtbot.addWidget(holder)
    buttons = [QPushButton(text) for text in ("a", "b", "c")]
    for button in buttons:
        button.setMinimumWidth(100)
    holder.setLayout(Flow(*buttons))
    holder.resize(width, 200)
    holder.layout().activate()
    assert len({button.y() for button in buttons}) == lines
    for button in buttons:
        assert button.width() >= 100 and button.geometry().right() < width
    last = max(b.geometry().right() for b in buttons if b.y() == buttons[-1].y())
    assert width - last < 10
    buttons[1].hide()
    assert holder.layout().minimumSize().width() == 100


def test_lines_of_buttons_that_are_alike_have_as_many_each(qtbot):
    holder = QWidget()
    qtbot.addWidget(holder)
    buttons = [QPushButton(text) for text in "abcd"]
    for button in buttons:
        button.setFixedWidth(100)
    holder.setLayout(Flow(*buttons))
    holder.resize(330, 200)
    holder.layout().activate()
    assert [button.y() == buttons[0].y() for button in buttons] == [True, True, False, False]


def test_a_check_box_wraps_its_words(qtbot):
    box = WrapCheck(WORDS)
    qtbot.addWidget(box)
    line = box.heightForWidth(1000)
    assert box.heightForWidth(box.sizeHint().width()) == line
    assert box.heightForWidth(box.sizeHint().width() // 2) > line
    assert box.minimumSizeHint().width() < box.sizeHint().width() // 2


@pytest.mark.parametrize(
    "shown",
    [
        "movie · red · 34 frames · 0.6 µm",
        "movie · red · 34 frames",
        "movie · 34 frames",
        "movie",
    ],
)
def test_a_line_keeps_its_name_and_leaves_out_what_matters_least(qtbot, shown):
    line = LineButton("line")
    qtbot.addWidget(line)
    line.resize(line.fontMetrics().horizontalAdvance("▸ " + shown) + 10, 24)
    line.say("movie", "red", "34 frames", "0.6 µm", spare=("0.6 µm", "red"))
    assert line.text() == f"▸ {shown}"
    assert line.words() == line.toolTip() == "movie · red · 34 frames · 0.6 µm"
    line.setChecked(True)
    assert line.text().startswith("▾")


def test_a_line_shortens_the_name_when_nothing_else_is_left(qtbot):
    line = LineButton("line")
    qtbot.addWidget(line)
    line.resize(200, 24)
    line.say("a very long name of a movie that nobody can read", "34 frames")
    assert line.text().startswith("▸ a very") and line.text().endswith("read")
    assert line.fontMetrics().horizontalAdvance(line.text()) <= 200
