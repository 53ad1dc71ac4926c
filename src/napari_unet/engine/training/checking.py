"""Checking a network while it learns, and comparing it with what was there before: its objects."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.annotations.holdout import frames_in_words
from napari_unet.engine.annotations.movie_splits import movies_kept_for_test
from napari_unet.engine.labels.class_labels import classes_of, label_classes, labels_of
from napari_unet.engine.labels.class_scores import class_scores, classes_in_words
from napari_unet.engine.labels.labels import frame_basins, label_frame, object_codes
from napari_unet.engine.labels.scores import FrameScores, Scores, frame_scores, pool
from napari_unet.engine.network.network import network_codes
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.training.history import validation_figures
from napari_unet.engine.training.losses import border_weight
from napari_unet.engine.training.training_record import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.network import Network
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.training.schedule import Clock, Plan


_CHECKS = 20  # at most, spread over a run: each costs the time of a few steps
_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)  # few and round: a finer one would suit these frames alone
_STRENGTHS = (0.75, 1.0)  # of splitting, beside the usual one
CLEARLY = 0.003  # a gain below is noise
_OF_A_CELL = 0.1  # on a few cells a gain below this share of one is noise, too
_CHECK_SHARE = 0.1  # of the time
Checked = tuple["NDArray[np.float32]", "FrameAnnotation"]
Coded = tuple["NDArray[np.uint8]", "FrameAnnotation"]
Spacing = tuple[float, ...] | None  # µm from pixel to pixel, of volumes


class Checker:
    """Checks the mean weights at even intervals of a run and remembers the best."""

    def __init__(
        self,
        clock: Clock,
        settings: LabelSettings,
        training: TrainSettings | None = None,
        *,
        keep_best: bool,
        spacing: Spacing = None,
    ) -> None:
        self.settings, self.keep_best, self._spacing = settings, keep_best, spacing
        self.figures: dict[str, float] = {}  # of pixels, at the last check
        self._training = training or TrainSettings()
        self._weights: list[NDArray[np.float32]] = []  # of borders, of each frame
        self.best: dict[str, Any] = {}
        self.next_best: list[dict[str, Any]] = []  # in order, each with its threshold
        self.history: list[dict[str, float]] = []
        self.kept: Scores | None = None
        self.threshold = settings.threshold
        self._clock = clock
        self._split_chosen = False

    def scores(self, network: Network, frames: list[Checked], settings: LabelSettings) -> Scores:
        """Score a network on frames held out, with its own label settings."""
        with self._clock.aside():
            return check(network, frames, settings, self._spacing)

    def due(self, plan: Plan, step: int, *, by_clock: bool) -> bool:
        """Whether to check after ``step``: where the clock decides, only while time allows."""
        if plan.steps is None:
            return False
        every = plan.check_every or math.ceil(plan.steps / _CHECKS)
        if step % every and step != plan.steps:
            return False
        return not by_clock or self._clock.check_share < _CHECK_SHARE or step == plan.steps

    def check(self, network: Network, frames: list[Checked], step: int) -> Scores:
        """Check now, at the threshold that suits best; keep the weights where none were better."""
        with self._clock.aside():
            coded = [(network_codes(network, image), annotation) for image, annotation in frames]
            told = network.config.outputs, self.settings, self._spacing
            found = coded_scores_at(_THRESHOLDS, coded, *told)
            self.figures = self._pixel_figures(network, coded)
        threshold = clearly_best(found, self.settings.threshold)
        scores = found[threshold]
        value = object_score(scores)
        known = {"step": step, "seg": scores.seg, "f1": scores.f1, "iou": scores.iou}
        self.history.append(known | ({"classes": scores.class_iou} if scores.classes else {}))
        # Where what is held out joins, the last weights are kept: the best had not seen it yet
        if not self.keep_best:
            self.kept, self.threshold = scores, threshold
        elif value >= self.best.get("score", -1.0):
            self._put_back({**self.best, "threshold": self.threshold})
            self.best = {"score": value, "step": step, "weights": _copied(network)}
            self.kept, self.threshold = scores, threshold
        elif self._training.keep_best > 1 and value > self._least:
            weights = _copied(network)
            self._put_back(
                {"score": value, "step": step, "weights": weights, "threshold": threshold}
            )
        return scores

    def choose_split(self, network: Network, frames: list[Checked]) -> None:
        """Choose how readily touching cells part, once, on frames not learned from by then."""
        if self._split_chosen or not frames or network.config.classes or not self.settings.split:
            return
        self._split_chosen, usual = True, self.settings.split_strength
        found: dict[float, Scores] = {}
        with self._clock.aside():
            coded = [(network_codes(network, image), annotation) for image, annotation in frames]
            for strength in (usual, *_STRENGTHS):
                at = self.settings.replace(split_strength=strength)
                told = network.config.outputs, at, self._spacing
                scored = coded_scores_at((self.threshold,), coded, *told)
                found[strength] = scored[self.threshold]
        chosen = clearly_best(found, usual)
        self.settings, self.kept = self.settings.replace(split_strength=chosen), found[chosen]

    @property
    def _least(self) -> float:
        """Score of the last of those that are kept beside the best; -1 where there is room."""
        full = len(self.next_best) >= self._training.keep_best - 1
        return float(self.next_best[-1]["score"]) if full else -1.0

    def _put_back(self, known: dict[str, Any]) -> None:
        """Keep weights that are not the best, if there is room or others are worse."""
        several = [*self.next_best, known] if "weights" in known else self.next_best
        several = sorted(several, key=lambda one: -one["score"])
        self.next_best = several[: self._training.keep_best - 1]

    def state(self) -> dict[str, Any]:
        """Return what it remembers, for a checkpoint."""
        return {
            "after": asdict(self.kept) if self.kept else None,
            "best": self.best,
            "next_best": self.next_best,
            "threshold": self.threshold,
            "split": self.settings.split_strength if self._split_chosen else None,
            "history": self.history,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's state; those of before have no next best."""
        self.kept = Scores(**state["after"]) if state["after"] else None
        self.best, self.next_best = state["best"], state.get("next_best", [])
        self.threshold, self.history = state["threshold"], state["history"]
        strength = state.get("split")  # None in version 0.1.0; too late where frames joined
        self._split_chosen = state.get("joined", False) or strength is not None
        if strength is not None:
            self.settings = self.settings.replace(split_strength=strength)

    def _pixel_figures(self, network: Network, coded: list[Coded]) -> dict[str, float]:
        settings, config = self._training, network.config
        if not self._weights:
            w0 = 0.0 if config.classes else settings.border_weight
            sigma, spacing = settings.border_sigma, self._spacing
            self._weights = [border_weight(a.labels, w0, sigma, spacing) for _, a in coded]
        frames = ((*one, weight) for one, weight in zip(coded, self._weights, strict=True))
        told: Any = {"exclusive": config.softmax, "in_planes": config.in_planes}
        return validation_figures(frames, config.outputs, settings, **told)

    def fails_to_improve(self, patience: int | None) -> bool:
        """Whether the last ``patience`` checks brought nothing better."""
        values = [h.get("classes", _agreement(h["seg"], h["f1"], h["iou"])) for h in self.history]
        return bool(
            patience
            and len(values) > patience
            and max(values[-patience:]) <= max(values[:-patience])
        )


