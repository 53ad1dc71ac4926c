"""Lost: a cluster that does not answer, or has no workers any more."""

from napari_unet.engine.errors import BadInput


class Lost(BadInput):
    """It may come back: what is done stays, and the rest is done then."""
