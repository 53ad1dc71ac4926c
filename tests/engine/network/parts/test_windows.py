"""Sliding windows cover any frame, and a part of it as the whole."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_unet.engine.network.parts.windows import in_windows


def sees_all(frames):
    """Depends on all that it is given, on where things lie in it, and on the sizes."""
    assert frames.shape[2:] == (16, 16)
    place = torch.arange(256.0).reshape(16, 16)
    return F.instance_norm(frames * place)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), height=st.integers(1, 60), width=st.integers(1, 60))
def test_a_box_is_what_the_whole_frame_gives_there(data, height, width):
    frame = torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(height))
    box = []
    for n in (height, width):
        start = data.draw(st.integers(0, n - 1))
        box.append(slice(start, data.draw(st.integers(start + 1, n))))
    whole = in_windows(sees_all, frame, (16, 16))
    assert whole.shape == frame.shape
    part = in_windows(sees_all, frame, (16, 16), 3, tuple(box))
    torch.testing.assert_close(part, whole[:, :, *box], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", [(16, 16), (5, 16), (40, 33), (9, 20, 33), (3, 16, 5)])
def test_what_is_the_same_everywhere_stays(shape):
    frame, windows = torch.rand(1, 2, *shape), (8, 16, 16)[-len(shape) :]
    torch.testing.assert_close(in_windows(lambda part: 2 * part, frame, windows), 2 * frame)


@pytest.mark.parametrize("box", [np.s_[2:5, 3:30, :7], np.s_[:, 12:13, 20:33]])
def test_a_box_of_a_volume_is_what_the_whole_gives_there(box):
    def sees_all_of_it(part):
        assert part.shape[2:] == (8, 16, 16)
        return F.instance_norm(part * torch.arange(part[0, 0].numel()).reshape(part.shape[2:]))

    volume = torch.rand(1, 1, 20, 33, 33, generator=torch.Generator().manual_seed(0))
    box = tuple(slice(*s.indices(n)[:2]) for s, n in zip(box, volume.shape[2:], strict=True))
    whole = in_windows(sees_all_of_it, volume, (8, 16, 16))
    part = in_windows(sees_all_of_it, volume, (8, 16, 16), 2, box)
    torch.testing.assert_close(part, whole[:, :, *box], atol=1e-4, rtol=1e-4)
