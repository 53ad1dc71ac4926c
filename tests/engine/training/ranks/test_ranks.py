"""Two processes learn what one does, from parts of the same batches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.training.ranks.ranks import ALONE, Ranks
from tests.engine.training.ranks.small_run import KINDS, OTHERS, STOP, begun, finish

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def torchrun(*words):
    """Run two processes to their end."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*TORCHRUN, *map(str, words)],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes found, and the folder of their checkpoints."""
    folder = tmp_path_factory.mktemp("ranks")
    finish(begun(OTHERS, checkpoint=folder / "one.checkpoint"), stop=STOP)
    done = torchrun(Path(__file__).with_name("small_run.py"), folder)
    assert done.returncode == 0, done.stderr
    return *(json.loads((folder / f"found{k}.json").read_text()) for k in (0, 1)), folder


def close_to(losses):
    return pytest.approx({str(step): loss for step, loss in losses.items()}, abs=1e-5, rel=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_those_of_one_process(two, kind):
    losses, _, _ = finish(begun(KINDS[kind]))
    assert len(losses) == 20
    assert two[0][kind] == close_to(losses)
    assert two[1][kind] == two[0][kind]


@pytest.mark.slow
def test_stopped_runs_go_on_with_another_number_of_processes(two):
    first, second, folder = two
    whole, _, _ = finish(begun(OTHERS))
    assert first["stopped"] == close_to({k: v for k, v in whole.items() if k <= STOP})
    rest = close_to({k: v for k, v in whole.items() if k > STOP})
    assert first["resumed"] == second["resumed"] == rest
    resumed, _, _ = finish(begun(OTHERS, checkpoint=folder / "two.checkpoint", resume=True))
    assert {str(k): v for k, v in resumed.items()} == rest
    assert first["model"] == second["model"]


@pytest.mark.slow
def test_memory_that_runs_out_in_one_shrinks_all(two):
    first, second, _ = two
    assert first["memory"] == second["memory"]
    losses, notes = first["memory"]
    assert len(losses) == 4
    said = [line for note in notes for line in note.split("; ")]
    assert [line for line in said if "memory" in line] == [
        f"memory ran out: going on with {n} crops of 32 px a step" for n in (3, 2)
    ]


@pytest.mark.slow
def test_batch_norm_is_that_of_the_whole_batch(two):
    for found in two[:2]:
        assert max(found["norms"].values()) < 1e-5


@pytest.mark.slow
def test_one_says_what_is_wrong(two):
    first, second, _ = two
    assert first["refused"] == [
        "ValueError: no file at 0",
        "BadInput: process 2 of 2 cannot begin: no file at 1.",
        "BadInput: a batch has 1 crops, and there are 2 processes; expected a crop for each. "
        "Start fewer with --nproc-per-node, or set a larger batch.",
    ]
    assert [line.partition(":")[0] for line in second["refused"]] == ["EndedElsewhere"] * 3


def test_alone_everything_stays_as_it_is():
    x = torch.ones(3, requires_grad=True)
    assert ALONE.sum(x) is x
    assert ALONE.of_crops(x, 2) is x
    assert ALONE.agreed(x) is x
    assert ALONE.first
    with Ranks.joined("cpu") as ranks:
        assert ranks.count == 1
    with ALONE.together():
        pass


@pytest.mark.parametrize(
    ("omp", "wanted", "expected"), [("1", None, 4), ("3", None, 3), ("1", 2, 2), (None, None, 4)]
)
def test_processes_share_the_cores(monkeypatch, omp, wanted, expected):
    ranks = "napari_unet.engine.training.ranks.ranks"
    monkeypatch.setattr(f"{ranks}.machine_cores", lambda: 8)
    monkeypatch.setattr(f"{ranks}.physical_cores", lambda: int(omp or 8))
    if omp:
        monkeypatch.setenv("OMP_NUM_THREADS", omp)
    else:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert Ranks(0, 2, beside=2).threads(wanted) == expected


def test_a_gpu_for_each_process(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert Ranks(3, 4, beside=2, here=1).device("auto") == torch.device("cuda", 1)
    with pytest.raises(BadInput, match=r"there are 4 processes and 2 NVIDIA GPUs"):
        Ranks(3, 4, beside=4, here=3).device("cuda")
