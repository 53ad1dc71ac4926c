"""segment --cluster: the bytes of one process, whoever is killed, and one client a folder."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

from napari_unet.cli.demo import write_sample

FRAMES = 96
PROGRAM = """
from napari_unet.engine.jobs.cluster import block, own_process
block._PIXELS = 4 * 288 * 384
own_process._IMPORTED += ("counted_blocks",)  # by workers that are forked
from napari_unet.cli import main
if __name__ == "__main__":
    main()
"""
COUNTED = """
from pathlib import Path
from napari_unet.engine.jobs.cluster import worker
inner = worker._done
def counted(job, block, *others):
    with Path(__file__).with_name("counted.txt").open("a") as file:
        file.write(f"{block.name}\\n")
    return inner(job, block, *others)
worker._done = counted
"""


@pytest.fixture(scope="module")
def movies(world, tmp_path_factory):
    """A movie long enough to be disturbed, and two short ones."""
    folder = tmp_path_factory.mktemp("cluster") / "movies"
    folder.mkdir()
    frames = np.tile(tifffile.imread(world.movie), (1, 3, 3))
    rolled = np.stack([np.roll(frames[t % len(frames)], 3 * t, axis=1) for t in range(FRAMES)])
    write_sample(folder / "long.tif", rolled)
    for i in (1, 2):
        write_sample(folder / f"short{i}.tif", np.roll(frames[:3], 7 * i, axis=2))
    return folder


@pytest.fixture(scope="module")
def model(bright, tmp_path_factory):
    return bright.save(tmp_path_factory.mktemp("model") / "bright")


@pytest.fixture(scope="module")
def words(model):
    def of(movie, out, *others):
        settings = (
            "--threads",
            1,
            "--device",
            "cpu",
            "--set",
            "backend=torch",
            "--no-movie",
            "--keep-probabilities",
        )
        return [
            str(w) for w in ("segment", movie, "--out", out, "--model", model, *settings, *others)
        ]

    return of


@pytest.fixture(scope="module")
def undisturbed(words, movies, tmp_path_factory, run):
    """What one process makes of all."""
    out = tmp_path_factory.mktemp("one")
    answer = run(*words(movies / "*.tif", out))
    assert answer.code == 0, answer.stderr
    assert tifffile.imread(out / "long_labels.tif").max() > 3
    return made_in(out)


def made_in(out):
    names = [*out.glob("*labels.tif"), *out.glob("*objects.csv")]
    return {
        (path.name if "_" in path.name else f"long_{path.name}"): path.read_bytes()
        for path in names
    }


def of_the_long_one(made):
    return {name: content for name, content in made.items() if name.startswith("long")}


class Running:
    """The program in a process group of its own."""

    def __init__(self, words, folder):
        command = [sys.executable, "-c", PROGRAM, "-v", *words]
        (folder / "counted_blocks.py").write_text(COUNTED)
        paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        self.log = (folder / "log.txt").open("w+")
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
            env=os.environ | {"PYTHONPATH": paths},
        )  # fmt: skip

    def blocks(self, out):
        return len([*out.glob("*.unet/blocks-*/[0-9]*.npz")])

    def wait_for(self, condition, what):
        until = time.monotonic() + 90
        while not condition():
            assert self.process.poll() is None, f"ended before {what}: {self.said}"
            assert time.monotonic() < until, f"no {what}: {self.said}"
            time.sleep(0.02)

    def end(self):
        code = self.process.wait(timeout=120)
        return code, self.said

    @property
    def said(self):
        self.log.flush()
        return Path(self.log.name).read_text()


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(words):
        started.append(Running(words, tmp_path))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()
        one.log.close()


def workers_of(process):
    """The processes that compute for a client, from the oldest on."""
    found = [p for p in psutil.Process(process.pid).children(recursive=True) if is_worker(p)]
    return sorted(found, key=lambda p: p.create_time())


def is_worker(process):
    """Whether it was started, or forked from what was started, to be a worker."""
    try:
        if "forkserver" in " ".join(process.cmdline()):
            return "forkserver" in " ".join(process.parent().cmdline())
        return "spawn_main" in " ".join(process.cmdline())
    except (psutil.Error, AttributeError):
        return False


@pytest.mark.slow
def test_many_movies_give_the_bytes_of_one_process(undisturbed, words, movies, tmp_path, run):
    answer = run(*words(movies / "*.tif", tmp_path, "--cluster", "local:2"))
    assert answer.code == 0, answer.stderr
    assert "2 workers of local:2" in answer.stderr
    assert made_in(tmp_path) == undisturbed
    assert not [*tmp_path.glob("*.unet/blocks-*"), *tmp_path.glob(".napari*")]
    again = run(*words(movies / "*.tif", tmp_path, "--cluster", "local:2"))
    assert "3 done before" in again.stderr
    assert "workers of" not in again.stderr  # none is started for that


@pytest.mark.slow
def test_workers_killed_midway_change_nothing(undisturbed, words, movies, tmp_path, start):
    out = tmp_path / "out"
    running = start(words(movies / "long.tif", out, "--cluster", "local:2"))
    for n in (2, 5, 8):
        running.wait_for(lambda n=n: running.blocks(out) >= n, f"{n} blocks")
        workers_of(running.process)[0].kill()
    code, said = running.end()
    assert code == 0, said
    assert made_in(out) == of_the_long_one(undisturbed)
    if sys.platform.startswith("linux"):
        done = (tmp_path / "counted.txt").read_text().split()
        assert len(set(done)) == FRAMES // 4
        assert len(done) <= len(set(done)) + 3  # those in the hands of who was killed


@pytest.mark.slow
def test_stopped_it_leaves_what_is_done_and_a_second_client_is_refused(
    undisturbed, words, movies, tmp_path, start, run
):
    out = tmp_path / "out"
    running = start(words(movies / "long.tif", out, "--cluster", "local:2"))
    running.wait_for(lambda: running.blocks(out) >= 4, "blocks")
    second = run(*words(movies / "short1.tif", out, "--cluster", "local:2"))
    assert second.code == 1
    assert f"{out} is being written by" in second.error
    workers = workers_of(running.process)
    assert len(workers) >= 2
    os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does
    code, said = running.end()
    assert code == 130, said
    assert "the same command goes on there" in said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive
    again = start(words(movies / "long.tif", out, "--cluster", "local:2"))
    code, said = again.end()
    assert code == 0, said
    assert 0 < frames_sent(said) < FRAMES - 12
    assert made_in(out) == of_the_long_one(undisturbed)


def frames_sent(said):
    return int(re.search(r"(\d+) frames? to do on the cluster", said)[1])


class Dask:
    """A scheduler with two workers, as a user starts them."""

    def __init__(self, port):
        self.address = f"tcp://127.0.0.1:{port}"
        common = [sys.executable, "-m", "distributed.cli"]
        self.scheduler = self._start(
            common[0], "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
            "--port", str(port), "--no-dashboard",
        )  # fmt: skip
        self.workers = [
            self._start(
                common[0], "-m", "distributed.cli.dask_worker", self.address, "--nthreads", "1",
                "--no-dashboard", "--host", "127.0.0.1", "--death-timeout", "60",
            )
            for _ in range(2)
        ]  # fmt: skip

    def _start(self, *words):
        return subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def end(self):
        for process in (self.scheduler, *self.workers):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.slow
def test_a_scheduler_that_stops_is_said_and_the_command_goes_on(
    undisturbed, words, movies, tmp_path, start
):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "out"
    first = Dask(port)
    try:
        running = start(words(movies / "long.tif", out, "--cluster", first.address))
        running.wait_for(lambda: running.blocks(out) >= 4, "blocks")
    finally:
        first.end()
    code, said = running.end()
    assert code == 1, said
    assert said.strip().splitlines()[-1].startswith(f"Error: the cluster {first.address}")
    second = Dask(port)
    try:
        code, said = start(words(movies / "long.tif", out, "--cluster", second.address)).end()
    finally:
        second.end()
    assert code == 0, said
    assert 0 < frames_sent(said) < FRAMES - 12
    assert made_in(out) == of_the_long_one(undisturbed)


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ("somewhere", "names no cluster"),
        ("tcp://127.0.0.1:9", "does not answer"),
        ("none.yaml", "cannot be read"),
    ],
)
def test_a_cluster_that_is_none_is_said_in_a_line(
    words, movies, tmp_path, run, cluster, said, monkeypatch
):
    monkeypatch.setattr("napari_unet.engine.jobs.cluster.connection._ANSWERS", 0.3)
    answer = run(*words(movies / "short1.tif", tmp_path / "out", "--cluster", cluster))
    assert answer.code == 1
    assert said in answer.error
    assert not [*tmp_path.glob("out/*.tif"), *tmp_path.glob("out/.napari*")]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="its jobs are shell scripts")
def test_jobs_of_a_queue(undisturbed, words, movies, tmp_path, run, monkeypatch):
    """A Slurm that runs its jobs here, at once: dask-jobqueue writes and submits them as ever."""
    tools = tmp_path / "tools"
    tools.mkdir()
    # a script is the queue's from then on: dask-jobqueue deletes its own as soon as it is told
    submit = (
        'cp "$1" "$0.$$"; setsid bash "$0.$$" >/dev/null 2>&1 </dev/null & '
        'echo "Submitted batch job $!"'
    )
    cancel = 'for job in "$@"; do kill -- "-$job" 2>/dev/null; done'
    for name, line in (("sbatch", submit), ("scancel", cancel)):
        (tools / name).write_text(f"#!/bin/bash\n{line}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    arguments = "{cores: 1, processes: 1, memory: 2GB, interface: lo}"
    described = f"type: slurm\nworkers: 2\nwait: 0.03\narguments: {arguments}\n"
    (tmp_path / "queue.yaml").write_text(described)
    out = tmp_path / "out"
    answer = run(*words(movies / "short*.tif", out, "--cluster", tmp_path / "queue.yaml"))
    assert answer.code == 0, answer.stderr
    assert "Waiting for a worker of slurm" in answer.stderr
    made = made_in(out)
    assert len(made) == 4
    assert made.items() <= undisturbed.items()
