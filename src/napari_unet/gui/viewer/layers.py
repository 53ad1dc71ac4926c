"""The only place that touches layers: which there are, where they lie, and how ours are added.

Every layer added here copies the scale, units and axis labels of the movie's layer. Everything
here runs on the main thread: adding a layer from a worker aborts the process.
"""

from __future__ import annotations

import logging
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_unet.engine.stack.lazy_frames import LazyFrames
from napari_unet.engine.stack.missing_pixels import measured_values
from napari_unet.gui.viewer.levels import as_layer, finest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_unet.engine.settings import Selection
    from napari_unet.engine.stack.stack import Stack

logger = logging.getLogger(__name__)
OURS = "napari_unet"  # key in a layer's metadata
PREVIEW = "preview"
_MOST_LABELS = 1 << 30  # bytes that are read into memory
MOVIE_AXES = {2: ("t", "y", "x"), 3: ("t", "z", "y", "x")}  # by dimensions of a frame


def raw(proxied: Any) -> Any:
    """Return the object behind napari's plugin proxy: every dock gets a different one."""
    return getattr(proxied, "__wrapped__", proxied)


def when_closed(viewer: Viewer, act: Callable[..., object]) -> None:
    """Call a method once the viewer's window is closed; never for a viewer without a window.

    PyQt holds it weakly. A function would be emptied where Python collects all of the window, and
    be called then.
    """
    window = getattr(getattr(viewer, "window", None), "_qt_window", None)
    if window is not None:  # it is deleted as it closes, before its docks are
        window.destroyed.connect(act)


@contextmanager
def held(viewer: Viewer) -> Iterator[None]:
    """Leave to the user what is in hand: layers that come and go meanwhile do not become active.

    napari activates every layer that is added, and none when the active one goes: then a stroke
    with the brush moves the view.
    """
    active = viewer.layers.selection.active
    try:
        yield
    finally:
        if active is not None and active in viewer.layers:
            viewer.layers.selection.active = active


def images(viewer: Viewer) -> list[Image]:
    """Image layers that can be a movie, topmost last."""
    return [
        layer
        for layer in map(raw, viewer.layers)
        if isinstance(layer, Image) and role(layer) != PREVIEW
    ]


def label_layers(viewer: Viewer) -> list[Labels]:
    """Labels layers that a user made or asked for, topmost last."""
    return [
        layer
        for layer in map(raw, viewer.layers)
        if isinstance(layer, Labels) and role(layer) != PREVIEW
    ]


def role(layer: Layer) -> str | None:
    """Say what a layer of ours is for; None for other layers."""
    ours = layer.metadata.get(OURS)
    return ours.get("role") if isinstance(ours, dict) else None


def stack_behind(layer: Image) -> Stack | None:
    """Return the opened movie that a layer shows; None where its data are anything else."""
    frames = finest(layer)
    return cast("Stack", frames.movie) if isinstance(frames, LazyFrames) else None


def is_each_section(layer: Image) -> bool:
    """Whether a layer of ours shows each section as a frame."""
    stack = stack_behind(layer)
    return stack is not None and stack.selection.z == "frames"


def source_of(layer: Image) -> tuple[str, Selection] | None:
    """Return the file or folder that a layer of ours shows, and what of it."""
    stack = stack_behind(layer)
    return (str(stack.path), stack.selection) if stack is not None and stack.path else None


def axes_of(layer: Image) -> str | None:
    """Axes named by the layer's own labels, ``TZYX``; None where it has no such names."""
    names = [str(label).strip().upper()[:1] for label in layer.axis_labels]
    if layer.rgb:
        names.append("S")
    known = all(name in set("TCZYXS") for name in names) and len(set(names)) == len(names)
    return "".join(names) if known and names[-2 - layer.rgb :][:2] == ["Y", "X"] else None


