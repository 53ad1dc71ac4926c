"""How long to train: from minutes, epochs or steps to steps, batch and crop, resolved once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import Field

from napari_unet.engine.settings import Settings

if TYPE_CHECKING:
    from napari_unet.engine.network.config import NetworkConfig
    from napari_unet.engine.settings import TrainSettings

_MEASURED = 12  # steps whose speed decides how many fit into the minutes
_WARM = 2  # steps that are slower than the rest and not measured
_SETTLED = 0.75  # share of a run after which its length is not touched any more
_CHECKING_SHARE = 0.1  # of the minutes, kept free for checks
_MOST_CHECKS = 100  # of a run of so many epochs or more, after every epoch of a shorter one
_NEW_RATE = 6e-3
# A kernel of 27 weights moves what it gives further than one of 9, and loses features at that rate
_NEW_RATE_OF_VOLUMES = 2.5e-3
_FINE_TUNING_RATE = 2e-3  # lower: what the base knows is to be shifted, not unlearned
_RISE = 0.3  # share of a run in which the rate of one cycle rises, as in torch's OneCycleLR


class Plan(Settings):
    """What a run does, recorded with the model and reused on resume."""

    steps: int | None = Field(None, ge=1)
    batch: int = Field(ge=1, le=4096)
    crop: int = Field(ge=16, le=16384)
    depth: int | None = Field(None, ge=1, le=16384, exclude_if=lambda depth: depth is None)
    """Sections of a crop of a volume."""
    threads: int = Field(ge=1, le=4096)
    epoch: int | None = Field(None, ge=1)
    """Steps of one pass over the annotated area."""
    check_every: int | None = Field(None, ge=1)
    """Steps from check to check, where epochs are counted."""
    whole: bool = False
    """Whether crops are whole frames; ``crop`` is then the longer edge."""
    settle: float = Field(0.0, ge=0, le=1)
    """Share of the run at whose end crops are changed little; runs of version 0.1.0 had none."""

    def crops(self, step: int) -> tuple[int, int, bool]:
        """Return how many crops come after ``step``, how large, and whether late ones."""
        return self.batch, self.crop, self.done(step) >= 1 - self.settle

    def done(self, step: int) -> float:
        """Share of the run after ``step`` steps; 0 while its length is unknown."""
        return step / self.steps if self.steps else 0.0

    def smaller(self, config: NetworkConfig | None = None, least: int = 1) -> Plan | None:
        """Return half the batch, then half the crop; none where nothing is left to shrink.

        A network's ``config`` says which crops it can take; a batch has at the ``least`` so many.
        """
        if self.batch > least:
            return self.replace(batch=max(least, self.batch // 2))
        step = max(16, config.multiple if config else 0)
        crop = self.crop // (2 * step) * step
        if crop < max(32, 2 * step if config else 0) or self.whole or (config and config.fixed):
            return None
        if self.depth is None or config is None:
            return self.replace(crop=crop)
        least = config.multiples[0]
        return self.replace(crop=crop, depth=max(least, self.depth // (2 * least) * least))


class Clock:
    """Time of a run: all of it, and what went into checks and previews beside the steps.

    ``now`` gives seconds.
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now or time.monotonic
        self.earlier = 0.0  # of parts that were interrupted
        self.side = 0.0
        self.shown = 0.0  # of the side, what went into previews
        self._started = self._now()
        self._mark: tuple[int, float] | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning, interrupted parts included."""
        return self.earlier + self._now() - self._started

    @property
    def side_share(self) -> float:
        """Share of the time that went into checks and previews."""
        return self.side / max(self.elapsed, 1e-6)

    @property
    def check_share(self) -> float:
        """Share of the time that went into checks: previews must not crowd them out."""
        return (self.side - self.shown) / max(self.elapsed, 1e-6)

    @contextmanager
    def aside(self, *, shown: bool = False) -> Iterator[None]:
        """Count what happens inside as beside the steps, and whether it is a preview."""
        began = self._now()
        yield
        spent = self._now() - began
        self.side += spent
        self.shown += spent if shown else 0.0

    def state(self) -> dict[str, Any]:
        """Return the times, for a checkpoint."""
        return {"seconds": self.elapsed, "side_seconds": self.side, "shown_seconds": self.shown}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's times."""
        self.earlier, self.side = state["seconds"], state["side_seconds"]
        self.shown = state.get("shown_seconds", 0.0)

    def left(self, plan: Plan, step: int, minutes: float | None = None) -> float | None:
        """Seconds until the last step, at the pace so far.

        Where the steps follow the ``minutes`` that were asked for, no pace of the first slow ones
        says more than a tenth above what is left of them.
        """
        if not plan.steps or not step:
            return None
        left = self.elapsed * (plan.steps - step) / step
        if minutes is None:
            return left
        asked = 60 * minutes
        return min(left, max(1.1 * asked - self.elapsed, 0.1 * asked))

    def resolve(self, plan: Plan, step: int, minutes: float) -> Plan:
        """Set the steps that fit into the minutes, from the speed of the first ones.

        Looked at again now and then until the last quarter: a machine's speed changes, and a
        run that ends early or late has not annealed as it was meant to.
        """
        spent = self.elapsed - self.side
        if self._mark is None or step == _WARM:  # the first step after a resume is slow, too
            self._mark = (step, spent)
            return plan
        since, began = self._mark
        if plan.steps is None:
            due = step - since >= _MEASURED - _WARM
        else:
            due = step % max(25, plan.steps // 16) == 0 and plan.done(step) <= _SETTLED
        if not due:
            return plan
        pace = max(1e-6, spent - began) / (step - since)
        left = max(0.0, 60 * minutes - self.elapsed) * (1 - _CHECKING_SHARE)
        return plan.replace(steps=step + max(1, int(left / pace)))


def first_plan(
    settings: TrainSettings,
    config: NetworkConfig,
    *,
    device: str,
    threads: int,
    diameter: float,
    pixels: int,
    free: int,
    frames: tuple[int, ...] = (1, 0, 0),
    thickness: float = 1.0,
    least: int = 1,
) -> Plan:
    """Choose crop and batch: a crop holds a few objects, a batch fits the memory.

    ``diameter`` in px, ``pixels`` supervised ones, ``free`` bytes of memory on the device,
    ``frames`` how many there are to learn from and their size. Sections of volumes are
    ``thickness`` px apart. Steps are set where they follow without a clock. A batch has at the
    ``least`` so many crops, unless `TrainSettings` say how many.
    """
    n, *size = frames
    crop = crop_size(settings, device, diameter, tuple(size))
    crop = crop if settings.whole_frames else config.crop_for(crop)
    depth = crop_depth(crop, size[0], thickness, config) if config.dims == 3 else None
    area = crop**2 * (depth or 1)
    if settings.whole_frames:
        area, pixels = math.prod(size), n * math.prod(size)
    per_crop = area * 12 * 4 * config.load
    wanted = 16 if device == "cuda" else max(2, round(6 * 128**2 / area))
    if config.dims == 3:
        wanted = 8 if device == "cuda" else 2
    batch = settings.batch or max(least, int(min(wanted, max(1, free // 2 // per_crop))))
    steps = settings.steps
    epoch, every = max(1, math.ceil(pixels / (batch * area))), None
    if steps is None and settings.epochs is not None:
        steps = settings.epochs * epoch
        every = epoch * math.ceil(settings.epochs / _MOST_CHECKS)
    return Plan(
        steps=steps,
        batch=batch,
        crop=crop,
        depth=depth,
        threads=threads,
        epoch=epoch,
        check_every=every,
        whole=settings.whole_frames,
        settle=settings.settle,
    )


def crop_size(settings: TrainSettings, device: str, diameter: float, frame: tuple[int, ...]) -> int:
    """Return the edge of a crop for cells of ``diameter`` px, before a network has its say.

    Of whole frames it is the longer edge.
    """
    if settings.whole_frames:
        return max(frame[-2:])
    if len(frame) == 3:  # as wide as a few cells: each px more costs along z, too
        wide = 96 if device == "cuda" else 48
        return settings.crop or min(128, max(wide, 16 * math.ceil(2.5 * diameter / 16)))
    # A crop holds a few cells with their surroundings, so that the network sees what is between
    # them; a larger one buys less than a further step does on a CPU, where steps are dear.
    wide = 256 if device == "cuda" else 128
    return settings.crop or min(256, max(wide, 32 * math.ceil(4 * diameter / 32)))


def crop_depth(crop: int, sections: int, thickness: float, config: NetworkConfig) -> int:
    """Return the sections of a crop of a volume: as deep as it is wide, as far as there are any."""
    return config.depth_for(min(round(crop / thickness), sections))


def peak_rate(settings: TrainSettings, *, new: bool, dims: int = 2) -> float:
    """Return the highest rate of a run, of a ``new`` network or one that knows something."""
    if settings.learning_rate:
        return settings.learning_rate
    if not new:
        return _FINE_TUNING_RATE
    return _NEW_RATE if dims == 2 else _NEW_RATE_OF_VOLUMES


def learning_rate(done: float, peak: float, settings: TrainSettings) -> float:
    """Return the rate at the share ``done`` of a run.

    ``warmup_cosine``: linear warm-up, then a half cosine (Loshchilov and Hutter 2017) to a
    thousandth: the last weights settle, so that stopping on time is no accident. ``one_cycle``: a
    half cosine up from a 25th and one down to nearly nothing (Smith and Topin 2018).
    """
    if settings.schedule == "constant":
        return peak
    if settings.schedule == "one_cycle":
        if done < _RISE:
            return _between(peak / 25, peak, done / _RISE)
        return _between(peak, peak / 25e4, (done - _RISE) / (1 - _RISE))
    warm_up = settings.warm_up
    if done < warm_up:
        return peak * (0.02 + 0.98 * done / warm_up)
    along = (done - warm_up) / (1 - warm_up)
    return peak * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * min(1.0, along))))


def _between(first: float, last: float, along: float) -> float:
    """Return the value of a half cosine from ``first`` to ``last``."""
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * min(1.0, along)))
