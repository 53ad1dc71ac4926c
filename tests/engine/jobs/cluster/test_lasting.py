"""Frames of a cluster that is lost and comes back; nobody has to wait who does not want to."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress

import numpy as np
import pytest
from distributed import LocalCluster

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.cluster import block, connection, lasting, worker
from napari_unet.engine.jobs.cluster.cluster_settings import read_cluster
from napari_unet.engine.jobs.cluster.lasting import segment_lasting
from napari_unet.engine.jobs.cluster.watched import GivenUp, Joined, Waiting, watched
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.prediction.prediction import prediction_key, probabilities_shape
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import LabelSettings, PredictSettings
from napari_unet.engine.stack.stack import Stack
from tests.engine.conftest import make_model

TORCH = PredictSettings(backend="torch", device="cpu", threads=1)
LABELS = LabelSettings(min_size=3)


def in_this_process(workers, port=0):
    return LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=False, protocol="tcp",
        host="127.0.0.1", scheduler_port=port, dashboard_address="127.0.0.1:0",
        worker_dashboard_address=None,
    )  # fmt: skip


@pytest.fixture
def movie(toy_file):
    with Stack.open(toy_file) as stack:
        yield stack


def begun(address, movie, path):
    """A run on a cluster, and where its codes go."""
    model = make_model(movie)
    shape, key = probabilities_shape(movie, model), prediction_key(movie, model, TORCH)
    codes = Probabilities.create(path, shape, key)
    cluster = read_cluster(address)
    return codes, segment_lasting(cluster, movie, model, TORCH, LABELS, range(len(movie)), codes)


@pytest.mark.slow
def test_a_cluster_that_is_lost_is_taken_up_again(movie, tmp_path, monkeypatch):
    monkeypatch.setattr(block, "_PIXELS", 2 * 96 * 128)
    monkeypatch.setattr(connection, "_ANSWERS", 2.0)
    monkeypatch.setattr(lasting, "_AGAIN", 0.2)
    closed, inner = threading.Event(), worker._done

    def after_the_first(job, block_, *others):
        if block_.frames[0] > 0:
            closed.wait(20)
        return inner(job, block_, *others)

    monkeypatch.setattr(worker, "_done", after_the_first)
    first, second = in_this_process(2), None
    address = first.scheduler_address
    codes, steps = begun(address, movie, tmp_path / "there.unetp")
    frames, lines, joined = [], [], 0
    with codes, closing(steps):
        for item in steps:
            joined += isinstance(item, Joined)
            if isinstance(item, Waiting):
                lines.append(item.line)
                if "trying again" in item.line and second is None:
                    second = in_this_process(2, int(address.rpartition(":")[2]))
            elif isinstance(item, int):
                frames.append(item)
                if len(frames) == 2:
                    threading.Timer(1.0, closed.set).start()
                    first.close()
        found = [codes[t] for t in range(len(movie))]
    assert second is not None
    second.close()
    assert frames == list(range(len(movie)))
    assert joined == 2
    assert any(line.startswith("The cluster tcp://") or "does not answer" in line for line in lines)
    for done in segment(movie, make_model(movie), TORCH, LABELS):
        np.testing.assert_array_equal(done.codes, found[done.frame])


def test_one_that_has_no_workers_is_left_at_once(movie, tmp_path):
    with in_this_process(0) as there:
        codes, steps = begun(there.scheduler_address, movie, tmp_path / "there.unetp")
        with codes:
            line = ""
            while not line.startswith("Waiting for a worker of tcp://"):
                line = next(steps).line
            began = time.monotonic()
            steps.close()
            assert time.monotonic() - began < 10
    assert not [t for t in threading.enumerate() if t.name == "napari-unet cluster"]


def test_one_that_was_never_there_is_an_error(movie, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "_ANSWERS", 0.3)
    codes, steps = begun("tcp://127.0.0.1:9", movie, tmp_path / "there.unetp")
    with codes, pytest.raises(BadInput, match="does not answer"):
        list(steps)


def test_what_is_watched_comes_whole_and_ends_where_it_is_left():
    ended = []

    def work(waiting):
        try:
            for n in range(50):
                waiting("")
                yield n
            return "all"
        except GivenUp:
            ended.append("given up")
            raise
        finally:
            ended.append("closed")

    def taken(steps):
        while True:
            try:
                item = next(steps)
            except StopIteration as end:
                return end.value
            if not isinstance(item, Waiting):
                found.append(item)

    found = []
    assert taken(watched(work)) == "all"
    assert found == list(range(50))
    steps = watched(work)
    with suppress(StopIteration):
        assert isinstance(next(steps), int | Waiting)
    steps.close()
    assert ended[:1] + ended[-1:] == ["closed", "closed"]
