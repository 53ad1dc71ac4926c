"""What a network says of itself: enough to build it again and to know how to run it."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from napari_unet.engine.labels.class_labels import classes_of
from napari_unet.engine.settings import Settings

Widths = tuple[Annotated[int, Field(ge=1, le=4096)], ...]
"""Channels of each level, that of the frame's size first."""

Step = Annotated[int, Field(ge=1, le=4)]


class NetworkConfig(Settings):
    """What all networks have in common.

    ``outputs`` names the probabilities it gives; the first is always ``object``. With
    ``softmax`` the network was made for exclusive classes, background first, and its raw
    outputs become one logit for *object* and one for each class.
    """

    title: ClassVar[str]
    exact: ClassVar[bool] = False
    """Whether a pixel is decided within `halo`, so that a tile equals its part of the frame."""
    fixed: ClassVar[bool] = False
    """Whether it learns at no other size than its `window`."""
    flat: ClassVar[bool] = False
    """Whether it is one of images, and never of volumes."""
    trainable: ClassVar[bool] = True
    """Whether it can learn; else it only predicts, on the CPU."""

    in_channels: int = Field(1, ge=1, le=64)
    outputs: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)] = ("object", "border")
    dims: int = Field(2, ge=2, le=3)
    softmax: bool = False
    boxed: bool = Field(False, exclude_if=lambda boxed: not boxed)
    """Whether it sees only the box around all that is not 0 in a normalised frame."""
    scale: float = Field(1.0, ge=0.05, le=8, exclude_if=lambda scale: scale == 1.0)
    """Factor by which frames are resized for it, its logits back: it learned cells at that size."""

    @model_validator(mode="after")
    def _check_outputs(self) -> NetworkConfig:
        if self.outputs[0] != "object":
            raise ValueError("the first output of a U-Net is 'object'")
        if self.softmax and len(self.outputs) < 2:
            raise ValueError("softmax needs a background and at least one class")
        classes_of(self.outputs)  # refuses what is neither a class nor a region
        return self

    @classmethod
    def wide(cls, width: int) -> dict[str, int]:
        """Return the options that give it a width; most have channels of each level instead."""
        return {}

    @property
    def classes(self) -> tuple[int, ...]:
        """Numbers of the classes it tells apart; () where it finds objects."""
        return classes_of(self.outputs)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, that of the frame's size first."""
        raise NotImplementedError

    @property
    def multiple(self) -> int:
        """Edge lengths inside the network are multiples of this number of pixels, its stride."""
        raise NotImplementedError

    @property
    def halo(self) -> int:
        """Radius in pixels beyond which a pixel cannot influence another, where it is `exact`."""
        raise NotImplementedError

    @property
    def multiples(self) -> tuple[int, ...]:
        """The stride along each axis."""
        return (self.multiple,) * self.dims

    @property
    def halos(self) -> tuple[int, ...]:
        """The halo along each axis."""
        return (self.halo,) * self.dims

    @property
    def window(self) -> int:
        """Edge in pixels of the windows that it is run in, where it is not `exact`."""
        raise NotImplementedError

    @property
    def windows(self) -> tuple[int, ...]:
        """Size of those windows along each axis."""
        raise NotImplementedError

    @property
    def in_planes(self) -> bool:
        """Whether the sections of its volumes are too far apart for voxels to count as cubes."""
        return False

    @property
    def load(self) -> float:
        """Feature maps of the frame's size that its levels fill, one result each."""
        each = 2.0**self.dims
        return sum(width / each**level for level, width in enumerate(self.widths))

    def crop_for(self, wanted: int) -> int:
        """Return the edge of training crops, ``wanted`` where the network can take it.

        It is a multiple of the stride, and twice that at least: norms need more than one pixel.
        """
        return max(2, -(-wanted // self.multiple)) * self.multiple

    def depth_for(self, wanted: int) -> int:
        """Return the sections of crops of volumes, a multiple of the stride along z."""
        step = self.multiples[0]
        return max(1, -(-wanted // step)) * step


class HalvedConfig(NetworkConfig):
    """Of a network with channels for each level, halved once from one level to the next."""

    filters: Annotated[Widths, Field(min_length=2, max_length=7)]
    strides: tuple[tuple[Step, Step, Step], ...] = Field((), exclude_if=lambda steps: not steps)
    """Of volumes, by how much each level is smaller along z, y, x; () where it is halved."""

    @model_validator(mode="after")
    def _check_strides(self) -> Self:
        if self.strides and (self.dims != 3 or len(self.strides) != len(self.filters) - 1):
            raise ValueError("strides are of volumes, one for each level below the first")
        return self

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, that of the frame's size first."""
        return self.filters

    @property
    def steps(self) -> tuple[tuple[int, ...], ...]:
        """By how much each level below the first is smaller than the one above, along each axis."""
        return self.strides or ((2,) * self.dims,) * (len(self.filters) - 1)

    @property
    def scales(self) -> tuple[tuple[int, ...], ...]:
        """How many pixels of the frame one of each level is wide, along each axis."""
        found = [(1,) * self.dims]
        for step in self.steps:
            found.append(tuple(n * k for n, k in zip(found[-1], step, strict=True)))
        return tuple(found)

    @property
    def in_planes(self) -> bool:
        """Whether the sections of its volumes are too far apart for voxels to count as cubes."""
        return bool(self.strides) and self.strides[0][0] == 1

    @property
    def multiple(self) -> int:
        """Edge lengths in a plane inside the network are multiples of this number of pixels."""
        return self.multiples[-1]

    @property
    def multiples(self) -> tuple[int, ...]:
        """The stride along each axis."""
        return self.scales[-1]

    @property
    def load(self) -> float:
        """Feature maps of the frame's size that its levels fill, one result each."""
        each = zip(self.widths, self.scales, strict=True)
        return sum(width / math.prod(scale) for width, scale in each)


class WindowedConfig(NetworkConfig):
    """Of a network whose normalisation or attention sees all of what it is given.

    It is run in windows of ``size``, the edge of its training crops in pixels; of volumes they are
    ``depth`` sections high, or else cubes.
    """

    size: int = Field(128, ge=16, le=2048)
    depth: int | None = Field(None, ge=1, le=2048, exclude_if=lambda depth: depth is None)

    @model_validator(mode="after")
    def _check_size(self) -> WindowedConfig:
        if self.size % self.multiple or self.size < 2 * self.multiple:
            raise ValueError(f"the size is a multiple of {self.multiple} px, twice that at least")
        if self.depth is not None and (self.dims == 2 or self.depth % self.multiples[0]):
            raise ValueError(f"the depth is a multiple of {self.multiples[0]} sections of a volume")
        return self

    @property
    def window(self) -> int:
        """Edge in pixels of the windows that it is run in."""
        return self.size

    @property
    def windows(self) -> tuple[int, ...]:
        """Size of the windows along each axis."""
        plane = (self.size, self.size)
        return plane if self.dims == 2 else (self.depth or self.size, *plane)

    def crop_for(self, wanted: int) -> int:
        """Return its own size."""
        return self.size

    def depth_for(self, wanted: int) -> int:
        """Return its own depth."""
        return self.windows[0]

    def sized(self, wanted: int, sections: int | None = None) -> Self:
        """Return the same with the size nearest above ``wanted`` that the network can take.

        Of volumes with at least so many ``sections``, as before where None.
        """
        size = super().crop_for(wanted)
        if sections is None:
            return self.replace(size=size)
        return self.replace(size=size, depth=super().depth_for(sections))
