"""Make the files of version 0.1.0 that tests/test_files_of_0_1_0.py opens.

    python make_files.py    # with version 0.1.0 (commit 1be4a05) on the path, nothing newer

Kept to say what is in the files, not to be run again: newer versions have other module names, and
files made by them would prove nothing. The movie and its network are as small as they can be while
cells touch, move and split.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile
import torch

from napari_unet.engine.annotations import Annotations
from napari_unet.engine.class_labels import labels_of
from napari_unet.engine.live_labels import LiveLabels
from napari_unet.engine.model import Model
from napari_unet.engine.prediction import predict, prediction_key, probabilities_shape
from napari_unet.engine.predictor import open_predictor
from napari_unet.engine.probabilities import Probabilities
from napari_unet.engine.recipe import Recipe
from napari_unet.engine.session_folder import SessionFolder
from napari_unet.engine.settings import LabelSettings, PredictSettings, TrainSettings
from napari_unet.engine.stack import Stack
from napari_unet.engine.training import TrainInput, train
from napari_unet.sample_data import sample_movie

HERE = Path(__file__).parent
SETTINGS = TrainSettings(
    steps=150,
    filters=(4, 8),
    crop=32,
    batch=4,
    threads=1,
    device="cpu",
    precision="fp32",
    validation="none",
)
# Plain fp32 on one thread: the nearest to the same numbers on every machine.
PREDICT = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)
LABELS = LabelSettings(threshold=0.6, min_size=12)
STOPPED_AT = 12


def learned(run, stop: int | None = None) -> Model:
    """Run a training to its end, or to a step after which it is stopped."""
    message = None
    while True:
        try:
            step = run.send(message)
        except StopIteration as end:
            return end.value
        message = TrainInput(stop=True) if step.step == stop else None


def predicted(stack: Stack, model: Model, path: Path | None = None) -> Probabilities:
    """Predict a whole movie."""
    shape = probabilities_shape(stack, model)
    key = prediction_key(stack, model, PREDICT)
    found = Probabilities.create(path, shape, key) if path else Probabilities.in_memory(shape)
    predictor = open_predictor(model, PREDICT)
    for _ in predict(stack, predictor, found):
        pass
    predictor.close()
    return found


def codes_of(probabilities: Probabilities) -> np.ndarray:
    return np.stack([probabilities[t] for t in range(probabilities.shape[0])])


def corrected(live: LiveLabels) -> None:
    """Do by hand all that a user can: each kind of correction, on several frames."""
    cells = np.unique(live[0, :, :])[1:]
    ys, xs = np.nonzero(live[0, :, :] == cells[0])
    y, x = int(ys.mean()), int(xs.mean())
    live[0, y - 1 : y + 3, x - 2 : x + 7] = cells[0]  # painted on
    first = live.new_id()
    live.begin_stroke()  # a new cell in two strokes of one step
    live[0, 2:7, 2:8] = first
    live[0, 6:9, 3:10] = first
    live.end_stroke()
    live[0, 40:44, 60:70] = 65535  # background brush
    block = live[1, :, :]
    gone = np.unique(block)[2]
    block[block == gone] = 0  # deleted
    live[1, :, :] = block
    ys, xs = np.nonzero(live[1, :, :] == np.unique(live[1, :, :])[1])
    live.confirm_cell(1, int(ys[0]), int(xs[0]))
    live.touch(1, *np.nonzero(live[1, :, :] == 0), 0)  # empty ground, confirmed
    live[2, 20:30, 30:34] = 0  # a cut, perhaps through a cell
    live.confirm_frame(2)
    second = live.new_id()
    live[3, 44:52, 10:19] = second
    live[3, 46:49, 12:15] = 0  # a hole
    live.undo()
    live.undo()
    live.redo()
    live[4, 1:5, 1:5] = live.new_id()
    live.undo()  # nothing of it is left but the id


def make() -> None:
    movie, ids = sample_movie(frames=5, shape=(56, 72), density=9, seed=3)
    ground = float(np.median(movie[ids == 0]))
    dim = (ids > 0) & (ids % 2 == 0)  # of the second class
    movie = np.where(dim, ground + 0.5 * (movie - ground), movie).astype(np.uint16)
    path = HERE / "movie.tif"
    tifffile.imwrite(
        path,
        movie,
        imagej=True,
        compression="zlib",
        predictor=2,
        resolution=(2, 2),
        metadata={"axes": "TYX", "unit": "um", "finterval": 300},
    )
    truths = {"truth": ids, "truth_classes": np.where(dim, 2, ids > 0)}
    for name, labels in truths.items():
        tifffile.imwrite(HERE / f"{name}.tif", labels.astype(np.uint16), compression="zlib")

    expected: dict[str, np.ndarray] = {}
    with Stack.open(path) as stack:
        kinds = {"truth": "instances", "truth_classes": "classes"}
        annotated = {
            name: Annotations.from_labels(
                stack, Stack.open(HERE / f"{name}.tif"), (0, 2, 4), kind=kind
            )
            for name, kind in kinds.items()
        }
        model = learned(train(stack, annotated["truth"], SETTINGS, name="cells"))
        model.save(HERE / "cells")
        classes = learned(train(stack, annotated["truth_classes"], SETTINGS, name="classes"))
        classes.save(HERE / "classes")
        for made in (model, classes):
            codes = codes_of(predicted(stack, made))
            expected[f"{made.name}_labels"] = np.stack(
                [labels_of(frame, made.config.outputs, LABELS) for frame in codes]
            )

        # A training stopped half way, and the model of one that never was.
        short = SETTINGS.replace(steps=2 * STOPPED_AT, validation=(2,))
        (HERE / "training.json").write_text(short.model_dump_json(indent=2) + "\n")
        checkpoint = HERE / "stopped.checkpoint"
        learned(train(stack, annotated["truth"], short, checkpoint=checkpoint), STOPPED_AT)
        kept = checkpoint.read_bytes()
        going_on = train(stack, annotated["truth"], short, checkpoint=checkpoint, resume=True)
        resumed = learned(going_on)
        checkpoint.write_bytes(kept)
        whole = learned(train(stack, annotated["truth"], short))
        for name, tensor in whole.network.state_dict().items():
            assert torch.equal(tensor, resumed.network.state_dict()[name]), name
        expected["never_stopped_threshold"] = np.array(whole.label_settings.threshold)
        for name, tensor in whole.network.state_dict().items():
            expected[f"never_stopped/{name}"] = tensor.numpy()

        folder = SessionFolder.for_movie(stack)
        key = prediction_key(stack, model, PREDICT)
        probabilities = predicted(stack, model, folder.probabilities_path(key))
        live = LiveLabels(stack.shape, probabilities, LABELS, folder.corrections())
        corrected(live)
        folder.save(frame=3, labels=LABELS, model="cells.safetensors", models=(model.sha256,))
        expected["session_labels"] = np.asarray(live).copy()
        sheets = [live.state(t) for t in range(len(stack))]
        expected["session_ids"] = np.stack([sheet.ids for sheet in sheets])
        expected["session_flags"] = np.stack([sheet.flags for sheet in sheets])
        expected["session_reserved"] = np.array(sorted(live.corrections.reserved))
        expected["session_complete"] = np.array(live.corrections.complete_frames)
        live.settings = LABELS.replace(threshold=0.3, split=False)
        expected["session_labels_at_0.3"] = np.asarray(live).copy()
        probabilities.close()

        again = LiveLabels(stack.shape, None, LABELS, folder.corrections().copy())
        order = []
        while frames := again.undo():
            order.append(frames[0])
        expected["session_undone"] = np.array(order)

        recipe = Recipe(
            model="cells.safetensors", model_sha256=model.sha256, predict=PREDICT, labels=LABELS
        )
        recipe.save(HERE / "recipe.json")

    results = HERE / "results"
    command = [sys.executable, "-m", "napari_unet.cli", "segment", str(path), "--no-movie"]
    command += ["--recipe", str(HERE / "recipe.json"), "--out", str(results)]
    subprocess.run(command, check=True)
    expected["recipe_labels"] = tifffile.imread(results / "labels.tif")
    expected["recipe_table"] = np.array((results / "objects.csv").read_text(encoding="utf-8"))
    shutil.rmtree(results)
    np.savez_compressed(HERE / "expected.npz", **expected)


if __name__ == "__main__":
    make()
