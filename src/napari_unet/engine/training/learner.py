"""Learner: a network, its optimiser and the running mean of its weights; one step at a time."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.devices import has_cpu_bf16
from napari_unet.engine.network.network import layout_for
from napari_unet.engine.network.recompute import recompute_blocks
from napari_unet.engine.training.history import pixel_counts
from napari_unet.engine.training.losses import masked_loss, targets
from napari_unet.engine.training.ranks.ranks import ALONE
from napari_unet.engine.training.ranks.shared_norm import share_norms

if TYPE_CHECKING:
    from napari_unet.engine.network.network import Network
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.training.ranks.ranks import Ranks
    from napari_unet.engine.training.sampling.patches import Batch

_ANY = 1e-3  # learning rate; the schedule sets it before each step
# What batch norm takes from each step into the statistics that frames are predicted with. The 0.01
# of an EfficientNet, made for long runs, still remembers chance half after seventy steps.
_NORM_MOMENTUM = 0.1
_CLIP = 1.0  # norm of the gradients: a crop with one odd cell must not undo the steps before


class Learner:
    """Holds what changes while a network learns, on one device.

    ``mean`` is the exponential moving average of the weights: what is checked, shown and kept. Of
    several ``ranks`` each holds the same and the first alone a mean.
    """

    def __init__(
        self,
        network: Network,
        settings: TrainSettings,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        self.settings, self.device, self.ranks = settings, device, ranks
        # channels last makes convolutions faster, except backward on MPS, where it is far slower
        self._layout = layout_for(device, network.config.dims)
        self.network = network.to(device)
        for layer in _batch_norms(network):
            if layer.momentum is not None:
                layer.momentum = max(layer.momentum, _NORM_MOMENTUM)
        self.network.to(memory_format=self._layout)  # type: ignore[call-overload]
        self.mean = copy.deepcopy(self.network).eval()
        share_norms(_batch_norms(self.network), ranks)
        if settings.recompute:
            recompute_blocks(self.network)
        self.seen = torch.zeros((2, 2), dtype=torch.int64)  # pixels of the last step, as counted
        self.optimizer = _optimiser(self.network, settings, device)
        # 16 bits where the hardware multiplies them faster; fp16 alone needs its loss scaled, since
        # its small gradients would be rounded to nothing
        self._half = _half_type(device) if settings.precision == "auto" else None
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._half is torch.float16)

    def learn(self, batch: Batch, rate: float, step: int) -> float:
        """Take one step at a learning rate; give the loss before it.

        The batch is this rank's part, the loss that of all.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self._start_to_train()
        image = batch.image.contiguous(memory_format=self._layout)
        config = self.network.config
        wanted = targets(batch.labels, config.outputs, in_planes=config.in_planes)
        with torch.autocast(self.device.type, dtype=self._half, enabled=self._half is not None):
            outputs = self.network.training_outputs(image)
        share = (batch.supervised, batch.weight, self.settings)
        told: Any = {"exclusive": config.softmax, "outputs": config.outputs}
        losses = [
            weight * masked_loss(logits.float(), wanted, *share, **told, ranks=self.ranks)
            for logits, weight in zip(outputs.logits, outputs.weights, strict=True)
        ]
        extra = [] if outputs.extra is None else [self.ranks.of_crops(outputs.extra, len(image))]
        loss = torch.stack([*losses, *extra]).sum()
        seen = pixel_counts(outputs.logits[0].detach(), wanted, batch.supervised, **told)
        self.seen = self.ranks.sum(seen)
        self.optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.ranks.share_gradients(self.network.parameters())
        self._scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        if self.ranks.first:
            self._follow(step)
        return float(loss.detach())

    def _start_to_train(self) -> None:
        # Batch norm in training mode takes its statistics from a handful of crops. Frozen, it keeps
        # those of the model it starts from: less to forget where very little is annotated.
        self.network.train()
        if self.settings.freeze_norm:
            for layer in _batch_norms(self.network):
                layer.eval()

    def forget_gradients(self) -> None:
        """Free what an interrupted step left behind."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _follow(self, step: int) -> None:
        """Move the mean towards the weights: fast at first, so that it forgets the start."""
        decay = min(self.settings.ema, (1 + step) / (10 + step))
        now, mean = self.network.state_dict(), self.mean.state_dict()
        floating = [k for k, v in now.items() if v.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([mean[k] for k in floating], [now[k] for k in floating], 1 - decay)
            for key in now.keys() - set(floating):
                mean[key].copy_(now[key])

    def state(self) -> dict[str, Any]:
        """All of it, for a checkpoint."""
        return {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "optimiser": self.settings.optimiser,
            "scaler": self._scaler.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint's state; `BadInput` where another optimiser made it."""
        begun = state.get("optimiser", "adamw")  # version 0.1.0 had no other
        if begun != self.settings.optimiser:
            raise BadInput(
                f"the checkpoint was made by {begun}, chosen is {self.settings.optimiser}",
                "the optimiser it was begun with",
                "choose that one, or start a new training",
            )
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])


def _batch_norms(network: nn.Module) -> list[nn.BatchNorm2d | nn.BatchNorm3d]:
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d)]


def _optimiser(
    network: nn.Module, settings: TrainSettings, device: torch.device
) -> torch.optim.Optimizer:
    """Return the optimiser chosen, over all weights of ``network``.

    AdamW takes the decay off the weights themselves, the others add it to the gradients.
    """
    weights, decay = network.parameters(), settings.weight_decay
    fused = device.type in ("cpu", "cuda")
    match settings.optimiser:
        case "adam":
            return torch.optim.Adam(weights, lr=_ANY, weight_decay=decay, fused=fused)
        case "sgd":
            return torch.optim.SGD(
                weights, lr=_ANY, momentum=settings.momentum, weight_decay=decay, fused=fused
            )
        case "rmsprop":
            return torch.optim.RMSprop(
                weights, lr=_ANY, momentum=settings.momentum, weight_decay=decay
            )
    return torch.optim.AdamW(weights, lr=_ANY, weight_decay=decay, fused=fused)


def _half_type(device: torch.device) -> torch.dtype | None:
    """Return the 16-bit type the device multiplies faster than fp32, if any."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if device.type == "cpu" and has_cpu_bf16() else None
