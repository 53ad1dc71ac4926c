"""One network from several movies: each as itself, one record of all, and one movie as ever."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.tune import free_frames, tune
from napari_unet.engine.network.model import Model
from napari_unet.engine.settings import Selection, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training import training_record
from napari_unet.engine.training.training import TrainInput, train
from napari_unet.engine.training.training_record import held_out, learned_frames
from napari_unet.sample.movie import sample_movie
from tests.engine.training.test_training import assert_same_weights, finish

TINY = TrainSettings(
    steps=3, filters=(4, 8), crop=32, batch=2, threads=1, device="cpu", edge=2, minutes=None
)


def movie(seed, frames=3, shape=(64, 80), gain=1.0, name=None, **options):
    """A small movie of its own brightness, with all that is right of it."""
    images, labels = sample_movie(frames=frames, shape=shape, seed=seed, density=7)
    images = (images * gain).astype(np.uint16)
    stack = Stack.from_array(images, axes="TYX", name=name or f"{seed}.tif", **options)
    return stack, Annotations.from_labels(stack, Stack.from_array(labels, axes="TYX"))


@pytest.fixture(scope="module")
def three():
    return [movie(1), movie(2, shape=(70, 60), gain=3.0), movie(3, frames=2, gain=0.5)]


@pytest.mark.parametrize("changes", [{}, {"whole_frames": True}])
def test_one_movie_in_a_list_is_as_one_by_itself(three, changes):
    settings = TINY.replace(**changes)
    alone, listed = (finish(train(*given))[1] for given in [
        (*three[0], settings), ([three[0]], None, settings)])  # fmt: skip
    assert_same_weights(alone, listed)
    assert "movies" not in listed.record
    differing = {"date", "seconds", "history"}
    assert {k: v for k, v in alone.record.items() if k not in differing} == {
        k: v for k, v in listed.record.items() if k not in differing
    }


def test_all_are_learned_from_and_named_in_one_record(three, tmp_path):
    steps, model = finish(train(three, settings=TINY.replace(test=(0,))))
    note = steps[0].note
    assert note.startswith("training on 5 frames of 3 movies") and "checked on movie" in note
    record = Model.load(model.save(tmp_path / "m.safetensors")).record
    assert [(m["movie"], m["frames"]) for m in record["movies"]] == [
        ("1.tif", [1, 2]), ("2.tif", [1, 2]), ("3.tif", [1])]  # fmt: skip
    assert record["movie"] == "1.tif, 2.tif, 3.tif"
    held = [i for i, m in enumerate(record["movies"]) if m["held_out"]["frames"]]
    assert record["checked_on"] == f"movie {held[0] + 1}.tif" and len(held) == 1
    assert record["test"]["tested_on"].startswith("frame 0 of 1.tif, frame 0 of 2.tif")
    for (stack, known), row in zip(three, record["movies"], strict=True):
        assert row["movie_fingerprint"] == stack.fingerprint
        assert training_record.tested_frames(record, stack.fingerprint) == {0}
        assert learned_frames(record, stack.fingerprint) == set(known.frames) - {0}
        assert held_out(record, stack.fingerprint).to_record() == row["held_out"]
    assert held_out(record, "another").frames == ()
    child = finish(train(*movie(9), TINY, base=model))[1]
    assert learned_frames(child.record, three[1][0].fingerprint) == {1, 2}


def test_each_is_normalised_as_itself(three):
    given = [three[0], movie(1, gain=2.0, name="brighter")]
    settings = TINY.replace(
        validation="none", normalisation=TINY.normalisation.replace(scope="movie")
    )
    run = train(given, settings=settings)
    next(run)
    one, brighter = run.gi_frame.f_locals["self"].data.parts
    np.testing.assert_allclose(one.image(0), brighter.image(0), atol=0.01)
    assert {frame.image.shape[-2:] for frame in one.frames.values()} == {(64, 80)}
    run.close()


def test_resumed_is_as_never_stopped(three, tmp_path):
    settings = TINY.replace(steps=6, validation=(1,))
    whole = finish(train(three, settings=settings))[1]
    path = tmp_path / "run.checkpoint"
    stopped = train(three, settings=settings, checkpoint=path, checkpoint_every=0.0)
    for _ in range(4):
        next(stopped)
    stopped.close()
    again = finish(train(three, settings=settings, checkpoint=path, resume=True))[1]
    assert_same_weights(whole, again)
    with pytest.raises(BadInput, match="belongs to a training on 3 movies"):
        train(three[:2], settings=settings, checkpoint=path, resume=True)
    with pytest.raises(BadInput, match=r"in another order.*1\.tif, 2\.tif, 3\.tif"):
        train(three[::-1], settings=settings, checkpoint=path, resume=True)
    another = [*three[:2], movie(4, frames=2)]
    with pytest.raises(BadInput, match=r"training on 3\.tif, not on 4\.tif"):
        train(another, settings=settings, checkpoint=path, resume=True)


def test_resumed_is_the_same_movie_and_what_is_chosen_of_it(tmp_path):
    """A folder that grew is the same; one of the same name with other pixels is not."""
    images, labels = sample_movie(frames=4, shape=(64, 80), seed=1, density=7)

    def opened(n, channel=None):
        for t in range(n):
            tifffile.imwrite(
                folder / f"t{t}.tif", np.stack([images[t]] * 2), metadata={"axes": "CYX"}
            )
        stack = Stack.open(folder, Selection(channel=channel))
        truth = Stack.from_array(labels[:n], axes="TYX")
        return stack, Annotations.from_labels(stack, truth, [0, 1])

    folder, path = tmp_path / "movie", tmp_path / "run.checkpoint"
    folder.mkdir()
    stopped = train(*opened(3), TINY, checkpoint=path, checkpoint_every=0.0)
    next(stopped)
    stopped.close()
    assert finish(train(*opened(4), TINY, checkpoint=path, resume=True))[1].record["steps"] == 3
    for channel, more in ((1, 0), (None, 7)):
        images[0] += more
        with pytest.raises(BadInput, match="movie is not as it was when the training was begun"):
            train(*opened(4, channel), TINY, checkpoint=path, resume=True)


def test_strokes_and_previews_are_of_the_movie_that_is_named(three):
    few = [(stack, known.only([0])) for stack, known in three]
    settings = TINY.replace(validation="none", steps=8)
    steps, model = finish(
        train(few, settings=settings),
        {1: TrainInput(three[1][1], preview=2, movie=1), 2: TrainInput(movie=2, preview=1)},
    )
    assert any("now training on 3 frames" in (s.note or "") and "of 2.tif" in s.note for s in steps)
    assert [len(m["frames"]) for m in model.record["movies"]] == [1, 3, 1]
    shown = [(s.movie, s.preview[0], s.preview[1].shape[-2:]) for s in steps if s.preview]
    assert all(one in ((1, 2, (70, 60)), (2, 1, (64, 80))) for one in shown)


def classes(pair):
    stack, known = pair
    frames = {t: replace(f, labels=np.minimum(f.labels, 1)) for t, f in known.frames.items()}
    return stack, replace(known, frames=frames, classes=(1, 2))


def channels(pair, names):
    images = np.stack([np.stack([f] * len(names)) for f in (pair[0][t] for t in range(3))])
    options = {"channel": tuple(range(len(names)))}
    stack = Stack.from_array(images, axes="TCYX", name="other.tif", channel_names=names)
    return stack.select(**options), pair[1]


@pytest.mark.parametrize(
    ("others", "changes", "said"),
    [
        (lambda p: [p], {}, "the movie 1.tif is given 2 times"),
        (lambda p: [channels(p, ("a", "b"))], {},
         "1.tif has 1 channel, other.tif 2 channels; expected the same channels"),
        (lambda p: [classes(movie(2))], {},
         "the labels are not of one kind: 1.tif has cells, 2.tif classes"),
        (lambda p: [movie(2, shape=(70, 60))], {"whole_frames": True},
         "1.tif has 64 x 80 pixels, 2.tif 70 x 60 pixels"),
        (lambda p: [(movie(2)[0], p[1].only(()))], {}, "no frame of 2.tif is annotated"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_in_a_line(three, others, changes, said):
    with pytest.raises(BadInput) as error:
        train([three[0], *others(three[0])], settings=TINY.replace(**changes))
    assert said in str(error.value)


def tissue(name):
    stack, known = movie(4)
    colours = np.stack([stack[0], stack[0] // 2, stack[0] // 4], -1)[None].astype(np.uint16)
    return Stack.from_array(colours, axes="TYXS", name=name), known.only([0])


@pytest.mark.parametrize(
    ("given", "said", "channels_"),
    [
        (lambda: [movie(1, pixel_size=0.5), movie(2, pixel_size=1.0)],
         "pixels are of other sizes: 1.tif has 0.5, 2.tif 1 µm", 1),
        (lambda: [movie(1), tissue("colours.tif")],
         "colours.tif is in colours, 1.tif is not: all are learned from in grey levels", 1),
        (lambda: [channels(movie(1), ("DAPI", "GFP")),
                  channels(movie(2), ("GFP", "DAPI"))],
         "channels are taken for the same: other.tif #1 has DAPI, GFP", 2),
    ],
)  # fmt: skip
def test_what_is_odd_is_a_notice(given, said, channels_):
    steps, model = finish(train(given(), settings=TINY.replace(steps=1, validation="none")))
    assert said in steps[0].note
    assert [n["level"] for n in model.record["notices"] if said in n["line"]] == ["check"]
    assert model.config.in_channels == channels_


def test_tuning_looks_at_movies_that_were_never_seen(three, monkeypatch):
    monkeypatch.setattr("napari_unet.engine.jobs.tuning_grid.THRESHOLDS", (0.5,))
    monkeypatch.setattr("napari_unet.engine.jobs.tuning_grid.SIZES", (0,))
    model = finish(train([three[0], three[1]], settings=TINY.replace(validation=(1,))))[1]
    for given, looked_at in [
        (three, (("3.tif", (0, 1)),)),
        (three[:2], (("1.tif", (1,)), ("2.tif", (1,)))),
    ]:
        tuned = finish(tune(given, model=model))[1]
        assert tuned.movies == looked_at
        assert tuned.model.record["tuned"]["frames"] == list(looked_at[0][1])
    assert free_frames(model, three[0][0], (0, 1, 2)) == (1,)
