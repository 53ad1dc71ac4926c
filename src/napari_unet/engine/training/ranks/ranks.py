"""Ranks: the processes that train one network together, and what they tell each other.

Each draws the whole batch and learns from its part of it. What depends on the whole batch is added
up over all: numerators and denominators of the loss, statistics of batch norm, gradients. So a run
learns what one process would, with the same seed and batch. What is done once, the running mean of
weights, checks and files, is done by the first.
"""

from __future__ import annotations

import io
import os
import tempfile
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.devices import choose_device, machine_cores, physical_cores
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.model_files import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari_unet.engine.settings import Device
    from napari_unet.engine.training.sampling.patches import Batch

T = TypeVar("T")
_TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_PATIENCE = timedelta(hours=1)  # the others wait so long while the first checks, shows and saves


class OutOfMemoryElsewhere(torch.OutOfMemoryError):
    """Memory ran out in another process: this one gives the step up, too."""


class EndedElsewhere(RuntimeError):
    """Another process cannot go on, and says why."""


class Ranks:
    """The processes of a training: ``count`` of them, this one has the ``number``.

    Alone, as nearly always, each of its methods gives back what it is given.
    """

    def __init__(self, number: int = 0, count: int = 1, *, beside: int = 1, here: int = 0) -> None:
        self.number, self.count = number, count
        self._beside, self._here = beside, here  # processes of this machine, and which of them
        self._control: Any = None  # for values of Python, over the CPU

    @classmethod
    @contextmanager
    def joined(cls, device: Device) -> Iterator[Ranks]:
        """Meet the other processes of a program that torchrun started; alone without it.

        Raises
        ------
        BadInput
            Where they do not find each other, or there is no GPU for each.

        """
        told = {name: os.environ[name] for name in _TOLD if name in os.environ}
        if len(told) < len(_TOLD) or told["WORLD_SIZE"] == "1":
            yield cls()
            return
        number, count, here, beside = (int(told[name]) for name in _TOLD[:4])
        ranks = cls(number, count, beside=beside, here=here)
        backend = "nccl" if ranks.device(device).type == "cuda" else "gloo"
        try:
            dist.init_process_group(backend, timeout=_PATIENCE)
            ranks._control = dist.new_group(backend="gloo", timeout=_PATIENCE)
        except (RuntimeError, ValueError) as error:
            raise BadInput(
                f"the {count} processes do not reach each other ({error})",
                "processes started by torchrun",
                "start them with torchrun --standalone --nproc-per-node",
            ) from error
        yield ranks
        dist.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this process is the one that checks, saves and says."""
        return self.number == 0

    # What each computes with

    def device(self, wanted: Device) -> torch.device:
        """Return the torch device for a setting: a GPU of its own for each process."""
        device = choose_device(wanted)
        if self.count == 1 or device.type == "cpu":
            return device
        there = torch.cuda.device_count() if device.type == "cuda" else 0
        if self._here >= there:
            found = f"{there or 'no'} NVIDIA GPU{'' if there == 1 else 's'}"
            raise BadInput(
                f"there are {self._beside} processes and {found} on this machine",
                "a GPU for each process",
                "start fewer with --nproc-per-node, or add --device cpu",
            )
        return torch.device("cuda", self._here)

    def threads(self, wanted: int | None) -> int:
        """Return the threads of this process: its share of the cores where none are ``wanted``."""
        if self.count == 1 or wanted:
            return wanted or physical_cores()
        # torchrun sets one thread for each process, unless the user chose
        if os.environ.get("OMP_NUM_THREADS", "1") != "1":
            return physical_cores()
        return max(1, machine_cores() // self._beside)

    def free(self, here: int, device: torch.device) -> int:
        """Return the free bytes on all devices together, by what is free ``here``."""
        if self.count == 1:
            return here
        least = torch.tensor(here)
        dist.all_reduce(least, dist.ReduceOp.MIN, group=self._control)
        # processes of a machine share its memory, each GPU has its own
        shares = self.count if device.type == "cuda" else self.count // self._beside
        return int(least) * shares

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that has no crop for each."""
        if batch >= self.count:
            return
        if not self.first:
            raise EndedElsewhere
        raise BadInput(
            f"a batch has {batch} crops, and there are {self.count} processes",
            "a crop for each",
            "start fewer with --nproc-per-node, or set a larger batch",
        )

    def own_chance(self, seed: int) -> None:
        """Let each process drop out others than the first, whose chance is that of one alone."""
        if not self.first:
            torch.manual_seed(seed + 1_000_003 * self.number)

    # What they make of a batch

    def part(self, batch: Batch) -> Batch:
        """Return the crops of ``batch`` that are this process's."""
        if self.count == 1:
            return batch
        each = {field.name: getattr(batch, field.name) for field in fields(batch)}
        parts = {k: v.tensor_split(self.count)[self.number] for k, v in each.items()}
        return replace(batch, **parts)

    def sum(self, x: Tensor) -> Tensor:
        """Return ``x`` added up over all; gradients go to the own part of it.

        They are those of one loss that all compute alike: to be added up by `share_gradients`.
        """
        if self.count == 1:
            return x
        summed: Tensor = _Summed.apply(x, self)  # type: ignore[no-untyped-call]
        return summed

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean of all values of ``x`` of all processes."""
        if self.count == 1:
            return x.mean()
        return self.sum(x.sum()) / self.sum(x.new_tensor(float(x.numel())))

    def of_crops(self, x: Tensor, n: int) -> Tensor:
        """Return the mean over all crops of what is the mean ``x`` of the own ``n`` crops."""
        if self.count == 1:
            return x
        return self.sum(x * n) / self.sum(x.new_tensor(float(n)))

    def gathered(self, x: Tensor) -> Tensor:
        """Return ``x`` of all, ``(count, *x.shape)``, without gradients."""
        self.meet()
        found = [torch.empty_like(x) for _ in range(self.count)]
        dist.all_gather(found, x)
        return torch.stack(found)

    def add_up(self, x: Tensor) -> None:
        """Add ``x`` up over all, in place and without gradients."""
        self.meet()
        dist.all_reduce(x)

    def share_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Add the gradients up over all, in place."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        self.add_up(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    # What they agree on

    def meet(self, *, failed: bool = False) -> None:
        """Wait for all, before each exchange of a step, and say whether this one has failed.

        Raises
        ------
        OutOfMemoryElsewhere
            Where another has: none then waits for an exchange that never comes.

        """
        if self.count > 1 and self.any(failed) and not failed:
            raise OutOfMemoryElsewhere("memory ran out in another process")

    def give_up(self, error: torch.OutOfMemoryError) -> None:
        """Let the others know of an error in a step, unless it is theirs."""
        if not isinstance(error, OutOfMemoryElsewhere):
            self.meet(failed=True)

    def any(self, flag: bool) -> bool:
        """Whether any of them says so."""
        if self.count == 1:
            return flag
        raised = torch.tensor(flag, dtype=torch.uint8)
        dist.all_reduce(raised, dist.ReduceOp.MAX, group=self._control)
        return bool(raised)

    def agreed(self, value: T) -> T:
        """Return what the first has; its tensors come on the CPU."""
        if self.count == 1:
            return value
        told = [_packed(value) if self.first else None]
        dist.broadcast_object_list(told, src=0, group=self._control, device=torch.device("cpu"))
        assert told[0] is not None
        return value if self.first else _unpacked(told[0])

    def made_once(self, make: Callable[[], Model]) -> Model:
        """Return the model that the first makes."""
        if self.count == 1:
            return make()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model{SUFFIX}"
            model = make() if self.first else None
            content = self.agreed(model.save(path).read_bytes() if model else None)
            if model is not None:
                return model
            assert content is not None
            path.write_bytes(content)
            return Model.load(path)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Do what is inside in all processes, or fail in all.

        Raises
        ------
        EndedElsewhere
            In all but the first where one of them fails; the first raises what went wrong.

        """
        failed: Exception | None = None
        try:
            yield
        except Exception as error:
            if self.count == 1:
                raise
            failed = error
        if self.count == 1:
            return
        lines: list[Any] = [None] * self.count
        words = None if failed is None else str(failed) or type(failed).__name__
        dist.all_gather_object(lines, words, group=self._control)
        if not any(lines):
            return
        if not self.first:
            raise EndedElsewhere from failed
        if failed is not None:
            raise failed
        number, line = next((k, line) for k, line in enumerate(lines) if line)
        raise BadInput(f"process {number + 1} of {self.count} cannot begin: {line}", "", "")


ALONE = Ranks()


class _Summed(torch.autograd.Function):
    """Adds up over all; the gradient is that of the own part alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ranks: Ranks) -> Tensor:
        summed = x.clone()
        ranks.add_up(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0], None


def _packed(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _unpacked(content: bytes) -> Any:
    """Read what another process of this training wrote."""
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
