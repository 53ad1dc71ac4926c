import math

import pytest

from napari_unet.engine.network.volumes import (
    are_cubes,
    diameter_of,
    sampling,
    size_of,
    strides_for,
    thickness,
)


@pytest.mark.parametrize(
    ("spacing", "sections", "along_z"),
    [
        (None, 100, (2, 2, 2)),
        ((0.5, 0.5, 0.5), 100, (2, 2, 2)),
        ((1.0, 0.5, 0.5), 100, (1, 2, 2)),
        ((2.0, 0.5, 0.5), 100, (1, 1, 2)),
        ((5.0, 0.2, 0.2), 100, (1, 1, 1)),
        ((0.1, 0.5, 0.5), 100, (2, 2, 2)),
        (None, 9, (2, 2, 1)),  # of nine sections there are four, then two: no more are pooled
        (None, 3, (1, 1, 1)),
    ],
)
def test_sections_are_pooled_where_voxels_are_near_to_cubes(spacing, sections, along_z):
    strides = strides_for(4, spacing, sections)
    assert tuple(step[0] for step in strides) == along_z
    assert all(step[1:] == (2, 2) for step in strides)


@pytest.mark.parametrize("spacing", [None, (2.0, 0.5, 0.5), (0.4, 0.4)])
@pytest.mark.parametrize("dims", [2, 3])
def test_sizes_and_diameters_belong_together(dims, spacing):
    assert diameter_of(size_of(20.0, dims, spacing), dims, spacing) == pytest.approx(20)


def test_lengths_are_those_of_a_section():
    assert are_cubes((0.6, 0.5, 0.5)) and not are_cubes((1.0, 0.5, 0.5))
    assert not are_cubes(None)  # nobody knows
    assert thickness((2.0, 0.5, 0.5)) == 4 and thickness(None) == thickness((0.5, 0.5)) == 1
    assert sampling((2.0, 0.5, 0.5), 3) == (4, 1, 1) and sampling(None, 2) == (1, 1)
    assert size_of(10, 3, (2.0, 0.5, 0.5)) == pytest.approx(math.pi / 6 * 1000 / 4)