def _copied(network: Network) -> dict[str, Any]:
    return {k: v.clone() for k, v in network.state_dict().items()}


def check(
    network: Network, frames: Iterable[Checked], settings: LabelSettings, spacing: Spacing = None
) -> Scores:
    """Score a network's labels on annotated, normalised frames."""
    outputs, classes = network.config.outputs, network.config.classes
    coded = ((network_codes(network, image), annotation) for image, annotation in frames)
    return pool(
        score_labels(labels_of(codes, outputs, settings, spacing), annotation, classes)
        for codes, annotation in coded
    )


def coded_scores_at(
    thresholds: Iterable[float],
    coded: Iterable[tuple[NDArray[np.uint8], FrameAnnotation]],
    outputs: Sequence[str],
    settings: LabelSettings,
    spacing: Spacing = None,
) -> dict[float, Scores]:
    """Score the labels of probability codes ``(C, Y, X)`` of named outputs, split once."""
    found: dict[float, list[FrameScores]] = {threshold: [] for threshold in thresholds}
    classes = classes_of(outputs)
    for codes, annotation in coded:
        objects = object_codes(codes, outputs)
        basins = None if classes else frame_basins(objects, settings, spacing)
        for threshold, scores in found.items():
            at = settings.replace(threshold=threshold)
            if basins is None:
                labels = label_classes(codes, outputs, at)
            else:
                labels = label_frame(objects, at, basins)
            scores.append(score_labels(labels, annotation, classes))
    return {threshold: pool(scores) for threshold, scores in found.items()}


