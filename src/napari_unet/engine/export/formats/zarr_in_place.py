"""Labels written into the movie's own OME-Zarr, beside the image, in the version that it has.

The group is whole or not there; the image and the labels of other programs are not touched.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, not_installed
from napari_unet.engine.export.target.formats import IN_PLACE_LABELS as NAME
from napari_unet.engine.export.target.outputs import FrameInfo, writing
from napari_unet.engine.files.atomic import atomic_folder, make_folder
from napari_unet.engine.files.versions import versions
from napari_unet.engine.stack.frame_numbers import NUMBERS_KEY

try:
    import zarr

    from napari_unet.engine.export.formats.zarr_writes import settled
    from napari_unet.engine.stack.extras.zarr_tree import described, labels_of, read_image
except ImportError as error:
    raise not_installed("OME-Zarr export", "zarr", "zarr") from error

if TYPE_CHECKING:
    from napari_unet.engine.export.target.writing import WriteOptions, Writer
    from napari_unet.engine.stack.stack import Stack

_ELSEWHERE = "leave --in-place out, or choose another format"


def in_place_writer(
    stack: Stack,
    info: FrameInfo,
    options: WriteOptions,
    clean: Callable[[int, NDArray[Any]], NDArray[Any]],
) -> Writer:
    """Return the writer of labels into the group ``labels/cells`` beside the image of ``stack``.

    It has as many frames as the image; those that are not chosen are 0.
    """
    image = _image_folder(stack)
    target = image / "labels" / NAME
    if target.exists() and not options.overwrite:
        raise BadInput(
            f"{image} has labels called {NAME} already",
            "an image without them",
            "allow them to be replaced",
        )
    group = zarr.open_group(image, mode="r", use_consolidated=False)
    axes = _axes(group, stack)
    return _write(stack, info, options, clean, group, axes)


def _write(
    stack: Stack,
    info: FrameInfo,
    options: WriteOptions,
    clean: Callable[[int, NDArray[Any]], NDArray[Any]],
    group: zarr.Group,
    axes: str,
) -> Writer:
    image, version = _image_folder(stack), _version(group)
    target = image / "labels" / NAME
    make_folder(target.parent)
    with atomic_folder(target, replace=options.overwrite) as temporary, settled():
        cells = zarr.open_group(temporary, mode="w", zarr_format=group.metadata.zarr_format)
        lengths = {"T": len(stack), "Z": 1} | dict(zip(info.axes, info.shape, strict=True))
        rest = {"Z": slice(None) if "Z" in info.axes else 0}
        array = _array(cells, axes, tuple(lengths[a] for a in axes))
        while (given := (yield)) is not None:
            frame, labels = given
            with writing(target):
                place = {"T": frame, **rest}
                array[tuple(place[a] for a in axes[:-2])] = clean(frame, labels)
        cells.attrs.update(_attributes(group, axes, version))
        cells.attrs["napari-unet"] = {
            **({NUMBERS_KEY: list(stack.numbers)} if stack.numbered else {}),
            "frames": list(info.frames),
            "model": options.provenance.model_name,
            "sha256": options.provenance.model_sha256,
            "versions": versions(),
        }
    _announce(group, target.parent, version)
    return target


def _image_folder(stack: Stack) -> Path:
    """Return the folder of the image that a movie is."""
    folder = stack.labels_folder
    if folder is None or not folder.parent.is_dir():
        raise BadInput(
            f"{stack.name} is no OME-Zarr folder",
            "a movie that has a place for labels in it",
            _ELSEWHERE,
        )
    return folder.parent


def _axes(group: zarr.Group, stack: Stack) -> str:
    """Return the image's axes without channels: sections stay, of which a frame may have one."""
    axes = read_image(group, "", stack.name).axes.replace("C", "").replace("S", "")
    if stack.selection.axes or set(axes) - set("TZYX"):
        raise BadInput(f"{stack.name} is read with other axes than it says", "its own", _ELSEWHERE)
    return axes


def _version(group: zarr.Group) -> str:
    return "0.5" if group.metadata.zarr_format == 3 else "0.4"


def _array(cells: zarr.Group, axes: str, shape: tuple[int, ...]) -> Any:
    chunks = (1,) * (len(shape) - 2) + shape[-2:]
    new = cells.metadata.zarr_format == 3
    return cells.create_array(
        "0",
        shape=shape,
        chunks=chunks,
        dtype=np.uint32,
        chunk_key_encoding={"name": "default" if new else "v2", "separator": "/"},
        dimension_names=tuple(axes.lower()) if new else None,
    )


def _attributes(group: zarr.Group, axes: str, version: str) -> dict[str, Any]:
    """Return what OME says of the image, of the axes that labels have."""
    multiscale = described(group)["multiscales"][0]
    letters = read_image(group, "", NAME).axes
    kept = [i for i, letter in enumerate(letters) if letter in axes]

    def cut(steps: Any) -> list[dict[str, Any]]:
        return [
            {k: [v[i] for i in kept] if isinstance(v, list) else v for k, v in step.items()}
            for step in steps or ()
        ]

    named = [multiscale["axes"][i] for i in kept] if "axes" in multiscale else list(axes.lower())
    level = {
        "path": "0",
        "coordinateTransformations": cut(
            multiscale["datasets"][0].get("coordinateTransformations")
        ),
    }
    said: dict[str, Any] = {"name": NAME, "axes": named, "datasets": [level]}
    if steps := cut(multiscale.get("coordinateTransformations")):
        said["coordinateTransformations"] = steps
    of = {"source": {"image": "../../"}}
    if version == "0.5":
        return {"ome": {"version": version, "multiscales": [said], "image-label": of}}
    return {
        "multiscales": [{"version": version, **said}],
        "image-label": {"version": version, **of},
    }


def _announce(group: zarr.Group, folder: Path, version: str) -> None:
    """Name the labels in the list of all of the image."""
    names = list(dict.fromkeys((*labels_of(group), NAME)))
    row = zarr.open_group(folder, mode="a", zarr_format=group.metadata.zarr_format)
    if version == "0.5":
        known: Any = row.attrs.get("ome") or {}
        row.attrs["ome"] = {"version": version, **known, "labels": names}
    else:
        row.attrs["labels"] = names
