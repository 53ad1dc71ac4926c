"""Segmenting: the labels are those of the probabilities, and what is temporary goes."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.scoring import score
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.jobs.write import write_labels, write_movie, write_table
from napari_unet.engine.labels.class_labels import class_outputs, labels_of
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.prediction.prediction import prediction_key, probabilities_shape
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import (
    LabelSettings,
    Normalisation,
    OverlaySettings,
    PredictSettings,
)
from napari_unet.engine.stack.stack import Stack

TORCH = PredictSettings(backend="torch", threads=1)


def made(stack, outputs=("object",)):
    """A network that learned nothing, whose logits are spread so that there are objects."""
    torch.manual_seed(1)
    network = UNet(UNetConfig(filters=(4, 8), outputs=outputs)).eval()
    frame = torch.from_numpy(Normaliser(Normalisation())(stack[0]))[None]
    with torch.no_grad():
        logits = network(frame)[0].flatten(1)
        bright = np.sign([np.corrcoef(plane, frame.ravel())[0, 1] for plane in logits])
        sign = torch.tensor(bright, dtype=torch.float32)
        spread = logits.std(1) * sign
        middle = (logits * sign[:, None]).quantile(0.9, dim=1) * sign
        network.head.bias.sub_(middle).mul_(3 / spread)
        network.head.weight.mul_((3 / spread)[:, None, None, None])
    labels = LabelSettings(threshold=0.45, min_size=5)
    return Model(network, name="tiny", label_settings=labels)


@pytest.fixture
def model(movie):
    return made(movie)


@pytest.fixture
def movie(toy):
    return Stack.from_array(toy.movie, axes="TYX", name="toy", pixel_size=0.65)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder that temporary files go to."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.parametrize("outputs", [("object",), class_outputs((1, 2))])
def test_labels_are_those_of_the_probabilities(outputs, movie, tmp_path, temporary):
    model = made(movie, outputs)
    seen = {}
    steps = segment(movie, model, TORCH)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            labels = end.value
            break
        assert (step.step, step.steps) == (step.frame + 1, 6)
        seen[step.frame] = step.labels
    assert labels.classes == ((1, 2) if len(outputs) == 3 else ())
    for t in range(6):
        codes = labels.probabilities[t]
        expected = labels_of(codes, outputs, model.label_settings)
        np.testing.assert_array_equal(labels[t], expected)
        np.testing.assert_array_equal(labels[t], seen[t])
        assert len(np.unique(expected)) > 2
    if labels.classes:
        with pytest.raises(BadInput, match="classes of pixels"):
            write_labels(tmp_path / "linked.tif", labels, movie, values="linked")
    assert (labels.shape, labels.dtype, len(labels)) == (movie.shape, np.uint16, 6)
    np.testing.assert_array_equal(np.asarray(labels)[2:4], labels[2:4])
    np.testing.assert_array_equal(labels[1, 10:20, ::2], labels[1][10:20, ::2])


def test_a_temporary_file_goes_with_the_labels(model, movie, temporary):
    labels = run(segment(movie, model, TORCH), quiet=True)
    assert len(list(temporary.iterdir())) == 1
    again = labels.relabelled(threshold=0.6)
    del labels
    gc.collect()
    assert again[0].shape == movie.frame_shape  # the same file, still there
    del again
    gc.collect()
    assert not list(temporary.iterdir())

    with run(segment(movie, model, TORCH), quiet=True) as labels:
        assert labels[0].shape == movie.frame_shape
    assert not list(temporary.iterdir())
    with pytest.raises(BadInput, match="were closed"):
        labels[1]
    steps = segment(movie, model, TORCH)
    next(steps)
    steps.close()
    assert not list(temporary.iterdir())


def test_a_place_is_gone_on_with(model, movie, tmp_path, temporary):
    place = tmp_path / "movie.unetp"
    first = run(segment(movie, model, TORCH, frames=[2, 4], probabilities=place), quiet=True)
    assert first.frames == (2, 4)
    with pytest.raises(BadInput, match="frame 0 is not segmented"):
        first[0]
    kept = first[4].copy()
    first.close()
    written = place.stat().st_mtime_ns
    steps = segment(movie, model, TORCH, frames=[4], probabilities=place)
    assert [step.frame for step in steps] == [4]
    assert place.stat().st_mtime_ns == written  # nothing was predicted again
    with run(segment(movie, model, TORCH, probabilities=place), quiet=True) as labels:
        assert labels.frames == tuple(range(6))
        np.testing.assert_array_equal(labels[4], kept)
    assert place.exists()
    assert not list(temporary.iterdir())


def test_what_is_open_stays_open(model, movie):
    shape = probabilities_shape(movie, model)
    mine = Probabilities.in_memory(shape, prediction_key(movie, model, TORCH))
    labels = run(segment(movie, model, TORCH, probabilities=mine), quiet=True)
    assert mine.computed.all()
    labels.close()
    assert mine[3].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": [6]}, "there is no frame 6"),
        ({"model": "no such model"}, "no such model"),
        ({"probabilities": Path("nowhere") / "deep" / "p.unetp"}, "nowhere"),
        ({"channel": (0, 0)}, "gives 2 channel"),
    ],
)
def test_bad_input_is_said_at_the_call(options, message, model, toy, movie, temporary):
    if options.pop("channel", None):
        movie = Stack.from_array(np.stack([toy.movie, toy.movie], 1), axes="TCYX")
        movie = movie.select(channel=(0, 1))
    with pytest.raises(BadInput, match=message):
        segment(movie, options.pop("model", model), TORCH, **options)
    assert not list(temporary.iterdir())


def test_a_full_disk_is_said_at_the_call(model, movie, temporary, monkeypatch):
    import shutil

    full = shutil.disk_usage(temporary)._replace(free=100)
    monkeypatch.setattr("shutil.disk_usage", lambda _: full)
    with pytest.raises(BadInput, match="free"):
        segment(movie, model, TORCH)


def test_labels_are_written_and_scored(model, toy, movie, tmp_path, capsys):
    labels = run(segment(movie, model, TORCH, frames=[1, 3]), quiet=True)
    path = run(write_labels(tmp_path / "labels.tif", labels, movie))
    assert "labels.tif" in capsys.readouterr().err
    np.testing.assert_array_equal(tifffile.imread(path), [labels[1], labels[3]])
    assert model.sha256 in (tmp_path / "labels.tif.json").read_text()
    table = run(write_table(tmp_path / "cells.csv", labels, movie), quiet=True)
    objects = sum(len(np.unique(labels[t][labels[t] > 0])) for t in labels.frames)
    assert objects > 4
    assert len(table.read_text().splitlines()) == 1 + objects
    tails = OverlaySettings(tail=2)
    overlay = run(write_movie(tmp_path / "m.mp4", movie, labels, tails), quiet=True)
    assert overlay.read_bytes()[4:8] == b"ftyp"
    ids = run(write_labels(tmp_path / "ids", toy.labels, movie, values="linked"), quiet=True)
    assert len(list(ids.glob("t*.tif"))) == 6
    assert score(labels, toy.labels).n_frames == 2
    assert score(toy.labels, toy.labels, frames=[0, 5]).seg == 1
    capsys.readouterr()
    run(write_labels(tmp_path / "labels.tif", labels, movie, overwrite=True), quiet=True)
    assert capsys.readouterr().err == ""


def test_a_mask_is_parted_to_be_scored_and_what_is_odd_is_said(toy):
    mask = (toy.labels > 0).astype(np.uint8)
    whole = score(mask, mask)
    assert whole.n_truth > 10 and whole.seg == 1
    assert {str(n.level) for n in whole.notices} == {"noted"}
    assert "connected pieces" in str(whole)
    specks = mask.copy()
    specks[:, ::4, ::4] = 1
    assert "1-3 px" in str(score(mask, specks))
    empty = toy.labels.copy()
    empty[2] = 0
    assert "1 of 6 frames of the truth truth are empty" in str(score(toy.labels, empty))
    assert "holds no cells at all" in str(score(toy.labels, np.zeros_like(mask)))
    with pytest.raises(BadInput, match="NaN"):
        score(toy.labels, np.full(mask.shape, np.nan))


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        (lambda p, a, m: write_labels(p / "labels.gif", a, m), "Give format="),
        (lambda p, a, m: write_labels(p / "labels.tif", a[:4], m), "labels of 4 frames"),
        (lambda p, a, m: write_labels(p / "there.tif", a, m), "exists already"),
        (lambda p, a, m: write_table(p / "there.tif", a, m), "exists already"),
        (lambda p, a, m: write_table(p / "a.csv", a, m, frames=[9]), "frame 9"),
        (lambda p, a, m: write_movie(p / "a.mp4", m, a[:4]), "labels of 4 frames"),
        (lambda p, a, m: write_movie(p / "there.mkv", m, a), "ends in .mp4 or .avi"),
        (lambda p, a, m: write_movie(p / "there", m, a), "is a file"),
        (lambda p, a, m: score(a[:4], a), "6 frames"),
    ],
)
def test_what_cannot_be_written_is_said_at_the_call(begin, message, toy, movie, tmp_path):
    for name in ("there.tif", "there"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(BadInput, match=message):
        begin(tmp_path, toy.labels, movie)
    assert (tmp_path / "there.tif").read_text() == "mine"
