"""A movie on a cluster: what one machine makes, whatever is seen, lost, or done before."""

from __future__ import annotations

import numpy as np
import pytest
from distributed import LocalCluster, Security

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.cluster import block, connection, worker
from napari_unet.engine.jobs.cluster.cluster_run import ClusterRun
from napari_unet.engine.jobs.cluster.cluster_settings import ClusterSettings, read_cluster
from napari_unet.engine.jobs.cluster.connection import connected
from napari_unet.engine.jobs.cluster.dispatch import Dispatch, Task
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.jobs.stages.frame_request import FrameRequest
from napari_unet.engine.prediction.ensemble import Ensemble
from napari_unet.engine.prediction.prediction import prediction_key, probabilities_shape
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import (
    LabelSettings,
    Normalisation,
    PredictSettings,
    Selection,
    TableSettings,
)
from napari_unet.engine.stack.stack import Stack
from tests.engine.conftest import make_model

TORCH = PredictSettings(backend="torch", device="cpu", threads=1)
LABELS = LabelSettings(min_size=3)


def in_this_process(protocol="tcp", **options):
    """A scheduler and two workers in this process; what is sent goes through sockets."""
    return LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol=protocol, host="127.0.0.1",
        dashboard_address="127.0.0.1:0", worker_dashboard_address=None, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cluster():
    with in_this_process() as here:
        yield ClusterSettings(type="address", address=here.scheduler_address)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(block, "_PIXELS", 2 * 96 * 128)


@pytest.fixture
def movie(toy_file):
    with Stack.open(toy_file) as stack:
        yield stack


def opened(path, stack, model):
    key = prediction_key(stack, model, TORCH)
    return Probabilities.create(path, probabilities_shape(stack, model), key)


def done(stack, model, path, elsewhere=None, frames=None, labels=LABELS):
    """Codes, labels and measurements of a movie, with its probabilities in a file."""
    found = {}
    with opened(path, stack, model) as probabilities:
        steps = segment(
            stack, model, TORCH, labels, frames=frames, probabilities=probabilities,
            elsewhere=elsewhere, table=TableSettings(),
        )  # fmt: skip
        for step in steps:
            found[step.frame] = (step.codes, step.labels, step.measured.columns)
        assert probabilities.computed[list(found)].all()
        for t, (codes, *_) in found.items():
            np.testing.assert_array_equal(probabilities[t], codes)
    return found


def assert_same(found, expected):
    assert list(found) == list(expected)
    for t, (codes, labels, columns) in expected.items():
        np.testing.assert_array_equal(found[t][0], codes)
        np.testing.assert_array_equal(found[t][1], labels)
        for name, column in columns.items():
            np.testing.assert_array_equal(found[t][2][name], column)
            assert found[t][2][name].dtype == column.dtype


def whole(stack):
    return make_model(stack, Normalisation(scope="movie"))


def several(stack):
    return Ensemble.of([make_model(stack), make_model(stack, Normalisation(kind="zscore"))])


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "sent"])
@pytest.mark.parametrize(
    "made",
    [make_model, *(pytest.param(made, marks=pytest.mark.slow) for made in (whole, several))],
)
def test_it_makes_what_one_machine_makes(cluster, toy, movie, tmp_path, seen, made):
    stack = movie if seen else Stack.from_array(toy.movie, name="toy")
    model = made(stack)
    expected = done(stack, model, tmp_path / "here.unetp")
    assert max(labels.max() for _, labels, _ in expected.values()) > 1
    with ClusterRun.open(cluster, model, TORCH) as run:
        found = done(stack, model, tmp_path / "there.unetp", run)
        assert "2 workers of tcp://127.0.0.1" in run.device
    assert_same(found, expected)
    assert not list(tmp_path.glob("blocks-*"))


