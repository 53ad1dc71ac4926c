"""A slider for each region, shown with a model that tells them, and the labels that follow."""

import numpy as np
import pytest

from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.labels.regions import parse_regions, region_outputs
from napari_unet.engine.prediction.probabilities import Probabilities

OUTPUTS = region_outputs(parse_regions("whole=1,2,4; core=1,4; enhancing=4"))


@pytest.fixture
def codes():
    rng = np.random.default_rng(0)
    return encode(np.clip(rng.random((4, 48, 56)) ** 0.5, 0.01, 0.99))


def test_regions_follow_their_sliders(hand, viewer, codes):
    movie = np.random.default_rng(1).integers(0, 999, (3, 48, 56)).astype(np.uint16)
    viewer.add_image(movie, name="movie", axis_labels=("t", "y", "x"))
    dock = hand.open("Segment")
    sliders = dock.findChild(object, "segment.region_0")
    assert sliders is None
    live, _ = hand.session.labels.show()
    shape = (3, *codes.shape)
    probabilities = Probabilities.in_memory(shape, {"outputs": list(OUTPUTS)})
    for t in range(3):
        probabilities.write(t, codes)
    hand.session.labels.set_probabilities(probabilities)
    sliders = [hand.find(dock, f"segment.region_{k}") for k in range(3)]
    main = hand.find(dock, "segment.threshold")
    main.setValue(0.6)
    assert [s.value() for s in sliders] == [0.6, 0.6, 0.6]
    sliders[2].setValue(0.9)
    settings = hand.session.labels.settings
    assert settings.class_thresholds == (0, 0, 0.9)
    np.testing.assert_array_equal(live[0, :, :], labels_of(codes, OUTPUTS, live.settings))
    assert live.settings == settings
    main.setValue(0.3)
    assert [s.value() for s in sliders] == [0.3, 0.3, 0.9]
    sizes = hand.find(dock, "segment.class_sizes")
    assert sizes.isEnabled()
    sizes.setText("0, 0, 16")
    sizes.textEdited.emit(sizes.text())
    hand.qtbot.waitUntil(lambda: live.settings.class_sizes == (0, 0, 16), timeout=5000)
    np.testing.assert_array_equal(live[0, :, :], labels_of(codes, OUTPUTS, live.settings))
    hand.click(dock, "segment.regions_reset")
    assert [s.value() for s in sliders] == [0.3, 0.3, 0.3]
    objects = Probabilities.in_memory((3, 2, 48, 56), {"outputs": ["object", "border"]})
    hand.session.labels.set_probabilities(objects)
    assert dock.findChild(object, "segment.regions_reset").parent().isHidden()
