"""The rate of errors in windows: its interval holds the true rate as often as it says."""

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.check.rate import Looked, error_rate


def test_errors_are_counted_per_cell_found_or_missed():
    found = error_rate([Looked(20, wrong=1, invented=1), Looked(17, missed=3), Looked(40)])
    assert (found.n_cells, found.n_errors, found.n_windows) == (80, 5, 3)
    assert found.rate == 5 / 80
    assert str(found).startswith("6.2 of 100 cells in error (95 % interval ")
    assert str(found).endswith("): 5 errors in 80 cells of 3 windows")


@pytest.mark.parametrize(("errors", "low", "high"), [(0, 0, 0.0104), (400, 0.9896, 1)])
def test_none_and_all_have_an_interval(errors, low, high):
    """As of 400 cells each drawn by itself, 0.92 %, and a little for 20 windows."""
    found = error_rate([Looked(20, wrong=errors // 20)] * 20)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


@pytest.mark.parametrize("together", [0.0, 0.15])
def test_the_interval_holds_the_true_rate(together):
    """Windows of 20 cells, 5 % in error; errors come together where windows differ in rate."""
    chance, rate, hits, wide = np.random.default_rng(3), 0.05, 0, 0.0
    for _ in range(200):
        rates = np.full(20, rate)
        if together:
            rates = chance.beta(rate / together, (1 - rate) / together, 20)
        found = error_rate([Looked(20, wrong=int(n)) for n in chance.binomial(20, rates)])
        hits += found.low <= rate <= found.high
        wide += found.high - found.low
    assert hits >= 180
    assert wide / 200 < (0.1 if together else 0.06)


@pytest.mark.parametrize("windows", [[], [Looked(30)], [Looked(0), Looked(0)]])
def test_too_little_is_said(windows):
    with pytest.raises(BadInput, match="two windows or more"):
        error_rate(windows)
