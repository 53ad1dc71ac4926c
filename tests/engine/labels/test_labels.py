from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage as ndi

from napari_unet.engine.labels.codes import encode, encode_logits, threshold_code
from napari_unet.engine.labels.labels import basins_key, frame_basins, label_frame
from napari_unet.engine.labels.scores import frame_scores, pool
from napari_unet.engine.settings import LabelSettings

ALL = LabelSettings(min_size=0, fill_holes=False)
WHOLE = ALL.replace(split=False)
THRESHOLDS = (0.02, 0.1, 0.2, 0.5, 0.8, 0.98, 0.9999)


def discs(*centres, radius=9.0, shape=(48, 96)) -> np.ndarray:
    """Codes (1, Y, X) of discs that fade outwards."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    away = np.min([np.hypot(y - cy, x - cx) for cy, cx in centres], axis=0)
    return encode_logits(radius - away)[None]


def pixels(*rows: str) -> np.ndarray:
    """Codes (1, Y, X) from a drawing: # 0.9, + 0.6, - 0.3, . 0.01."""
    values = {"#": 0.9, "+": 0.6, "-": 0.3, ".": 0.01}
    return encode(np.array([[values[c] for c in row] for row in rows]))[None]


VALUES = np.array([0, 100, 101, 120, 128, 160, 255], np.uint8)
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
noise = st.one_of(
    arrays(np.uint8, (14, 17), elements=st.sampled_from(VALUES.tolist())),
    seeds.map(lambda rng: rng.choice(VALUES, (14, 17))),
    seeds.map(lambda rng: ndi.uniform_filter(rng.choice(VALUES, (14, 17)), 3)),
)


@given(noise, st.sampled_from(THRESHOLDS[1:]))
def test_without_splitting_objects_are_the_connected_components(frame, threshold):
    labels = label_frame(frame[None], WHOLE.replace(threshold=threshold))
    expected, n = ndi.label(frame >= threshold_code(threshold), np.ones((3, 3)))
    assert len(np.unique(labels[labels > 0])) == n
    np.testing.assert_array_equal(labels > 0, expected > 0)
    for i in range(1, n + 1):
        assert len(np.unique(labels[expected == i])) == 1


@given(noise, st.booleans(), st.booleans())
def test_objects_keep_their_id_and_nest_while_the_threshold_moves(frame, split, fill):
    chosen = ALL.replace(split=split, fill_holes=fill)
    basins = frame_basins(frame[None], chosen)
    low = label_frame(frame[None], chosen.replace(threshold=THRESHOLDS[0]), basins)
    for threshold in THRESHOLDS[1:]:
        high = label_frame(frame[None], chosen.replace(threshold=threshold), basins)
        assert not (high[low == 0]).any()
        if split:
            np.testing.assert_array_equal(high[high > 0], low[high > 0])
        for label in np.unique(low[low > 0]):  # an id lives on in the object that had it
            assert not (high == label).any() or (low[high == label] == label).all()
        low = high


@given(noise, st.booleans(), st.sampled_from(THRESHOLDS))
def test_an_object_is_one_piece_without_holes(frame, fill, threshold):
    chosen = ALL.replace(fill_holes=fill, threshold=threshold)
    basins = frame_basins(frame[None], chosen)
    labels = label_frame(frame[None], chosen, basins)
    for label in np.unique(labels[labels > 0]):
        mask = labels == label
        assert ndi.label(mask)[1] == 1
        if fill:  # ground of this object alone, shut in by it, is filled
            gaps, n = ndi.label(~mask, np.ones((3, 3)))
            edge = np.unique(np.r_[gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]])
            for gap in set(range(1, n + 1)) - set(edge.tolist()):
                assert set(np.unique(basins.ids[gaps == gap])) != {label}


def test_touching_cells_are_split_by_shape_and_by_border():
    two = discs((24, 30), (24, 46))
    assert label_frame(two, WHOLE).max() == 1
    labels = label_frame(two, LabelSettings())
    assert labels[24, 30] != labels[24, 46] and len(np.unique(labels)) == 3
    oval = discs((24, 30), (24, 36))
    assert len(np.unique(label_frame(oval, LabelSettings()))) == 2
    wall = np.zeros_like(oval[0])
    wall[:, 32:35] = 250
    assert len(np.unique(label_frame(np.stack([oval[0], wall]), LabelSettings()))) == 3


