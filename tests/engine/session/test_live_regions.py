"""LiveLabels over a model of regions: the laws hold with thresholds of their own and small pieces.

Labels are recomputed from the stored probabilities, equal pixel for pixel, wherever a box is drawn.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.engine.labels.class_labels import class_outputs, labels_of
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.labels.regions import parse_regions, region_outputs
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.settings import LabelSettings

SHAPE = (2, 30, 40)
REGIONS = region_outputs(parse_regions("whole=1,2,4; core=1,4; enhancing=4"))
CLASSES = class_outputs((2, 1, 4))


class Predicted:
    """Probabilities (T, 4, Y, X), clouds of any shape."""

    parts = ()

    def __init__(self, outputs):
        self.outputs, self.shape = outputs, (SHAPE[0], 4, *SHAPE[1:])
        self.computed = np.array([True, True])

    def __getitem__(self, frame):
        noise = np.random.default_rng(frame).random(self.shape[1:])
        return encode(np.clip(ndimage.gaussian_filter(noise, (0, 1.5, 1.5)) * 4 - 1.5, 0.01, 0.99))


ANY_SETTINGS = st.builds(
    LabelSettings,
    threshold=st.floats(0.1, 0.9),
    class_thresholds=st.lists(st.sampled_from([0, 0.3, 0.6, 0.8]), max_size=3),
    class_sizes=st.lists(st.integers(0, 60), max_size=3),
    class_sure=st.lists(st.sampled_from([0, 0.6, 0.9]), max_size=3),
)
BOX = st.tuples(st.integers(0, 25), st.integers(0, 35), st.integers(1, 12), st.integers(1, 12))


@pytest.mark.parametrize("outputs", [REGIONS, CLASSES], ids=["regions", "classes"])
@settings(max_examples=25, deadline=None)
@given(moves=st.lists(st.tuples(ANY_SETTINGS, BOX, st.sampled_from([0, 1, 2, 4])), max_size=4))
def test_labels_are_those_of_the_probabilities_with_what_a_user_painted(outputs, moves):
    live, painted = LiveLabels(SHAPE, Predicted(outputs)), {}
    for chosen, (y, x, height, width), value in moves:
        live.settings = chosen
        block = live[0, y : y + height, x : x + width]
        mine = np.zeros(SHAPE[1:], bool)
        mine[y : y + height, x : x + width] = block != value
        live[0, y : y + height, x : x + width] = np.full_like(block, value)
        painted[live] = [*painted.get(live, []), (mine, value)]
        for t in (0, 1):
            wanted = labels_of(Predicted(outputs)[t], outputs, chosen)
            for where, number in painted[live] if t == 0 else ():
                wanted[where] = number
            np.testing.assert_array_equal(live[t, :, :], wanted)
    while live.undo():
        pass
    np.testing.assert_array_equal(
        live[0, :, :], labels_of(Predicted(outputs)[0], outputs, live.settings)
    )
