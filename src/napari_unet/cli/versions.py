"""What a report of a problem should say: versions and devices, one YAML document."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

# where they are installed
_BESIDE = ("napari", "PyQt6", "PySide6", "openvino", "monai", "distributed")


def as_yaml() -> str:
    """Return versions of the program, Python and packages, and the devices, as YAML."""
    import yaml

    from napari_unet import __version__
    from napari_unet.engine.files.versions import PROGRAM, versions

    packages = {k: v for k, v in versions().items() if k not in (PROGRAM, "python")}
    values = {
        PROGRAM: __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": packages | _beside(),
        "devices": _devices(),
    }
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000))


def _beside() -> dict[str, str]:
    found = {}
    for name in _BESIDE:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _devices() -> dict[str, str | list[str]]:
    """Return what can compute here, by the words of ``--device``; why a GPU there cannot."""
    import torch

    from napari_unet.engine.network.devices import device_name, physical_cores, unused_gpu

    found: dict[str, str | list[str]] = {"cpu": f"{physical_cores()} cores, {platform.machine()}"}
    if torch.cuda.is_available():
        all_of_them = (torch.device("cuda", i) for i in range(torch.cuda.device_count()))
        found["cuda"] = [device_name(device) for device in all_of_them]
    if torch.backends.mps.is_available():
        found["mps"] = device_name(torch.device("mps"))
    if why := unused_gpu():
        found["not used"] = why
    return found