def clearly_best(found: Mapping[float, Scores], usual: float) -> float:
    """Return the value of the best objects; the usual one unless another is clearly better."""
    best = max(found, key=lambda value: object_score(found[value]))
    gain = object_score(found[best]) - object_score(found[usual])
    noise = max(CLEARLY, _OF_A_CELL / max(1, found[usual].n_truth))
    return best if gain > noise else usual


def score_labels(
    labels: NDArray[Any], annotation: FrameAnnotation, classes: tuple[int, ...] = ()
) -> FrameScores:
    """Score one frame where it is supervised; labels are ids, or else numbers of ``classes``.

    Objects, of either side, count where most of them is supervised: what lies on unpainted
    ground is neither right nor wrong.
    """
    inside = annotation.supervised
    if classes:
        return class_scores(labels, annotation.labels, classes, inside)
    predicted = _mostly_inside(labels, inside)
    truth = _mostly_inside(annotation.labels, inside)
    return frame_scores(predicted, truth)


def _mostly_inside(labels: NDArray[Any], inside: NDArray[np.bool_]) -> NDArray[Any]:
    if inside.all():
        return labels
    flat = labels.ravel()
    size = np.bincount(flat)
    seen = np.bincount(flat[inside.ravel()], minlength=len(size))
    keep = 2 * seen > size
    keep[0] = False
    return np.where(keep[labels], labels, 0)


def object_score(scores: Scores) -> float:
    """Return the one number that decides which weights are best: object and pixel agreement.

    Where classes are told apart, the mean of their IoU: a user wants each of them.
    """
    if scores.classes:
        return scores.class_iou
    return _agreement(scores.seg, scores.f1, scores.iou)


def _agreement(seg: float, f1: float, iou: float) -> float:
    return (seg + f1 + iou) / 3


@dataclass(frozen=True, eq=False)
class FinalTest:
    """What of each movie a model is tested on at its end, () for nothing: it chooses nothing."""

    parts: tuple[Annotations, ...] = ()
    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, annotations: Sequence[Annotations], settings: TrainSettings, names: Sequence[str]
    ) -> FinalTest:
        """Take the frames to test on; `BadInput` where they cannot be."""
        tested = movies_kept_for_test(annotations, settings.test, settings.validation)
        return cls(tuple(one.without_edge(settings.edge or 0) for one in tested), tuple(names))

    @property
    def words(self) -> str:
        """What it is tested on: ``frames 7-8``, of several movies ``frame 7 of a.tif, …``."""
        said = [frames_in_words(one.frame_indices) for one in self.parts if one.frames]
        if len(self.parts) == 1:
            return said[0]
        named = [name for one, name in zip(self.parts, self.names, strict=True) if one.frames]
        return ", ".join(f"{one} of {name}" for one, name in zip(said, named, strict=True))

    def record(
        self,
        stacks: Sequence[Stack],
        network: Network,
        normalisers: Sequence[Normaliser],
        labels: LabelSettings,
        base: Model | None,
    ) -> dict[str, Any]:
        """Return the scores of a trained network, and of what it began from, for its record."""
        if not self.parts:
            return {}
        whole = zip(self.parts, stacks, strict=True)
        parts = [one.without_missing(stack).frames for one, stack in whole]

        def images() -> Iterator[Checked]:
            for frames, stack, normaliser in zip(parts, stacks, normalisers, strict=True):
                for t, annotation in frames.items():
                    yield normaliser(stack[t]), annotation

        at = stacks[0].spacing
        before = check(base.network, images(), base.label_settings, at) if base else None
        after = check(network, images(), labels, at)
        each = [sorted(frames) for frames in parts]
        return {
            "test": {
                "frames": each[0],
                **({"of_each": each} if len(each) > 1 else {}),
                "tested_on": self.words,
                "before": figures(before),
                "after": figures(after),
            }
        }


