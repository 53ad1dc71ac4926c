"""A frame that counts whole but is half painted is doubted."""

import numpy as np
import pytest

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.training.completeness import warning


@pytest.mark.parametrize(
    ("painted", "complete", "warns"), [(3, True, True), (10, True, False), (3, False, False)]
)
def test_a_half_painted_frame_called_whole_is_doubted(painted, complete, warns):
    seen = np.kron(np.arange(12).reshape(3, 4), np.ones((4, 4), int))
    labels = np.where(seen <= painted, seen, 0)
    annotations = Annotations((6, 12, 16), {5: annotate(labels, complete=complete)})
    line = warning(annotations, lambda t: seen, "outline fewer")
    assert ("8 cells there that are not painted" in line) is warns
    assert ("or outline fewer: otherwise" in line) is warns
    assert bool(line) is warns
    assert not warning(annotations, lambda t: None, "")
