import random
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.prediction.prediction import (
    predict,
    predict_region,
    prediction_key,
    probabilities_shape,
)
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import PredictSettings
from napari_unet.engine.stack.stack import Stack

EXACT = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)


@pytest.fixture
def predictor(toy_model):
    return open_predictor(toy_model, EXACT)


@pytest.fixture
def probabilities(tmp_path, toy_stack, toy_model):
    key, shape = (
        prediction_key(toy_stack, toy_model, EXACT),
        probabilities_shape(toy_stack, toy_model),
    )
    with Probabilities.create(tmp_path / "movie.prob", shape, key) as made:
        yield made


def content(probabilities):
    return [probabilities[t].tobytes() for t in range(len(probabilities))]


def test_predicts_the_movie_in_order(toy_stack, predictor, probabilities):
    seen = []
    for done in predict(toy_stack, predictor, probabilities):
        assert probabilities.computed[done.position]
        np.testing.assert_array_equal(probabilities[done.position], done.codes)
        seen.append(done)
    assert [done.position for done in seen] == list(range(8))
    assert sorted(done.seconds for done in seen) == [done.seconds for done in seen]
    for t in range(8):
        np.testing.assert_array_equal(probabilities[t], predictor(toy_stack[t]))


def test_a_region_is_there_to_look_at_and_predicted_with_the_movie_all_the_same(
    toy_stack, predictor, probabilities
):
    box = (slice(16, 48), slice(32, 96))
    predict_region(toy_stack, predictor, probabilities, 3, box)
    part, whole = probabilities[3], predictor(toy_stack[3])
    assert np.abs(part[:, *box].astype(int) - whole[:, *box]).max() <= 1
    part[:, *box] = 0
    assert not part.any()
    rest = [d.position for d in predict(toy_stack, predictor, probabilities)]
    assert rest == list(range(8))
    np.testing.assert_array_equal(probabilities[3], whole)


def test_predicts_the_frames_asked_for_and_none_twice(toy_stack, predictor, probabilities):
    assert [d.position for d in predict(toy_stack, predictor, probabilities, [5, 2, 5])] == [5, 2]
    assert [d.position for d in predict(toy_stack, predictor, probabilities, [2, 3])] == [3]
    rest = [d.position for d in predict(toy_stack, predictor, probabilities)]
    assert rest == [0, 1, 4, 6, 7]
    assert not list(predict(toy_stack, predictor, probabilities))


def test_in_memory_it_is_the_same(toy_stack, predictor, probabilities):
    memory = Probabilities.in_memory(probabilities.shape)
    for store in (memory, probabilities):
        list(predict(toy_stack, predictor, store))
    assert content(memory) == content(probabilities)


class Slow:
    """A stack that counts what is read of it."""

    def __init__(self, stack, seconds=0.0, fails_at=None):
        self._stack, self._seconds, self._fails_at = stack, seconds, fails_at
        self.read = []

    def __getattr__(self, name):
        return getattr(self._stack, name)

    def seen_by(self, _):
        return self

    def __len__(self):
        return len(self._stack)

    def __getitem__(self, t):
        time.sleep(self._seconds)
        self.read.append(t)
        if t == self._fails_at:
            raise BadInput(f"frame {t} is damaged", "a whole one", "copy the movie again")
        return self._stack[t]


def test_closing_stops_within_a_frame_and_keeps_what_is_done(toy_stack, predictor, probabilities):
    slow = Slow(toy_stack, 0.2)
    run = predict(slow, predictor, probabilities)
    next(run)
    before, began = len(slow.read), time.monotonic()
    run.close()
    assert time.monotonic() - began < 1
    assert len(slow.read) <= before + 2
    assert 1 <= probabilities.computed.sum() < 8
    again = Probabilities.open(probabilities.path)
    np.testing.assert_array_equal(again.computed, probabilities.computed)
    names = {thread.name for thread in threading.enumerate()}
    assert not any(name.startswith("napari-unet ") for name in names)
    list(predict(toy_stack, predictor, probabilities))
    assert probabilities.computed.all()


def test_a_damaged_frame_stops_the_run_after_those_before_it(toy_stack, predictor, probabilities):
    run = predict(Slow(toy_stack, fails_at=3), predictor, probabilities)
    with pytest.raises(BadInput, match="frame 3 is damaged"):
        list(run)
    assert probabilities.computed[:4].tolist() == [True, True, True, False]


def test_a_full_disk_stops_the_run(toy_stack, predictor, probabilities, monkeypatch):
    def full(t, codes):
        raise BadInput("the disk is full", "free space", "free some")

    monkeypatch.setattr(probabilities, "write", full)
    with pytest.raises(BadInput, match="disk is full"):
        list(predict(toy_stack, predictor, probabilities))


@pytest.mark.parametrize(
    ("shape", "frames", "says"),
    [
        ((8, 2, 90, 121), None, "the probabilities have shape"),
        ((8, 1, 90, 122), None, "the probabilities have shape"),
        ((8, 2, 90, 122), [3, 8], "there is no frame 8"),
        ((8, 2, 90, 122), [-1], "there is no frame -1"),
    ],
)
def test_bad_input_is_told_at_the_call(toy_stack, predictor, shape, frames, says):
    with pytest.raises(BadInput, match=says):
        predict(toy_stack, predictor, Probabilities.in_memory(shape), frames)


