"""Cellpose and StarDist on the frames of `bench_kinds`: untouched, and fine-tuned on the same.

    python benchmarks/bench_rivals.py --list
    python benchmarks/bench_rivals.py --row dic-5 --epochs 100 --write

Neither is a dependency: one that is not installed, or whose published weights cannot be fetched, is
said to be *not run*, with the reason. Fine-tuned they learn from the frames that a row of
`bench_kinds` learns from, at the learning rates that their own guides give; nothing is chosen on
the frames scored. Both are scored by the code that scores ours, over all frames together.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from _page import markdown, write_row
from bench_kinds import ERRORS, HEAD, SCORES, Row, cells, rows
from napari_unet.engine.labels.scores import frame_scores, pool

MARKER = "bench:rivals"
Frames = Sequence[np.ndarray]
Segment = Callable[[np.ndarray], np.ndarray]
Rival = Callable[[Frames, Frames, int], Segment]


class NotRunError(Exception):
    """Why a rival could not be run."""


def cellpose(frames: Frames, masks: Frames, epochs: int) -> Segment:
    """Return Cellpose's own model, or one that learned from ``frames`` for so many epochs."""
    try:
        from cellpose import models, train
    except ImportError as error:
        raise NotRunError(f"cellpose is not installed ({error})") from None
    model = _fetched("cellpose", lambda: models.CellposeModel(gpu=_has_gpu()))
    if epochs:
        with tempfile.TemporaryDirectory() as folder:
            train.train_seg(
                model.net, train_data=list(frames), train_labels=list(masks), n_epochs=epochs,
                learning_rate=1e-5, weight_decay=0.1, batch_size=1, min_train_masks=1,
                save_path=folder, model_name="tuned",
            )  # fmt: skip
    return lambda frame: np.asarray(model.eval(frame)[0])


def stardist(frames: Frames, masks: Frames, epochs: int) -> Segment:
    """Return StarDist's model of fluorescence, or one that learned from ``frames``."""
    try:
        from csbdeep.utils import normalize
        from stardist.models import StarDist2D
    except ImportError as error:
        raise NotRunError(f"stardist is not installed ({error})") from None
    model = _fetched("stardist", lambda: StarDist2D.from_pretrained("2D_versatile_fluo"))
    if epochs:
        seen = [normalize(frame, 1, 99.8) for frame in frames]
        model.config.train_learning_rate = 1e-4
        # it wants frames to check on: the last that was learned from, so that nothing else is seen
        model.train(seen, list(masks), validation_data=(seen[-1:], list(masks[-1:])), epochs=epochs)
    return lambda frame: np.asarray(model.predict_instances(normalize(frame, 1, 99.8))[0])


RIVALS: dict[str, Rival] = {"Cellpose": cellpose, "StarDist": stardist}


def _fetched(name: str, make: Callable[[], Any]) -> Any:
    """Make a model; whatever its package raises without a network says why it was not run."""
    try:
        made = make()
    except Exception as error:  # noqa: BLE001 theirs: URLError, OSError, RuntimeError, by version
        raise NotRunError(f"the weights of {name} cannot be had ({error})") from None
    if made is None:
        raise NotRunError(f"the weights of {name} cannot be had")
    return made


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def read(folder: Path, chosen: Sequence[int]) -> list[np.ndarray]:
    """Read some of the files of a folder, by the order of their names."""
    files = sorted(folder.glob("*.tif"))
    return [tifffile.imread(files[t]) for t in chosen]


def scores(row: Row, rival: Rival, epochs: int) -> dict[str, float]:
    """Score a rival on the frames of a row, untouched where ``epochs`` is 0."""
    taught = read(row.movie, row.learn), read(row.truth, row.learn)
    segment = rival(*taught, epochs)
    pairs = zip(read(row.movie, row.score), read(row.truth, row.score), strict=True)
    found = pool(
        frame_scores(segment(frame).astype(np.int32), truth.astype(np.int32))
        for frame, truth in pairs
    )
    return {name: getattr(found, name) for name in (*SCORES, *ERRORS)}


def main() -> None:
    """Run the rows asked for, print them, and write docs/benchmarks.md where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", action="append", help="one of --list; may be given several times")
    parser.add_argument("--list", action="store_true", help="say which rows there are")
    parser.add_argument("--epochs", type=int, default=100, help="of fine-tuning")
    parser.add_argument("--write", action="store_true", help="put the rows into the docs")
    options = parser.parse_args()
    known = {name: row for name, row in rows().items() if row.learn and not row.train}
    if options.list:
        print("\n".join(f"{name}: {row.words}" for name, row in known.items()))
        return
    print(markdown(HEAD, []), flush=True)
    for name, rival in RIVALS.items():
        for key in options.row or known:
            for words, epochs in (("untouched", 0), (f"{options.epochs} epochs", options.epochs)):
                first = f"{name}, {words}: {known[key].words}"
                try:
                    line = (first, *cells([scores(known[key], rival, epochs)]))
                except NotRunError as error:
                    print(f"{first}: not run, {error}", flush=True)
                    line = (first, "not run", *("" for _ in HEAD[2:]))
                else:
                    print(markdown(HEAD, [line]).splitlines()[-1], flush=True)
                if options.write:
                    write_row(MARKER, HEAD, line)


if __name__ == "__main__":
    main()
