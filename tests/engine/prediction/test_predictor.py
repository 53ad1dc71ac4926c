import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.prediction import predictor as predictor_module
from napari_unet.engine.prediction.precision import SAME_LABELS, Settled
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.prediction.torch_backend import TorchBackend
from napari_unet.engine.settings import Normalisation, PredictSettings

EXACT = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)


def reference(model, frame):
    """What the network gives, computed in the plainest way."""
    frame = frame.astype("u1") if frame.dtype == bool else frame
    with torch.inference_mode():
        logits = model.network(torch.from_numpy(Normaliser(model.normalisation)(frame))[None])
    return encode_logits(logits[0].numpy())


def apart(codes, others):
    """Largest difference in codes; one code is a logit of 0.08."""
    return np.abs(codes.astype(int) - others.astype(int)).max()


def iou(codes, others):
    a, b = codes >= 128, others >= 128
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize(
    "changes", [{}, {"tile": 64}, {"tile": 80}, {"threads": 2}], ids=lambda c: str(c) or "whole"
)
def test_gives_the_codes_of_the_network(toy_model, toy_stack, changes):
    predictor = open_predictor(toy_model, EXACT.replace(**changes))
    codes = predictor(toy_stack[1])
    assert codes.shape == (2, 90, 122)
    assert codes.dtype == np.uint8
    assert apart(codes, reference(toy_model, toy_stack[1])) <= 1
    assert predictor.outputs == ("object", "border")
    assert predictor.device == "the CPU (torch fp32)"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside nncf
@pytest.mark.parametrize(
    "changes",
    [
        {"backend": "torch", "precision": "auto"},
        *({"backend": "openvino", "precision": p} for p in ("auto", "fp32", "int8")),
    ],
    ids=lambda c: " ".join(c.values()),
)
def test_every_backend_gives_the_same_labels(toy_model, toy_stack, changes):
    if changes["backend"] == "openvino":
        pytest.importorskip("openvino")
    if changes["precision"] == "int8":
        pytest.importorskip("nncf")
    predictor = open_predictor(
        toy_model, PredictSettings(device="cpu", threads=1, **changes), toy_stack
    )
    least = SAME_LABELS.get(predictor._backend.precision, 0.9999)
    for t in range(len(toy_stack)):
        codes, expected = predictor(toy_stack[t]), reference(toy_model, toy_stack[t])
        assert iou(codes[0], expected[0]) >= least - 0.001


def test_what_was_adopted_for_a_movie_is_not_made_again_for_each_block(
    toy_model, toy_stack, monkeypatch
):
    made, at = [], TorchBackend.at
    monkeypatch.setattr(TorchBackend, "at", lambda *args: made.append(args) or at(*args))
    predictor, settled = open_predictor(toy_model, EXACT), Settled("cpu", "torch", "bf16")
    for movie, times in ((toy_stack, 1), (toy_stack, 1), (toy_stack.select(), 2)):
        predictor.adopt(settled, movie)
        assert len(made) == times
        assert predictor.settled() == settled