def scale_of(layer: Image) -> tuple[float | None, float | None, float | None]:
    """(pixel size in µm, frame interval in s, section distance in µm) where the layer says so."""
    names = [str(label).strip().lower()[:1] for label in layer.axis_labels]
    by_name = dict(zip(names, zip(layer.scale, layer.units, strict=True), strict=True))

    def in_unit(axis: str, unit: str) -> float | None:
        if axis not in by_name:
            return None
        scale, found = by_name[axis]
        try:
            return float((float(scale) * found).to(unit).magnitude)
        except (AttributeError, ValueError, TypeError):  # pixels have no length
            return None

    said = layer.metadata
    return (
        said.get("pixel_size") or in_unit("x", "micrometer"),
        said.get("frame_interval") or in_unit("t", "second"),
        in_unit("z", "micrometer"),
    )


def frame_on_screen(viewer: Viewer, layer: Layer, n_frames: int) -> int:
    """Position of the movie's frame that the viewer shows."""
    steps = (
        viewer.dims.point[-layer.ndim :] if viewer.dims.ndim >= layer.ndim else viewer.dims.point
    )
    if layer.ndim < 3:
        return 0
    position = layer.world_to_data(steps)[0]
    return int(np.clip(round(float(position)), 0, n_frames - 1))


def go_to_frame(viewer: Viewer, layer: Layer, position: int) -> None:
    """Show a frame."""
    if layer.ndim >= 3:
        axis = viewer.dims.ndim - layer.ndim
        viewer.dims.set_point(axis, layer.data_to_world((position,) + (0,) * (layer.ndim - 1))[0])


def place(layer: Layer, axes: str | None = None, dims: int = 2) -> dict[str, Any]:
    """Where a ``(T, Y, X)`` layer lies over ``layer``: scale, rotation, units and all.

    ``axes`` name those of a layer with more; without, the first are the frames. Of volumes, of 3
    ``dims``, a ``(T, Z, Y, X)`` layer.
    """
    n = layer.ndim
    space = range(max(0, n - dims), n)
    # of an image alone, the frame axis has length 1 and no unit
    keep: tuple[int | None, ...] = (None if n <= dims else 0, *(None,) * (dims - n), *space)
    if axes is not None and len(axes) == n:
        keep = tuple(axes.find(a) if a in axes else None for a in f"T{'ZYX'[-dims:]}")
    named = tuple(layer.axis_labels) if n == dims + 1 else MOVIE_AXES[dims]
    return {
        "scale": tuple(1.0 if i is None else float(layer.scale[i]) for i in keep),
        "translate": tuple(0.0 if i is None else float(layer.translate[i]) for i in keep),
        "units": tuple("pixel" if i is None else str(layer.units[i]) for i in keep),
        "axis_labels": named,
        **_turned(layer, keep),
    }


def _turned(layer: Layer, keep: tuple[int | None, ...]) -> dict[str, Any]:
    """Rotation, shear and affine transform of the axes to ``keep``, where there are any."""
    n = layer.ndim
    shear = np.asarray(layer.shear, float)
    if shear.ndim == 1:
        vector, shear = shear, np.eye(n)
        above = np.triu_indices(n, 1)
        if len(vector) == len(above[0]):  # else it has none, as napari says it
            shear[above] = vector
    found = {
        "rotate": _kept(np.asarray(layer.rotate), keep),
        "shear": _kept(shear, keep),
        "affine": _kept(np.asarray(layer.affine.affine_matrix), (*keep, n)),
    }
    return {name: m for name, m in found.items() if not np.allclose(m, np.eye(len(m)))}


def _kept(matrix: NDArray[Any], keep: tuple[int | None, ...]) -> NDArray[np.float64]:
    """Return the rows and columns to ``keep`` of a matrix; None leaves an axis as it is."""
    kept = np.eye(len(keep))
    for row, i in enumerate(keep):
        for column, j in enumerate(keep):
            if i is not None and j is not None:
                kept[row, column] = matrix[i, j]
    return kept


