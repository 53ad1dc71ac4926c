"""A model made of another, to begin from where images are of another kind than it learned from."""

from __future__ import annotations

from dataclasses import dataclass

from napari_unet.engine.network.model import Model

OF_ITS_KIND = ("for", "not_for", "stain")
"""What a model's card says that is not true of other images."""


@dataclass(frozen=True, eq=False)
class AdaptedBase(Model):
    """A model that takes other images than the one it is made of; ``words`` say how it begins."""

    of: Model | None = None
    words: str = ""

    @property
    def sha256(self) -> str:
        """Return the identity of the model that it is made of: that is the parent."""
        return self.of.sha256 if self.of is not None else super().sha256
