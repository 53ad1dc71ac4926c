"""Save recipe, by click; the command line does as the recipe says."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_unet.cli.app import app
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.network.model import Model
from napari_unet.engine.session.recipe import Recipe
from napari_unet.gui.session.models import ModelChoice


@pytest.fixture
def segment(hand, small, model_file, tmp_path):
    """The Segment dock with a two-channel movie and the tiny model."""
    file = tmp_path / "movie.tif"
    other = np.full_like(small[0], 100)
    channels = np.stack((other, small[0]), axis=1)
    tifffile.imwrite(file, channels, imagej=True, metadata={"axes": "TCYX"})
    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    hand.find(dock, "movie.channel").setCurrentIndex(1)
    hand.load_model(dock, model_file)
    return dock


def test_saved_recipe_gives_the_labels_on_screen(hand, segment, model_file, tmp_path):
    hand.click(segment, "segment.run_movie")
    hand.done()
    hand.find(segment, "segment.threshold").setValue(0.4)
    hand.find(segment, "segment.min_size").setValue(12)
    hand.find(segment, "segment.recipe_path").setText(str(tmp_path / "mine"))
    hand.click(segment, "segment.save_recipe")
    path = tmp_path / "mine.json"
    assert hand.done() == f"Saved {path}"
    recipe = Recipe.load(path)
    assert recipe.model == str(model_file)
    assert recipe.model_sha256 == Model.load(model_file).sha256
    assert recipe.channel in (1, "1")
    assert (recipe.labels.threshold, recipe.labels.min_size) == (0.4, 12)

    words = ["segment", tmp_path / "movie.tif", "--recipe", path, "--out", tmp_path / "out"]
    result = CliRunner().invoke(app, [*map(str, words), "--no-movie"])
    assert result.exit_code == 0, result.output
    written = tifffile.imread(tmp_path / "out" / "labels.tif")
    live = hand.session.labels.live
    assert written.any()
    for t in range(len(written)):
        np.testing.assert_array_equal(written[t], label_frame(live.probabilities[t], live.settings))


def test_before_a_run_it_holds_what_the_model_recommends(hand, segment, model_file, tmp_path):
    hand.find(segment, "segment.recipe_path").setText(str(tmp_path / "new.json"))
    hand.click(segment, "segment.save_recipe")
    hand.done()
    assert Recipe.load(tmp_path / "new.json").labels == Model.load(model_file).label_settings


@pytest.mark.parametrize("name", ["notes.json", "nowhere/recipe.json"])
def test_nothing_else_is_written_over(hand, segment, tmp_path, name):
    (tmp_path / "notes.json").write_text("{}")
    hand.find(segment, "segment.recipe_path").setText(str(tmp_path / name))
    hand.click(segment, "segment.save_recipe")
    assert hand.failure()
    assert (tmp_path / "notes.json").read_text() == "{}"


def test_a_model_that_is_nowhere_cannot_be_in_a_recipe(hand, segment, model_file):
    model = Model.load(model_file)
    hand.session.models.add(ModelChoice("fresh", "mine", None, model))
    save = hand.find(segment, "segment.save_recipe")
    assert not save.isEnabled()
    assert save.toolTip() == "Keep or save fresh in the Train dock first"