def movie_place(stack: Stack) -> dict[str, Any]:
    """Scale, units and axis labels of a movie from what its file says."""
    time = (stack.frame_interval, "second") if stack.frame_interval else (1.0, "pixel")
    space = "micrometer" if stack.pixel_sizes else "pixel"
    lengths = stack.pixel_sizes or (1.0, 1.0)
    if stack.dims == 3:  # where the distance of sections is not known, it is a pixel's
        lengths = stack.spacing or (lengths[0], *lengths)
    return {
        "scale": (time[0], *lengths),
        "units": (time[1], *(space,) * stack.dims),
        "axis_labels": MOVIE_AXES[stack.dims],
    }


def movie_layers(stack: Stack) -> list[tuple[Any, dict[str, Any], str]]:
    """Lazy layer tuples of a movie, one a channel; nothing but one frame of each is read.

    Of a file with several resolutions the data are a list of those.
    """
    channels = range(max(1, len(stack.channel_names)))
    found = []
    for channel in channels:
        view = stack.select(channel=channel) if len(channels) > 1 else stack
        levels = view.levels()
        data, told = as_layer(levels)
        name = f"{stack.name} · {stack.channel_names[channel]}" if len(channels) > 1 else stack.name
        low, high = _contrast(levels[0])
        kwargs = {
            **told,
            "name": name,
            "contrast_limits": (low, high),
            "colormap": "gray"
            if len(channels) == 1
            else ("gray", "green", "magenta", "cyan", "yellow", "red")[channel % 6],
            "blending": "translucent_no_depth" if channel == 0 else "additive",
            **movie_place(stack),
        }
        found.append((data, kwargs, "image"))
    return found


def labels_layers(
    stack: Stack, movie: Stack | None = None
) -> list[tuple[Any, dict[str, Any], str]]:
    """Return the layer tuple of labels from a file; in memory, to be painted on, unless huge.

    They lie where the frames of the ``movie`` do that they are as large as: napari knows no units
    where two layers disagree about them.
    """
    if movie is not None and movie.dims == 3 and stack.n_z == movie.n_z > 1:
        stack = stack.select(z="volume")
    frames = stack.lazy()
    huge = int(np.prod(frames.shape)) * frames.dtype.itemsize > _MOST_LABELS
    labels = frames if huge else np.stack([stack[t] for t in range(len(stack))])
    fits = movie is not None and labels.shape[1:] == movie.frame_shape
    lies = movie_place(movie if fits and movie is not None else stack)
    return [(labels, {"name": stack.name, **lies}, "labels")]


def add_movie(viewer: Viewer, made: list[tuple[Any, dict[str, Any], str]]) -> list[Image]:
    """Add a movie's lazy layers, as `movie_layers` makes them: all of them or none."""
    added: list[Image] = []
    try:
        for data, kwargs, _ in made:
            added.append(viewer.add_image(data, **kwargs))
    except BaseException:
        for layer in added:
            viewer.layers.remove(layer)
        raise
    return added


def put_in_place(layer: Image) -> None:
    """Put a layer where its movie lies, whose axes are others now."""
    layer.translate = (0.0,) * layer.ndim
    for name, value in movie_place(finest(layer).movie).items():
        setattr(layer, name, value)


def is_movie_shaped(layer: Image, stack: Stack) -> bool:
    """Whether a layer with all frames put on top of this one falls on the same frames."""
    if layer.ndim == 2:
        return len(stack) == 1
    same = layer.ndim == 1 + stack.dims
    return same and tuple(layer.data.shape) == (len(stack), *stack.frame_shape)


