import pytest
import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.network import devices


@pytest.fixture(autouse=True)
def fresh():
    devices.physical_cores.cache_clear()
    devices.unused_gpu.cache_clear()
    yield
    devices.physical_cores.cache_clear()
    devices.unused_gpu.cache_clear()


@pytest.fixture
def machine(monkeypatch):
    """A machine with these parts."""

    def build(cuda=False, mps=False, nvidia=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(
            devices.shutil, "which", lambda _: "/bin/nvidia-smi" if nvidia else None
        )
        monkeypatch.setattr(torch.version, "cuda", "12.8" if cuda else None)

    return build


@pytest.mark.parametrize(
    ("parts", "wanted", "found"),
    [
        ({}, "auto", "cpu"),
        ({"mps": True}, "auto", "mps"),
        ({"cuda": True, "mps": True}, "auto", "cuda"),
        ({"cuda": True}, "cpu", "cpu"),
        ({"mps": True}, "mps", "mps"),
    ],
)
def test_chooses_the_device(machine, parts, wanted, found):
    machine(**parts)
    assert devices.choose_device(wanted).type == found


def test_a_missing_device_is_told_with_the_line_to_run(machine):
    machine()
    with pytest.raises(BadInput, match="no CUDA device"):
        devices.choose_device("cuda")
    devices.unused_gpu.cache_clear()
    machine(nvidia=True)
    with pytest.raises(BadInput, match=r"pip install .* torch"):
        devices.choose_device("cuda")
    assert "built for the CPU" in devices.unused_gpu()


def test_threads_follow_the_environment_and_the_hyper_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert devices.physical_cores() == 3
    devices.physical_cores.cache_clear()
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(devices.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(devices, "_siblings", lambda cpu: f"{cpu % 4},{cpu % 4 + 4}")
    assert devices.physical_cores() == 4
