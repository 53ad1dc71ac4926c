"""Steps of one operation told as those of another."""

from __future__ import annotations

import pytest

from napari_unet.engine.jobs.steps import told


def count(n, ended):
    try:
        yield from range(n)
        return f"{n} done"
    finally:
        ended.append(n)


def test_each_step_is_told_and_the_result_returned():
    steps = told(count(3, []), str)
    seen = []
    with pytest.raises(StopIteration) as end:
        while True:
            seen.append(next(steps))
    assert seen == ["0", "1", "2"]
    assert end.value.value == "3 done"


def test_what_is_told_of_ends_with_it():
    ended = []
    steps = told(count(3, ended), str)
    next(steps)
    steps.close()
    del steps
    assert ended == [3]
