"""Which slips put into right labels are offered with the right repair."""

import numpy as np

REPAIRS = {"merged": "split", "cut": "merge", "missed": "take", "invented": "delete"}
_NEAR = 6  # px


def offered(found, slips):
    """Return of each slip whether a doubt, or one of its parts, offers what mends it."""
    parts = [part for one in found for part in one.parts]
    return [
        any(
            one.frame == slip.frame
            and one.repair is not None
            and one.repair.verb == REPAIRS[slip.kind]
            and np.hypot(one.y - slip.y, one.x - slip.x) < _NEAR
            for one in parts
        )
        for slip in slips
    ]
