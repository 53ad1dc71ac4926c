"""How a training went: loss and agreement of pixels from check to check, as a table in a file.

What is said of the training itself is of the crops since the row before, as the network saw them
while it learned; what is said of the validation is of whole frames, by the running mean of weights.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.labels.codes import decode_logits
from napari_unet.engine.labels.regions import regions_of
from napari_unet.engine.training.history_plot import plot_history
from napari_unet.engine.training.losses import kinds_of, masked_loss, targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.labels.scores import Scores
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import TrainSettings

FIGURES = ("loss", "accuracy", "iou", "dice", "mean_iou")
COLUMNS = (
    "step", "epoch", "seconds", "learning_rate", *FIGURES,
    *(f"validation_{name}" for name in FIGURES), "seg", "f1",
)  # fmt: skip
Row = dict[str, float | None]


class History:
    """Collects what each step saw, and makes a row of it now and then."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._losses: list[float] = []
        self._counts: Tensor | None = None

    def add(self, loss: float, counts: Tensor) -> None:
        """Take in one step: its loss and the `pixel_counts` of its crops."""
        self._losses.append(loss)
        before = self._counts  # on the CPU where a checkpoint was read
        self._counts = counts if before is None else before.to(counts.device) + counts

    def close_row(
        self, *, validation: Mapping[str, float], scores: Scores | None, **where: float | None
    ) -> None:
        """Make a row of all steps since the one before; ``where`` is step, epoch, seconds, rate."""
        row: Row = dict.fromkeys(COLUMNS)
        row |= where
        if self._losses:
            row["loss"] = float(np.mean(self._losses))
        if self._counts is not None:
            row |= figures(self._counts.cpu().numpy())
        row |= {f"validation_{name}": value for name, value in validation.items()}
        if scores is not None:
            row |= {"seg": scores.seg, "f1": scores.f1}
        self.rows.append({k: _rounded(v) for k, v in row.items()})
        self._losses, self._counts = [], None

    def state(self) -> dict[str, Any]:
        """Return all of it, for a checkpoint."""
        counts = None if self._counts is None else self._counts.cpu()
        return {"rows": self.rows, "losses": self._losses, "counts": counts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's state; those of version 0.1.0 have none."""
        self.rows = list(state.get("rows", ()))
        self._losses, self._counts = list(state.get("losses", ())), state.get("counts")


def pixel_counts(
    logits: Tensor,
    target: Tensor,
    supervised: Tensor,
    *,
    exclusive: bool,
    outputs: tuple[str, ...] = (),
) -> Tensor:
    """Count supervised pixels by what they are (rows) and are taken for, ``(K, K)`` int64.

    Kinds are background and object, or background and each of ``exclusive`` classes, or of the
    regions that ``outputs`` tell, those pixels that are in none of its parts.
    """
    kinds = logits.shape[1] if exclusive or regions_of(outputs) else 2
    if exclusive:  # logits are of each against the rest: the largest is the likeliest
        found = torch.cat((-logits[:, :1], logits[:, 1:]), 1).argmax(1)
        truth = torch.cat((1 - target[:, :1], target[:, 1:]), 1).argmax(1)
    else:
        found, truth = kinds_of(logits > 0, outputs), kinds_of(target > 0.5, outputs)
    places = (truth * kinds + found)[supervised[:, 0] > 0]
    return torch.bincount(places, minlength=kinds**2).reshape(kinds, kinds)


def figures(counts: NDArray[np.integer]) -> dict[str, float]:
    """Return accuracy, IoU, Dice and mean IoU of `pixel_counts`; nothing where none counts.

    IoU and Dice are of the objects, or the mean over classes; the mean IoU is over all kinds that
    occur, background among them.
    """
    if not counts.sum():
        return {}
    right, all_of = np.diag(counts), counts.sum(0) + counts.sum(1)
    occurs = all_of > 0
    iou = right[occurs] / (all_of - right)[occurs]
    things = iou[1:] if occurs[0] else iou
    found = {"accuracy": right.sum() / counts.sum(), "mean_iou": iou.mean()}
    if things.size:
        found |= {"iou": things.mean(), "dice": (2 * things / (1 + things)).mean()}
    return {name: float(value) for name, value in found.items()}


def validation_figures(
    coded: Iterable[tuple[NDArray[np.uint8], FrameAnnotation, NDArray[np.float32]]],
    outputs: tuple[str, ...],
    settings: TrainSettings,
    *,
    exclusive: bool,
    in_planes: bool = False,
) -> dict[str, float]:
    """Return the figures of frames that are not learned from.

    Of each: its codes ``(C, Y, X)``, its annotation and the weight of its borders ``(Y, X)``. Codes
    stand for logits within 0.04, which is what the loss is exact to.
    """
    counts, losses = [], []
    for codes, annotation, weight in coded:
        logits = torch.from_numpy(decode_logits(codes))[None]
        labels, supervised, share = (
            torch.from_numpy(np.asarray(plane, np.float32))[None, None]
            for plane in (annotation.labels, annotation.supervised, weight)
        )
        target = targets(labels, outputs, in_planes=in_planes)
        told: Any = {"exclusive": exclusive, "outputs": outputs}
        losses.append(float(masked_loss(logits, target, supervised, share, settings, **told)))
        counts.append(pixel_counts(logits, target, supervised, **told).numpy())
    return {"loss": float(np.mean(losses)), **figures(np.sum(counts, 0))} if losses else {}


def write_history(rows: Sequence[Mapping[str, Any]], model_path: Path) -> tuple[Path, ...]:
    """Write ``NAME.history.csv`` and ``NAME.history.png`` beside a model; nothing without rows.

    Each is whole on disk or not there.
    """
    if not rows:
        return ()
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if row.get(k) is None else row[k] for k in COLUMNS} for row in rows)
    paths = tuple(model_path.with_suffix(f".history.{kind}") for kind in ("csv", "png"))
    for path, content in zip(paths, (table.getvalue().encode(), plot_history(rows)), strict=True):
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    return paths


def save_trained(model: Model, path: Path) -> tuple[Path, ...]:
    """Write a model, and beside it ``NAME.best-2.safetensors`` and so on; return all paths."""
    written = model.save(path)
    names = next_best_names(written, 1 + len(model.next_best))
    pairs = zip(model.next_best, names, strict=True)
    return written, *(other.save(written.with_name(name)) for other, name in pairs)


def next_best_names(path: Path, keep: int) -> list[str]:
    """Return the names of files beside a model's ``path`` where ``keep`` of the best are kept."""
    return [f"{path.stem}.best-{number}{path.suffix}" for number in range(2, keep + 1)]


def save_with_history(model: Model, path: Path) -> Path:
    """Write a model, the next best weights and the history of the training; returns its path."""
    written, *_ = save_trained(model, path)
    write_history(model.record.get("history", ()), written)
    return written


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}") if isinstance(value, float) else value
