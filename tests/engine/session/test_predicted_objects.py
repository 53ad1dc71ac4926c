"""The machine's objects of a frame, counted at every threshold."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_unet.engine.labels.codes import decode
from napari_unet.engine.labels.labels import frame_basins, label_frame
from napari_unet.engine.session.predicted_objects import PredictedObjects
from napari_unet.engine.settings import LabelSettings

VALUES = np.array([0, 100, 101, 120, 128, 160, 255], np.uint8)
noise = st.integers(0, 2**32 - 1).map(
    lambda seed: ndi.uniform_filter(np.random.default_rng(seed).choice(VALUES, (14, 17)), seed % 3)
)


@settings(max_examples=20)
@given(noise, st.booleans())
def test_the_count_curve_is_the_count_at_each_threshold(frame, split):
    chosen = LabelSettings(split=split, min_size=2)
    basins = frame_basins(frame[None], chosen)
    objects = PredictedObjects(basins, None, complete=False)
    counts = objects.count_curve(chosen, np.zeros(frame.shape, bool))
    assert counts.shape == (256,) and counts[-1] == 0
    for code in (0, 90, 101, 127, 160, 200, 254):
        at = chosen.replace(threshold=float(decode(np.array([code]))[0]))
        labels = label_frame(frame[None], at, basins)
        assert len(np.unique(labels[labels > 0])) == counts[code]
