import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.engine.labels.codes import (
    LOGIT_RANGE,
    decode,
    encode,
    encode_logits,
    threshold_code,
)

CODES = np.arange(256, dtype=np.uint8)


def test_every_code_survives():
    np.testing.assert_array_equal(encode(decode(CODES)), CODES)
    assert (np.diff(decode(CODES)) > 0).all()


@given(st.floats(0, 1))
def test_a_probability_is_kept_to_half_a_step(p):
    steps = decode(CODES)
    nearest = float(decode(encode(p)))
    if steps[0] <= p <= steps[-1]:
        assert abs(nearest - p) <= 0.0103
    else:
        assert nearest in (steps[0], steps[-1])


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_codes_from_the_threshold_code_on_are_above_the_threshold(threshold):
    np.testing.assert_array_equal(
        CODES.astype(int) >= threshold_code(threshold), decode(CODES) > np.float32(threshold)
    )


@pytest.mark.parametrize("pair", [(0.99, 0.999), (0.999, 0.9999), (0.001, 0.0001)])
def test_what_differs_near_the_ends_has_another_code(pair):
    near, far = encode(pair).astype(int)
    assert abs(near - far) > 20


@pytest.mark.parametrize(
    ("logit", "code"),
    [(np.nan, 0), (-np.inf, 0), (np.inf, 255), (-1e9, 0), (LOGIT_RANGE, 255), (-LOGIT_RANGE, 0)],
)
def test_odd_logits_have_a_code(logit, code):
    assert encode_logits(logit) == code


def test_shapes_and_types_of_any_array_like():
    assert encode([[0.0, 0.5], [1.0, 0.2]]).shape == (2, 2)
    assert encode(np.zeros((0, 3), np.float16)).shape == (0, 3)
    assert decode([0, 255]).dtype == np.float32
    assert encode(0.5).dtype == np.uint8
