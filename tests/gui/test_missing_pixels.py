"""Movies with pixels that have no value, and of unusual types: opened, shown and segmented."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile


def float_movie(movie):
    return movie.astype(np.float32)


def with_edges(movie):
    found = float_movie(movie)
    found[:, :9], found[1, :, -7:] = np.nan, np.nan
    return found


def with_infinity(movie):
    found = float_movie(movie)
    found[0, 0, 0], found[2, 5, 5] = np.inf, -np.inf
    return found


def first_missing(movie):
    found = float_movie(movie)
    found[0] = np.nan
    return found


MOVIES = {
    "NaN at the edges": with_edges,
    "infinity": with_infinity,
    "nothing on the first frame": first_missing,
    "nothing at all": lambda movie: np.full(movie.shape, np.nan, np.float32),
    "half": lambda movie: (movie / 4).astype(np.float16),
    "double": lambda movie: movie.astype(np.float64) * 1e-30,
    "one bit": lambda movie: movie > 400,
    "constant": lambda movie: np.full(movie.shape, 7, np.uint16),
    "signed": lambda movie: movie.astype(np.int16) - 500,
    "32 bit": lambda movie: movie.astype(np.uint32) * 60000,
}


@pytest.mark.parametrize("make", MOVIES.values(), ids=MOVIES)
def test_any_movie_is_opened_shown_and_segmented(hand, model_file, tmp_path, small, make, viewer):
    movie, file = make(small[0]), tmp_path / "movie.tif"
    tifffile.imwrite(file, movie, metadata={"axes": "TYX"}, photometric="minisblack")
    dock = hand.open("Segment")
    hand.load_model(dock, model_file)
    hand.open_movie(dock, file)
    low, high = hand.session.movie.image.contrast_limits
    assert np.isfinite([low, high]).all() and low < high
    values = movie.astype(float)[np.isfinite(movie)]
    assert not values.size or low <= np.median(values) <= high
    hand.click(dock, "segment.run_frame")
    hand.done()
    assert len(viewer.layers) == 2
    said, t = hand.find(dock, "segment.message").text(), hand.session.movie.frame
    assert ("no pixel with a value" in said) == (not np.isfinite(movie[t]).any())


def test_a_file_with_missing_pixels_is_known_behind_the_layer_of_another_reader(
    hand, tmp_path, small, viewer
):
    file = tmp_path / "movie.tif"
    tifffile.imwrite(file, with_edges(small[0]), imagej=True, metadata={"axes": "TYX"})
    viewer.open(str(file), plugin="napari")
    hand.open("Segment")
    assert hand.session.movie.stack.path == file
