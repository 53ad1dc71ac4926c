"""Links found piece by piece: the same as those of the whole movie, and so are the pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_unet.engine.export.overlay.look import PlainLook
from napari_unet.engine.export.tracks.links import Links
from napari_unet.engine.jobs.export import Export
from napari_unet.engine.settings import OverlaySettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.tracks.by_hand import ByHand
from napari_unet.engine.tracks.tracking import Linker

FROZEN = {3: frozenset({900})}


@pytest.fixture
def labels(toy):
    """The toy's labels, with new ids in each frame and one by hand."""
    chance, frames = np.random.default_rng(1), []
    for frame in toy.labels:
        table = np.concatenate([[0], chance.permutation(int(toy.labels.max())) + 1])
        frames.append(table[frame].astype(np.uint16))
    frames[3][frames[3] == frames[3].max()] = 900
    return np.stack(frames)


def expected(labels, positions, meaning):
    if meaning == "laptrack":
        from napari_unet.engine.tracks.laptrack_linker import LaptrackLinker

        linker = LaptrackLinker.from_frames(
            labels[list(positions)], positions, by_hand=ByHand(FROZEN)
        )
    else:
        linker = Linker(by_hand=ByHand(FROZEN))
    return {t: linker(labels[t], t) for t in positions}, linker.points()[0]


@pytest.mark.parametrize("positions", [range(6), (1, 2, 3, 5)])
@pytest.mark.parametrize("meaning", ["linked", "laptrack"])
def test_piece_by_piece_is_as_at_once(meaning, positions, labels):
    if meaning == "laptrack":
        pytest.importorskip("laptrack")
    whole, rows = expected(labels, positions, meaning)
    links = Links(labels, labels.shape[1:], positions, meaning, lambda: ByHand(FROZEN))
    assert (links.reached, 4 in links, links.n_read) == (-1, 4 in positions, 0)
    for t in (3, 1, 5):
        steps = 1
        while not links.advance(t, seconds=0):
            steps += 1
        assert steps <= links.n_needed(t)
        np.testing.assert_array_equal(links.labels(t), whole[t])
        for label, path in (links.tails(t, 2) or {}).items():
            mine = rows[(rows[:, 0] == label) & (rows[:, 1] >= t - 2) & (rows[:, 1] <= t)]
            np.testing.assert_allclose(path, mine[:, 2:])
    np.testing.assert_allclose(links.rows(), rows)


@pytest.mark.parametrize("meaning", ["ids", "linked", "laptrack"])
def test_a_still_is_the_movies_frame(meaning, labels, toy, tmp_path):
    """Tails, linked colours and all."""
    if meaning == "laptrack":
        pytest.importorskip("laptrack")
    stack = Stack.from_array(toy.movie, axes="TYX", pixel_size=0.65, frame_interval=300.0)
    settings = OverlaySettings(tail=3, show_ids=True)
    export = Export(stack, labels, tmp_path, meaning=meaning, by_hand=lambda: ByHand(FROZEN))
    assert len(list(export.write_movie(settings, PlainLook(), ""))) == export.movie_steps(settings)
    assert len(list(export.write_still(settings, PlainLook(), 4))) == export.still_steps(
        settings, 4
    )
    pictures = [tmp_path / "overlay_frames" / "frame0004.png", tmp_path / "frame0004.png"]
    movie, still = (np.asarray(Image.open(path).copy()) for path in pictures)
    np.testing.assert_array_equal(still, movie)
