"""Time first: minutes, epochs or steps become steps, batch and crop."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_unet.engine.network.devices import available_memory, free_memory
from napari_unet.engine.network.unet import UNetConfig
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.training import schedule
from napari_unet.engine.training.schedule import Clock, Plan, first_plan, learning_rate, peak_rate

PLAN = Plan(steps=100, batch=4, crop=64, threads=1)


class Watch:
    """A clock's time, moved by hand."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def watch(monkeypatch):
    watch = Watch()
    monkeypatch.setattr(schedule, "time", watch)
    return watch


def run(watch, clock, plan, minutes, seconds_a_step, step=0, limit=100_000):
    """Take steps as training does until the plan is done; the step it ends with."""
    while plan.steps is None or step < plan.steps:
        watch.now += seconds_a_step(step)
        step += 1
        plan = clock.resolve(plan, step, minutes)
        assert step < limit, "never ends"
    return step


@pytest.mark.parametrize(
    ("minutes", "seconds_a_step"),
    [
        (1, lambda step: 0.05),
        (5, lambda step: 0.4),
        (0.5, lambda step: 5.0 if step < 2 else 0.02),  # slow to begin with
        (3, lambda step: 0.1 if step < 300 else 0.2),  # another program starts
        (3, lambda step: 0.2 if step < 300 else 0.1),  # and ends
    ],
)
def test_the_steps_fit_into_the_minutes(watch, minutes, seconds_a_step):
    clock = Clock()
    run(watch, clock, PLAN.replace(steps=None), minutes, seconds_a_step)
    assert 0.8 <= clock.elapsed / (60 * minutes) <= 1.05


@pytest.mark.parametrize(
    "seconds_a_step", [lambda step: 5.0 if step < 2 else 0.02, lambda step: 9.0]
)
def test_the_time_left_is_never_far_above_the_minutes(watch, seconds_a_step):
    clock, plan, step = Clock(), PLAN.replace(steps=None), 0
    while plan.steps is None or step < plan.steps:
        watch.now += seconds_a_step(step)
        step += 1
        plan = clock.resolve(plan, step, 0.5)
        left = clock.left(plan, step, 0.5)
        assert left is None or left <= 33
    assert left == 0
    assert clock.left(PLAN, 1) == clock.elapsed * 99  # steps that were asked for have no such end


def test_steps_longer_than_the_minutes_still_end(watch):
    clock = Clock()
    assert run(watch, clock, PLAN.replace(steps=None), 0.1, lambda step: 30.0) == 13


@pytest.mark.parametrize("step", [1, 5, 11, 12, 40])
def test_a_run_resumed_before_its_length_was_known_ends_in_time(watch, step):
    clock = Clock()
    clock.earlier = 30.0
    run(watch, clock, PLAN.replace(steps=None), 2, lambda step: 0.5, step=step)
    assert 0.8 <= clock.elapsed / 120 <= 1.05


def test_checks_and_previews_are_counted_beside(watch):
    clock = Clock()
    watch.now += 8
    with clock.aside():
        watch.now += 2
    assert clock.elapsed == 10
    assert clock.side_share == pytest.approx(0.2)
    assert clock.left(PLAN, 25) == pytest.approx(30)
    assert clock.left(PLAN.replace(steps=None), 25) is None
    assert clock.left(PLAN, 0) is None


def test_learning_rate_rises_and_falls():
    rates = [learning_rate(k / 200, 2.0, TrainSettings()) for k in range(201)]
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(2.0, rel=0.01)
    assert 0.05 < top / 200 < 0.12
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[0] <= 0.05
    assert 0 < rates[-1] <= 0.005
    assert learning_rate(1.3, 2.0, TrainSettings()) == rates[-1]
    steepest = max(abs(a - b) for a, b in pairwise(rates))
    assert steepest < 0.2  # no jump


@pytest.mark.parametrize("share", [0.0, 0.08, 0.5])
def test_warm_up_is_linear_and_then_comes_half_a_cosine(share):
    settings = TrainSettings(warm_up=share)
    for done in np.linspace(0, 1, 101):
        if done < share:
            wanted = 2.0 * (0.02 + 0.98 * done / share)
        else:
            wanted = 0.002 + 1.998 * (1 + np.cos(np.pi * (done - share) / (1 - share))) / 2
        assert learning_rate(done, 2.0, settings) == pytest.approx(wanted)


def test_one_cycle_is_torch_s():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    torchs = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2.0, 1001, cycle_momentum=False)
    settings = TrainSettings(schedule="one_cycle")
    for step in range(1001):
        # torch counts steps to the peak from 0, hence one less
        assert learning_rate(step / 1000, 2.0, settings) == pytest.approx(
            torchs.get_last_lr()[0], rel=0.02, abs=1e-4
        )
        optimiser.step()
        torchs.step()


