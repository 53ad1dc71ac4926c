import copy
import threading

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.prediction.probabilities import Probabilities

SHAPE = (7, 2, 5, 6)
KEY = {"model": "abc", "outputs": ("object", "border"), "scale": 1.0}


def frame(t):
    return np.full(SHAPE[1:], t + 1, np.uint8) + np.arange(60, dtype=np.uint8).reshape(SHAPE[1:])


@pytest.fixture(params=["file", "memory"])
def probabilities(request, tmp_path):
    if request.param == "memory":
        yield Probabilities.in_memory(SHAPE, KEY)
        return
    with Probabilities.create(tmp_path / "movie.prob", SHAPE, KEY) as made:
        yield made


def test_a_frame_comes_back_as_written(probabilities):
    probabilities.write(3, frame(3))
    probabilities.write(-1, frame(6))
    np.testing.assert_array_equal(probabilities[3], frame(3))
    np.testing.assert_array_equal(probabilities[6], frame(6))
    assert probabilities.computed.tolist() == [False] * 3 + [True, False, False, True]
    assert probabilities.outputs == ("object", "border")
    assert len(probabilities) == 7


def test_what_is_not_computed_is_zero_and_what_is_read_is_a_copy(probabilities):
    assert not probabilities[2].any()
    probabilities.write(2, frame(2))
    probabilities[2][:] = 0
    probabilities.computed[:] = False
    np.testing.assert_array_equal(probabilities[2], frame(2))
    assert probabilities.computed[2]


def test_refuses_codes_of_another_shape_or_type(probabilities):
    for wrong in (frame(0)[:1], frame(0).astype(np.uint16)):
        with pytest.raises(ValueError, match="not uint8"):
            probabilities.write(0, wrong)
    with pytest.raises(IndexError):
        probabilities[7]


def test_a_deep_copy_is_the_same_object(probabilities):
    assert copy.deepcopy(probabilities) is probabilities


def test_many_threads_write_and_read(probabilities):
    def work(t):
        probabilities.write(t, frame(t))
        np.testing.assert_array_equal(probabilities[t], frame(t))

    threads = [threading.Thread(target=work, args=(t % 7,)) for t in range(28)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert probabilities.computed.all()


def test_a_closed_file_opens_again_with_all_it_had(tmp_path):
    path = tmp_path / "movie.prob"
    with Probabilities.create(path, SHAPE, KEY) as first:
        first.write(1, frame(1))
    for again in (Probabilities.open(path), Probabilities.create(path, SHAPE, KEY)):
        assert again.shape == SHAPE
        assert again.key == {**KEY, "outputs": ["object", "border"]}
        assert np.flatnonzero(again.computed).tolist() == [1]
        np.testing.assert_array_equal(again[1], frame(1))
        again.close()
    with pytest.raises(ValueError, match="closed"):
        again.write(0, frame(0))


def test_parts_of_a_frame_are_there_until_the_frame_is(probabilities):
    whole, parts = frame(2), ((slice(0, 2), slice(1, 4)), (slice(2, 4), slice(2, 6)))
    expected = np.zeros_like(whole)
    for y, x in parts:
        probabilities.write_part(2, (y, x), whole[:, y, x])
        expected[:, y, x] = whole[:, y, x]
        np.testing.assert_array_equal(probabilities[2], expected)
    assert probabilities.parts == {2}
    assert not probabilities.computed.any()
    probabilities.write(2, whole)
    probabilities.write_part(2, parts[0], np.zeros_like(whole[:, :2, 1:4]))
    assert not probabilities.parts
    np.testing.assert_array_equal(probabilities[2], whole)


def test_parts_of_the_last_few_frames_are_kept(probabilities):
    box = (slice(0, 1), slice(0, 1))
    for t in (0, 1, 2, 0, 3, 4):
        probabilities.write_part(t, box, frame(t)[:, :1, :1])
    assert probabilities.parts == {0, 2, 3, 4}


@pytest.mark.parametrize(
    ("shape", "key"), [((8, 2, 5, 6), KEY), (SHAPE, {**KEY, "model": "other"})]
)
def test_another_movie_or_model_is_refused(tmp_path, shape, key):
    Probabilities.create(tmp_path / "p", SHAPE, KEY).close()
    with pytest.raises(BadInput, match="another movie or model"):
        Probabilities.create(tmp_path / "p", shape, key)


def test_the_file_is_sparse(tmp_path):
    with Probabilities.create(tmp_path / "p", (1000, 2, 2048, 2048), KEY) as huge:
        huge.write(999, np.ones((2, 2048, 2048), np.uint8))
        stat = (tmp_path / "p").stat()
        assert stat.st_size > 8e9
        assert getattr(stat, "st_blocks", 0) * 512 < 20e6


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip_key(path):
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)


def flip_version(path):
    content = bytearray(path.read_bytes())
    content[8] += 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut, "bytes; expected"),
        (flip_key, "damaged header"),
        (flip_version, "format version 2"),
        (lambda path: path.write_bytes(b"II*\0" + bytes(100)), "not a probability file"),
        (lambda path: path.write_bytes(b""), "not a probability file"),
        (lambda path: path.unlink(), "cannot be opened"),
    ],
)
def test_a_damaged_file_is_told(tmp_path, damage, says):
    path = tmp_path / "movie.prob"
    Probabilities.create(path, SHAPE, KEY).close()
    damage(path)
    with pytest.raises(BadInput, match=says):
        Probabilities.open(path)
