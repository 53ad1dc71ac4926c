"""Packages of bioimage.io: written, read back by each kind of weights, refused in one line."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.exchange.described_tensors import described, normalised
from napari_unet.engine.network.exchange.state_dict import Foreign
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.networks import CONFIGS
from napari_unet.engine.network.packages.export_package import PackageAbout, export_package
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.settings import LabelSettings, Normalisation, PredictSettings, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.initial_network import check_base
from tests.engine.jobs.test_networks import untrained
from tests.engine.network.exchange.packages import ABOUT, changed, package

pytest.importorskip("onnx")
pytest.importorskip("openvino")
BROAD = Path(__file__).parents[5] / "shared" / "data" / "bioimageio_unet2d_nuclei_broad"
CPU = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)


def small(**options):
    torch.manual_seed(0)
    network = UNet(UNetConfig(filters=(4, 8), **options)).eval()
    return Model(
        network, Normalisation(), LabelSettings(threshold=0.4), "discs", {"steps": 3},
        {"for": "discs", "diameter": 30.0},
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return package(small(), tmp_path_factory.mktemp("package"))


def without(*kinds):
    def change(said):
        said["weights"] = {k: v for k, v in said["weights"].items() if k not in kinds}

    return change


def frame(seed=0, shape=(80, 100)):
    return np.random.default_rng(seed).integers(0, 4000, shape).astype(np.uint16)


def test_our_own_comes_back_whole(written):
    model, back = small(), Model.load(written)
    assert back.config == model.config and back.card == model.card
    assert back.normalisation == model.normalisation
    assert back.label_settings == model.label_settings
    assert back.record["training"] == model.record
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(back.network.state_dict()[name], tensor)


def test_its_onnx_predicts_the_same_and_is_kept_as_a_model(written, tmp_path):
    graph = Model.load(changed(written, without("pytorch_state_dict", "torchscript")))
    assert graph.config.network == "onnx" and graph.record["weights"] == "onnx"
    assert graph.config.outputs == ("object", "border")
    assert graph.card["citation"].startswith("Paper 10.1234/5; ") and graph.card["terms"] == "MIT"
    kept = Model.load(graph.save(tmp_path / "kept"))
    assert kept.sha256 == graph.sha256
    side = graph.config.size
    image = frame(shape=(side, side))
    expected = open_predictor(small(), CPU)(image)
    predictor = open_predictor(kept, CPU)
    assert predictor.device == "the CPU (openvino fp32, ONNX)"
    assert np.abs(predictor(image).astype(int) - expected).max() <= 1
    inner = predictor(frame(shape=(150, 170)))  # in windows
    assert inner.shape == (2, 150, 170)
    stack = Stack.from_array(image[None], axes="TYX")
    with pytest.raises(BadInput, match="came as an ONNX graph, which only predicts"):
        check_base(stack, TrainSettings(), kept)
    with pytest.raises(BadInput, match="came as an ONNX graph"):
        export_package(kept, tmp_path / "again.zip", ABOUT)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_torchscript_gives_the_described_test(written):
    with zipfile.ZipFile(written) as archive:
        script = torch.jit.load(io.BytesIO(archive.read("weights.pt")))
        given, wanted = (
            np.load(io.BytesIO(archive.read(f"test_{n}.npy"))) for n in ("input", "output")
        )
        said = yaml.safe_load(archive.read("bioimageio.yaml"))
    low, high = np.percentile(given, (1, 99.8))
    found = torch.sigmoid(script(torch.from_numpy((given - low) / (high - low)).float()))
    np.testing.assert_allclose(found.detach().numpy(), wanted, atol=1e-5)
    assert said["authors"] == [{"name": "Ada Author", "affiliation": "Somewhere"}, {"name": "Ben"}]
    assert said["cite"][0] == {"text": "Paper", "doi": "10.1234/5"} and said["license"] == "MIT"
    assert json.loads(json.dumps(said["config"]["napari_unet"]["record"])) == {"steps": 3}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_every_network_is_written_and_its_graph_is_the_same(name, tmp_path):
    model = untrained(name, outputs=("object", "class 1", "class 2"), softmax=True)
    path = package(model, tmp_path)
    assert Model.load(path).config == model.config
    graph = Model.load(changed(path, without("pytorch_state_dict", "torchscript")))
    assert graph.record["checked"].startswith("the package's test result to")


NORMALISATIONS = [
    (Normalisation(kind="zscore"), True),
    (Normalisation(kind="minmax", clip=True), True),
    (Normalisation(kind="percentile", low=2, high=99), True),
    (Normalisation(kind="none"), True),
    (Normalisation(kind="percentile", peak=4), False),
    (Normalisation(kind="robust"), False),
    (Normalisation(scope="movie"), False),
]


@pytest.mark.parametrize(("normalisation", "said"), NORMALISATIONS)
def test_normalisations_are_described_or_left_to_the_user(normalisation, said, tmp_path):
    model = Model(small().network, normalisation, name="discs")
    path = package(model, tmp_path)
    assert Model.load(path).normalisation == normalisation
    with zipfile.ZipFile(path) as archive:
        assert ("normalised already" in archive.read("README.md").decode()) != said
    steps = yaml.safe_load(zipfile.ZipFile(path).read("bioimageio.yaml"))["inputs"][0]
    found, after = normalised(described(steps, "input"))
    if said and not normalisation.clip:
        assert found == normalisation and not after


def code(said):
    entry = said["weights"]["pytorch_state_dict"]
    entry["architecture"] = {"source": "arch.py", "callable": "Net"}
    said["weights"] = {"pytorch_state_dict": entry}
    said["config"] = {}


def two_inputs(said):
    said["inputs"].append(said["inputs"][0])


def step(name, **kwargs):
    def change(said):
        said["inputs"][0]["preprocessing"] = [{"id": name, "kwargs": kwargs}]
        without("pytorch_state_dict", "torchscript")(said)

    return change


def other_test(said):
    without("pytorch_state_dict", "torchscript")(said)
    said["inputs"][0]["preprocessing"] = []


def volume(said):
    said["inputs"][0]["axes"].insert(2, {"type": "space", "id": "z", "size": 8})


def not_whole(said):
    del said["weights"]


REFUSED = {
    "holds torchscript only, which would run code": without("onnx", "pytorch_state_dict"),
    "weights need the code of the package, and it is not run": code,
    "takes 2 images at once": two_inputs,
    "prepares images by binarize": step("binarize", threshold=3),
    "normalises over the axes": step("zero_mean_unit_variance", axes=["batch", "x"]),
    "onnx weights do not give the package's test result": other_test,
    "has an input with axes bczyx, not of a 2D image": volume,
    r"has a description that is not whole \('weights'\)": not_whole,
}


def _state_of_another(tmp_path):
    file = io.BytesIO()
    torch.save({"layer.weight": torch.zeros(3, 3)}, file)
    return file.getvalue()


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_taken_is_one_line(line, written, tmp_path):
    ran = tmp_path / "ran"
    program = f"open({str(ran)!r}, 'w')".encode()
    files = {"arch__py": program}
    if REFUSED[line] is code:
        files["weights__pth"] = _state_of_another(tmp_path)
    path = changed(written, REFUSED[line], **files)
    with pytest.raises(BadInput, match=rf"^changed\.zip .*{line}") as refused:
        Model.load(path)
    assert "\n" not in str(refused.value) and not ran.exists()


def rezip(path, **entries):
    out = path.with_name("zip.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, entries.pop(name, None) or old.read(name))
        for name, data in entries.items():
            new.writestr(name, data)
    return out


def link(path):
    out = path.with_name("zip.zip")
    out.write_bytes(path.read_bytes())
    entry = zipfile.ZipInfo("weights.link")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(entry, "/etc/passwd")
    return out


def no_zip(path):
    out = path.with_name("no.zip")
    out.write_bytes(b"PK and no more")
    return out


DAMAGED = {
    r"names a file outside of itself \(\.\./evil\.py\)": lambda p: rezip(p, **{"../evil.py": b"1"}),
    r"names a file outside of itself \(/etc/evil\)": lambda p: rezip(p, **{"/etc/evil": b"1"}),
    r"names a file outside of itself \(a\\\\\.\.\\\\b\)|outside of itself": lambda p: rezip(
        p, **{"a\\..\\..\\b": b"1"}
    ),
    "holds a link": link,
    "its sha256 does not match": lambda p: rezip(
        p, **{"weights.onnx": b"1", "weights.pth": b"1", "weights.pt": b"1"}
    ),
    "has a description that cannot be read": lambda p: rezip(p, **{"bioimageio.yaml": b"a: [b"}),
    "describes no model": lambda p: rezip(p, **{"bioimageio.yaml": b"type: dataset"}),
    r"cannot be read as a zip": no_zip,
}


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_or_hostile_zip_is_one_line(line, written):
    path = DAMAGED[line](written)
    with pytest.raises(BadInput, match=line) as refused:
        Model.load(path)
    assert "\n" not in str(refused.value)
    assert not (written.parent.parent / "evil.py").exists()


def test_weights_elsewhere_in_the_net_are_not_fetched(written):
    def change(said):
        without("pytorch_state_dict", "torchscript")(said)
        said["weights"]["onnx"]["source"] = "https://example.com/weights.onnx"

    with pytest.raises(BadInput, match=r"does not hold https://example\.com/weights\.onnx"):
        Model.load(changed(written, change))


def test_authors_and_a_licence_are_asked_for(tmp_path):
    for about in (PackageAbout((), "MIT"), PackageAbout(("Ada",), " ")):
        with pytest.raises(BadInput, match="no author or no licence"):
            export_package(small(), tmp_path / "x.zip", about)
    for cited in ("a paper", "a paper; 17", "; 10.1234/5"):
        with pytest.raises(BadInput, match="cites nothing that can be found"):
            export_package(small(), tmp_path / "x.zip", PackageAbout(("A",), "MIT", "", (cited,)))
    assert not list(tmp_path.iterdir())


OLD = {
    "axes": "bcyx", "shape": {"min": [1, 1, 64, 64], "step": [0, 0, 16, 16]},
    "preprocessing": [
        {"name": "scale_linear", "kwargs": {"gain": 0.5, "offset": 1, "axes": "yx"}},
        {"name": "clip", "kwargs": {"min": 0, "max": 1}},
    ],
}  # fmt: skip


def test_a_description_of_version_0_4():
    said = described(OLD, "input")
    assert (said.axes, said.edge, said.step, said.halo) == ("bcyx", 256, 16, 0)
    assert normalised(said)[1] == (("linear", 0.5, 1.0), ("clip", 0.0, 1.0))
    out = {
        "axes": "bcyx", "halo": [0, 0, 8, 8],
        "shape": {"reference_tensor": "raw", "scale": [1, 0, 1, 1], "offset": [0, 1, 0, 0]},
    }  # fmt: skip
    found = described(out, "output")
    assert len(found.channels) == 2 and found.halo == 8
    with pytest.raises(Foreign, match="changes the size"):
        described(out | {"shape": out["shape"] | {"scale": [1, 0, 2, 2]}}, "output")


@pytest.mark.skipif(not BROAD.is_dir(), reason="a real package, beside the repository")
def test_a_real_package_gives_its_own_test_result():
    model = Model.load(BROAD)
    assert model.record["weights"] == "onnx" and model.config.size == 512
    given, wanted = (np.load(BROAD / f"test_{n}.npy") for n in ("input", "output"))
    codes = open_predictor(model, CPU)(given[0, 0])
    away = np.abs(codes[0] - open_predictor(model, CPU)(given[0, 0])[0].astype(int))
    assert away.max() == 0 and model.normalisation.kind == "zscore"
    assert ((codes[0] > 127) == (wanted[0, 0] > 0.5)).mean() > 0.999
