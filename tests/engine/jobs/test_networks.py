"""Every network is trained, kept, resumed, taken on, predicted and exported as our own U-Net is."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import torch
from safetensors import safe_open

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.jobs.write import write_labels
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.networks import CONFIGS, build, read_config
from napari_unet.engine.network.unet import UNetConfig
from napari_unet.engine.prediction.openvino_backend import OpenVinoBackend
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.settings import PredictSettings, Selection, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training import TrainInput, train
from napari_unet.sample.movie import sample_movie

pytestmark = pytest.mark.slow

SMALL = TrainSettings(
    steps=2, crop=64, batch=1, threads=1, device="cpu", validation="none", precision="fp32"
)
TORCH = PredictSettings(backend="torch", threads=1, device="cpu", precision="fp32")
TINY = {
    "unet": {"filters": (4, 8)},
    "unet-2015": {"filters": (4, 6, 8)},
    "unet-notebook": {"filters": (4, 8)},
    "unet++": {"filters": (4, 4, 6, 6, 8, 4)},
    "resunet": {"filters": (4, 6, 8)},
    "resnet18-unet": {"filters": (8, 8, 8, 8, 4)},
    "efficientnet-b2-unet": {"filters": (8, 8, 8, 8, 4)},
    "attention-unet": {"filters": (4, 6, 8)},
    "unetr": {"width": 12},
    "segresnet-vae": {"width": 8},
    "nnunet": {"filters": (4, 6, 8, 8)},
    "nnunet-optimised": {"filters": (4, 6, 8, 8)},
}


@pytest.fixture(scope="module")
def world():
    """Three frames whose edges are no multiple of any stride."""
    movie, labels = sample_movie(frames=3, shape=(75, 91), density=7)
    stack = Stack.from_array(movie, axes="TYX", name="nuclei")
    return stack, Annotations.from_labels(stack, Stack.from_array(labels, axes="TYX"), (0, 2))


def stopped_after(steps, run_):
    for _ in range(steps - 1):
        next(run_)
    next(run_)
    with pytest.raises(StopIteration):
        run_.send(TrainInput(stop=True))


def untrained(name, **options):
    torch.manual_seed(0)
    given = {**TINY[name], **options}
    if width := given.pop("width", None):
        given |= CONFIGS[name].wide(width)
    if "size" in CONFIGS[name].model_fields:
        given["size"] = 64
    return Model(build(CONFIGS[name](**given)).eval(), name=name)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_network_is_trained_kept_resumed_taken_on_and_exported(name, world, tmp_path):
    stack, annotations = world
    settings = SMALL.replace(network=name, **TINY[name])
    trained = run(train(stack, annotations, settings), quiet=True)
    file = tmp_path / "run.checkpoint"
    stopped_after(1, train(stack, annotations, settings, checkpoint=file))
    resumed = run(train(stack, annotations, settings, checkpoint=file, resume=True), quiet=True)
    for key, tensor in trained.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[key]), key

    model = Model.load(trained.save(tmp_path / "kept"))
    assert model.config == trained.config and model.sha256 == trained.sha256
    predictor = open_predictor(model, TORCH)
    whole, box = predictor(stack[1]), (slice(20, 61), slice(40, 91))
    part = predictor.region(stack[1], box)
    assert np.abs(part.astype(int) - whole[:, *box]).max() <= 1

    further = SMALL.replace(steps=1, validation=(2,), crop=None)
    taken_on = run(train(stack, annotations, further, base=model), quiet=True)
    assert taken_on.config == model.config and taken_on.sha256 != model.sha256
    assert taken_on.record["before"] and taken_on.record["after"]

    found = run(segment(stack, taken_on, TORCH), quiet=True)
    written = run(write_labels(tmp_path / "labels.tif", found, stack), quiet=True)
    assert np.array_equal(tifffile.imread(written), np.stack([found[t] for t in range(3)]))


VOLUMES = ("attention-unet", "unetr", "segresnet-vae", "nnunet", "nnunet-optimised")


@pytest.mark.parametrize("name", VOLUMES)
def test_a_network_learns_from_volumes_and_segments_them(name, tmp_path):
    """Four channels, sections three times as far apart as pixels and no multiple of a stride."""
    rng = np.random.default_rng(0)
    z, y, x = np.ogrid[:11, :40, :45]
    truth = (9 * (z - 5) ** 2 + (y - 20) ** 2 + (x - 22) ** 2 < 196).astype(np.uint16)
    data = (truth * np.array([9, 7, 5, 3])[:, None, None, None] + rng.random((4, 11, 40, 45))) * 99
    seen = Selection(z="volume", channel=(0, 1, 2, 3))
    stack = Stack.from_array(data, seen, axes="CZYX", pixel_size=0.5, z_step=1.5)
    labels = Stack.from_array(truth, Selection(z="volume"), axes="ZYX")
    settings = SMALL.replace(network=name, crop=32, steps=1, **TINY[name])
    model = run(train(stack, Annotations.from_labels(stack, labels), settings))
    config = model.config
    assert (config.dims, config.in_channels, config.size) == (3, 4, 32)
    halved = name in ("attention-unet", "nnunet", "nnunet-optimised")
    assert config.windows == (12 if halved else 16, 32, 32)
    again = Model.load(model.save(tmp_path / "model"))
    assert again.sha256 == model.sha256
    predictor = open_predictor(again, TORCH)
    codes = predictor(stack[0])
    assert codes.shape == (2, 11, 40, 45)
    box = np.s_[2:9, 5:20, 30:45]
    assert np.abs(predictor.region(stack[0], box).astype(int) - codes[:, *box]).max() <= 1
    again_from = SMALL.replace(steps=1, crop=32)
    kept = run(train(stack, Annotations.from_labels(stack, labels), again_from, base=again))
    assert kept.config == config and kept.record["parent"] == again.sha256


@pytest.mark.parametrize("name", CONFIGS)
def test_what_it_gives_while_it_learns(name):
    network = untrained(name, outputs=("object", "class 1", "class 2"), softmax=True).network
    frames = torch.rand(2, 1, network.config.crop_for(64), network.config.crop_for(64))
    outputs = network.training_outputs(frames)
    assert sum(outputs.weights) == pytest.approx(1) and len(outputs.weights) == len(outputs.logits)
    assert all(logits.shape == (2, 3, *frames.shape[2:]) for logits in outputs.logits)
    if outputs.extra is None:  # else chance plays a part
        torch.testing.assert_close(outputs.logits[0], network(frames))
    several = {"unet++": 4, "nnunet": 2, "nnunet-optimised": 2}
    assert len(network.train().training_outputs(frames).logits) == several.get(name, 1)


@pytest.mark.parametrize("name", [name for name in CONFIGS if CONFIGS[name].exact])
def test_the_halo_of_exact_networks_is_the_radius_of_influence(name):
    network = untrained(name)
    halo, stride = network.config.halo, network.config.multiple
    size = -(-(2 * halo + 6 * stride) // stride) * stride
    line = torch.randn(1, 1, 2 * stride, size, requires_grad=True)
    centre = size // 2 // stride * stride
    logits = network.network(line)
    logits[0, 0, :, centre : centre + stride].sum().backward()
    touched = torch.nonzero(line.grad[0, 0].abs().sum(0))
    assert int(touched.min()) >= centre - halo and int(touched.max()) < centre + stride + halo


def test_a_channel_says_where_the_image_is_above_nothing():
    network = untrained("nnunet-optimised").network
    given = []
    network.net.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    frame = torch.randn(1, 1, 32, 32)
    network(frame)
    assert torch.equal(given[0], torch.cat((frame, (frame > 0).float()), 1))


def test_a_plain_unet_is_written_as_in_0_1_0(tmp_path):
    written = (
        '{"in_channels":1,"outputs":["object","border"],"filters":[16,32,64,128],"dims":2,'
        '"norm":true,"bias":false,"head_kernel":1,"skip_first":true,"softmax":false}'
    )
    assert UNetConfig().model_dump_json() == written
    assert read_config(json.loads(written)) == UNetConfig()
    for name in CONFIGS:
        values = CONFIGS[name]().model_dump(mode="json")
        assert values.get("network", "unet") == name and read_config(values) == CONFIGS[name]()


@pytest.mark.parametrize("name", ["resunet", "resnet18-unet", "nnunet-optimised"])
def test_openvino_computes_them(name, world):
    pytest.importorskip("openvino")
    model = untrained(name)
    frame = world[0][1]
    chosen = open_predictor(model, TORCH.replace(backend="auto"))
    assert chosen.device.startswith("the CPU (openvino"), chosen.device
    codes, expected = chosen(frame), open_predictor(model, TORCH)(frame)
    assert np.abs(codes.astype(int) - expected).max() <= 1


def test_what_openvino_makes_of_another_network_is_not_taken(monkeypatch, world):
    pytest.importorskip("openvino")
    monkeypatch.setattr(OpenVinoBackend, "logits", lambda self, frames: torch.zeros(1, 2, 64, 64))
    model = untrained("nnunet")
    assert open_predictor(model, TORCH.replace(backend="auto")).device == "the CPU (torch fp32)"
    with pytest.raises(BadInput, match="OpenVINO cannot compute a nnU-Net"):
        open_predictor(model, TORCH.replace(backend="openvino"))


def test_accurate_is_the_same_in_a_region(world):
    predictor = open_predictor(untrained("attention-unet"), TORCH.replace(accurate=True))
    frame, box = world[0][0], (slice(3, 20), slice(50, 80))
    part = predictor.region(frame, box).astype(int)
    assert np.abs(part - predictor(frame)[:, *box]).max() <= 1


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"network": "unet++", "filters": (4, 8)}, r"a U-Net\+\+ cannot be made so \(filters: "),
        (
            {"network": "unet", "filters": (4, 8), "width": 16, "freeze_norm": True},
            "frozen in a new",
        ),
    ],
)
def test_a_network_that_cannot_be_made_is_one_line(world, changes, line):
    stack, annotations = world
    with pytest.raises(BadInput, match=line):
        run(train(stack, annotations, SMALL.replace(**changes)), quiet=True)


@pytest.mark.parametrize("name", ["unetr", "segresnet-vae"])
def test_another_size_than_its_own_is_refused(name, world):
    model = untrained(name)
    with pytest.raises(BadInput, match="64 px and no others"):
        train(*world, SMALL.replace(crop=96), base=model)
    with pytest.raises(BadInput, match="was given 48 x 64 pixels; expected 64 x 64"):
        model.network(torch.zeros(1, 1, 48, 64))


def test_weights_of_another_network_are_refused(tmp_path):
    file = untrained("resunet").save(tmp_path / "net.safetensors")
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    assert json.loads(header["napari_unet"])["config"]["network"] == "resunet"
    torch.save(untrained("nnunet").network.state_dict(), tmp_path / "net.pth")
    with pytest.raises(BadInput, match="has a layer of another kind") as refused:
        Model.load(tmp_path / "net.pth")
    assert "\n" not in str(refused.value)


def test_without_monai_one_line_says_what_to_install(tmp_path, world):
    file = untrained("nnunet").save(tmp_path / "net.safetensors")
    code = f"""
import sys
sys.modules["monai"] = None  # as if it were not installed
from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.networks import CONFIGS, build
for make in (lambda: Model.load({str(file)!r}), lambda: build(CONFIGS["unetr"]())):
    try:
        make()
    except BadInput as error:
        print(error)
build(CONFIGS["unet-notebook"]())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = 'needs MONAI, which is not installed: pip install "napari-unet-live[networks]".'
    assert done.stdout.splitlines() == [f"the network nnU-Net {said}", f"the network UNETR {said}"]


def test_plain_unets_do_not_wait_for_monai():
    code = """
import sys
import napari_unet.engine.prediction.openvino_backend
from napari_unet.engine.training.training import train
from napari_unet.engine.network.networks import CONFIGS, build
build(CONFIGS["unet"]())
assert "monai" not in sys.modules and "einops" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
