"""Progress: a generator's value, and Ctrl-C that stops between two steps."""

from __future__ import annotations

import signal

import pytest

from napari_unet.cli.progress import Stopped, follow


def steps(n, closed, *, interrupt_at=None):
    try:
        for i in range(n):
            if i == interrupt_at:
                signal.raise_signal(signal.SIGINT)
            yield i
    finally:
        closed.append(n)
    return "done"


def test_value_of_the_generator():
    closed = []
    assert follow(steps(3, closed), "Count", 3) == "done"
    assert closed == [3]


def test_ctrl_c_closes_the_generator_and_says_what_is_kept(capsys):
    closed, before = [], signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match=r"Stopped\. Two are kept\."):
        follow(steps(9, closed, interrupt_at=2), "Count", 9, kept="Two are kept.")
    assert closed == [9]
    assert signal.getsignal(signal.SIGINT) is before


def test_errors_pass_through():
    def fails():
        yield 1
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        follow(fails(), "Count", 2)
