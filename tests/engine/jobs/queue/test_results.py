"""Which results are done: those that the same job would write again."""

from __future__ import annotations

import pytest

from napari_unet.engine.jobs.queue.results import Job
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.settings import LabelSettings, PredictSettings


@pytest.mark.parametrize(
    ("outputs", "settings", "alike"),
    [
        (("object", "border"), {}, False),
        (("object", "border"), {"holes_part": True}, True),
        (("object", "border"), {"split": False}, True),
        (("object",), {}, True),
        (("object",), {"holes_part": True}, True),
    ],
)
def test_results_of_0_1_0_are_of_its_rule_for_holes(outputs, settings, alike):
    """It wrote no notices into sidecars, and the setting was not there."""
    labels = LabelSettings(**settings)
    model = Model(UNet(UNetConfig(filters=(2, 4), outputs=outputs)).eval(), name="small")
    job = Job(model, PredictSettings(), labels)
    now = {"settings": {"labels": labels.model_dump(mode="json")}, "notices": []}
    assert job.is_alike(now)
    assert not job.is_alike(
        {**now, "settings": {"labels": {**now["settings"]["labels"], "min_size": 1}}}
    )
    then = {"settings": {"labels": labels.replace(holes_part=False).model_dump(mode="json")}}
    assert job.is_alike(then) == alike
    assert not job.is_alike({})
