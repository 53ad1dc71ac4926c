"""Frames done by threads and by processes: the same, in any order, whatever happens to them."""

import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.stages import frame_pool
from napari_unet.engine.jobs.stages.frame_pool import FramePool
from napari_unet.engine.jobs.stages.frame_work import FrameMaker, FrameWork
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import LabelSettings, Selection, TableSettings
from napari_unet.engine.stack.stack import Stack

N = 6
WORK = FrameWork(("object",), LabelSettings(), TableSettings())

SCRIPT = """
from napari_unet.engine.jobs.stages import frame_pool
from napari_unet.engine.jobs.stages.frame_work import FrameWork
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import LabelSettings, TableSettings
from napari_unet.engine.stack.stack import Stack
print("the script runs")
frame_pool._WORTH_IT = 0
codes = Probabilities.open("movie.unetp")
work = FrameWork(("object",), LabelSettings(), TableSettings())
pool = frame_pool.FramePool(Stack.open("movie.tif"), codes, work, 2, 6)
done = [pool.submit(t, codes[t]) for t in range(6)]
print(*(len(one.result().measured.columns["label"]) for one in done))
print(len(pool._workers) > 0)
pool.close()
"""


@pytest.fixture
def movie(tmp_path):
    """A movie of discs and its probabilities, in files."""
    y, x = np.ogrid[:90, :120]
    rng = np.random.default_rng(0)
    away = [
        np.min([np.hypot(y - cy, x - cx) for cy, cx in rng.uniform(0, 90, (9, 2))], axis=0)
        for _ in range(N)
    ]
    tifffile.imwrite(tmp_path / "movie.tif", (900 - 9 * np.array(away)).astype(np.uint16))
    key = {"outputs": ["object"]}
    codes = Probabilities.create(tmp_path / "movie.unetp", (N, 1, 90, 120), key)
    for t, frame in enumerate(away):
        codes.write(t, encode_logits(8 - frame)[None])
    codes.flush()
    return Stack.open(tmp_path / "movie.tif"), codes


def expected(movie):
    stack, codes = movie
    make = FrameMaker(WORK, stack)
    return [make(t, codes[t]) for t in range(N)]


def same(found, wanted):
    np.testing.assert_array_equal(found.labels, wanted.labels)
    assert found.labels.dtype == wanted.labels.dtype
    assert found.measured.missing == wanted.measured.missing
    assert list(found.measured.columns) == list(wanted.measured.columns)
    for name, values in wanted.measured.columns.items():
        np.testing.assert_array_equal(found.measured.columns[name], values)


def test_threads_give_what_one_after_the_other_gives(movie):
    pool = FramePool(*movie, WORK, 3, N)
    running = [pool.submit(t, movie[1][t]) for t in range(N)]
    for done, wanted in zip(running, expected(movie), strict=True):
        same(done.result(), wanted)
    pool.close()
    assert not pool._workers  # so little work is not worth a process


@pytest.mark.slow
def test_a_process_gives_the_same_and_one_that_dies_is_said(movie, monkeypatch, caplog):
    monkeypatch.setattr(frame_pool, "_WORTH_IT", 0)
    pool = FramePool(*movie, WORK, 2, N)
    try:
        wanted = expected(movie)
        for t in range(3):
            same(pool.submit(t, movie[1][t]).result(), wanted[t])
        assert pool._workers
        assert not caplog.records
        for worker in pool._workers:
            worker._process.kill()
        for t in range(N):
            same(pool.submit(t, movie[1][t]).result(), wanted[t])
        assert "a worker process ended" in caplog.text
    finally:
        pool.close()
    assert all(worker._process.poll() is not None for worker in pool._workers)


@pytest.mark.slow
def test_a_process_does_volumes_by_their_spacing(tmp_path, monkeypatch):
    monkeypatch.setattr(frame_pool, "_WORTH_IT", 0)
    z, y, x = np.ogrid[:6, :40, :50]
    away = np.stack(
        [np.sqrt((4 * (z - 3)) ** 2 + (y - 20) ** 2 + (x - 9 * t) ** 2) for t in range(N)]
    )
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
    movie = (900 - 9 * away).astype(np.uint16)
    tifffile.imwrite(tmp_path / "movie.ome.tif", movie, metadata={"axes": "TZYX", **sizes})
    codes = Probabilities.create(tmp_path / "movie.unetp", (N, 1, 6, 40, 50), {})
    for t, volume in enumerate(away):
        codes.write(t, encode_logits(12 - volume)[None])
    codes.flush()
    stack = Stack.open(tmp_path / "movie.ome.tif", Selection(z="volume"))
    wanted = expected((stack, codes))
    assert wanted[3].measured.columns["volume_um3"][0] == pytest.approx(
        np.count_nonzero(wanted[3].labels) * 0.5
    )
    pool = FramePool(stack, codes, WORK, 2, N)
    try:
        for t in range(N):
            same(pool.submit(t, codes[t]).result(), wanted[t])
        assert pool._workers
    finally:
        pool.close()


@pytest.mark.slow
def test_what_a_process_cannot_do_is_said_by_this_one(movie, monkeypatch):
    monkeypatch.setattr(frame_pool, "_WORTH_IT", 0)
    pool = FramePool(*movie, WORK, 2, N)
    try:
        pool.submit(0, movie[1][0]).result()
        pool.submit(1, movie[1][1]).result()
        path = movie[0].path
        path.write_bytes(path.read_bytes()[:40_000])
        with pytest.raises(BadInput, match=r"movie\.tif"):
            pool.submit(5, movie[1][5]).result()
    finally:
        pool.close()


@pytest.mark.slow
def test_it_ends_at_once_whatever_runs(movie, monkeypatch):
    monkeypatch.setattr(frame_pool, "_WORTH_IT", 0)
    pool = FramePool(*movie, WORK, 2, 1000)
    for t in range(N):
        pool.submit(t, movie[1][t])
    time.sleep(0.3)
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 3  # of a loaded machine; there is nothing to wait for
    assert all(worker._process.poll() is not None for worker in pool._workers)


@pytest.mark.slow
def test_a_plain_script_is_not_run_again(movie, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    counts = " ".join(str(len(done.measured.columns["label"])) for done in expected(movie))
    assert ended.stdout.split("\n") == ["the script runs", counts, "True", ""]