@pytest.mark.slow
def test_all_channels_are_measured_where_one_is_seen(cluster, toy, tmp_path):
    both = np.stack([toy.movie, toy.movie[::-1]], axis=1)
    stack = Stack.from_array(both, Selection(channel=1), axes="TCYX", channel_names=("a", "b"))
    model = make_model(stack)
    expected = done(stack, model, tmp_path / "here.unetp")
    with ClusterRun.open(cluster, model, TORCH) as run:
        assert_same(done(stack, model, tmp_path / "there.unetp", run), expected)
    assert "b_mean" in expected[0][2]


@pytest.mark.slow
def test_what_is_done_is_not_done_again(cluster, movie, tmp_path, monkeypatch):
    model = make_model(movie)
    expected = done(movie, model, tmp_path / "here.unetp")
    asked = []
    inner = worker._done
    monkeypatch.setattr(worker, "_done", lambda j, b, *a: asked.append(b.frames) or inner(j, b, *a))
    with ClusterRun.open(cluster, model, TORCH) as run:
        with opened(tmp_path / "there.unetp", movie, model) as probabilities:
            probabilities.write(3, expected[3][0])  # by one machine, before
            steps = segment(
                movie, model, TORCH, LABELS, probabilities=probabilities, elsewhere=run,
                table=TableSettings(),
            )  # fmt: skip
            assert [next(steps).frame for _ in range(3)] == [0, 1, 2]
            steps.close()
        (folder,) = tmp_path.glob("blocks-*")
        there = {path.name for path in folder.glob("*.npz")}
        assert there
        before = list(asked)
        assert_same(done(movie, model, tmp_path / "there.unetp", run), expected)
    assert len(set(asked)) == len(asked) == 3
    assert len(before) >= 2
    assert sorted(sum(asked, ())) == [0, 1, 2, 4, 5]


@pytest.mark.slow
def test_other_settings_of_labels_predict_nothing_again(cluster, movie, tmp_path, monkeypatch):
    model = make_model(movie)
    with ClusterRun.open(cluster, model, TORCH) as run:
        done(movie, model, tmp_path / "there.unetp", run)
        monkeypatch.setattr(worker, "_done", None)
        moved = LABELS.replace(threshold=0.7)
        found = done(movie, model, tmp_path / "there.unetp", run, labels=moved)
    assert_same(found, done(movie, model, tmp_path / "there.unetp", labels=moved))


@pytest.mark.slow
def test_movies_side_by_side_come_each_in_its_order(cluster, toy, tmp_path):
    stacks = [Stack.from_array(np.roll(toy.movie, 9 * i, 2), name=str(i)) for i in range(3)]
    model = make_model(stacks[0])
    expected = [done(s, model, tmp_path / f"here{i}.unetp") for i, s in enumerate(stacks)]
    with ClusterRun.open(cluster, model, TORCH) as run:
        for i, stack in enumerate(stacks):
            with opened(tmp_path / f"there{i}.unetp", stack, model) as probabilities:
                work = worker.FrameWork(("object", "border"), LABELS, TableSettings())
                run.begin(FrameRequest(stack, model, work, range(6), probabilities))
        for i, stack in enumerate(stacks):
            assert_same(done(stack, model, tmp_path / f"there{i}.unetp", run), expected[i])


def test_a_damaged_frame_is_said_as_on_one_machine(cluster, toy_folders, tmp_path):
    folder = tmp_path / "movie"
    folder.mkdir()
    for path in toy_folders[0].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with Stack.open(folder) as stack, ClusterRun.open(cluster, make_model(stack), TORCH) as run:
        last = sorted(folder.iterdir())[3]
        last.write_bytes(last.read_bytes()[:-40])
        with pytest.raises(BadInput) as here:
            done(stack, make_model(stack), tmp_path / "here.unetp")
        with pytest.raises(BadInput) as there:
            done(stack, make_model(stack), tmp_path / "there.unetp", run)
    assert str(there.value) == str(here.value)