def test_channels_are_checked_at_the_call(toy_stack, two_channel_model):
    two = open_predictor(two_channel_model, EXACT)
    with pytest.raises(BadInput, match=r"gives 1 channel\(s\); expected 2"):
        predict(toy_stack, two, Probabilities.in_memory((8, 2, 90, 122)))


def test_space_is_checked_at_the_call(toy_stack, predictor, probabilities, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr("napari_unet.engine.files.atomic.shutil.disk_usage", lambda _: usage)
    with pytest.raises(BadInput, match="free"):
        predict(toy_stack, predictor, probabilities)


def test_the_key_says_what_the_bytes_depend_on(toy_stack, toy_model, two_channel_model):
    key = prediction_key(toy_stack, toy_model, EXACT)
    assert key == prediction_key(toy_stack, toy_model, EXACT.replace(tile=128, threads=3))
    others = [
        prediction_key(toy_stack, two_channel_model, EXACT),
        prediction_key(toy_stack, toy_model, EXACT.replace(accurate=True)),
        prediction_key(toy_stack, toy_model, EXACT.replace(scale=0.5)),
        prediction_key(Stack.from_array(toy_stack[0][None]), toy_model, EXACT),
    ]
    assert key not in others


def test_frames_in_flight_are_few(toy_stack, predictor):
    """However long the movie, only some frames are read ahead of the one that is yielded."""

    class Long(Slow):
        shape = (300, 90, 122)

        def __len__(self):
            return 300

        def __getitem__(self, t):
            self.read.append(t)
            return self._stack[t % 8]

    long = Long(toy_stack)
    run = predict(long, predictor, Probabilities.in_memory((300, 2, 90, 122)), range(300))
    for _ in range(20):
        position = next(run).position
        assert max(long.read) - position <= 12
    run.close()


def test_a_killed_run_goes_on_and_gives_the_same_bytes(tmp_path, toy_stack, toy_model, predictor):
    model, movie = toy_model.save(tmp_path / "toy"), tmp_path / "movie.npy"
    np.save(movie, np.stack([toy_stack[t % 8] for t in range(40)]))
    stack = Stack.from_array(np.load(movie), name="movie")
    expected = Probabilities.in_memory(probabilities_shape(stack, toy_model))
    list(predict(stack, predictor, expected))
    script = textwrap.dedent(f"""
        import numpy as np
        from napari_unet.engine.network.model import Model
        from napari_unet.engine.prediction.prediction import (
            predict, prediction_key, probabilities_shape,
        )
        from napari_unet.engine.prediction.predictor import open_predictor
        from napari_unet.engine.prediction.probabilities import Probabilities
        from napari_unet.engine.settings import PredictSettings
        from napari_unet.engine.stack.stack import Stack
        from napari_unet.engine.prediction import probability_file
        probability_file._SECONDS_BETWEEN_FLUSHES = 0.01
        settings = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)
        model = Model.load({str(model)!r})
        stack = Stack.from_array(np.load({str(movie)!r}), name="movie")
        key, shape = prediction_key(stack, model, settings), probabilities_shape(stack, model)
        store = Probabilities.create({str(tmp_path / "killed.prob")!r}, shape, key)
        print("ready", int(store.computed.sum()), flush=True)
        for done in predict(stack, open_predictor(model, settings), store):
            pass
        store.close()
        print("done", flush=True)
    """)
    moments, found = random.Random(0), []
    for attempt in range(3):
        run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        found.append(int(run.stdout.readline().split()[1]))
        if attempt < 2:
            time.sleep(moments.uniform(0.02, 0.15))
            run.kill()  # SIGKILL
        else:
            assert run.stdout.readline() == "done\n"
        run.wait()
        run.stdout.close()
    assert found == sorted(found)
    with Probabilities.open(tmp_path / "killed.prob") as killed:
        assert killed.computed.all()
        assert content(killed) == content(expected)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_memory_does_not_grow_with_the_movie(tmp_path, toy_model):
    """Ten times the frames, in a process of its own: the peak stays within 5 %."""
    model = toy_model.save(tmp_path / "toy")
    script = textwrap.dedent(f"""
        import numpy as np
        from napari_unet.engine.network.model import Model
        from napari_unet.engine.prediction.prediction import predict, probabilities_shape
        from napari_unet.engine.prediction.predictor import open_predictor
        from napari_unet.engine.prediction.probabilities import Probabilities
        from napari_unet.engine.settings import PredictSettings
        from napari_unet.engine.stack.stack import Stack
        class Endless:
            dtype, ndim = np.dtype("u2"), 3
            def __init__(self, n): self.shape = (n, 256, 256)
            def __len__(self): return self.shape[0]
            def __getitem__(self, index):
                t = index[0] if isinstance(index, tuple) else index
                return np.random.default_rng(int(t)).integers(0, 999, (256, 256)).astype("u2")
        settings = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)
        model = Model.load({str(model)!r})
        for n in (15, 150):
            stack = Stack.from_array(Endless(n), axes="TYX")
            path = {str(tmp_path)!r} + f"/{{n}}.prob"
            with Probabilities.create(path, probabilities_shape(stack, model), {{}}) as store:
                for done in predict(stack, open_predictor(model, settings), store):
                    pass
                assert store.computed.all()
            status = open("/proc/self/status").read()
            print(status.split("VmHWM:")[1].split()[0])
    """)
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    short, long = map(int, run.stdout.split())
    assert long <= 1.05 * short
