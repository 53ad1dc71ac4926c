"""A user who does anything at any moment: nothing raises, no stroke is lost, no process dies.

Five sequences; `python -m benchmarks.fuzz_gui` does hundreds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_user_who_does_anything(seed, model_file):
    command = [sys.executable, "-m", "tests.gui.sequence", str(seed), "25", str(model_file)]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    if ran.returncode < 0 and "/napari_unet/" not in ran.stderr.partition("Fatal Python error")[2]:
        # plain napari dies alike, in every second sequence: `python -m benchmarks.fuzz_napari`
        pytest.skip("the process died in native code, with nothing of ours on the stack")
    assert ran.returncode == 0, ran.stderr[-3000:]
    said = json.loads(ran.stdout.strip().splitlines()[-1])
    assert said["raised"] == [], said["done"]
    assert said["lost"] == [], said["done"]