def test_split_strength_goes_from_clear_necks_to_the_slightest():
    pear = discs((24, 30), (24, 43), radius=9.0)
    counts = [
        len(np.unique(label_frame(pear, LabelSettings(split_strength=s)))) - 1
        for s in (0.0, 0.5, 1.0)
    ]
    assert counts == sorted(counts) and counts[0] == 1 and counts[-1] == 2


@pytest.mark.parametrize(
    ("drawing", "changes", "count"),
    [
        (("......", ".###..", ".###..", "....#."), {"min_size": 6}, 1),
        (("......", ".###..", ".###..", "......"), {"min_size": 7}, 0),
        (("......", ".###..", ".###..", "......"), {"max_size": 5}, 0),
        (("###...", "###...", "......", ".....#"), {"drop_border": True}, 0),
        ((".....", ".###.", ".###.", "....."), {"drop_border": True}, 1),
        ((".###.", ".###.", ".....", ".....", "....#"), {"edge": 1}, 1),
        ((".###.", ".....", ".....", "....#"), {"edge": 1}, 0),
        ((".###.", ".....", "....."), {"edge": 2}, 1),  # nothing would be left
        ((".....", ".....", "....."), {}, 0),
        (("-----", "-----"), {"threshold": 0.2}, 1),
        (("-----", "-----"), {"threshold": 0.5}, 0),
    ],
)
@pytest.mark.parametrize("split", [True, False])
def test_sizes_and_edge(drawing, changes, count, split):
    labels = label_frame(pixels(*drawing), ALL.replace(split=split, **changes))
    assert len(np.unique(labels[labels > 0])) == count


@pytest.mark.parametrize("split", [True, False])
def test_holes_are_filled_at_each_threshold_and_rings_of_cells_are_not(split):
    ring = pixels(".......", ".#####.", ".#.--#.", ".#####.", ".......")
    filled = label_frame(ring, ALL.replace(split=split, fill_holes=True))
    assert (filled[1:4, 1:6] > 0).all() and filled[0, 0] == 0
    open_ = label_frame(ring, ALL.replace(split=split))
    assert open_[2, 2] == 0
    around = [(40 + 18 * np.cos(a), 48 + 18 * np.sin(a)) for a in np.arange(0, 6.2, 2 * np.pi / 6)]
    cells = discs(*around, radius=9.6, shape=(80, 96))
    labels = label_frame(cells, LabelSettings())
    assert len(np.unique(labels)) == 7 and labels[40, 48] == 0


def test_a_component_that_breaks_keeps_the_id_in_its_highest_part():
    codes = pixels(".........", ".###-+++.", ".........")
    basins = frame_basins(codes, WHOLE)
    low = label_frame(codes, WHOLE.replace(threshold=0.2), basins)
    mid = label_frame(codes, WHOLE.replace(threshold=0.5), basins)
    assert len(np.unique(low)) == 2
    assert mid[1, 2] == low[1, 2] and mid[1, 6] not in (0, low[1, 2])


def test_basins_depend_on_splitting_and_holes_only():
    base = LabelSettings()
    later = {"threshold": 0.9, "min_size": 3, "max_size": 99, "drop_border": True, "edge": 9}
    for change in ({name: value} for name, value in later.items()):
        assert basins_key(base.replace(**change)) == basins_key(base)
    for change in ({"split": False}, {"split_strength": 0.1}, {"fill_holes": False}):
        assert basins_key(base.replace(**change)) != basins_key(base)


def test_more_objects_than_ids_keeps_the_highest():
    frame = np.zeros((560, 560), np.uint8)
    frame[::2, ::2] = 200
    frame[0, 0] = 255
    labels = label_frame(frame[None], WHOLE)
    assert labels.max() == 65534 and labels[0, 0] == 1


def test_the_toy_world_is_labelled_as_its_truth(toy):
    scores = []
    for truth in toy.labels:
        mask = ndi.gaussian_filter((truth > 0).astype(np.float32), 1.0)
        edges = ndi.grey_dilation(truth, 3) != ndi.grey_erosion(
            np.where(truth, truth, 65535), (3, 3)
        )
        edges &= truth > 0
        border = ndi.gaussian_filter((edges & (ndi.minimum_filter(truth, 3) > 0)) * 1.0, 0.7)
        codes = np.stack([encode_logits((mask - 0.5) * 16), encode_logits((border - 0.3) * 16)])
        scores.append(frame_scores(label_frame(codes, LabelSettings()), truth))
    assert pool(scores).seg > 0.9
