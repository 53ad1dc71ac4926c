"""Regions: what is typed, what it gives for labels, and labels back from probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.class_labels import class_outputs, classes_of, labels_of
from napari_unet.engine.labels.codes import decode, encode, threshold_code
from napari_unet.engine.labels.regions import (
    check_present,
    in_regions,
    parse_regions,
    region_outputs,
    region_text,
    regions_of,
)
from napari_unet.engine.network.unet import UNetConfig
from napari_unet.engine.settings import LabelSettings

TUMOUR = "whole=1,2,4; core=1,4; enhancing=4"


@pytest.mark.parametrize(
    ("text", "numbers", "parents"),
    [
        ("", (), ()),
        (TUMOUR, (2, 1, 4), (None, 0, 1)),
        ("cell = 1,2,3 ;nucleus=2;vacuole=3;", (1, 2, 3), (None, 0, 0)),  # two parts of one
        ("nuclei=5; membrane=3,9", (5, 3), (None, None)),  # apart
        ("all=1,2,3,4; a=3,4; b=1; a2=4", (2, 3, 1, 4), (None, 0, 0, 1)),
    ],
)
def test_a_region_knows_its_number_and_what_is_around_it(text, numbers, parents):
    regions = parse_regions(text)
    assert tuple(r.number for r in regions) == numbers
    assert tuple(r.parent for r in regions) == parents
    outputs = region_outputs(regions)
    assert regions_of(outputs) == parse_regions(region_text(regions)) == regions
    assert classes_of(outputs) == numbers
    assert UNetConfig(outputs=outputs).classes == numbers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("whole", "'whole' is no region; expected NAME=CLASS"),
        ("=1,2", "'=1,2' is no region"),
        ("whole=; core=1", "the region whole is empty"),
        ("whole=1,2; core=1,3", "the regions whole and core overlap and are not nested"),
        ("whole=1,2; core=2,1", "the regions whole and core have the same classes"),
        ("core=1; whole=1,2", "comes after core, a part of it"),
        ("whole=1,2; whole=1", "two regions are called whole"),
        ("whole=1,2; a=1; b=2", "all classes of the region whole are in its parts"),
        ("whole=1.5,2", "has class 1.5; expected whole numbers from 1 to 65534"),
        ("whole=0,2", "has class 0"),
        ("whole=-1,2", "has class -1"),
        ("whole=65535", "has class 65535"),
        ("whole=a,b", "has class a"),
        ("; ".join(f"r{i}={i}" for i in range(1, 65)), "there are 64 regions"),
    ],
)
def test_what_is_no_set_of_regions_is_said_in_one_line(text, said):
    with pytest.raises(BadInput) as error:
        parse_regions(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    outputs = ("object", *(f"region {part.strip()}" for part in text.split(";")))
    with pytest.raises(ValidationError):
        UNetConfig(outputs=outputs)


def test_a_class_that_the_labels_do_not_hold():
    check_present(parse_regions(TUMOUR), (1, 2, 4, 7))
    with pytest.raises(BadInput, match="region core has class 4, which the labels do not hold"):
        check_present(parse_regions("whole=1,2; core=4"), (1, 2))


@st.composite
def laminar(draw):
    """Regions as any tree: each gets a class of its own, and those of its parts."""
    n = draw(st.integers(1, 6))
    parents = [draw(st.integers(-1, i - 1)) for i in range(n)]
    numbers = draw(st.permutations(range(1, n + 1)))
    classes = [{number} for number in numbers]
    for i in reversed(range(n)):
        if parents[i] >= 0:
            classes[parents[i]] |= classes[i]
    merged = draw(st.booleans())  # the first has a further class, which comes back as its own
    words = [f"r{i}={','.join(map(str, [numbers[i], *sorted(c)]))}" for i, c in enumerate(classes)]
    words[0] += ",99" * merged
    return parse_regions("; ".join(words))


def planes(labels, regions):
    """What a network that is right says: 0.9 in a region, 0.1 outside."""
    inside = [np.isin(labels, region.classes) for region in regions]
    return encode(np.where(np.stack([np.any(inside, 0), *inside]), 0.9, 0.1))


@settings(max_examples=60, deadline=None)
@given(laminar(), st.integers(0, 1000), st.floats(0.15, 0.85))
def test_labels_come_back_from_their_regions(regions, seed, threshold):
    values = sorted({0, *(n for region in regions for n in region.classes)})
    labels = np.random.default_rng(seed).choice(values, (13, 17)).astype(np.uint16)
    outputs, wanted = region_outputs(regions), in_regions(labels, regions)
    np.testing.assert_array_equal(in_regions(wanted, regions), wanted)  # once is enough
    chosen = LabelSettings(threshold=threshold)
    codes = planes(labels, regions)
    np.testing.assert_array_equal(labels_of(codes, outputs, chosen), wanted)
    np.testing.assert_array_equal(codes, planes(wanted, regions))  # nothing of them is lost
    own = chosen.replace(threshold=0.5, class_thresholds=(threshold,) * len(regions))
    np.testing.assert_array_equal(labels_of(codes, outputs, own), wanted)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.lists(st.floats(0.1, 0.9), min_size=3, max_size=3))
def test_regions_stay_nested_at_any_thresholds(seed, thresholds):
    rng = np.random.default_rng(seed)
    outputs = region_outputs(parse_regions(TUMOUR))
    probability = ndimage.gaussian_filter(rng.random((4, 30, 30)), (0, 2, 2)) * 4 - 1.5
    codes = encode(np.clip(probability, 0.001, 0.999))
    least = rng.integers(0, 20, 3).tolist()
    chosen = LabelSettings(class_thresholds=thresholds, class_sizes=least, class_sure=(0, 0.8, 0.6))
    labels = labels_of(codes, outputs, chosen)
    masks = [labels > 0, np.isin(labels, (1, 4)), labels == 4]
    for k, (mask, around) in enumerate(zip(masks, [np.ones_like(masks[0]), *masks], strict=False)):
        assert not (mask & ~around).any()
        p = codes[k + 1]
        assert (p[mask] >= threshold_code(thresholds[k])).all()
        free = (p >= threshold_code(thresholds[k])) & around
        pieces, n = ndimage.label(free, np.ones((3, 3)))
        for piece in range(1, n + 1):  # each is kept whole, or given up by the rule
            here = pieces == piece
            sure = (0, 0.8, 0.6)[k]
            stays = here.sum() >= max(least[k], 1) or (sure and decode(p[here]).mean() >= sure)
            assert mask[here].all() == bool(stays)
            assert mask[here].any() == bool(stays)


SMALL = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 2, 2, 2, 2, 2, 0],
        [0, 2, 1, 2, 2, 2, 0],
        [0, 2, 2, 2, 4, 2, 0],
        [0, 2, 2, 2, 2, 2, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [4, 0, 0, 0, 0, 0, 1],
    ]
)


@pytest.mark.parametrize(
    ("sizes", "sure", "gone"),
    [
        ((), (), {}),
        ((0, 2, 0), (), {1: [2, 2], 4: [2, 2]}),  # an enhancing one is a piece of core, too
        ((0, 0, 2), (), {4: [1, 1]}),
        ((0, 0, 2), (0, 0, 0.95), {4: [1, 1]}),
        ((0, 0, 2), (0, 0, 0.85), {}),
        ((2, 0, 0), (), {4: [4, 0], 1: [1, 0]}),  # what is alone goes to the background
    ],
)
def test_small_pieces_of_regions_go_to_what_holds_them(sizes, sure, gone):
    regions = parse_regions(TUMOUR)
    found = labels_of(
        planes(SMALL, regions),
        region_outputs(regions),
        LabelSettings(class_sizes=sizes, class_sure=sure),
    )
    wanted = SMALL.copy()
    for number, (inside, outside) in gone.items():
        middle = np.zeros(SMALL.shape, bool)
        middle[1:5] = True
        wanted[(SMALL == number) & middle] = inside
        wanted[(SMALL == number) & ~middle] = outside
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("sizes", "sure", "wanted"),
    [
        ((2,), (), {1: [2, 0]}),
        ((2, 0, 2), (), {1: [2, 0], 4: [2, 0]}),
        ((2,), (0.5,), {}),
        ((0, 30), (), {2: [0, 0]}),
    ],
)
def test_small_pieces_of_classes_go_to_what_is_around_them(sizes, sure, wanted):
    outputs = class_outputs((1, 2, 4))
    codes = planes(SMALL, parse_regions("a=1; b=2; c=4"))
    found = labels_of(codes, outputs, LabelSettings(class_sizes=sizes, class_sure=sure))
    expected = SMALL.copy()
    for number, (inside, outside) in wanted.items():
        expected[1:5][SMALL[1:5] == number] = inside
        expected[5:][SMALL[5:] == number] = outside
    np.testing.assert_array_equal(found, expected)