def test_a_new_network_of_volumes_learns_at_a_lower_rate():
    usual, chosen = TrainSettings(), TrainSettings(learning_rate=0.01)
    rates = [peak_rate(usual, new=new, dims=dims) for new in (True, False) for dims in (2, 3)]
    assert rates == [6e-3, 2.5e-3, 2e-3, 2e-3]
    assert peak_rate(chosen, new=True, dims=3) == 0.01


def test_constant_is_constant():
    settings = TrainSettings(schedule="constant")
    assert {learning_rate(k / 9, 2.0, settings) for k in range(10)} == {2.0}


@pytest.mark.parametrize(
    ("settle", "steps", "late"), [(0.2, 100, 80), (0.0, 100, 100), (0.2, None, 100)]
)
def test_crops_are_late_ones_at_the_end_of_a_run(settle, steps, late):
    plan = PLAN.replace(settle=settle, steps=steps)
    assert [plan.crops(step)[2] for step in range(100)] == [step >= late for step in range(100)]


def test_smaller_halves_the_batch_then_the_crop_then_gives_up():
    seen, plan = [], PLAN.replace(batch=5, crop=160)
    while plan:
        seen.append((plan.batch, plan.crop))
        plan = plan.smaller()
    assert seen == [(5, 160), (2, 160), (1, 160), (1, 80), (1, 32)]
    assert PLAN.smaller().steps == PLAN.steps


def plan_for(settings=None, **changes):
    values = {"device": "cpu", "threads": 2, "diameter": 20.0, "pixels": 10**6, "free": 2**33}
    return first_plan(settings or TrainSettings(), UNetConfig(), **{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "crop"), [({"diameter": 5}, 128), ({"diameter": 45}, 192), ({"diameter": 500}, 256)]
)
def test_a_crop_holds_a_few_cells(changes, crop):
    assert plan_for(**changes).crop == crop


def test_less_memory_makes_smaller_batches():
    batches = [plan_for(free=free).batch for free in (2**33, 2**27, 2**20, 0)]
    assert batches == sorted(batches, reverse=True)
    assert batches[0] > batches[-1] == 1
    assert plan_for(device="cuda", free=2**36).batch > batches[0]


def test_what_is_chosen_is_kept():
    chosen = plan_for(TrainSettings(steps=7, batch=3, crop=48))
    assert (chosen.steps, chosen.batch, chosen.crop, chosen.threads) == (7, 3, 48, 2)
    assert plan_for().steps is None


def test_epochs_pass_over_the_annotated_area():
    settings = TrainSettings(epochs=3, batch=2, crop=64)
    assert plan_for(settings, pixels=10 * 2 * 64**2).steps == 30
    assert plan_for(settings, pixels=1).steps == 3


def test_plans_travel_in_records():
    assert Plan.model_validate_json(PLAN.model_dump_json()) == PLAN
    assert PLAN.done(25) == 0.25
    assert PLAN.replace(steps=None).done(25) == 0


def test_there_is_free_memory():
    cpu = torch.device("cpu")
    assert free_memory(cpu) > 2**20 and available_memory(cpu) > 2**20


@pytest.mark.parametrize(
    ("thickness", "size", "depth"),
    [(1.0, (100, 300, 300), 48), (4.0, (30, 300, 300), 12), (1.0, (20, 300, 300), 20)],
)
def test_crops_of_volumes_are_as_deep_as_they_are_wide_or_as_there_are_sections(
    thickness, size, depth
):
    strides = ((1, 2, 2), (2, 2, 2), (2, 2, 2))
    config = UNetConfig(filters=(4, 8, 16, 32), dims=3, strides=strides)
    plan = first_plan(
        TrainSettings(), config, device="cpu", threads=1, diameter=10, pixels=10**6,
        free=1 << 33, frames=(1, *size), thickness=thickness,
    )  # fmt: skip
    assert (plan.batch, plan.crop, plan.depth) == (2, 48, depth)
    less = plan.replace(batch=1).smaller(config)
    assert less is None or less.depth == max(4, depth // 8 * 4)
    assert Plan.model_validate(plan.model_dump()) == plan


def test_previews_do_not_crowd_out_checks():
    clock = Clock()
    clock.earlier = 100.0
    clock.restore({"seconds": 100.0, "side_seconds": 20.0, "shown_seconds": 15.0})
    assert clock.side_share == pytest.approx(0.2, rel=0.01)
    assert clock.check_share == pytest.approx(0.05, rel=0.01)
    with clock.aside(shown=True):
        pass
    assert clock.shown >= 15.0
    assert clock.state().keys() == {"seconds", "side_seconds", "shown_seconds"}
