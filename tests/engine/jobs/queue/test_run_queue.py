"""Many movies with sessions beside them: what is made is the command line's, and what is kept."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.queue.do_movie import Manners
from napari_unet.engine.jobs.queue.look import look_at
from napari_unet.engine.jobs.queue.movies import find_movies, list_movies
from napari_unet.engine.jobs.queue.queue_file import QueueRow, QueueState
from napari_unet.engine.jobs.queue.results import LABELS, TABLE, Job
from napari_unet.engine.jobs.queue.run_queue import MovieDone, MovieFailed, run_queue
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.settings import LabelSettings, Normalisation, PredictSettings, Selection
from napari_unet.engine.stack.stack import Stack

PARTS = (LABELS, TABLE)


@pytest.fixture(scope="module")
def model(toy):
    """A network whose labels are objects, though it learnt nothing."""
    torch.manual_seed(0)
    network = UNet(UNetConfig(filters=(4, 8), outputs=("object",))).eval()
    frame = Normaliser(Normalisation())(toy.movie[0])
    with torch.no_grad():
        logits = network(torch.from_numpy(frame)[None])
        bright = np.corrcoef(logits.ravel(), frame.ravel())[0, 1] > 0
        gain = (3 if bright else -3) / logits.std()
        network.head.bias.copy_(
            (network.head.bias - logits.quantile(0.9 if bright else 0.1)) * gain
        )
        network.head.weight.mul_(gain)
    return Model(network, name="tiny")


@pytest.fixture
def plate(toy, tmp_path):
    """Three movies, of which the second is none."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for i, name in enumerate(("a", "b", "c")):
        movie = np.roll(toy.movie[:3], 9 * i, 2)
        tifffile.imwrite(folder / f"{name}.tif", movie, imagej=True, metadata={"axes": "TYX"})
    (folder / "b.tif").write_text("not a picture")
    return folder


def movies_in(folder):
    return find_movies(list_movies([str(folder)]), Selection(), every_position=True)


def job_for(model, parts=PARTS, **how):
    settings = PredictSettings(threads=1, backend="torch"), LabelSettings(threshold=0.4, min_size=5)
    return Job(model, *settings, parts, **how)


def steps_of(folder, job, out, **manners):
    how = Manners(sessions=True, model="tiny", **manners)
    steps = list(run_queue(movies_in(folder), job, out, how))
    odd = [s for s in steps if isinstance(s, MovieFailed) and not isinstance(s.error, BadInput)]
    assert not odd, odd
    return steps


def results(out):
    return {p.name: p.read_bytes() for p in sorted(out.iterdir()) if p.suffix in (".tif", ".csv")}


def test_a_bad_movie_stops_nothing_and_files_are_those_without_sessions(plate, model, tmp_path):
    out, plain = tmp_path / "out", tmp_path / "plain"
    steps = steps_of(plate, job_for(model), out, keep_probabilities=False)
    failed, *more = (step for step in steps if isinstance(step, MovieFailed))
    assert (failed.movie.name, more) == ("b", [])
    done = {step.movie.name: step for step in steps if isinstance(step, MovieDone)}
    assert set(done) == {"a", "c"}
    for name, step in done.items():
        labels = tifffile.imread(out / f"{name}_labels.tif")
        assert step.cells == {t: len(np.unique(x[x > 0])) for t, x in enumerate(labels)}
        assert sum(step.cells.values())
        assert not list((plate / f"{name}.unet").glob("*.unetp"))  # deleted: labels are whole
    good = [movie for movie in movies_in(plate) if movie.name != "b"]
    state = QueueState(doing="export", movies=str(plate))
    summary = run(run_queue(good, job_for(model), plain, Manners(), state), quiet=True)
    assert (summary.now, summary.before, summary.failed, summary.state.doing) == (2, 0, 0, "")
    assert QueueState.load(plain) == summary.state
    assert sum(summary.state.rows["a"].cells) == sum(done["a"].cells.values())
    assert results(plain) == results(out)
    assert list(plain.glob("*.unet/*.unetp"))  # kept


