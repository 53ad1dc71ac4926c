import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.engine.network.network import pad_to_multiple
from napari_unet.engine.network.parts.tiles import dihedral, in_tiles, read_of, tiles
from napari_unet.engine.network.unet import UNet, UNetConfig


@settings(deadline=None)
@given(
    shape=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    tile=st.integers(64, 300),
    halo=st.integers(0, 70),
    multiple=st.sampled_from([2, 4, 8, 16]),
    data=st.data(),
)
def test_tiles_cover_the_region_once_and_keep_their_halo(shape, tile, halo, multiple, data):
    box = tuple(
        slice(start := data.draw(st.integers(0, n - 1)), data.draw(st.integers(start + 1, n)))
        for n in shape
    )
    covered = np.zeros([s.stop - s.start for s in box], int)
    for t in tiles(shape, tile, halo, multiple, box):
        covered[t.write] += 1
        for axis, n in enumerate(shape):
            read, inside, write = t.read[axis], t.inside[axis], t.write[axis]
            assert read.start % multiple == 0
            assert read.stop % multiple == 0 or read.stop == n
            first, last = read.start + inside.start, read.start + inside.stop
            assert (first, last) == (write.start + box[axis].start, write.stop + box[axis].start)
            assert read.start == 0 or first - read.start >= halo
            assert read.stop == n or read.stop - last >= halo
    assert (covered == 1).all()


@pytest.mark.parametrize("filters", [(4, 6), (4, 6, 8), (3, 4, 5, 6)])
@settings(max_examples=5, deadline=None)
@given(height=st.integers(100, 230), width=st.integers(100, 230), tile=st.integers(64, 160))
def test_tiles_equal_the_whole_frame(filters, height, width, tile):
    torch.manual_seed(0)
    config = UNetConfig(filters=filters)
    network = UNet(config).eval()
    frame, _ = pad_to_multiple(torch.randn(1, 1, height, width), config.multiple)
    plan = tiles(tuple(frame.shape[2:]), tile, config.halo, config.multiple)
    with torch.inference_mode():
        assert (in_tiles(network, frame, plan) - network(frame)).abs().max() < 1e-5


VOLUMES = [(), ((2, 2, 2), (2, 2, 2)), ((1, 2, 2), (2, 2, 2)), ((1, 2, 2), (1, 2, 2))]


@pytest.mark.parametrize("strides", VOLUMES)
def test_tiles_of_volumes_equal_the_whole(strides):
    torch.manual_seed(0)
    config = UNetConfig(filters=(2, 3, 4), dims=3, strides=strides)
    network = UNet(config).eval()
    volume, _ = pad_to_multiple(torch.randn(1, 1, 13, 50, 71), config.multiples)
    plan = list(tiles(volume.shape[2:], 64, config.halos, config.multiples))
    assert len(plan) > 3
    largest = read_of(volume.shape[2:], 64, config.halos, config.multiples)
    for axis, most in enumerate(largest):
        assert max(t.read[axis].stop - t.read[axis].start for t in plan) <= most
    with torch.inference_mode():
        assert (in_tiles(network, volume, iter(plan)) - network(volume)).abs().max() < 1e-5


@pytest.mark.parametrize("filters", [(4, 6), (4, 6, 8), (3, 4, 5, 6, 7)])
def test_the_halo_is_the_radius_of_influence(filters):
    """A changed pixel changes nothing farther away than the halo, rounded to the stride."""
    config = UNetConfig(filters=filters, norm=False)
    torch.manual_seed(1)
    network = UNet(config).eval()
    size, at = 1024, 512
    line = torch.randn(1, 1, config.multiple, size)
    changed = line.clone()
    changed[..., at] += 100
    with torch.inference_mode():
        moved = (network(line) - network(changed)).abs().amax((0, 1, 2)) > 0
    reach = (torch.nonzero(moved).flatten() - at).abs().max()
    assert reach <= config.halo + config.multiple
    assert reach > config.halo / 2


def test_dihedral_of_a_network_that_sees_no_direction_is_the_network():
    frame = torch.randn(2, 1, 16, 24)
    torch.testing.assert_close(dihedral(lambda x: 3 * x, frame), 3 * frame)


def test_dihedral_makes_a_network_blind_to_direction():
    torch.manual_seed(0)
    network = UNet(UNetConfig(filters=(4, 6))).eval()
    frame = torch.randn(1, 1, 16, 24)
    with torch.inference_mode():
        turned = dihedral(network, torch.rot90(frame, 1, (2, 3)))
        expected = torch.rot90(dihedral(network, frame), 1, (2, 3))
    torch.testing.assert_close(turned, expected, rtol=1e-4, atol=1e-5)


def test_volumes_are_flipped_along_each_axis():
    seen = []

    def network(volume):
        seen.append(volume.clone())
        return 3 * volume

    volume = torch.randn(1, 1, 3, 4, 5)
    torch.testing.assert_close(dihedral(network, volume), 3 * volume)
    assert len({tuple(part.flatten().tolist()) for part in seen}) == 8
