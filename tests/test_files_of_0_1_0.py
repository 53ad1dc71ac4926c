"""What version 0.1.0 saved still opens, goes on and gives the same labels, pixel for pixel.

The files in tests/data/v0.1.0 were made by that version (make_files.py there says how).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner

from napari_unet.cli.app import app
from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.network.model import Model
from napari_unet.engine.prediction.prediction import (
    missing_frames,
    predict,
    prediction_key,
    probabilities_shape,
)
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.checkpoint import load_checkpoint
from napari_unet.engine.training.training import train

FILES = Path(__file__).parent / "data" / "v0.1.0"
STOPPED_AT = 12


@pytest.fixture(scope="module")
def expected():
    with np.load(FILES / "expected.npz") as arrays:
        return dict(arrays)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A copy of the folder, as a user has it: what goes on in it is written there."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    return Path(shutil.copytree(FILES, tmp_path / "movies"))


@pytest.fixture
def stack(place):
    with Stack.open(place / "movie.tif") as stack:
        yield stack


@pytest.fixture
def folder(stack):
    found = SessionFolder.find(stack)
    assert found is not None
    return found


@pytest.fixture
def live(stack, folder):
    """The labels as they were on screen when 0.1.0 was closed."""
    probabilities = folder.probabilities(stack)
    assert probabilities is not None
    yield LiveLabels(stack.shape, probabilities, folder.state.labels, folder.corrections())
    probabilities.close()


@pytest.mark.parametrize("name", ["cells", "classes"])
def test_models_give_the_same_labels(name, place, stack, expected, caplog):
    model = Model.load(place / f"{name}.safetensors")
    assert not caplog.records  # its own check is passed
    recipe = Recipe.load(place / "recipe.json")
    probabilities = Probabilities.in_memory(probabilities_shape(stack, model))
    predictor = open_predictor(model, recipe.predict)
    for _ in predict(stack, predictor, probabilities):
        pass
    predictor.close()
    for t, labels in enumerate(expected[f"{name}_labels"]):
        made = labels_of(probabilities[t], model.config.outputs, recipe.labels)
        np.testing.assert_array_equal(made, labels)


@pytest.mark.parametrize("name", ["cells", "classes"])
def test_models_are_the_same_after_saving(name, place):
    model = Model.load(place / f"{name}.safetensors")
    again = Model.load(model.save(place / "again"))
    assert again.sha256 == model.sha256
    assert (again.record, again.card) == (model.record, model.card)
    assert again.label_settings == model.label_settings


def test_a_stopped_training_goes_on_as_if_it_never_was(place, stack, expected):
    checkpoint = place / "stopped.checkpoint"
    state = load_checkpoint(checkpoint)
    assert state["step"] == STOPPED_AT
    settings = TrainSettings.model_validate(
        json.loads((place / "training.json").read_text(encoding="utf-8"))
    )
    with Stack.open(place / "truth.tif") as truth:
        annotations = Annotations.from_labels(stack, truth, (0, 2, 4))
    run = train(stack, annotations, settings, checkpoint=checkpoint, resume=True)
    steps = []
    while True:
        try:
            steps.append(next(run).step)
        except StopIteration as end:
            model = end.value
            break
    assert steps == list(range(STOPPED_AT + 1, settings.steps + 1))
    assert model.label_settings.threshold == expected["never_stopped_threshold"]
    for name, tensor in model.network.state_dict().items():
        # to the bit on one processor; others add in another order
        wanted = torch.from_numpy(expected[f"never_stopped/{name}"])
        torch.testing.assert_close(tensor, wanted, rtol=1e-3, atol=1e-4)


def test_a_session_replays(folder, live, expected):
    assert folder.state.frame == 3
    np.testing.assert_array_equal(np.asarray(live), expected["session_labels"])
    for t in range(len(live)):
        planes = live.state(t)
        np.testing.assert_array_equal(planes.ids, expected["session_ids"][t])
        np.testing.assert_array_equal(planes.flags, expected["session_flags"][t])
    assert live.corrections.complete_frames == tuple(expected["session_complete"])
    live.settings = live.settings.replace(threshold=0.3, split=False)
    np.testing.assert_array_equal(np.asarray(live), expected["session_labels_at_0.3"])


def test_a_session_is_undone_step_by_step(live, expected):
    order = []
    while frames := live.undo():
        order.append(frames[0])
    assert order == list(expected["session_undone"])
    assert not any(live.state(t).edited().any() for t in range(len(live)))
    np.testing.assert_array_equal(np.asarray(live), expected["cells_labels"])


def test_a_session_goes_on(stack, folder, live, expected):
    fresh = live.new_id()
    assert fresh not in expected["session_labels"]
    assert fresh not in expected["session_reserved"]  # though the cell was undone
    live[4, 50:54, 60:66] = fresh
    shown = np.asarray(live).copy()
    folder.save(frame=4)
    again = SessionFolder.find(stack)
    assert again is not None and again.state == folder.state.replace(frame=4)
    with again.probabilities(stack) as probabilities:
        other = LiveLabels(stack.shape, probabilities, again.state.labels, again.corrections())
        np.testing.assert_array_equal(np.asarray(other), shown)
        assert not missing_frames(stack, probabilities)


def test_probabilities_are_those_of_their_model(place, stack, folder):
    """The key is made anew as it was: nothing is predicted twice."""
    model = Model.load(place / folder.state.model)
    assert folder.state.models == (model.sha256,)
    key = prediction_key(stack, model, Recipe.load(place / "recipe.json").predict)
    assert folder.probabilities_path(key).is_file()


def test_a_recipe_applies(place, expected):
    words = ["segment", place / "movie.tif", "--recipe", place / "recipe.json", "--no-movie"]
    out = place / "results"
    done = CliRunner().invoke(app, [str(word) for word in (*words, "--out", out)])
    assert done.exit_code == 0, done.stderr
    np.testing.assert_array_equal(tifffile.imread(out / "labels.tif"), expected["recipe_labels"])
    table = (out / "objects.csv").read_text(encoding="utf-8")
    assert table == str(expected["recipe_table"])
