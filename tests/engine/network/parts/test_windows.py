"""Sliding windows cover any frame, and a part of it as the whole."""

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
    whole = in_windows(sees_all, frame, 16)
    assert whole.shape == frame.shape
    part = in_windows(sees_all, frame, 16, 3, tuple(box))
    torch.testing.assert_close(part, whole[:, :, *box], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", [(16, 16), (5, 16), (40, 33)])
def test_what_is_the_same_everywhere_stays(shape):
    frame = torch.rand(1, 2, *shape)
    torch.testing.assert_close(in_windows(lambda windows: 2 * windows, frame, 16), 2 * frame)