@pytest.mark.parametrize("when", ["at the start", "later"])
def test_workers_of_other_versions_are_refused(cluster, movie, tmp_path, monkeypatch, when):
    model = make_model(movie)
    real = worker.shaping_versions()
    other = {**real, "torch": "1.0"}
    if when == "at the start":
        monkeypatch.setattr(worker, "shaping_versions", lambda: other)
    with ClusterRun.open(cluster, model, TORCH) as run:
        monkeypatch.setattr(worker, "shaping_versions", lambda: other)
        with pytest.raises(BadInput, match=r"can compute this \(torch 1.0 there, 2"):
            done(movie, model, tmp_path / "there.unetp", run)
        assert len(run.notices) == 2


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "tls://127.0.0.1:9"])
def test_a_scheduler_that_is_not_there_is_said_in_a_line(address, movie, monkeypatch):
    monkeypatch.setattr("napari_unet.engine.jobs.cluster.connection._ANSWERS", 0.3)
    opening = ClusterRun.open(read_cluster(address), make_model(movie), TORCH)
    with pytest.raises(BadInput, match="does not answer") as caught, opening:
        pass
    assert "\n" not in str(caught.value)


def test_connections_are_encrypted_where_certificates_are_given(movie, tmp_path, monkeypatch):
    security, model = Security.temporary(), make_model(movie)
    expected = done(movie, model, tmp_path / "here.unetp")
    roles = {"ca_file": "ca_file", "cert": "client_cert", "key": "client_key"}
    for name, role in roles.items():
        (tmp_path / f"{name}.pem").write_text(getattr(security, f"tls_{role}"))
    names = ", ".join(f"{name}: {name}.pem" for name in roles)
    with in_this_process("tls", security=security) as there:
        address = there.scheduler_address
        assert address.startswith("tls://127.0.0.1")
        described = f"type: address\naddress: {address}\ntls: {{{names}}}\n"
        (tmp_path / "tls.yaml").write_text(described)
        with ClusterRun.open(read_cluster(str(tmp_path / "tls.yaml")), model, TORCH) as run:
            assert_same(done(movie, model, tmp_path / "there.unetp", run), expected)
        monkeypatch.setattr("napari_unet.engine.jobs.cluster.connection._ANSWERS", 0.3)
        without = ClusterRun.open(read_cluster(address), model, TORCH)
        with pytest.raises(BadInput, match="does not answer"), without:
            pass


class Add(Task):
    """What any worker can do."""

    def call(self):
        return sum, (1, 2)

    def take(self, result):
        self.sum = result

    def unseen(self):
        raise AssertionError


def test_what_was_for_workers_that_are_gone_is_for_others(cluster):
    with connected(cluster) as client:
        dispatch, task = Dispatch(client, "it", None), Add()
        dispatch.refuse("tcp://127.0.0.1:2", "it computes otherwise")  # so tasks are for the rest
        look = dispatch._look_once

        def look_at_one_that_goes():
            look()
            dispatch._workers = {"tcp://127.0.0.1:1": 1}

        dispatch._look_once = look_at_one_that_goes
        dispatch.add([task])
        dispatch._look_once = look
        dispatch.finish(task)
    assert task.sum == 3


def test_a_worker_that_cannot_answer_is_said(cluster, movie, monkeypatch):
    def fails():
        raise ImportError("No module named napari_unet")

    monkeypatch.setattr("napari_unet.engine.jobs.cluster.cluster_run.examine", fails)
    opening = ClusterRun.open(cluster, make_model(movie), TORCH)
    with pytest.raises(BadInput, match=r"can compute \(No module named napari_unet\)"), opening:
        pass


def test_a_queue_without_jobs_is_not_waited_for_forever(monkeypatch):
    class Nobody:
        def nthreads(self):
            return {}

    queue = ClusterSettings(type="slurm", wait=1e-5)
    with pytest.raises(BadInput, match=r"slurm has no workers after 0\.036 s"):
        connection._wait_for_one(Nobody(), queue, lambda _: None)
