"""From the probabilities of classes or regions to labels: at each pixel the number of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.codes import decode, threshold_code
from napari_unet.engine.labels.labels import label_frame, object_codes
from napari_unet.engine.labels.regions import regions_of
from napari_unet.engine.labels.space.mask_pieces import MaskPieces
from napari_unet.engine.labels.space.neighbours import onward

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.labels.regions import Regions
    from napari_unet.engine.settings import LabelSettings

_PREFIX = "class "
NAMES = "class_names"  # in a model's record: what classes are called, by number
_NONE = np.empty(0, np.intp), np.empty(0, np.int32)


def class_outputs(classes: Sequence[int]) -> tuple[str, ...]:
    """Name the outputs of a network that tells classes apart: *object*, then one for each."""
    return ("object", *(f"{_PREFIX}{number}" for number in classes))


def classes_of(outputs: Sequence[str]) -> tuple[int, ...]:
    """Numbers of the classes or regions that outputs tell; () for a model of objects."""
    regions = regions_of(tuple(outputs))
    if regions:
        return tuple(region.number for region in regions)
    return tuple(class_number(name) for name in outputs if name.startswith(_PREFIX))


def class_names(outputs: Sequence[str], *known: Mapping[int, str]) -> dict[int, str]:
    """Return the name of each class or region that outputs tell; {} for a model of objects.

    It is that of the first of ``known`` that has one, else its region's, else ``class 2``.
    """
    found = {number: f"class {number}" for number in classes_of(outputs)}
    found |= {region.number: region.name for region in regions_of(tuple(outputs))}
    for names in reversed(known):
        found |= {number: name for number, name in names.items() if number in found and name}
    return found


def names_in(record: Mapping[str, Any]) -> dict[int, str]:
    """Return the names that a model's record has; what is none is left out."""
    kept = record.get(NAMES)
    if not isinstance(kept, dict):
        return {}
    return {int(n): name for n, name in kept.items() if str(n).isdigit() and isinstance(name, str)}


def class_number(name: str) -> int:
    """Return the number of the class that an output tells."""
    return int(name.removeprefix(_PREFIX))


def class_planes(outputs: Sequence[str]) -> tuple[int, ...]:
    """Return which planes are those of the classes or regions, in their order."""
    return tuple(i for i, name in enumerate(outputs) if name.startswith((_PREFIX, "region ")))


def labels_of(
    codes: NDArray[np.uint8],
    outputs: Sequence[str],
    settings: LabelSettings,
    spacing: tuple[float, ...] | None = None,
) -> NDArray[np.uint16]:
    """Label one frame of codes of named outputs: classes, or ids of objects.

    Codes are ``(C, Y, X)``, or ``(C, Z, Y, X)`` of a volume, ``spacing`` as in `frame_basins`.
    """
    if classes_of(outputs):
        return label_classes(codes, outputs, settings)
    return label_frame(object_codes(codes, outputs), settings, spacing=spacing)


def label_classes(
    codes: NDArray[np.uint8], outputs: Sequence[str], settings: LabelSettings
) -> NDArray[np.uint16]:
    """Class of each pixel or voxel, uint16 without the first axis of ``codes``; 0 for none.

    Of exclusive classes, a pixel where *object* is above the threshold has the likeliest of those
    above their own thresholds. Of regions, it has the number of the last one whose threshold it is
    above, as it must be of all regions around that one; those without a threshold of their own
    have that of all. Small pieces are given up as the settings say.
    """
    planes = [codes[i] for i in class_planes(outputs)]
    if regions := regions_of(tuple(outputs)):
        return _nested(planes, regions, settings)
    inside = codes[0] >= threshold_code(settings.threshold)
    numbers = classes_of(outputs)
    return _without_small(_likeliest(planes, numbers, inside, settings), planes, numbers, settings)


