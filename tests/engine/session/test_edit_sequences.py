"""Random sequences of edits, thresholds, models, trainings and kills."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.engine.session.edit_sequences import EditSequences


@pytest.mark.parametrize(
    ("examples", "steps", "trains"),
    [(2, 12, False), pytest.param(12, 20, True, marks=pytest.mark.slow)],
)
def test_nothing_a_user_did_changes_by_itself_or_is_lost(examples, steps, trains, tmp_path):
    machine = type("Kept", (EditSequences,), {"folder": tmp_path, "trains": trains, "counts": {}})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
