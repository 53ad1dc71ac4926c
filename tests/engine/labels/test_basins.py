"""Regions laid on canvases give the basins of the whole frame, pixel by pixel."""

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_unet.engine.labels import basins as b
from napari_unet.engine.labels.canvas import pieces as laid
from napari_unet.engine.labels.canvas import splitting as s
from napari_unet.engine.labels.canvas.distance import distance_to_rim
from napari_unet.engine.labels.canvas.reconstruction import keep_pieces
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.settings import LabelSettings


def cells(seed, shape=(150, 190), n=60, noise=4.0):
    """Codes (2, Y, X), object and border, of n touching ellipses."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[: shape[0], : shape[1]]
    truth = np.zeros(shape, int)
    for i in range(1, n + 1):
        cy, cx, a = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(4, 14)
        inside = ((y - cy) / a) ** 2 + ((x - cx) / (a * rng.uniform(0.6, 1))) ** 2 < 1
        truth[inside & (truth == 0)] = i
    least = ndi.minimum_filter(np.where(truth, truth, n + 1), 3)
    touching = (ndi.maximum_filter(truth, 3) != least) & (least <= n)
    planes = [ndi.gaussian_filter((mask * 12.0) - 6, 1.2) for mask in (truth > 0, touching)]
    grain = [noise * ndi.gaussian_filter(rng.normal(size=shape), 1.5) for _ in range(2)]
    return np.stack([encode_logits(p + g) for p, g in zip(planes, grain, strict=True)])


def plain_basins(codes, settings):
    """The same, region by region and then over the whole frame at once."""
    levels, border = codes[0], codes[1] if len(codes) > 1 else None
    regions, n = ndi.label(levels >= b.REFERENCE, np.ones((3, 3)))
    interior = s.interior_of(levels, border)
    depth = np.zeros(levels.shape, np.float32)
    for box in ndi.find_objects(regions):
        part = np.pad(interior[box], 4)
        whole = part if border is None else ndi.binary_fill_holes(part)
        distance = ndi.distance_transform_edt(whole).astype(np.float32)
        smooth = ndi.gaussian_filter(distance, 1.0, truncate=3.0)[4:-4, 4:-4]
        np.maximum(depth[box], smooth, out=depth[box], where=whole[4:-4, 4:-4])
    seeds = s.summits_of(depth, depth > 0.9)
    seeded = np.zeros(n + 1, bool)
    seeded[regions[seeds > 0]] = True
    seeds = np.where(seeded[regions] | (regions == 0), seeds, seeds.max() + regions)
    depth[regions == 0] = 0
    landscape = -depth - s._height(levels, border, depth)
    parts = s.flood(landscape, seeds.astype(np.int32), regions > 0)
    convex = 2.0 if border is None else 0.9 + 0.1 * settings.split_strength  # or never
    parts = s._joined(parts, seeds, depth, 0.5 + 0.45 * settings.split_strength, convex)
    ids = b._at_most(parts, levels)
    if settings.fill_holes:
        ids, levels = b._filled(ids, levels)
    return ids, keep_pieces(levels, ids, b._highest_pixels(ids, levels))


@pytest.mark.parametrize("fill", [True, False])
@pytest.mark.parametrize("canvas", [1, 5000, 1 << 18])
@pytest.mark.parametrize("seed", range(4))
def test_canvases_change_no_pixel(seed, canvas, fill, monkeypatch):
    monkeypatch.setattr(laid, "_CANVAS", canvas)
    settings = LabelSettings(fill_holes=fill, split_strength=0.3 * seed)
    codes = cells(seed)[: 2 - seed % 2]
    found, (ids, levels) = b.frame_basins(codes, settings), plain_basins(codes, settings)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_array_equal(found.levels[ids > 0], levels[ids > 0])
    assert found.n > 20


def test_a_cell_in_the_hole_of_another_stays_one_and_the_hole_open():
    y, x = np.ogrid[:70, :70]
    radius = np.hypot(y - 35, x - 35)
    codes = encode_logits(np.where((abs(radius - 25) < 5) | (radius < 8), 6.0, -6.0))[None]
    found = b.frame_basins(codes, LabelSettings())
    assert found.ids[35, 35] not in (0, found.ids[35, 10])
    assert found.ids[35, 22] == 0


@pytest.mark.parametrize("size", [3, 30, 150])
def test_the_distance_to_the_rim_is_that_of_a_distance_transform(size):
    rng = np.random.default_rng(size)
    mask = ndi.gaussian_filter(rng.normal(size=(160, 170)), size / 4) > 0
    mask[[0, -1]] = mask[:, [0, -1]] = False
    expected = ndi.distance_transform_edt(mask).astype(np.float32)
    np.testing.assert_array_equal(distance_to_rim(mask), expected)
