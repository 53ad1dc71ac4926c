import pytest
import torch

from napari_unet.engine.network.unet import UNetConfig
from napari_unet.engine.prediction.memory import Plan, feature_maps, is_out_of_memory


def ladder(plan, edge):
    while plan is not None:
        yield plan
        plan = plan.smaller(edge)


@pytest.mark.parametrize(
    ("start", "edge", "steps"),
    [
        (Plan(4), 1100, [(4, None), (2, None), (1, None), (1, 1024), (1, 512), (1, 256)]),
        (Plan(1, 512), 5000, [(1, 512), (1, 256)]),
        (Plan(1, 2048), 1000, [(1, 2048), (1, 512), (1, 256)]),
        (Plan(1, 96), 1000, [(1, 96)]),
    ],
)
def test_each_plan_is_smaller_until_none_is_left(start, edge, steps):
    assert [(p.batch, p.tile) for p in ladder(start, edge)] == steps


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("shapes do not match"), False),
    ],
)
def test_knows_running_out_of_memory(error, is_it):
    assert is_out_of_memory(error) is is_it


def test_wider_networks_need_more():
    assert feature_maps(UNetConfig(filters=(32, 64))) == 2 * feature_maps(
        UNetConfig(filters=(16, 32))
    )
