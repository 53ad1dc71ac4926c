"""A model made of another, to begin from where images are of another kind than it learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.engine.network.model import Model

if TYPE_CHECKING:
    from napari_unet.engine.network.network import Network

_KEPT = ("normalisation", "label_settings", "name", "record")
_OF_ITS_KIND = ("for", "not_for", "stain")  # of a card: not true of other images


@dataclass(frozen=True, eq=False)
class AdaptedBase(Model):
    """A model that takes other images than the one it is made of; ``words`` say how it begins."""

    of: Model | None = None
    words: str = ""

    @classmethod
    def made_of(cls, base: Model, network: Network, words: str, **changes: Any) -> AdaptedBase:
        """Return ``base`` with another network, and with what ``changes`` of it; without images."""
        card = {key: value for key, value in base.card.items() if key not in _OF_ITS_KIND}
        kept = {name: getattr(base, name) for name in _KEPT} | changes
        return cls(network.eval(), card=card, of=base, words=words, **kept)

    @property
    def sha256(self) -> str:
        """Return the identity of the model that it is made of: that is the parent."""
        return self.of.sha256 if self.of is not None else super().sha256
