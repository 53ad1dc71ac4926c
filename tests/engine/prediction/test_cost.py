from pathlib import Path

from napari_unet.engine.prediction.cost import Cost, estimate
from napari_unet.engine.prediction.prediction import predict, probabilities_shape
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import PredictSettings

EXACT = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)


def test_costs_in_words():
    cost = Cost(212, 240.0, int(4e8), int(6e8), int(9e9), Path("movies"))
    assert str(cost) == (
        "212 frames, about 4 min, 400.0 MB of memory, 600.0 MB on disk in movies (9.0 GB free)"
    )
    assert cost.fits
    assert not Cost(212, 240.0, 0, int(6e8), int(5e8), Path("movies")).fits


def test_counts_only_what_is_missing(tmp_path, toy_stack, toy_model):
    predictor = open_predictor(toy_model, EXACT)
    shape = probabilities_shape(toy_stack, toy_model)
    with Probabilities.create(tmp_path / "p", shape, {}) as probabilities:
        cost = estimate(toy_stack, predictor, probabilities)
        assert (cost.frames, cost.disk) == (8, 8 * 2 * 90 * 122)
        assert 0 < cost.seconds < 60
        assert cost.memory > 90 * 122 * 4 * 8
        assert cost.folder == tmp_path
        list(predict(toy_stack, predictor, probabilities, range(5)))
        assert estimate(toy_stack, predictor, probabilities).frames == 3
        asked = []

        def rest(frame, codes):
            asked.append((frame, codes.shape, codes.dtype))
            return 1000.0

        cost = estimate(toy_stack, predictor, probabilities, rest=rest)
        assert 8000 < cost.seconds < 8060  # of all frames: those there already are labelled, too
        assert asked == [(5, (2, 90, 122), "uint8")]
        list(predict(toy_stack, predictor, probabilities))
        assert estimate(toy_stack, predictor, probabilities).seconds == 0


def test_in_memory_nothing_goes_to_disk(toy_stack, toy_model):
    store = Probabilities.in_memory(probabilities_shape(toy_stack, toy_model))
    cost = estimate(toy_stack, open_predictor(toy_model, EXACT), store, [1])
    assert cost.frames == 1
    assert cost.free is None
    assert "disk" not in str(cost)
