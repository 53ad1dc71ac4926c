"""A training that is killed and resumed ends with the same model, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from _kill import Killed, kill, run
from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.model import Model
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.checkpoint import load_checkpoint
from napari_unet.engine.training.training import train
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

_STEPS = 150
_SETTINGS = TrainSettings(
    minutes=None, steps=_STEPS, threads=1, device="cpu", filters=(8, 16), crop=32, batch=2
)
_EVERY = 0.0  # s: after each step, so that many a kill hits a checkpoint that is being written


def killed(folder: Path, kills: int, chance: Random) -> Killed:
    """Kill it after some steps, again and again, finish once, and compare."""
    checkpoint = folder / "run.checkpoint"
    lost = broken = reached = hits = 0
    torn: set[Path] = set()

    def writing() -> bool:
        return any(path not in torn for path in folder.glob(".run*.partial*"))

    for number in range(kills):
        when = writing if number % 3 == 2 else lambda: True  # every third while it writes
        after = chance.randrange(1 + int(1.2 * _STEPS / kills))
        said, hit = kill(
            _train, folder, "killed", checkpoint, after=after, beats=chance.random(), when=when
        )
        hits += hit
        torn.update(folder.glob(".run*.partial*"))  # the next start clears them away
        reached = max([reached, *said])  # it says a step once its checkpoint is written
        if not reached and not checkpoint.exists():
            continue
        try:
            found = load_checkpoint(checkpoint)["step"]
        except BadInput as error:
            print(error)
            broken += 1
            continue
        lost += max(0, reached - found)
        reached = max(reached, found)
    print(f"training: step {reached} of {_STEPS} after {hits} kills")
    run(_train, folder, "killed", checkpoint)
    run(_train, folder, "whole", folder / "other.checkpoint")
    same = _same(
        Model.load(folder / "killed.safetensors"), Model.load(folder / "whole.safetensors")
    )
    end = f"{'the same' if same else 'another'} model as an undisturbed run, bit for bit"
    good = same and not (lost or broken) and not list(folder.glob(".*"))
    return Killed(hits, str(len(torn)), f"{lost} of {_STEPS} steps", broken, end, good)


def _train(say: Callable[[int], None], folder: Path, name: str, checkpoint: Path) -> None:
    """Train on from wherever the checkpoint stands; says each step."""
    movie, labels = sample_movie(SMALL)
    stack, truth = Stack.from_array(movie, axes="TYX"), Stack.from_array(labels, axes="TYX")
    steps = train(
        stack,
        Annotations.from_labels(stack, truth),
        _SETTINGS.replace(validation=(2,)),
        checkpoint=checkpoint,
        checkpoint_every=_EVERY,
        resume=checkpoint.exists(),
    )
    while True:
        try:
            say(next(steps).step)
        except StopIteration as end:
            end.value.save(folder / name)
            return


def _same(one: Model, other: Model) -> bool:
    weights, others = one.network.state_dict(), other.network.state_dict()
    equal = all(torch.equal(weights[key], others[key]) for key in weights | others)
    told = [(m.label_settings, m.record["after"], m.record["steps"]) for m in (one, other)]
    return equal and told[0] == told[1]
