"""What this machine can compute with: physical cores, GPUs, and what stands in their way."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from napari_unet.engine.settings import Device

_INSTALL_CUDA = (
    "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu128"
)


@cache
def physical_cores() -> int:
    """Cores this process may use, hyper-threads not counted; ``OMP_NUM_THREADS`` goes first."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return machine_cores()


def machine_cores() -> int:
    """Cores this process may use, hyper-threads not counted, whatever the environment says."""
    if not hasattr(os, "sched_getaffinity"):
        return torch.get_num_threads()  # MKL and Accelerate count physical cores too
    allowed = os.sched_getaffinity(0)
    siblings = {_siblings(cpu) for cpu in allowed}
    return max(1, min(len(siblings), len(allowed)))


def _siblings(cpu: int) -> str:
    listing = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return listing.read_text() if listing.is_file() else str(cpu)


def use_threads(n: int) -> None:
    """Compute with ``n`` threads when called from this thread (OpenMP counts per thread)."""
    if torch.get_num_threads() != n:
        torch.set_num_threads(n)


def has_cpu_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; without it bf16 is slower than fp32."""
    return any(
        getattr(torch.cpu, f"_is_{name}_supported")() for name in ("avx512_bf16", "amx_tile")
    )


def free_memory(device: torch.device) -> int:
    """Free bytes on the device; 4 GB where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 4 * 2**30


def available_memory(device: torch.device) -> int:
    """Bytes that can be had on the device: beside free ones those that only keep files at hand."""
    if device.type != "cuda":
        with suppress(OSError, StopIteration):
            lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
            return 1024 * next(int(n.split()[1]) for n in lines if n.startswith("MemAvailable"))
    return free_memory(device)


def device_name(device: torch.device) -> str:
    """Return the words for a device: its maker's for a graphics card, else ``"the CPU"``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return {"cpu": "the CPU", "mps": "the Apple GPU"}.get(device.type, device.type)


def choose_device(wanted: Device) -> torch.device:
    """Return the torch device for a setting; ``auto`` is CUDA, then MPS, then the CPU."""
    usable = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return torch.device(next(name for name, here in usable.items() if here))
    if not usable[wanted]:
        why = unused_gpu() or "choose auto or cpu"
        raise BadInput(
            f"there is no {wanted.upper()} device that torch {torch.__version__} can use",
            "one of " + ", ".join(n for n, here in usable.items() if here),
            why,
        )
    return torch.device(wanted)


@cache
def unused_gpu() -> str | None:
    """Say what to run where an NVIDIA GPU is there that torch was not built for."""
    if torch.cuda.is_available() or shutil.which("nvidia-smi") is None:
        return None
    here = "this machine has an NVIDIA GPU"
    if torch.version.cuda is None:
        return f"{here} but torch {torch.__version__} is built for the CPU: run {_INSTALL_CUDA}"
    return f"{here} but its driver is too old for torch {torch.__version__}: update the driver"
