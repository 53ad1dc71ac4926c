"""Compare on the command line: a table on stdout; killed, it goes on at the fold."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

WORDS = (
    "--network", "unet/4", "--folds", 3, "--steps", 2, "--threads", 1, "--device", "cpu",
    "--set", "crop=64", "--set", "batch=1",
)  # fmt: skip


@pytest.mark.slow
def test_a_killed_comparison_goes_on_at_the_fold(world, tmp_path, run):
    out = tmp_path / "compare"
    words = ("compare", world.movie, world.truth, "--out", out, *WORDS)
    program = [sys.executable, "-m", "napari_unet.cli", *map(str, words)]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while not (out / "compare.json").exists():
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    before = json.loads((out / "compare.json").read_text())["results"]
    model = out / before[0]["model"]
    made = model.stat().st_mtime_ns
    answer = run(*words)
    assert answer.code == 0, answer.stderr
    after = json.loads((out / "compare.json").read_text())["results"]
    assert after[: len(before)] == before and len(after) == 3
    assert model.stat().st_mtime_ns == made
    assert answer.stdout.splitlines()[0].startswith("network")
    assert answer.stdout.splitlines()[-1] == str(out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--network", "unot"), "--network unot: it is one of unet, unet-2015"),
        (("--network", "unet/0"), "or NAME/4 for a quarter of its channels"),
        (("--folds", 1), "--folds 1"),
        (("--set", "lose=bce"), "NAME=VALUE is expected"),
        (("--folds", 50), "cannot make 50 blocks"),
    ],
)
def test_errors_are_one_line(world, tmp_path, run, words, said):
    answer = run("compare", world.movie, world.truth, "--out", tmp_path / "c", *words)
    assert answer.code in (1, 2)
    assert said in answer.error
    assert not (tmp_path / "c").exists()
