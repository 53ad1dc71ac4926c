"""What a model says of a movie whose channels have other names, or another order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unet.engine.prediction.channel_doubt import channel_doubt
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack

PIXELS = np.ones((2, 3, 16, 16), np.uint8)


@pytest.mark.parametrize(
    ("learned", "names", "channel", "level", "line"),
    [
        ("DAPI, GFP", "DAPI GFP RFP", (0, 1), None, ""),
        ("dapi, gfp", "DAPI GFP RFP", (0, 1), None, ""),
        ("DAPI, GFP", "GFP DAPI RFP", (0, 1), "check", "--channel 1,0 gives these"),
        ("DAPI, GFP", "GFP RFP BF", (0, 1), "check", "the movie gives GFP, RFP"),
        ("DAPI", "GFP DAPI RFP", 0, "noted", "learned from DAPI, and segments GFP here"),
        ("DAPI", "GFP DAPI RFP", 1, None, ""),
        ("channel 0, channel 1", "GFP DAPI RFP", (0, 1), None, ""),
        ("DAPI, GFP", "", (0, 1), None, ""),
        (None, "DAPI GFP RFP", (1, 0), None, ""),
    ],
)
def test_other_channels_are_said(two_channel_model, learned, names, channel, level, line):
    model = replace(two_channel_model, card={"channel": learned} if learned else {})
    named = tuple(names.split()) or None
    stack = Stack.from_array(
        PIXELS, Selection(channel=channel), axes="TCYX", channel_names=named, name="m"
    )
    doubt = channel_doubt(model, stack)
    assert (doubt.level if doubt else None) == level
    assert line in (doubt.line if doubt else "")