def _likeliest(
    planes: Sequence[NDArray[np.uint8]],
    numbers: Sequence[int],
    inside: NDArray[np.bool_],
    settings: LabelSettings,
) -> NDArray[np.uint16]:
    best = np.zeros(inside.shape, np.uint8)
    labels = np.zeros(inside.shape, np.uint16)
    for k, (plane, number) in enumerate(zip(planes, numbers, strict=True)):
        likelier = inside & (plane > best)
        least = settings.class_thresholds[k : k + 1]
        if any(least):
            likelier &= plane >= threshold_code(least[0])
        np.copyto(best, plane, where=likelier)
        np.copyto(labels, number, where=likelier)
    return labels


def _nested(
    planes: Sequence[NDArray[np.uint8]], regions: Regions, settings: LabelSettings
) -> NDArray[np.uint16]:
    labels = np.zeros(planes[0].shape, np.uint16)
    masks: list[NDArray[np.bool_]] = []
    for k, (plane, region) in enumerate(zip(planes, regions, strict=True)):
        around = None if region.parent is None else masks[region.parent]
        masks.append(region_mask(plane, around, k, settings))
        np.copyto(labels, region.number, where=masks[-1])
    return labels


def region_mask(
    plane: NDArray[np.uint8], around: NDArray[np.bool_] | None, k: int, settings: LabelSettings
) -> NDArray[np.bool_]:
    """Return where the ``k``-th region is, a mask, inside that of the one ``around`` it.

    Small pieces that are not sure are left to that one.
    """
    mask = plane >= threshold_code(any_of(settings.class_thresholds, k) or settings.threshold)
    if around is not None:
        mask &= around
    where, _ = _small_pieces(mask, plane, k, settings)
    mask.reshape(-1)[where] = False
    return mask


def any_of(values: Sequence[float], k: int) -> float:
    """Return the value for the ``k``-th class or region, 0 where none is given."""
    return values[k] if k < len(values) else 0


def _small_pieces(
    mask: NDArray[np.bool_], plane: NDArray[np.uint8], k: int, settings: LabelSettings
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the pixels of pieces of ``mask`` that are given up, and which piece each is of."""
    least, sure = any_of(settings.class_sizes, k), any_of(settings.class_sure, k)
    if least <= 1:
        return _NONE
    pieces = MaskPieces.find(mask)
    small = pieces.sizes < least
    if sure:
        where, of = pieces.pixels(small)
        inside = decode(plane.reshape(-1)[where])
        small &= np.bincount(of, inside, minlength=len(small)) < sure * pieces.sizes
    return pieces.pixels(small)


def _without_small(
    labels: NDArray[np.uint16],
    planes: Sequence[NDArray[np.uint8]],
    numbers: Sequence[int],
    settings: LabelSettings,
) -> NDArray[np.uint16]:
    """Give small pieces of each class, one class after the other, to what most of them touch."""
    values = np.array(sorted({0, *numbers}), np.uint16)
    for k, (plane, number) in enumerate(zip(planes, numbers, strict=True)):
        where, of = _small_pieces(labels == number, plane, k, settings)
        if len(where):
            labels.reshape(-1)[where] = _around(labels, values, where, of)[of]
    return labels


def _around(
    labels: NDArray[np.uint16],
    values: NDArray[np.uint16],
    where: NDArray[np.intp],
    of: NDArray[np.int32],
) -> NDArray[np.uint16]:
    """Return which of ``values`` each piece touches most, by its number; the smaller of equals."""
    here = np.stack(np.unravel_index(where, labels.shape))
    own = labels[tuple(here[:, 0])]  # a pixel of it beside a piece is of the same piece
    touched = np.zeros((int(of.max()) + 1, len(values)), np.int64)
    for step in onward(labels.ndim) + tuple(tuple(-s for s in o) for o in onward(labels.ndim)):
        beside_it = here + np.array(step)[:, None]
        there = ((beside_it >= 0) & (beside_it < np.array(labels.shape)[:, None])).all(0)
        found, piece = labels[tuple(beside_it[:, there])], of[there]
        beside = found != own
        np.add.at(touched, (piece[beside], np.searchsorted(values, found[beside])), 1)
    return np.asarray(np.where(touched.any(1), values[touched.argmax(1)], 0), np.uint16)
