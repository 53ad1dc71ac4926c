"""Counts, sizes and times in words."""

from __future__ import annotations

import pytest

from napari_unet.engine.text import counted, say_bytes, say_clock, say_duration, say_ranges


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((1, "cell"), "1 cell"),
        ((1024, "frame"), "1,024 frames"),
        ((0, "class", "classes"), "0 classes"),
    ],
)
def test_counts(words, said):
    assert counted(*words) == said


@pytest.mark.parametrize(
    ("numbers", "said"), [((), ""), ((7,), "7"), ((0, 3, 4, 5, 9), "0, 3-5, 9"), ((2, 1), "2, 1")]
)
def test_ranges(numbers, said):
    assert say_ranges(numbers) == said


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 bytes"), (999, "999 bytes"), (3.2e9, "3.2 GB"), (1e15, "1000.0 TB")]
)
def test_sizes(n, said):
    assert say_bytes(n) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.01, "a few seconds"),
        (42.4, "about 40 s"),
        (57, "about 1 min"),
        (90, "about 2 min"),
        (240, "about 4 min"),
        (5400, "about 1 h 30 min"),
        (3 * 86400, "about 3.0 days"),
    ],
)
def test_what_is_expected_is_never_exact(seconds, said):
    assert say_duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.25, "0.25 s"), (90, "90 s"), (600, "10 min"), (7200, "2 h")]
)
def test_what_was_set_is_exact(seconds, said):
    assert say_duration(seconds, exact=True) == said


@pytest.mark.parametrize(
    ("seconds", "interval", "said"),
    [
        (0, 300, "0:00 h"),
        (5400, 300, "1:30 h"),
        (360000, 600, "100:00 h"),
        (95, 5, "0:01:35"),
        (-60, 60, "-0:01 h"),
        (1.25, 0.05, "1.250 s"),
        (7, None, "0:00:07"),
    ],
)
def test_moments_are_shown_as_clocks_do(seconds, interval, said):
    assert say_clock(seconds, interval) == said
