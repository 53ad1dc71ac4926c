"""Packages as bioimage.io's own program tests them: each kind of weights, in its environment."""

from __future__ import annotations

import pytest

from napari_unet.engine.network.networks import CONFIGS
from tests.engine.jobs.test_networks import untrained
from tests.engine.network.exchange.packages import package

core = pytest.importorskip("bioimageio.core")  # of `make packages`
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("name", CONFIGS)
def test_each_kind_of_weights_passes(name, tmp_path):
    path = package(untrained(name), tmp_path)
    for kind in ("pytorch_state_dict", "onnx", "torchscript"):
        summary = core.test_model(path, weight_format=kind, devices=["cpu"])
        problems = [(d.name, [e.msg for e in d.errors]) for d in summary.details if d.errors]
        assert summary.status == "passed", (kind, problems)
