"""train by torchrun: one model, and one voice."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from napari_unet.engine.network.model import Model


@pytest.mark.slow
def test_two_processes_write_one_model_and_say_it_once(world, tmp_path):
    out = tmp_path / "both.safetensors"
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = [
        "train", world.movie, world.truth, "--out", out, "--frames", "0,3", "--steps", 2,
        "--device", "cpu", "--set", "filters=4,8", "--set", "crop=32", "--json",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, *start, "-m", "napari_unet", *map(str, words)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["steps"] == 2
    assert done.stderr.count("training on") == 1
    assert Model.load(out).sha256 == document["model"]["sha256"]
    assert not list(tmp_path.glob("*.checkpoint"))
