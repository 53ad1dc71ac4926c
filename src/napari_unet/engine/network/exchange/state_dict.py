"""What is in a file of weights: the tensors by name, out of whatever they were wrapped in."""

from __future__ import annotations

from typing import Any

from torch import Tensor

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network_weights")
_OF_PARALLEL = "module."


class Foreign(Exception):
    """What was found in place of weights that are known: ``holds no tensors``."""


def plain_tensors(loaded: Any) -> dict[str, Tensor]:
    """Return the tensors of a state dict, floating ones as float32; `Foreign` where it is none."""
    for key in _WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict):
        raise Foreign(f"holds a {type(loaded).__name__}")
    state = {str(k): v for k, v in loaded.items() if isinstance(v, Tensor)}
    if not state:
        raise Foreign("holds no tensors")
    return {
        k.removeprefix(_OF_PARALLEL): v.float() if v.is_floating_point() else v
        for k, v in state.items()
    }


def outputs_of(raw: int) -> dict[str, Any]:
    """Return the outputs of a network of others by their number, as values of its config.

    One is a logit of *object*; several are exclusive, background first, the second of two all
    that is no background.
    """
    if raw == 1:
        return {"outputs": ("object",)}
    others = ("foreground",) if raw == 2 else tuple(f"class {k}" for k in range(1, raw))
    return {"outputs": ("object", *others), "softmax": True}
