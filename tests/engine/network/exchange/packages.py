"""Packages of bioimage.io, made of a model and changed."""

import hashlib
import zipfile

import yaml

from napari_unet.engine.network.packages.export_package import PackageAbout, export_package

ABOUT = PackageAbout(("Ada Author; Somewhere", "Ben"), "MIT", "Finds discs", ("Paper; 10.1234/5",))


def package(model, folder):
    return export_package(model, folder / "package.zip", ABOUT)


def changed(path, change=None, **files):
    """The package with its description changed and with further files, sums made right again."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    said = yaml.safe_load(content["bioimageio.yaml"])
    content |= {name.replace("__", "."): data for name, data in files.items()}
    if change:
        said = change(said) or said
    for entry in said.get("weights", {}).values():
        if entry["source"] in content:
            entry["sha256"] = hashlib.sha256(content[entry["source"]]).hexdigest()
    content["bioimageio.yaml"] = yaml.safe_dump(said).encode()
    out = path.with_name("changed.zip")
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return out