_NOISE = 0.01  # a smaller loss than this is within the noise of a few frames
_SHOWN = (("IoU", "iou"), ("SEG", "seg"), ("F1", "f1"))


def replayed(base: Model | None, network: Network) -> tuple[Scores | None, Scores | None]:
    """Scores before and after on samples of what the parent was trained on, at its scale."""
    if base is None:
        return None, None
    seen = copy.copy(network)
    seen.config = network.config.replace(scale=base.config.scale)
    return _replay_scores(base.network, base), _replay_scores(seen, base)


def _replay_scores(network: Network, model: Model) -> Scores | None:
    frames, labels = model.arrays.get("replay/frames"), model.arrays.get("replay/labels")
    if frames is None or labels is None:
        return None
    normaliser = Normaliser(model.normalisation, dims=model.config.dims)
    pairs = [
        (normaliser(frame), annotate(ids, complete=True))
        for frame, ids in zip(frames, labels, strict=True)
    ]
    return check(network, pairs, model.label_settings)


def got_worse(record: Mapping[str, Any]) -> bool:
    """Whether objects on the frames held out were clearly better before."""
    before, after = record.get("before"), record.get("after")
    if not before or not after:
        return False
    return object_score(Scores(**after)) < object_score(Scores(**before)) - _NOISE


def in_words(record: Mapping[str, Any]) -> list[str]:
    """Lines for a user: what it was checked on, before and after, and what to do."""
    before, after = record.get("before"), record.get("after")
    if not after:
        return ["Not checked: everything annotated was learned from.", *_tested(record)]
    lines = [f"Checked on {record['checked_on']}:"]
    if before:
        lines.append(f"before  {_scores(before)}  {_objects(before)}")
    lines.append(f"after   {_scores(after)}  {_objects(after)}")
    if record.get("replay_before") and record.get("replay_after"):
        lines.append(f"On samples of what {record['parent_name']} was trained on:")
        lines.append(f"before  {_scores(record['replay_before'])}")
        lines.append(f"after   {_scores(record['replay_after'])}")
    lines += _tested(record)
    if got_worse(record):
        lines.append(f"It got worse: better go back to {record['parent_name']}.")
    return lines


def _tested(record: Mapping[str, Any]) -> list[str]:
    """Lines on the test score: of what is checked on no one may say so, as it chose the weights."""
    test = record.get("test")
    if not test:
        return []
    named = [(word, test[word]) for word in ("before", "after") if test[word]]
    lines = [f"{word:<6}  {_scores(values)}  {_objects(values)}" for word, values in named]
    return [f"Test score, on {test['tested_on']}, which chose nothing:", *lines]


def _scores(values: Mapping[str, Any]) -> str:
    return "  ".join(f"{title} {values[key]:.3f}" for title, key in _SHOWN)


def _objects(values: Mapping[str, Any]) -> str:
    scores = Scores(**values)
    return classes_in_words(scores) if scores.classes else str(scores)