@pytest.mark.parametrize("precision", ["fp32", "auto"])
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_a_renewed_predictor_is_as_a_new_one(toy_model, toy, backend, precision):
    pytest.importorskip(backend)
    movies = toy.movie, (toy.movie[::-1] // 2 + 900)[:, :, :96]
    settings = PredictSettings(device="cpu", threads=1, backend=backend, precision=precision)
    whole = Normalisation(scope="movie")
    model = Model(toy_model.network, normalisation=whole, name="toy")
    kept = open_predictor(model, settings)
    for number, movie in enumerate((*movies, movies[0])):
        kept.renew()
        new = open_predictor(model, settings)
        for predictor in (kept, new):
            predictor.prepare(list(movie))
        assert kept.device == new.device
        np.testing.assert_array_equal(kept(movie[2]), new(movie[2]))
        if number == 0:
            compiled = kept._faster
    assert kept._faster is compiled


def test_ctrl_c_after_several_models_of_openvino():
    """Its plugin moves the stack of signals about; that must not be one that is gone."""
    pytest.importorskip("openvino")
    code = """
import faulthandler, signal, torch
from napari_unet.engine.prediction.openvino_backend import OpenVinoBackend
from napari_unet.engine.network.unet import UNet, UNetConfig
faulthandler.enable()
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job would ignore it
network = UNet(UNetConfig(filters=(4, 8))).eval()
models = [OpenVinoBackend.of(network, 1) for _ in range(3)]
for model in models:
    model.logits(torch.zeros(1, 1, 32, 32))
while models:  # the first goes first
    del model, models[0]
    model = None
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("stopped")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "stopped"), done.stderr


def test_openvino_sends_no_usage_data():
    pytest.importorskip("openvino")
    script = """
import sys
from napari_unet.engine.prediction.openvino_backend import OpenVinoBackend
from napari_unet.engine.network.unet import UNet, UNetConfig
OpenVinoBackend.of(UNet(UNetConfig(filters=(4, 8))), 1)
assert "openvino" in sys.modules and not sys.modules.get("openvino_telemetry")
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_gives_the_same_labels(toy_model, toy_stack, device):
    usable = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if not usable[device]():
        pytest.skip(f"no {device} here")
    for precision in ("fp32", "fp16"):
        settings = PredictSettings(device=device, precision=precision)
        predictor = open_predictor(toy_model, settings, toy_stack)
        for t in (*range(len(toy_stack)), 0):  # long enough for a CUDA graph
            assert iou(predictor(toy_stack[t]), reference(toy_model, toy_stack[t])) >= 0.998


def test_a_precision_that_changes_labels_is_not_used(toy_model, toy_stack, monkeypatch):
    class Wrong(TorchBackend):
        def logits(self, frames):
            return super().logits(frames) + 1

    def wrong(self, precision, samples):
        assert len(samples) == 3
        return Wrong(self._original, self.device, precision, 1)

    monkeypatch.setattr(TorchBackend, "at", wrong)
    monkeypatch.setattr(predictor_module, "precision_for", lambda *_: "bf16")
    predictor = open_predictor(toy_model, EXACT, toy_stack)
    assert apart(predictor(toy_stack[0]), reference(toy_model, toy_stack[0])) <= 1
    assert "bf16 changes labels" in predictor.notice


@pytest.mark.parametrize("tile", [None, 64])
def test_accurate_does_not_depend_on_orientation(toy_model, toy_stack, tile):
    predictor = open_predictor(toy_model, EXACT.replace(accurate=True, tile=tile))
    frame = toy_stack[0][:88, :120]  # a multiple: nothing is padded
    assert apart(predictor(np.rot90(frame)), np.rot90(predictor(frame), axes=(1, 2))) <= 1


def test_tiles_change_nothing_where_accurate_meets_padding(toy_model, toy_stack):
    accurate = EXACT.replace(accurate=True)
    whole = open_predictor(toy_model, accurate)(toy_stack[0])
    tiled = open_predictor(toy_model, accurate.replace(tile=64))(toy_stack[0])
    assert apart(whole, tiled) <= 1


@pytest.mark.parametrize("changes", [{}, {"accurate": True}, {"scale": 0.5}, {"tile": 64}], ids=str)
def test_a_region_is_a_piece_of_the_frame(toy_model, toy_stack, changes):
    predictor = open_predictor(toy_model, EXACT.replace(**changes))
    box = (slice(13, 60), slice(40, None))
    assert apart(predictor.region(toy_stack[2], box), predictor(toy_stack[2])[:, 13:60, 40:]) <= 1


def test_scale_brings_cells_to_the_size_that_the_network_knows(toy_model, toy_stack):
    large = np.kron(toy_stack[0], np.ones((2, 2), np.uint16))
    plain = open_predictor(toy_model, EXACT)(toy_stack[0])
    scaled = open_predictor(toy_model, EXACT.replace(scale=0.5))(large)
    unscaled = open_predictor(toy_model, EXACT)(large)
    assert scaled.shape == (2, 180, 244)
    assert iou(scaled[:, ::2, ::2], plain) > iou(unscaled[:, ::2, ::2], plain) + 0.1


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4", "f8", "?"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (33, 17)])
def test_takes_frames_of_any_type_and_size(toy_model, dtype, shape):
    frame = np.random.default_rng(0).uniform(0, 200, shape).astype(dtype)
    codes = open_predictor(toy_model, EXACT)(frame)
    assert apart(codes, reference(toy_model, frame)) <= 1


def test_two_channels(two_channel_model, toy_stack):
    frame = np.stack([toy_stack[0], toy_stack[1]])
    predictor = open_predictor(two_channel_model, EXACT)
    assert apart(predictor(frame), reference(two_channel_model, frame)) <= 1
    with pytest.raises(BadInput, match=r"trained on"):
        predictor(toy_stack[0])


def test_a_movie_is_measured_as_a_whole_where_the_model_wants_it(toy_model, toy_stack):
    model = Model(toy_model.network, Normalisation(scope="movie"))
    predictor = open_predictor(model, EXACT, toy_stack)
    with torch.inference_mode():
        normalised = Normaliser(model.normalisation, toy_stack)(toy_stack[3])
        expected = encode_logits(model.network(torch.from_numpy(normalised)[None])[0].numpy())
    assert apart(predictor(toy_stack[3]), expected) <= 1


@pytest.mark.parametrize("failing", [[0], [2], [1, 2]])
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_running_out_of_memory_changes_no_label(toy_model, monkeypatch, failing, error):
    frame = np.random.default_rng(0).integers(0, 999, (300, 520)).astype(np.uint16)
    expected = open_predictor(toy_model, EXACT)(frame)
    logits, calls = TorchBackend.logits, iter(range(1000))

    def sometimes(self, frames):
        if next(calls) in failing:
            raise error
        return logits(self, frames)

    monkeypatch.setattr(TorchBackend, "logits", sometimes)
    predictor = open_predictor(toy_model, EXACT)
    for _ in range(3):
        assert apart(predictor(frame), expected) <= 1
    assert predictor._plan.tile in (512, 256)


def test_a_gpu_without_memory_hands_over_to_the_cpu(toy_model, toy_stack, monkeypatch):
    expected = open_predictor(toy_model, EXACT)(toy_stack[0])
    logits = TorchBackend.logits
    predictor = open_predictor(toy_model, EXACT)
    predictor._backend.device = torch.device("meta")  # stands for a full GPU

    def full(self, frames):
        if self.device.type == "meta":
            raise torch.OutOfMemoryError("out of memory")
        return logits(self, frames)

    monkeypatch.setattr(TorchBackend, "logits", full)
    assert apart(predictor(toy_stack[0]), expected) <= 1
    assert "going on with the CPU" in predictor.notice


def test_without_any_memory_it_says_so(toy_model, toy_stack, monkeypatch):
    def never(self, frames):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(TorchBackend, "logits", never)
    with pytest.raises(BadInput, match="smallest tiles"):
        open_predictor(toy_model, EXACT)(toy_stack[0])


def test_frames_are_predicted_from_any_thread(toy_model, toy_stack):
    predictor = open_predictor(toy_model, EXACT)
    expected = [predictor(toy_stack[t]) for t in range(4)]
    wrong = []

    def work(t):
        if not np.array_equal(predictor(toy_stack[t]), expected[t]):
            wrong.append(t)

    threads = [threading.Thread(target=work, args=(t % 4,)) for t in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_3d_network_takes_no_images(toy_stack):
    model = Model(UNet(UNetConfig(dims=3, filters=(4, 8))).eval(), name="volume")
    with pytest.raises(BadInput, match="in 3D, as volume was trained on"):
        open_predictor(model, EXACT)(toy_stack[0])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"device": "cpu", "backend": "torch", "precision": "fp16"}, "slowly"),
        ({"device": "cpu", "backend": "torch", "precision": "int8"}, "int8"),
    ],
)
def test_what_is_not_to_be_had_is_told(toy_model, settings, says):
    with pytest.raises(BadInput, match=says):
        open_predictor(toy_model, PredictSettings(**settings))
