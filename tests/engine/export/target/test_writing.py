"""Several writers in one pass: each takes every frame, and one that fails leaves the others."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.table import table_writer, write_table
from napari_unet.engine.export.formats.write_labels import labels_writer, write_labels
from napari_unet.engine.export.overlay.write_movie import movie_writer, write_movie
from napari_unet.engine.export.target.writing import write_all
from napari_unet.engine.settings import OverlaySettings
from napari_unet.engine.stack.stack import Stack

PLAIN = OverlaySettings(show_time=False)


@pytest.fixture
def movie(toy):
    return Stack.from_array(toy.movie, axes="TYX", name="toy", pixel_size=0.65)


def test_one_pass_writes_what_single_ones_do(toy, movie, tmp_path):
    alone, together = tmp_path / "alone", tmp_path / "together"
    for folder in (alone, together):
        folder.mkdir()
    list(write_labels(alone / "labels.tif", iter(toy.labels), movie))
    list(write_table(alone / "objects.csv", iter(toy.labels), movie))
    list(write_movie(alone / "frames", movie, toy.labels, PLAIN))
    read = []

    def labelled():
        for t, labels in enumerate(toy.labels):
            read.append(t)
            yield t, labels

    writers = [
        labels_writer(together / "labels.tif", movie),
        table_writer(together / "objects.csv", movie),
        movie_writer(together / "frames", movie, PLAIN),
    ]
    assert list(write_all(writers, labelled())) == read == list(range(6))
    files = [p.relative_to(alone) for p in alone.rglob("*") if p.is_file() and p.suffix != ".json"]
    assert len(files) == 8
    for file in files:
        assert (together / file).read_bytes() == (alone / file).read_bytes(), file


def test_a_writer_that_fails_leaves_the_others(toy, movie, tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    writers = [
        movie_writer(tmp_path / "overlay.mp4", movie),
        labels_writer(tmp_path / "labels.tif", movie),
    ]
    with pytest.raises(BadInput, match=r"ffmpeg|encoder"):
        list(write_all(writers, enumerate(toy.labels)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.tif", "labels.tif.json"]


@pytest.mark.parametrize("how", ["closed", "unreadable"])
def test_nothing_is_left_of_what_was_stopped(how, toy, movie, tmp_path):
    def torn():
        yield 0, toy.labels[0]
        raise BadInput("the movie ends", "more frames", "copy it again")

    writers = [
        labels_writer(tmp_path / "labels.tif", movie),
        table_writer(tmp_path / "objects.csv", movie),
    ]
    writing = write_all(writers, torn())
    next(writing)
    if how == "closed":
        writing.close()
    else:
        with pytest.raises(BadInput, match="the movie ends"):
            next(writing)
    assert list(tmp_path.iterdir()) == []


def test_labels_of_too_few_frames_are_not_taken_for_whole(toy, movie, tmp_path):
    with pytest.raises(BadInput, match="2 frames of labels; expected 6"):
        list(write_labels(tmp_path / "labels.tif", iter(np.asarray(toy.labels)[:2]), movie))
    assert list(tmp_path.iterdir()) == []
