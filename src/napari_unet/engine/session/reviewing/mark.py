"""What tells live labels from any others, in later sessions, too."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_unet.engine.session.live_labels import LiveLabels


def mark_of(live: LiveLabels) -> str:
    """Return what stays the same as long as live labels do, and is the same when they are reopened.

    Told from the model and the frames that it predicted, the settings and the steps of correction;
    no frame is read. A link or a state changes no outline: ids through time may be others then, but
    the same cells are wrong.
    """
    predicted = live.probabilities
    said = {
        "settings": live.settings.model_dump(mode="json"),
        "steps": live.corrections.n_turns,
        "model": dict(predicted.key) if predicted is not None else {},
        "frames": np.packbits(predicted.computed).tobytes().hex() if predicted is not None else "",
    }
    return sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:32]