def unfold(viewer: Viewer, layer: Image, stack: Stack) -> Image:
    """Show the chosen channel and z of an array with more axes as a ``(T, Y, X)`` layer.

    Of volumes ``(T, Z, Y, X)``. The array is not copied; the layer with more axes is replaced,
    because napari would put labels over its last axes.
    """
    low, high = _contrast(stack)
    name, channel = layer.name, stack.selection.channel
    suffix = (
        f" · {stack.channel_names[channel]}"
        if isinstance(channel, int) and len(stack.channel_names) > 1
        else ""
    )
    lies = place(layer, stack.selection.axes or stack.source_axes, stack.dims)
    if all(unit == "pixel" for unit in lies["units"]):  # what the movie says is all there is
        lies |= {k: v for k, v in movie_place(stack).items() if k in ("scale", "units")}
    chosen = viewer.layers.selection.active is layer
    with held(viewer):
        viewer.layers.remove(layer)
        unfolded = viewer.add_image(
            stack.lazy(), name=name + suffix, contrast_limits=(low, high), **lies
        )
    if chosen:
        viewer.layers.selection.active = unfolded
    return unfolded


def tell_in_3d(layer: Labels) -> None:
    """Let napari ask in 3D what is under a mouse that was not moved yet; 0.9.2 raises there."""
    ask = layer.get_status

    def get_status(position: Any = None, *, view_direction: Any = None, **how: Any) -> Any:
        displayed = how.get("dims_displayed") or ()
        if view_direction is None and len(displayed) == 3:
            view_direction = np.eye(len(position))[displayed[0]]
        return ask(position, view_direction=view_direction, **how)

    layer.get_status = get_status  # type: ignore[method-assign]


def paint(viewer: Viewer, layer: Labels, label: int) -> None:
    """Put the brush into a user's hand: the layer chosen, painting with ``label``, on a frame."""
    viewer.dims.ndisplay = 2
    viewer.layers.selection.active = layer
    layer.selected_label = label
    layer.mode = "paint"


def show_preview(viewer: Viewer, over: Image, frames: Any, name: str) -> Labels:
    """Show ``frames`` (an array-like ``(T, …, Y, X)`` of labels) in the one preview layer."""
    for layer in map(raw, viewer.layers):
        if isinstance(layer, Labels) and role(layer) == PREVIEW and layer.ndim == len(frames.shape):
            layer.data, layer.name, layer.visible = frames, name, True
            return layer
    remove_preview(viewer)
    under = [x for x in label_layers(viewer) if x.visible and not x.contour]
    for labels in under:  # what is judged against a preview is outlines, too
        labels.contour = 1
    ours = {"role": PREVIEW, "outlined": [weakref.ref(x) for x in under]}
    lies = place(over, dims=len(frames.shape) - 1)
    layer = Labels(frames, name=name, metadata={OURS: ours}, opacity=0.9, **lies)
    tell_in_3d(layer)
    with held(viewer):
        viewer.add_layer(layer)
    layer.contour, layer.editable = 2, False
    return layer


def remove_preview(viewer: Viewer) -> None:
    """Take the preview layer away."""
    for layer in [x for x in map(raw, viewer.layers) if role(x) == PREVIEW]:
        for ref in layer.metadata[OURS].get("outlined", ()):
            if (labels := ref()) is not None and labels.contour == 1:
                labels.contour = 0
        remove(viewer, layer)


def remove(viewer: Viewer, layer: Layer) -> None:
    """Take a layer of ours away; where a user chose it, the one below is chosen then."""
    at = viewer.layers.index(layer)
    chosen = viewer.layers.selection.active is layer
    with held(viewer):
        viewer.layers.remove(layer)
    if chosen and len(viewer.layers):
        viewer.layers.selection.active = viewer.layers[max(0, at - 1)]


def _contrast(movie: Stack | LazyFrames) -> tuple[float, float]:
    """Return black and white of the first frame, always finite and apart.

    Where that has no pixel with a value, as in a registered movie, another one is looked at.
    """
    for t in dict.fromkeys((0, len(movie) // 2, len(movie) - 1)):
        values = measured_values(movie[t])
        if values.size:
            break
    else:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values.astype(np.float64), (0.5, 99.8)))
    if high <= low:  # a mask of a few pixels on an even ground
        high = float(values.max())
    return (low, high) if high > low else (low, low + 1)
