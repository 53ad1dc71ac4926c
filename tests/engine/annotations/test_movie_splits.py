"""What of several movies is held out: whole ones from three on, frames of each of two."""

import pytest

from napari_unet.engine.annotations.annotated_movie import described, movie_names, together
from napari_unet.engine.annotations.movie_splits import (
    hold_out_movies,
    movies_kept_for_test,
    splits_as,
)
from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.stack import Stack
from tests.engine.annotations.squares import annotations, painted, stack

NAMES = [f"{letter}.tif" for letter in "abcdefghijklm"]


def movies(*frames, ids=(1, 2, 3, 4)):
    return [annotations(n, ids=ids) for n in frames]


@pytest.mark.parametrize(
    ("frames", "validation", "held", "joins", "words"),
    [
        ((1, 1, 1), "auto", {1: (0,)}, True, "movie b.tif"),
        ((9, 1, 3), "auto", {2: (0, 1, 2)}, False, "movie c.tif"),  # of middling size
        ((2,) * 12, "auto", {5: (0, 1), 6: (0, 1)}, False, "movies f.tif, g.tif"),
        ((3, 4), "auto", {0: (1,), 1: (2,)}, True, "frame 1 of a.tif, frame 2 of b.tif"),
        ((3, 9), "auto", {1: (3, 4)}, False, "frames 3-4 of b.tif"),
        ((3, 3, 3), "none", {}, False, "nothing kept aside"),
        ((3, 1, 3), (0, 2), {0: (0, 2), 1: (0,), 2: (0, 2)}, False,
         "frames 0, 2 of a.tif, frame 0 of b.tif, frames 0, 2 of c.tif"),
        ((4,), "auto", {0: (2,)}, True, "frame 2"),
    ],
)  # fmt: skip
def test_what_is_held_out(frames, validation, held, joins, words):
    given = movies(*frames)
    splits = hold_out_movies(given, NAMES[: len(given)], validation)
    found = {i: part.validation.frame_indices for i, part in enumerate(splits.parts)
             if part.validation is not None}  # fmt: skip
    assert (found, splits.joins, splits.words) == (held, joins, words)
    if words.startswith("movie"):  # nothing of it is learned, whatever is painted there later
        for i in held:
            assert not splits.parts[i].train.frames
            assert not splits.parts[i].hold_out.learned(annotations(frames[i])).frames
    state = {"held_out": splits.parts[0].hold_out.to_record()}
    others = splits.parts[1:]
    if others:
        state["other_movies"] = [{"held_out": p.hold_out.to_record()} for p in others]
    again = splits_as(state, given, NAMES[: len(given)])
    assert [part.hold_out for part in again.parts] == [part.hold_out for part in splits.parts]
    with pytest.raises(BadInput, match="belongs to a training on"):
        splits_as(state, [*given, given[0]], NAMES)


def test_a_movie_without_cells_is_not_what_is_checked_on():
    given = [*movies(1, 1), *movies(1, ids=())]
    splits = hold_out_movies(given, NAMES[:3])  # two have cells: frames of each
    assert splits.words == "a quarter of frame 0 of a.tif, a quarter of frame 0 of b.tif"


def test_it_is_said_in_words():
    given = movies(2, 2, 2)
    assert described(given) == "6 frames of 3 movies, 24 cells, 100 % of the pixels"
    words = hold_out_movies(given, NAMES[:3]).describe(given)
    assert words.endswith("checked on movie b.tif (8 of the cells, learned from in the end)")
    whole = together(given)
    assert whole.frame_indices == tuple(range(6)) and whole.n_objects == 24
    assert together(given[:1]) is given[0]


@pytest.mark.parametrize(
    ("test", "validation", "said"),
    [((0,), "auto", ""), ((7,), "auto", "annotated in 2 movies"), ((0, 1, 2), "auto", "not all"),
     ((0,), (0,), "choose the weights")],
)  # fmt: skip
def test_frames_to_test_on_are_of_each_movie(test, validation, said):
    given = movies(3, 2)
    if said:
        with pytest.raises(BadInput, match=said):
            movies_kept_for_test(given, test, validation)
        return
    found = movies_kept_for_test(given, test, validation)
    assert [one.frame_indices for one in found] == [(0,), (0,)]


def test_names_tell_movies_apart(tmp_path):
    one, other = stack(painted(1), "a.tif"), stack(painted(2), "b.tif")
    assert movie_names([one, other]) == ("a.tif", "b.tif")
    assert movie_names([one, other, one]) == ("a.tif #1", "b.tif", "a.tif #3")
    positions = Stack.from_array(painted(1), axes="TYX", name="plate")
    assert movie_names([positions]) == ("plate",)
