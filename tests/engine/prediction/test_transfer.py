import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.engine.labels.codes import LOGIT_RANGE, encode_logits
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.prediction.transfer import PlainTransfer, encode_on_device, transfer_to
from napari_unet.engine.settings import Normalisation


@settings(deadline=None)
@given(hnp.arrays(np.float32, st.integers(0, 400), elements=st.floats(width=32)))
def test_codes_are_those_of_encode_logits_bit_for_bit(logits):
    codes = encode_on_device(torch.from_numpy(logits.copy()))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(codes, encode_logits(logits))


def test_codes_agree_where_rounding_decides():
    ties = (np.arange(-2, 258, 0.5, dtype=np.float64) - 127.5) / 127.5 * LOGIT_RANGE
    near = np.nextafter(ties.astype(np.float32), np.float32(np.inf))
    logits = np.concatenate([ties.astype(np.float32), near, [np.nan, np.inf, -np.inf]], dtype="f4")
    codes = encode_on_device(torch.from_numpy(logits.copy()))
    np.testing.assert_array_equal(codes, encode_logits(logits))


def test_plain_transfer_stacks_normalised_frames():
    frames = np.random.default_rng(0).integers(0, 255, (2, 20, 30)).astype(np.uint8)
    normaliser = Normaliser(Normalisation())
    transfer = PlainTransfer(torch.device("cpu"))
    uploaded = transfer.upload([transfer.stage(f, normaliser) for f in frames], normaliser)
    np.testing.assert_array_equal(uploaded, np.stack([normaliser(f) for f in frames]))


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA works here")
def test_without_pinned_memory_and_streams_frames_go_the_plain_way(caplog):
    way = transfer_to(torch.device("cuda"))
    assert isinstance(way, PlainTransfer)
    assert "slower" in way.notice
    assert way.notice in caplog.text
