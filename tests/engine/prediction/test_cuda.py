"""On a GPU: the same labels as on the CPU, by every way there. Run by ``benchmarks/gpu.sh``."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.engine.network.model import Model
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.settings import PredictSettings

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here"),
]


@pytest.fixture(scope="module")
def model():
    return Model.load(Model.bundled()[0])


def codes_of(model, frames, **settings):
    predictor = open_predictor(model, PredictSettings(**settings))
    try:
        return [predictor(frame) for frame in frames], predictor
    finally:
        predictor.close()


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.9995), ("auto", 0.999)])
def test_cells_are_those_of_the_cpu(model, toy, precision, least):
    frames = list(toy.movie) * 2  # often enough that the launches are recorded as a graph
    expected, _ = codes_of(model, frames, device="cpu", backend="torch", precision="fp32")
    found, predictor = codes_of(model, frames, device="cuda", precision=precision)
    assert not predictor.on_cpu
    a, b = np.stack(found)[:, 0] >= 128, np.stack(expected)[:, 0] >= 128
    assert (a & b).sum() / (a | b).sum() >= least


def test_frames_together_are_the_frames_one_by_one(model, toy):
    predictor = open_predictor(model, PredictSettings(device="cuda", precision="fp32"))
    alone = np.stack([predictor(frame) for frame in toy.movie])
    together = predictor.start([predictor.stage(frame) for frame in toy.movie])()
    assert np.abs(alone.astype(int) - together.astype(int)).max() <= 1  # as cuDNN picks them
    predictor.close()
