"""Arrays of every kind of pixel, axes and holder: labels, or one plain line."""

from __future__ import annotations

import random

import pytest

from tests.engine.jobs.odd_arrays import BAD, HOLDERS, all_cases, outcome

pytestmark = pytest.mark.slow

EACH = 34


@pytest.mark.parametrize("holder", HOLDERS)
def test_any_array_gives_labels_or_a_line(tmp_path, holder):
    """The campaign of benchmarks/fuzz_arrays.py in small."""
    held = [case for case in all_cases() if case.holder == holder]
    if not held:
        pytest.skip(f"what holds {holder} is not installed")
    for case in random.Random(holder).sample(held, EACH):
        assert outcome(case, tmp_path) not in BAD, str(case)