def test_what_is_segmented_opens_as_a_session_and_is_exported_with_corrections(
    plate, model, tmp_path
):
    (plate / "b.tif").unlink()
    out = tmp_path / "out"
    steps = steps_of(plate, job_for(model, ()), out)
    assert not out.exists()  # only segmented
    assert [len(step.cells) for step in steps if isinstance(step, MovieDone)] == [3, 3]
    again = [s for s in steps_of(plate, job_for(model, ()), out) if isinstance(s, MovieDone)]
    assert not any(step.done.worked for step in again)
    with Stack.open(plate / "a.tif") as stack:
        folder = SessionFolder.find(stack)
        assert folder.state.model == "tiny"
        assert folder.state.models == (model.sha256,)
        assert folder.state.labels.threshold == 0.4
        probabilities = folder.probabilities(stack)
        assert probabilities.computed.all()
        corrections = folder.corrections()
        live = LiveLabels((3, *stack.frame_shape), probabilities, folder.state.labels, corrections)
        live[1, 2:9, 2:9] = 700
    steps_of(plate, job_for(model), out, keep_probabilities=False)
    first = tifffile.imread(out / "a_labels.tif")
    assert (first[1, 2:9, 2:9] == 700).all()
    assert ",700," in (out / "a_objects.csv").read_text()
    assert list((plate / "a.unet").glob("*.unetp"))  # corrected: it stays to be gone on with
    assert not list((plate / "c.unet").glob("*.unetp"))
    written = (out / "a_labels.tif").stat().st_mtime_ns
    steps_of(plate, job_for(model), out)
    assert (out / "a_labels.tif").stat().st_mtime_ns == written
    seen = look_at(movies_in(plate)[0], out, 64)
    assert (seen.frames, seen.segmented, seen.exported, seen.touched, seen.done) == (3, 3, 3, 1, 0)
    assert seen.picture.shape[2] == 3
    assert max(seen.picture.shape) <= 64
    live.confirm_frame(1)
    assert look_at(movies_in(plate)[0], out, 64).done == 1
    (row,) = (s for s in steps_of(plate, job_for(model), out) if isinstance(s, MovieFailed))
    assert "made in another way" in str(row.error)  # of corrections before
    steps = steps_of(plate, job_for(model), out, overwrite=True)
    assert not any(isinstance(step, MovieFailed) for step in steps)


def test_linked_labels_are_those_of_the_table(plate, model, tmp_path):
    (plate / "b.tif").unlink()
    shutil.rmtree(plate / "c.unet", ignore_errors=True)
    steps_of(plate, job_for(model, linked=True), tmp_path / "linked")
    steps_of(plate, job_for(model), tmp_path / "ids")
    linked, ids = (tifffile.imread(tmp_path / n / "a_labels.tif") for n in ("linked", "ids"))
    np.testing.assert_array_equal(linked > 0, ids > 0)
    assert (linked != ids).any()
    tables = [(tmp_path / n / "a_objects.csv").read_bytes() for n in ("linked", "ids")]
    assert tables[0] == tables[1]
    (tmp_path / "linked" / "a_objects.csv").unlink()  # made again from the movie: ids are its
    steps_of(plate, job_for(model, linked=True), tmp_path / "linked")
    assert (tmp_path / "linked" / "a_objects.csv").read_bytes() == tables[1]
    steps = steps_of(plate, replace(job_for(model), linked=False), tmp_path / "linked")
    assert all(isinstance(s, MovieFailed) for s in steps if hasattr(s, "error"))
    assert any(isinstance(s, MovieFailed) for s in steps)


def test_the_state_of_a_queue_comes_back(tmp_path):
    state = QueueState(movies="/plate", doing="export", parts=PARTS)
    state = state.with_row("a", cells=(3, 4), ticked=False).with_row("b", error="no picture")
    state = state.with_row("a", noted=("one",))
    state.save(tmp_path / "out")
    assert QueueState.load(tmp_path / "out") == state
    assert state.rows["a"] == QueueRow(cells=(3, 4), ticked=False, noted=("one",))
    (tmp_path / "out" / "queue.json").write_text("{")
    assert QueueState.load(tmp_path / "out") is None
