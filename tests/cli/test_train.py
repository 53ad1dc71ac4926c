"""Train: a model file with its record, from frames that were chosen; resume and overwrite."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.cli.demo import write_sample
from napari_unet.engine.network.model import Model
from napari_unet.sample.movie import sample_movie

SMALL = ("--threads", 1, "--set", "filters=4,8", "--set", "crop=64", "--set", "batch=1")


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory, run):
    out = tmp_path_factory.mktemp("train") / "new.safetensors"
    answer = run(
        "train", world.movie, world.truth, "--out", out, "--frames", "0,3", "--steps", 4,
        "--seed", 3, *SMALL,
    )  # fmt: skip
    assert answer.code == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == str(out)
    return out


def test_model_says_how_it_was_trained(trained):
    record = Model.load(trained).record
    assert record["frames"] == [0, 3]
    assert record["steps"] == 4
    assert record["settings"]["seed"] == 3
    assert record["settings"]["minutes"] is None


def test_nothing_but_the_model_and_its_history_is_left(trained):
    left = sorted(path.name for path in trained.parent.iterdir())
    assert left == ["new.history.csv", "new.history.png", "new.safetensors"]
    table = trained.with_suffix(".history.csv").read_text().splitlines()
    assert table[0].startswith("step,epoch,seconds,learning_rate,loss,accuracy,iou,dice,mean_iou")
    assert [line.split(",")[0] for line in table[1:]] == ["1", "2", "3", "4"]


def test_base_is_the_parent_and_stays_as_it_was(world, trained, tmp_path, run):
    before = trained.read_bytes()
    out = tmp_path / "child"  # the suffix is added
    words = ("train", world.movie, world.truth, "--out", out, "--base", trained)
    answer = run(*words, "--steps", 2, "--frames", "0-3", "--validation", "3", "--device", "cpu",
                 "--threads", 1, "--set", "crop=64", "--set", "batch=1")  # fmt: skip
    assert answer.code == 0, answer.stderr
    assert "before" in answer.stdout
    child = Model.load(tmp_path / "child.safetensors")
    assert child.record["parent"] == Model.load(trained).sha256
    assert trained.read_bytes() == before


@pytest.fixture
def half_painted(world, tmp_path):
    """Labels with one cell a frame."""
    sparse = tifffile.imread(world.truth)
    sparse[sparse != sparse[0].max()] = 0
    tifffile.imwrite(tmp_path / "sparse.tif", sparse, imagej=True, metadata={"axes": "TYX"})
    return tmp_path / "sparse.tif"


def test_partial_labels_leave_the_rest_open(world, half_painted, tmp_path, run):
    answer = run(
        "train", world.movie, half_painted, "--out", tmp_path / "m", "--partial",
        "--frames", "0,1", "--steps", 1, *SMALL,
    )  # fmt: skip
    assert answer.code == 0, answer.stderr
    assert "100 % of the pixels" not in answer.stderr


@pytest.mark.parametrize("options", [(), ("--partial",)])
def test_half_painted_labels_called_whole_are_doubted(tmp_path, run, options):
    movie, cells = sample_movie(frames=2, shape=(200, 240))
    write_sample(tmp_path / "movie.tif", movie)
    half = cells < np.median(cells[cells > 0])
    write_sample(tmp_path / "painted.tif", np.where(half, cells, 0).astype(np.uint16))
    answer = run(
        "train", tmp_path / "movie.tif", tmp_path / "painted.tif", "--out", tmp_path / "m",
        *options, "--base", "nuclei-fluorescence", "--steps", 1, "--set", "crop=64",
        "--set", "batch=1",
    )  # fmt: skip
    assert answer.code == 0, answer.stderr
    doubted = "that are not painted. Paint them, or add --partial" in answer.stderr
    assert doubted is (not options)


def test_a_test_score_is_of_frames_that_chose_nothing(world, tmp_path, run):
    words = ("train", world.movie, world.truth, "--out", tmp_path / "m", "--frames", "0,1")
    answer = run(*words, "--steps", 1, "--test", 2, *SMALL)
    assert answer.code == 0, answer.stderr
    assert "Test score, on frame 2, which chose nothing:" in answer.stdout
    record = Model.load(tmp_path / "m.safetensors").record
    assert (record["frames"], record["test"]["frames"]) == ([0, 1], [2])
    answer = run(*words, "--steps", 1, "--test", 2, "--validation", 2, "--overwrite")
    assert answer.code == 1
    assert "the frames to check on are 2" in answer.error


def test_the_band_left_out_at_the_edge_is_not_counted(world, tmp_path, run):
    words = ("train", world.movie, world.truth, "--out", tmp_path / "m", "--frames", "0,1")
    answer = run(*words, "--steps", 1, "--edge", 20, *SMALL)
    assert answer.code == 0, answer.stderr
    height, width = tifffile.imread(world.truth).shape[1:]
    share = 100 * (height - 40) * (width - 40) / (height * width)
    assert answer.stderr.count(f"{share:.3g} % of the pixels") == 2  # read, and learned from
    assert "100 % of the pixels" not in answer.stderr
    record = Model.load(tmp_path / "m.safetensors").record
    assert f"{share:.3g} % of the pixels" in record["annotated"]
    answer = run(*words, "--steps", 1, "--edge", height // 2, "--overwrite")
    assert answer.code == 1
    assert "narrower band" in answer.error


def test_a_model_is_not_overwritten_unasked(world, trained, run):
    before = trained.read_bytes()
    words = ("train", world.movie, world.truth, "--out", trained, "--steps", 1, "--frames", "0")
    answer = run(*words)
    assert answer.code == 1
    assert "add --overwrite" in answer.error
    assert trained.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--recipe", "unet-notebook"), {"epochs": 30, "minutes": None, "loss": "bce"}),
        (("--recipe", "unet-notebook", "--minutes", 2), {"epochs": None, "minutes": 2}),
        (
            ("--recipe", "nnunet", "--set", "loss=focal+dice", "--set", "filters=4,6,8"),
            {"network": "nnunet", "loss": "dice_focal", "warm_up": 0.1},
        ),
        (("--recipe", "none"), {"loss": "bce_dice", "minutes": None}),
        (("--network", "unet-2015"), {"network": "unet-2015", "loss": "ce", "optimiser": "sgd"}),
        (
            ("--network", "unet-2015", "--recipe", "none"),
            {"network": "unet-2015", "loss": "bce_dice", "optimiser": "adamw"},
        ),
        (
            ("--network", "unet-2015", "--set", "optimiser=adam"),
            {"network": "unet-2015", "loss": "ce", "optimiser": "adam"},
        ),
        (
            ("--recipe", "unet-notebook", "--network", "unet"),
            {"network": "unet", "loss": "bce", "epochs": 30},
        ),
    ],
)
def test_a_recipe_and_what_changes_it(world, tmp_path, run, words, wanted):
    out = tmp_path / "m.safetensors"
    steps = () if "--minutes" in words else ("--steps", 1)
    if not steps:
        words = (*words[:3], 0.001, "--set", "filters=4,8")
        wanted = {**wanted, "minutes": 0.001}
    answer = run(
        "train", world.movie, world.truth, "--out", out, "--frames", "0,3", *SMALL,
        *steps, *words,
    )  # fmt: skip
    assert answer.code == 0, answer.stderr
    settings = Model.load(out).record["settings"]
    assert {name: settings[name] for name in wanted} == wanted
    brings = (
        "unet-2015 brings its recipe (loss ce, class weights balanced, no border," in answer.stderr
    )
    assert brings == (words[:2] == ("--network", "unet-2015") and "--recipe" not in words)


def test_an_unknown_recipe_is_refused_by_name(world, tmp_path, run):
    answer = run("train", world.movie, world.truth, "--out", tmp_path / "m", "--recipe", "resnet")
    assert answer.code != 0
    assert "--recipe resnet: it is one of none, unet, unet-2015" in " ".join(answer.stderr.split())


def test_the_two_best_are_kept_for_an_ensemble(tmp_path, run):
    movie, cells = sample_movie(frames=8, shape=(64, 64), density=7)
    write_sample(tmp_path / "movie.tif", movie)
    write_sample(tmp_path / "truth.tif", cells)
    out = tmp_path / "mine.safetensors"
    answer = run(
        "train", tmp_path / "movie.tif", tmp_path / "truth.tif", "--out", out, "--steps", 4,
        "--keep", 2, *SMALL,
    )  # fmt: skip
    assert answer.code == 0, answer.stderr
    best, second = Model.load(out), Model.load(tmp_path / "mine.best-2.safetensors")
    assert second.name == "mine.best-2" and second.sha256 != best.sha256
    assert second.record["rank"] == 2 and second.record["frames"] == best.record["frames"]
    out.unlink()  # the second best is not written over either
    words = ("train", tmp_path / "movie.tif", tmp_path / "truth.tif", "--out", out, "--keep", 2)
    assert "already holds mine.best-2.safetensors" in run(*words, "--steps", 1).error
    best.save(out)
    both = f"{out},{tmp_path / 'mine.best-2.safetensors'}"
    words = ("segment", tmp_path / "movie.tif", "--out", tmp_path / "r", "--frames", 0)
    answer = run(*words, "--no-movie", "--model", both)
    assert answer.code == 0, answer.stderr
