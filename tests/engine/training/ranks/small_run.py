"""A training that is small enough for a test; by torchrun, what two processes make of it.

``torchrun … small_run.py FOLDER`` writes what the first process found to ``FOLDER/found.json``.
"""

from __future__ import annotations

import copy
import json
import sys
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.ranks.ranks import EndedElsewhere, OutOfMemoryElsewhere, Ranks
from napari_unet.engine.training.ranks.shared_norm import share_norms
from napari_unet.engine.training.training import TrainInput, train
from napari_unet.sample.movie import sample_movie

# At the rate of a network made from new the order of sums alone moves losses by 4e-4 in 20 steps,
# in one process, too, with the crops of each batch turned round; at that of fine-tuning by 2e-7.
PLAIN = TrainSettings(
    steps=20, filters=(4, 8), crop=32, batch=3, threads=1, device="cpu", edge=2, precision="fp32",
    learning_rate=2e-3,
)  # fmt: skip
KINDS = {
    "plain": PLAIN,  # three crops: two for one process, one for the other
    "counted": PLAIN.replace(
        loss="focal_dice", class_weights="balanced", dice_over="crop", recompute=True, batch=4
    ),
}
STOP, OTHERS = 4, PLAIN.replace(steps=8)


def begun(settings, **options):
    """A training of a little movie."""
    pixels, labels = sample_movie(frames=4, shape=(64, 96), density=7)
    movie = Stack.from_array(pixels, axes="TYX", name="nuclei")
    known = Annotations.from_labels(movie, Stack.from_array(labels, axes="TYX"), (0, 2))
    return train(movie, known, settings, **options)


def finish(run, *, stop=None):
    """Losses by step, notes and the model of a run; it is stopped after a step."""
    losses, notes, sent = {}, [], None
    while True:
        try:
            step = run.send(sent)
        except StopIteration as end:
            return losses, notes, end.value
        losses[step.step] = step.loss
        notes += [step.note] if step.note else []
        sent = TrainInput(stop=True) if step.step == stop else None


def odd_batch():
    """Seven planes of two channels, one of them far from 0."""
    x = torch.randn((7, 2, 5, 6), generator=torch.Generator().manual_seed(1))
    x[:, 1] = 3 * x[:, 1] + 50
    return x


def normalised(layer, x, *, weigh):
    """What a layer gives and learns from ``x``, and its statistics after it."""
    x = x.clone().requires_grad_()
    y = layer(x)
    (y.float() * weigh).sum().backward()
    found = [y.detach().float(), x.grad.float(), layer.weight.grad, layer.bias.grad]
    return [*found, layer.running_mean, layer.running_var]


def norms(ranks):
    """How far shared batch norm is from torch's, of the whole batch."""
    found = {}
    for momentum in (0.1, None):
        one = nn.BatchNorm2d(2, momentum=momentum)
        shared = copy.deepcopy(one)
        share_norms([shared], ranks)
        x = odd_batch()
        weigh = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
        wanted = normalised(one, x, weigh=weigh)
        mine = [t.tensor_split(2)[ranks.number] for t in (x, weigh)]
        seen = normalised(shared, mine[0], weigh=mine[1])
        ranks.share_gradients(shared.parameters())
        wanted[:2] = (t.tensor_split(2)[ranks.number] for t in wanted[:2])
        seen[2:4] = shared.weight.grad, shared.bias.grad
        found[str(momentum)] = max(
            float(((a - b) / b.abs().clamp(min=1)).abs().max())
            for a, b in zip(seen, wanted, strict=True)
        )
    shared.eval()
    assert torch.equal(shared(x), type(shared).forward(shared, x))
    return found


def out_of_memory(ranks):
    """Losses and notes where memory runs out in the second process, midway in two of the steps."""
    exchanges = []

    def failing(exchange):
        def once(x):
            exchanges.append(x.shape)
            if ranks.number == 1 and len(exchanges) in (20, 45):
                raise torch.OutOfMemoryError("out of memory")
            return exchange(x)

        return once

    ranks.gathered, ranks.add_up = failing(ranks.gathered), failing(ranks.add_up)
    try:
        return finish(begun(OTHERS.replace(steps=4, batch=6), ranks=ranks))
    finally:
        del ranks.gathered, ranks.add_up


def refusals(ranks):
    """What each process is told where one cannot begin, or has nothing to learn from."""
    said = []
    for wrong in (0, 1):
        try:
            with ranks.together():
                if ranks.number == wrong:
                    raise ValueError(f"no file at {wrong}")
        except (ValueError, EndedElsewhere) as error:
            said.append(f"{type(error).__name__}: {error}")
    try:
        next(begun(OTHERS.replace(batch=1), ranks=ranks))
    except (ValueError, EndedElsewhere) as error:
        said.append(f"{type(error).__name__}: {error}")
    with suppress(OutOfMemoryElsewhere):
        ranks.meet(failed=ranks.number == 1)
        assert ranks.number == 1
    return said


def main(folder):
    """Do all of it in this process, one of two."""
    with Ranks.joined("cpu") as ranks:
        found = {"norms": norms(ranks), "refused": refusals(ranks)}
        for name, settings in KINDS.items():
            found[name] = finish(begun(settings, ranks=ranks))[0]
        found["memory"] = out_of_memory(ranks)[:2]
        stopped = begun(OTHERS, ranks=ranks, checkpoint=folder / "two.checkpoint")
        stop = STOP if ranks.number == 1 else None  # one of them is enough
        found["stopped"], _, model = finish(stopped, stop=stop)
        resumed = begun(OTHERS, ranks=ranks, checkpoint=folder / "one.checkpoint", resume=True)
        found["resumed"] = finish(resumed)[0]
        found["model"] = model.sha256
        (folder / f"found{ranks.number}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
