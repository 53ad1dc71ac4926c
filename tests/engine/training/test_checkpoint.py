"""A checkpoint is whole or not there, whatever happens while it is written."""

import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.training.checkpoint import load_checkpoint, save_checkpoint

STATE = {
    "step": 7,
    "weights": {"a": torch.arange(12.0).reshape(3, 4)},
    "history": [{"step": 3, "seg": 0.5}],
    "before": None,
    "joined": True,
    "generator": torch.Generator().get_state(),
}


def refused(path):
    with pytest.raises(BadInput) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_saved_comes_back(tmp_path):
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, STATE)
    state = load_checkpoint(path)
    assert torch.equal(state["weights"]["a"], STATE["weights"]["a"])
    assert torch.equal(state["generator"], STATE["generator"])
    for key in ("step", "history", "before", "joined"):
        assert state[key] == STATE[key]
    assert list(tmp_path.iterdir()) == [path]


_KILLED_WRITERS = """
import os, random, signal, sys, time
from pathlib import Path

import torch
from napari_unet.engine.training.checkpoint import load_checkpoint, save_checkpoint

torch.set_num_threads(1)  # OpenMP does not survive a fork
path, chance = Path(sys.argv[1]), random.Random(0)

def save(step):
    same = torch.full((300_000,), float(step))
    save_checkpoint(path, {"step": step, "a": same, "b": same.clone()})

save(0)
for _ in range(8):
    before = load_checkpoint(path)["step"]
    if not (writer := os.fork()):
        for step in range(before + 1, sys.maxsize):
            save(step)
    written = path.stat().st_mtime_ns
    while path.stat().st_mtime_ns == written:  # however slow the machine is
        time.sleep(0.001)
    time.sleep(chance.uniform(0.0, 0.1))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    state = load_checkpoint(path)
    assert state["step"] > before
    assert (state["a"] == state["step"]).all() and (state["b"] == state["step"]).all()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked writers")
def test_kill_leaves_a_whole_checkpoint(tmp_path):
    command = [sys.executable, "-c", _KILLED_WRITERS, str(tmp_path / "run.ckpt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_error_while_writing_keeps_the_older_one(tmp_path, monkeypatch):
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, STATE)

    def full(self, content):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BadInput):
        save_checkpoint(path, {"step": 8})
    monkeypatch.undo()
    assert load_checkpoint(path)["step"] == 7
    assert list(tmp_path.iterdir()) == [path]


class Trap:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_code_in_a_checkpoint_never_runs(tmp_path):
    path, mark = tmp_path / "run.ckpt", tmp_path / "mark"
    torch.save({"format": "napari-unet checkpoint 1", "step": Trap(mark)}, path)
    assert "not opened" in refused(path)
    path.write_bytes(pickle.dumps(Trap(mark)))
    refused(path)
    assert not mark.exists()


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    assert "there is no checkpoint" in refused(path)
    assert "there is no checkpoint" in refused(tmp_path)
    for other in ([1, 2], {"format": "other"}, torch.zeros(2)):
        torch.save(other, path)
        assert "is no checkpoint" in refused(path)


@pytest.mark.parametrize("seed", range(25))
def test_a_damaged_file_is_refused_or_reads_as_a_checkpoint(tmp_path, seed):
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, STATE)
    content, chance = bytearray(path.read_bytes()), random.Random(seed)
    if seed % 2:
        del content[chance.randrange(len(content)) :]
    else:
        start = chance.randrange(len(content))
        content[start : start + 40] = chance.randbytes(40)
    path.write_bytes(content)
    try:
        assert load_checkpoint(path).keys() >= STATE.keys()
    except BadInput as error:
        assert "run.ckpt" in str(error)
        assert "\n" not in str(error)
