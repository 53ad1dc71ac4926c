"""Training: one loop that draws crops, takes a step, checks now and then, and keeps the best."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie, annotated_movies
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import clear_leftovers
from napari_unet.engine.labels.scores import Scores
from napari_unet.engine.network.devices import free_memory, use_threads
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.network import network_codes, scaled_size
from napari_unet.engine.network.self_check import made_check
from napari_unet.engine.network.volumes import thickness
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.training.checking import Checker, replayed
from napari_unet.engine.training.checkpoint import (
    SECONDS_BETWEEN,
    check_run,
    load_checkpoint,
    save_checkpoint,
    understood,
)
from napari_unet.engine.training.history import History
from napari_unet.engine.training.initial_network import initial_network, take_encoder_weights
from napari_unet.engine.training.learner import Learner
from napari_unet.engine.training.movies.movie_data import kept_apart, left_out
from napari_unet.engine.training.movies.prepared import prepare
from napari_unet.engine.training.ranks.ranks import ALONE
from napari_unet.engine.training.sampling.batches import Batches
from napari_unet.engine.training.schedule import (
    Clock,
    Plan,
    crop_size,
    first_plan,
    learning_rate,
    peak_rate,
)
from napari_unet.engine.training.train_step import RunOptions, TrainInput, TrainStep
from napari_unet.engine.training.training_data import TrainingData
from napari_unet.engine.training.training_record import (
    model_card,
    recommended_labels,
    training_record,
    typical_diameter,
    with_next_best,
)
from napari_unet.engine.training.working_scale import kept_scale, scale_in_words, working_scale

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.training.movies.prepared import Prepared
    from napari_unet.engine.training.ranks.ranks import Ranks


__all__ = ["TrainInput", "TrainStep", "train"]
_JOIN = 0.6  # share of a run after which the frame held out joins: late enough to say how good
_SIDE_SHARE = 0.15  # of the time, for checks and previews together


def train(
    stack: Stack | Sequence[tuple[Stack, Annotations]],
    annotations: Annotations | None = None,
    settings: TrainSettings | None = None,
    *,
    base: Model | None = None,
    name: str = "model",
    checkpoint: Path | None = None,
    checkpoint_every: float | None = None,
    resume: bool = False,
    clock: Callable[[], float] | None = None,
    ranks: Ranks = ALONE,
) -> Generator[TrainStep, TrainInput | None, Model]:
    """Train a U-Net on annotated frames; yields each step and returns the model.

    Parameters
    ----------
    stack, annotations
        The movie, frames ``(Y, X)`` or ``(C, Y, X)``; what a user vouches for of it. Or a list of
        pairs of both: movies that are learned from together, each normalised as itself.
    settings, base
        Time, network and augmentation. A model to start from, not changed; none for a new network.
    checkpoint, checkpoint_every
        File that is written now and then; remove it once the model is saved. Seconds from one to
        the next, less than a minute where not given.
    resume
        Continue from ``checkpoint``: with ``settings.steps``, on a CPU, as if never stopped.
    clock
        What gives the seconds that minutes are counted by; those of the day where not given.
    ranks
        The processes of torchrun, where several train this network, each called alike.

    Raises
    ------
    BadInput
        Where the annotations or frames cannot be learned from, or movies not together.

    """
    settings = settings or TrainSettings()
    if checkpoint:
        clear_leftovers(checkpoint.parent)
    state = load_checkpoint(checkpoint) if resume and checkpoint else {}
    prepared = prepare(annotated_movies(stack, annotations), settings, base, state)
    every = SECONDS_BETWEEN if checkpoint_every is None else checkpoint_every
    how = RunOptions(name, checkpoint, every, clock, ranks)
    return Run(prepared, settings, how).loop(state)


class Run:
    """One training, from its values to its model."""

    def __init__(self, prepared: Prepared, settings: TrainSettings, how: RunOptions) -> None:
        self.prepared, self.settings, self.how = prepared, settings, how
        self.base, self.splits = prepared.base, prepared.splits
        self.checkpoint, self.ranks = how.checkpoint, how.ranks
        self.wish: tuple[int, int] | None = None  # movie and frame to preview once there is time
        self.shown = 0  # the movie of the last preview
        self.step = 0
        self.plan: Plan
        self.before: Scores | None = None

    def loop(self, state: dict[str, Any]) -> Generator[TrainStep, TrainInput | None, Model]:
        """Draw, learn, check, show, save; until the plan is done or the user stops it."""
        self._begin(state)
        note = self._begun()
        saved = time.monotonic()
        while self.plan.steps is None or self.step < self.plan.steps:
            use_threads(self.plan.threads)
            loss, smaller = self._learn()
            self.step += 1
            if self._minutes is not None:
                plan = self.clock.resolve(self.plan, self.step, self._minutes)
                self.plan = self.ranks.agreed(plan)
            validation = self._check()
            joined = self._join()
            if time.monotonic() - saved > self.how.checkpoint_every:
                self._save()
                saved = time.monotonic()
            step = TrainStep(
                self.step,
                self.plan.steps,
                self.clock.elapsed,
                self.clock.left(self.plan, self.step, self._minutes),
                loss,
                validation,
                self._preview(),
                "; ".join(filter(None, (note, smaller, joined))) or None,
                self.shown,
            )
            # what the receiver makes of a preview, its labels, takes time from the learning, too
            with self.clock.aside(shown=True) if step.preview else nullcontext():
                sent = yield step
            note = self._take(sent)
            stop = sent is not None and sent.stop
            if self.ranks.any(stop or self.checker.fails_to_improve(self.settings.patience)):
                break
        self._save()  # until the caller has saved the model
        return self.ranks.made_once(self._finish)

    def _save(self) -> None:
        if self.checkpoint and self.ranks.first:
            save_checkpoint(self.checkpoint, self.state())

    def _begun(self) -> str:
        """Say what is learned from, and what a user should know of it."""
        scale = scale_in_words(self.scale, self.diameter)
        return self.prepared.begun_in_words(self.settings, scale, self.encoder.get("words"))

    @property
    def _minutes(self) -> float | None:
        """Minutes that the steps follow; None where they are set otherwise."""
        given = self.settings.steps is not None or self.settings.epochs is not None
        return None if given else self.settings.minutes or 5.0

    def _begin(self, state: dict[str, Any]) -> None:
        self.clock = Clock(self.how.clock)
        torch.manual_seed(self.settings.seed)
        device = self.ranks.device(self.settings.device)
        movies, annotations = self.prepared.movies, self.prepared.annotations
        self.diameter = typical_diameter(annotations)
        wanted = self.settings, self.diameter, self.base, annotations.classes, annotations.dims
        self.scale = kept_scale(state) if state else working_scale(*wanted)
        self.data = TrainingData(movies, self.splits, self.settings, device, self.base, self.scale)
        self.batches = Batches(self.data, self.settings.seed, beside=device.type == "cuda")
        self.label_settings = recommended_labels(self.base, annotations, self.diameter)
        self.checker = Checker(
            self.clock, self.label_settings, self.settings, keep_best=not self.splits.joins,
            spacing=annotations.spacing,
        )  # fmt: skip
        self.history = History()
        first, seen = movies[0].stack, self.diameter * self.scale
        size = scaled_size(first.frame_shape, self.scale)
        crop = crop_size(self.settings, device.type, seen, size)
        network = initial_network(
            first, self.settings, self.base, annotations.classes, crop, self.scale
        )
        self.encoder = state.get("encoder") or take_encoder_weights(network, self.settings)
        self.learner = Learner(network, self.settings, device, self.ranks)
        self.peak = peak_rate(self.settings, new=self.base is None, dims=annotations.dims)
        plan = first_plan(
            self.settings, self.learner.network.config, device=device.type,
            threads=self.ranks.threads(self.settings.threads), diameter=seen,
            pixels=self.data.pixels, free=self.ranks.free(free_memory(device), device),
            frames=(self.data.n_frames, *size), thickness=thickness(annotations.spacing),
            least=self.ranks.count,
        )  # fmt: skip
        self.plan = self.ranks.agreed(plan)
        if state:
            with understood(self.checkpoint):
                self.restore(state)
        elif self.base and self.data.validation and self.ranks.first:
            self.before = self.checker.scores(
                self.learner.mean, self.data.validation, self.base.label_settings
            )
        self.ranks.check_batch(self.plan.batch)
        self.ranks.own_chance(self.settings.seed + self.step)

    def _learn(self) -> tuple[float, str]:
        """Take a step; out of memory, with a smaller batch (recovered outside the except)."""
        note = ""
        while True:
            rate = learning_rate(self.plan.done(self.step), self.peak, self.settings)
            try:
                self.data.depth = self.plan.depth
                batch = self.ranks.part(self.batches.draw(*self.plan.crops(self.step)))
                loss = self.learner.learn(batch, rate, self.step)
                self.ranks.meet()
                self.history.add(loss, self.learner.seen)
                return loss, note
            except torch.OutOfMemoryError as error:
                self.ranks.give_up(error)
                smaller = self.plan.smaller(self.learner.network.config, self.ranks.count)
                if smaller is None:
                    raise
            self.learner.forget_gradients()
            self.plan = smaller
            if self.ranks.count > 1:  # where one got further than another in the step it gave up
                self.learner.restore(self.ranks.agreed(self.learner.state()))
                self.batches.restore(self.ranks.agreed(self.batches.state()))
            crops = "frames" if smaller.whole else f"crops of {smaller.crop} px"
            note = f"memory ran out: going on with {smaller.batch} {crops} a step"

    def _check(self) -> Scores | None:
        due = self.checker.due(self.plan, self.step, by_clock=self._minutes is not None)
        if not (due and self.ranks.first):
            return None
        scores, figures = None, {}
        if not self.data.joined and self.data.validation:
            scores = self.checker.check(self.learner.mean, self.data.validation, self.step)
            figures = self.checker.figures
        self.history.close_row(
            validation=figures,
            scores=scores,
            step=self.step,
            epoch=self.step / self.plan.epoch if self.plan.epoch else None,
            seconds=round(self.clock.elapsed, 1),
            learning_rate=self.learner.optimizer.param_groups[0]["lr"],
        )
        return scores

    def _join(self) -> str:
        """Let the frame that was held out join, once it has said what there is to say."""
        if not self.splits.joins or self.data.joined or self.plan.done(self.step) < _JOIN:
            return ""
        self.batches.rewind()
        if self.ranks.first:
            self.checker.choose_split(self.learner.mean, self.data.validation)
        self.data.join()
        return f"{self.splits.words} {self.splits.join} the training"

    def _preview(self) -> tuple[int, NDArray[np.uint8]] | None:
        """Show the frame asked for last, as soon as there is time for it."""
        if self.wish is None or self.clock.side_share > _SIDE_SHARE:
            return None
        (self.shown, t), self.wish = self.wish, None
        shown = self.data.parts[self.shown]
        with self.clock.aside(shown=True):
            try:
                frame = shown.normaliser(shown.stack[t])
            except BadInput:  # a frame that cannot be read is no reason to stop learning
                return None
            return t, network_codes(self.learner.mean, frame)

    def _take(self, sent: TrainInput | None) -> str:
        if sent is None:
            return ""
        self.wish = self.wish if sent.preview is None else (sent.movie, sent.preview)
        if sent.annotations is None:
            return ""
        try:
            painted = self.data.learnable(sent.annotations, sent.movie)
            self.batches.rewind()
            return self.data.take(painted, sent.movie)
        except BadInput as error:
            return error.found

    def _finish(self) -> Model:
        """Take the best weights, or the last where all frames joined; write down their history."""
        network = self.learner.mean
        if self.checker.best:
            network.load_state_dict(self.checker.best["weights"])
        self.checker.choose_split(network, self.data.validation)
        record = training_record(
            movies=self.movies,
            splits=self.splits,
            base=self.base,
            settings=self.settings.model_dump(mode="json"),
            encoder=self.encoder,
            plan=self.plan.model_dump(mode="json"),
            before=self.before,
            after=self.checker.kept,
            replay=replayed(self.base, network),
            steps=self.step,
            seconds=self.clock.elapsed,
            history=self.history.rows,
            notices=self.prepared.notices,
        )
        diameter = None if network.config.classes else round(self.diameter, 1)
        card = model_card(self.base, self.movies, stain=self.settings.stain, diameter=diameter)
        normalisers, network = self.data.normalisers, network.cpu().eval()
        normalisation = normalisers[0].settings
        labels = self.checker.settings.replace(threshold=self.checker.threshold)
        made = made_check(network, normalisation, labels, self.diameter)
        stacks = [movie.stack for movie in self.movies]
        tested = self.prepared.final
        record |= tested.record(stacks, network, normalisers, labels, self.base)
        arrays = {**(self.base.arrays if self.base else {}), **made}
        model = Model(network, normalisation, labels, self.how.name, record, card, arrays)
        return with_next_best(model, self.checker.next_best, self.diameter)

    @property
    def movies(self) -> tuple[AnnotatedMovie, ...]:
        """The movies with what is known of each by now."""
        return tuple(AnnotatedMovie(part.stack, part.annotations) for part in self.data.parts)

    # For a checkpoint

    def state(self) -> dict[str, Any]:
        """Return all that a run needs to go on as if never stopped."""
        return {
            "learner": self.learner.state(),
            "plan": self.plan.model_dump(),
            "step": self.step,
            "joined": self.data.joined,
            **kept_apart(self.data.parts),
            **self.prepared.told,
            "before": asdict(self.before) if self.before else None,
            **self.checker.state(),
            "rows": self.history.state(),
            **self.clock.state(),
            "begun_from": self._begun_from,
            "encoder": self.encoder,
            **self.batches.state(),
            "processes": self.ranks.count,
            "chance": torch.get_rng_state(),  # of dropout
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put a run that has just begun where ``state`` was; `BadInput` where it is another's."""
        if state.get("begun_from") != self._begun_from:
            raise BadInput(
                "the checkpoint belongs to another network",
                "one of the same shape, begun from the same model",
                "choose the model and settings it was begun with, or start a new training",
            )
        check_run(state, self.learner.network)
        self.learner.restore(state["learner"])
        threads, self.plan = self.plan.threads, Plan.model_validate(state["plan"])
        if state.get("processes", 1) != self.ranks.count:
            self.plan = self.plan.replace(threads=threads)
        self.step = state["step"]
        self.clock.restore(state)
        self.checker.restore(state)
        self.history.restore(state.get("rows", {}))
        self.before = Scores(**state["before"]) if state["before"] else None
        for part, left in zip(self.data.parts, left_out(state), strict=False):
            part.left_out.update(left)
        self.batches.restore(state)
        torch.set_rng_state(state.get("chance", torch.get_rng_state()))
        if state["joined"]:
            self.data.join()

    @property
    def _begun_from(self) -> dict[str, Any]:
        """What a run must share with the one that it resumes."""
        config = self.learner.network.config.model_dump(mode="json")
        return {"config": config, "parent": self.base.sha256 if self.base else None}
