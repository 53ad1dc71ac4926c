"""A prediction that is killed and goes on ends with the same bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from _kill import Killed, kill, run
from napari_unet.engine.network.model import Model
from napari_unet.engine.prediction.prediction import predict, prediction_key, probabilities_shape
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import PredictSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

_SETTINGS = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)
_FRAMES = 300


def killed(folder: Path, kills: int, chance: Random) -> Killed:
    """Kill it in its first 0.8 s, again and again; a movie that is done is compared, then anew."""
    np.save(folder / "movie.npy", sample_movie(frames=8, shape=(96, 128))[0])
    model = Model.bundled()[0]
    disturbed, whole = folder / "killed.prob", folder / "whole.prob"
    run(_predict, folder, model, whole)
    found: list[int] = []
    hits = lost = done = same = 0
    while hits < kills:
        said, hit = kill(_predict, folder, model, disturbed, after=1, delay=chance.uniform(0, 0.8))
        found += said
        hits += hit
        if hit and hits < kills:
            continue
        found += run(_predict, folder, model, disturbed)
        lost += sum(max(0, before - after) for before, after in pairwise(found))
        done, same = done + 1, same + (disturbed.read_bytes() == whole.read_bytes())
        disturbed.unlink()
        found.clear()
    end = f"{same} of {done} files: the same bytes as an undisturbed run"
    return Killed(hits, "-", f"{lost} frames", 0, end, good=same == done and not lost)


def _predict(say: Callable[[int], None], folder: Path, model_name: str, path: Path) -> None:
    """Predict from wherever the file stands; says how many frames are there already."""
    model = Model.load(model_name)
    movie = np.load(folder / "movie.npy")
    stack = Stack.from_array(movie[np.arange(_FRAMES) % len(movie)], name="movie")
    key, shape = prediction_key(stack, model, _SETTINGS), probabilities_shape(stack, model)
    with Probabilities.create(path, shape, key) as store:
        say(int(store.computed.sum()))
        for _ in predict(stack, open_predictor(model, _SETTINGS), store):
            pass
