"""Kill a prediction again and again; it goes on each time and ends with the same bytes.

``python benchmarks/bench_kill.py [--kills 50]``
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from _world import bench_model
from napari_unet.engine.model import Model
from napari_unet.engine.prediction import predict, prediction_key, probabilities_shape
from napari_unet.engine.predictor import open_predictor
from napari_unet.engine.probabilities import Probabilities
from napari_unet.engine.settings import PredictSettings
from napari_unet.engine.stack import Stack
from napari_unet.sample_data import sample_movie

SETTINGS = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)
FRAMES = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--child", type=Path, default=None)
    options = parser.parse_args()
    if options.child:
        run(options.child, options.child / "killed.prob")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.set_num_threads(1)
        bench_model(None)[0].save(folder / "model")
        np.save(folder / "movie.npy", sample_movie(frames=8, shape=(96, 128))[0])
        kill(folder, options.kills)


def run(folder: Path, path: Path) -> None:
    """Predict, from wherever the file stands."""
    model = Model.load(folder / "model.safetensors")
    movie = np.load(folder / "movie.npy")
    stack = Stack.from_array(movie[np.arange(FRAMES) % len(movie)], name="movie")
    key, shape = prediction_key(stack, model, SETTINGS), probabilities_shape(stack, model)
    with Probabilities.create(path, shape, key) as store:
        print(int(store.computed.sum()), flush=True)
        for _ in predict(stack, open_predictor(model, SETTINGS), store):
            pass


def kill(folder: Path, kills: int) -> None:
    """Kill at random moments, finish once, and compare with a run that was left alone."""
    moments, found = random.Random(0), []
    command = [sys.executable, __file__, "--child", str(folder)]
    for number in range(kills + 1):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            found.append(int(child.stdout.readline()))
            if number < kills:
                time.sleep(moments.uniform(0.0, 0.8))
                child.kill()
    run(folder, folder / "whole.prob")
    same = (folder / "killed.prob").read_bytes() == (folder / "whole.prob").read_bytes()
    grew = all(a <= b for a, b in pairwise(found))
    print(f"killed {kills} times; frames found at each start: {found}")
    print(f"never lost a frame: {grew}; same bytes as an undisturbed run: {same}")
    sys.exit(not (same and grew))


if __name__ == "__main__":
    main()
