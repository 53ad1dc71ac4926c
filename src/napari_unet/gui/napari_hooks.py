"""What napari's manifest names: the reader, entries of its menus, the writers of *File > Save*.

Writers stream frames: a layer of live labels is never held as a whole movie. napari waits while a
writer runs; its activity dock shows how far it is.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import napari
from napari.utils import progress

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.frame_numbers import PICTURE_SUFFIXES, TIFF_SUFFIXES
from napari_unet.engine.stack.kinds import LABEL_SUFFIXES, WHOLE_SUFFIXES, is_zarr
from napari_unet.gui.session.job import describe_error
from napari_unet.gui.session.session import Session
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.label_frames import LayerFrames

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.engine.export.target.sidecar import Provenance
    from napari_unet.engine.stack.stack import Stack


FRAME_SUFFIXES = (*TIFF_SUFFIXES, *PICTURE_SUFFIXES)


def get_reader(
    path: str | list[str],
) -> Callable[[str], list[tuple[Any, dict[str, Any], str]]] | None:
    """Return the reader for a movie, a folder of frames or labels; None for anything else."""
    if not isinstance(path, str):
        return None
    place = Path(path)
    if place.is_dir() and not is_zarr(place):
        try:
            found = any(p.suffix.lower() in FRAME_SUFFIXES for p in place.iterdir())
        except OSError:  # a folder that may not be read is nobody's
            return None
    else:
        found = is_zarr(place) or place.name.lower().endswith(WHOLE_SUFFIXES)
        if not found and place.name.lower().endswith(LABEL_SUFFIXES):
            return read_labels
    return read_movie if found else None


def read_movie(path: str) -> list[tuple[Any, dict[str, Any], str]]:
    """Layers of a movie, one a channel: lazy, with axis labels, scale and units.

    Labels that were exported come back as a Labels layer: the note beside them says what they are.
    """
    from napari_unet.engine.export.target.sidecar import is_labels
    from napari_unet.engine.labels.given.open_labels import open_labels
    from napari_unet.engine.stack.stack import Stack

    if is_labels(Path(path)):
        return layers.labels_layers(open_labels(path), _movie_on_screen())
    return layers.movie_layers(Stack.open(path))


def read_labels(path: str) -> list[tuple[Any, dict[str, Any], str]]:
    """Labels layer of another program's file; ROIs are drawn on the movie of the viewer."""
    from napari_unet.engine.labels.given.open_labels import open_labels

    movie = _movie_on_screen()
    return layers.labels_layers(open_labels(path, movie), movie)


def _movie_on_screen() -> Stack | None:
    viewer = napari.current_viewer()
    return Session.of(viewer).movie.stack if viewer is not None else None


def open_segment(viewer: napari.Viewer) -> None:
    """Open the Segment dock, from *Layers ▸ Segment*."""
    viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment")


_OME = (".ome.tif", ".ome.tiff")


def write_imagej(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an ImageJ hyperstack, with time and µm; OME-TIFF where the name asks for that."""
    format = "ome-tiff" if path.lower().endswith(_OME) else "imagej"  # noqa: A001
    return _write(path, data, attributes, format)


def write_ome_tiff(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an OME-TIFF, uint16 or uint32."""
    return _write(path, data, attributes, "ome-tiff")


def write_zarr(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an OME-Zarr 0.5 (extra ``zarr``)."""
    return _write(path, data, attributes, "zarr")


def write_rois(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a zip of ImageJ ROIs (extra ``roi``)."""
    return _write(path, data, attributes, "rois")


def write_ctc(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a folder as the Cell Tracking Challenge has it: ``01`` becomes ``01_RES``."""
    folder = Path(path)
    if not folder.name.endswith("_RES"):
        folder = folder.with_name(f"{folder.name}_RES")
    return _write(str(folder), data, attributes, "ctc")


def _write(path: str, data: Any, attributes: dict[str, Any], format: str) -> list[str]:
    name = str(attributes.get("name") or "labels")
    try:
        _stream(path, data, attributes, format, name)
    except (BadInput, OSError) as error:  # napari takes ValueError for "cannot write that"
        raise RuntimeError(describe_error(error)) from error
    return [path]


def _stream(path: str, data: Any, attributes: dict[str, Any], format: str, name: str) -> None:
    from napari_unet.engine.export.formats.write_labels import LABEL_FORMATS, write_labels
    from napari_unet.engine.export.target.writing import WriteOptions
    from napari_unet.engine.tracks.by_hand import ByHand
    from napari_unet.engine.tracks.tracking import Linker

    stack, provenance = _movie_of(data, name, attributes)
    frames = LayerFrames(data, stack, name)
    linker = None
    if LABEL_FORMATS[format].links:  # the others write the ids as they are
        linker = Linker(by_hand=ByHand.of(getattr(data, "corrections", None)))
    writing = write_labels(
        path,
        (frames[t] for t in range(len(stack))),
        stack,
        WriteOptions(overwrite=True, provenance=provenance),  # napari has asked
        format=format,
        linker=linker,
    )
    for _ in progress(writing, total=len(stack), desc=f"Saving {name}"):
        pass


def _movie_of(data: Any, name: str, attributes: dict[str, Any]) -> tuple[Stack, Provenance]:
    """Return the movie that labels belong to: the viewer's own, else what the layer itself says."""
    from napari_unet.engine.export.target.sidecar import Provenance
    from napari_unet.engine.settings import Selection
    from napari_unet.engine.stack.stack import Stack

    shape = tuple(int(n) for n in data.shape)
    viewer = napari.current_viewer()
    if viewer is not None:
        session = Session.of(viewer)
        stack, layer = session.movie.stack, session.labels.layer
        live = layer is not None and session.labels.live is data
        if stack is not None and shape == (len(stack), *stack.frame_shape):
            return stack, session.labels.provenance(layer) if live and layer else Provenance()
    if len(shape) not in (2, 3, 4):
        raise BadInput(
            f"the layer {name} has {len(shape)} axes",
            "frames, Y and X, or frames, Z, Y and X",
            "save one position and channel at a time",
        )
    pixel_size, frame_interval, z_step = layers.scale_of(_as_layer(attributes, len(shape)))
    axes = "TZYX" if len(shape) == 4 else "TYX"[-len(shape) :]
    stack = Stack.from_array(
        data,
        Selection(z="volume") if "Z" in axes and shape[1] > 1 else None,
        axes=axes,
        name=name,
        pixel_size=pixel_size,
        z_step=z_step,
        frame_interval=frame_interval,
    )
    return stack, Provenance()


def _as_layer(attributes: dict[str, Any], n_axes: int) -> Any:
    """Return a layer's place as `layers.scale_of` reads it of a layer."""
    said = {"axis_labels": (), "scale": (1.0,) * n_axes, "units": (), "metadata": {}}
    return SimpleNamespace(**{key: attributes.get(key, value) for key, value in said.items()})
