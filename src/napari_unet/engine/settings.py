"""Settings as values: frozen, validated, serialisable; one object for each dialog.

The title, description, range and unit of each field serve the form, the command line's help
and the docs. ``json_schema_extra`` may hold ``advanced`` (shown only under *Advanced*) and
``unit``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Device = Literal["auto", "cpu", "cuda", "mps"]
NetworkName = Literal[
    "unet", "unet-2015", "unet-notebook", "unet++", "resunet", "resnet18-unet", "efficientnet-b2-unet",
    "attention-unet", "unetr", "segresnet-vae", "nnunet", "nnunet-optimised",
]
Z = int | Literal["max", "volume", "frames"]
"""A section, their maximum, all of them as a volume, or each as a frame."""
ADVANCED: dict[str, Any] = {"advanced": True}


class Settings(BaseModel):
    """Base of every settings value: frozen, refuses unknown fields and non-finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with ``changes``, validated again; it still tells which were given."""
        return type(self).model_validate({**self.model_dump(exclude_unset=True), **changes})

    @classmethod
    def presets(cls) -> dict[str, Self]:
        """Values that have a name; most settings have none."""
        return {}

    def __repr_args__(self) -> Any:
        """Show only what differs from the defaults."""
        fields = type(self).model_fields
        return [(k, v) for k, v in super().__repr_args__() if k not in fields or v != fields[k].default]


class Selection(Settings):
    """Which part of a file is the movie: axes, position, channel, z. Chosen once per viewer."""

    axes: str | None = Field(None, title="Axes", description="Order of the file's axes, for example TCYX; read from the file where left empty")
    position: int = Field(0, ge=0, title="Position", description="Image series of a multi-position file, from 0")
    channel: int | str | tuple[int, ...] | None = Field(None, title="Channel", description="Channel by number (from 0) or name; several numbers for a model with several input channels; the first where left empty")
    z: Z = Field("max", title="Z", description="Section by number (from 0), max for the maximum projection, volume for all of them as one, or frames for each section as a frame")
    pixel_size: float | None = Field(None, gt=0, le=1e6, title="Pixel size", description="Edge of a pixel, in place of what the file says", json_schema_extra={"unit": "µm"})
    z_step: float | None = Field(None, gt=0, le=1e6, exclude_if=lambda value: value is None, title="Section distance", description="From section to section, in place of what the file says", json_schema_extra={"unit": "µm"})
    frame_interval: float | None = Field(None, gt=0, le=1e10, title="Frame interval", description="Time from frame to frame, in place of what the file says", json_schema_extra={"unit": "s"})

    def without_lengths(self) -> Selection:
        """Return what tells which pixels are the movie: sizes and times as the file says."""
        return self.replace(pixel_size=None, z_step=None, frame_interval=None)


class Normalisation(Settings):
    """How raw intensities become the network's input. Belongs to the model."""

    kind: Literal["percentile", "minmax", "zscore", "none", "zscore_foreground", "robust", "robust_zscore"] = Field("percentile", title="Normalisation", description="Between percentiles; between the ends; z-score, of all pixels or of those that are not 0; by median and quartiles, with a z-score after it or without")
    low: float = Field(1.0, ge=0, le=50, title="Low percentile", description="Percentile that becomes 0", json_schema_extra={"unit": "%"})
    high: float = Field(99.8, ge=50, le=100, title="High percentile", description="Percentile that becomes 1", json_schema_extra={"unit": "%"})
    peak: float | None = Field(None, ge=1, le=100, title="Peak", description="What the 99.9th percentile becomes at most: where cells are few, the high percentile is one of the ground", json_schema_extra={"none": "any"})
    clip: bool = Field(False, title="Clip", description="Cut values outside 0 to 1; outside the percentiles where scaling is robust or by the foreground")
    scope: Literal["frame", "movie"] = Field("frame", title="Measured on", description="Each frame by itself, or the whole movie once")


class LabelSettings(Settings):
    """From probability to labels. Sizes in pixels of the movie."""

    threshold: float = Field(0.5, gt=0, lt=1, title="Threshold", description="Pixels above this probability belong to a cell")
    split: bool = Field(True, title="Split touching cells", description="Separate cells that touch")
    split_strength: float = Field(0.5, ge=0, le=1, title="Split", description="0 splits only clear necks, 1 splits at the slightest", json_schema_extra=ADVANCED)
    min_size: int = Field(30, ge=0, title="Smallest cell", description="Objects with fewer pixels are dropped", json_schema_extra={"unit": "px"})
    max_size: int | None = Field(None, ge=1, title="Largest cell", description="Objects with more pixels are dropped; empty for no limit", json_schema_extra={"unit": "px", **ADVANCED})
    fill_holes: bool = Field(True, title="Fill holes", description="Close holes inside cells")
    holes_part: bool = Field(False, exclude_if=lambda value: not value, title="Holes part cells", description="Let a hole in a cell, such as a nucleolus, cut it as a neck does; so it was in version 0.1.0", json_schema_extra=ADVANCED)
    drop_border: bool = Field(False, title="Drop cells at the edge", description="Leave out cells that touch the image edge", json_schema_extra=ADVANCED)
    edge: int = Field(0, ge=0, le=500, exclude_if=lambda value: not value, title="Drop within the edge", description="Leave out cells that lie wholly in so wide a band along the image edge, as the labels do that the model learned from", json_schema_extra={"unit": "px", **ADVANCED})
    class_thresholds: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(max_length=63)] = Field((), title="Class thresholds", description="Least probability of each class or region, in their order, where a model tells those; empty for the likeliest class, and for regions at the threshold of all", json_schema_extra=ADVANCED)
    class_sizes: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=63)] = Field((), exclude_if=lambda value: not value, title="Smallest pieces", description="Pieces of each class or region with fewer pixels go to what is around them, of a region to the one that holds it; empty for none", json_schema_extra={"unit": "px", **ADVANCED})
    class_sure: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(max_length=63)] = Field((), exclude_if=lambda value: not value, title="Sure pieces", description="Smaller pieces of each class or region stay where their mean probability is this or more; empty for none", json_schema_extra=ADVANCED)


def parted_as_in_0_1_0(labels: Any) -> Any:
    """Return label settings as version 0.1.0 saved them, with the rule that it had for holes."""
    return {"holes_part": True} | labels if isinstance(labels, dict) else labels


class PredictSettings(Settings):
    """How the network runs over the movie."""

    device: Device = Field("auto", title="Device", description="auto takes a GPU where torch can use one")
    backend: Literal["auto", "torch", "openvino"] = Field("auto", title="Backend", json_schema_extra=ADVANCED)
    precision: Literal["auto", "fp32", "fp16", "bf16", "int8"] = Field("auto", title="Precision", json_schema_extra=ADVANCED)
    diameter: float | None = Field(None, ge=1, le=5000, title="Cell diameter", description="Of the cells in the movie: frames are resized so that the model sees them at the size it knows; empty leaves frames as they are", json_schema_extra={"unit": "px", "none": "as it is"})
    accurate: bool = Field(False, title="Accurate", description="Average over flips and rotations: eight runs of the network a frame", json_schema_extra=ADVANCED)
    tile: int | None = Field(None, ge=64, title="Tile", description="Edge of a tile; empty for whole frames, tiled only where memory runs out", json_schema_extra={"unit": "px", **ADVANCED})
    threads: int | None = Field(None, ge=1, title="Threads", description="CPU threads; empty for one per physical core", json_schema_extra=ADVANCED)
    scale: float = Field(1.0, ge=0.05, le=20, title="Scale", description="Frames are resized by this factor before the network and the result back", json_schema_extra=ADVANCED)


class Augmentation(Settings):
    """What is done at random to each training crop, on the device, in one batch."""

    flip: bool = Field(True, title="Flips and quarter turns")
    rotate: float = Field(180.0, ge=0, le=180, title="Rotation", description="Largest free rotation", json_schema_extra={"unit": "°"})
    zoom_low: float = Field(0.7, gt=0.2, le=1, title="Smallest zoom")
    zoom_high: float = Field(1.4, ge=1, lt=5, title="Largest zoom")
    elastic: float = Field(2.0, ge=0, le=20, title="Elastic deformation", description="Standard deviation of the displacement", json_schema_extra={"unit": "px"})
    brightness: float = Field(0.15, ge=0, le=1, title="Brightness", description="Largest shift, in units of the normalised range")
    contrast: float = Field(0.3, ge=0, lt=1, title="Contrast", description="Largest relative change")
    gamma: float = Field(0.3, ge=0, lt=1, title="Gamma", description="Largest change of the exponent, as its logarithm")
    exposure: float = Field(1.0, ge=1, le=10, title="Exposure", description="How many times as bright crops are made at most, as where a frame holds few cells")
    noise: float = Field(0.05, ge=0, le=1, title="Noise", description="Largest standard deviation of added Gaussian noise")
    blur: float = Field(1.0, ge=0, le=5, title="Blur", description="Largest Gaussian sigma", json_schema_extra={"unit": "px"})
    defocus: float = Field(0.0, ge=0, le=20, title="Out of focus", description="Largest radius of the discs that points become in some crops, as in frames out of focus", json_schema_extra={"unit": "px"})
    bleach: float = Field(0.0, ge=0, lt=1, title="Bleaching", description="Largest share of the light that some crops have lost, so that the noise stands out as in bleached frames")
    stain: float = Field(0.2, ge=0, lt=1, title="Stains", description="How much stronger or weaker each stain of a coloured image on a light ground is made at most")
    colour: float = Field(0.1, ge=0, le=1, title="Colours", description="Largest change of the gain of red, green and blue, as its logarithm; of coloured images only")
    cells: float = Field(0.0, ge=0, le=3, title="Brightness of single cells", description="How much dimmer single cells are made at most, as a logarithm: 0.7 is half as bright")

    def milder(self) -> Self:
        """Return what crops are changed by once outlines are to get sharp: pixels stay in place.

        Any turn or zoom but that by quarters resamples a crop, which blurs it and its outlines.
        """
        shares = {name: share * getattr(self, name) for name, share in _LEFT.items()}
        return self.replace(rotate=0.0, zoom_low=1.0, zoom_high=1.0, elastic=0.0, **shares)

    @classmethod
    def presets(cls) -> dict[str, Self]:
        """Return the strengths ``none``, ``light``, ``default`` and ``strong``."""
        return {name: cls(**changes) for name, changes in _STRENGTHS.items()}

    @classmethod
    def preset(cls, name: Literal["none", "light", "default", "strong"]) -> Self:
        """Return one of the `presets`."""
        return cls.presets()[name]


_TERMS = ("bce", "ce", "dice", "focal")


def _in_order(loss: Any) -> Any:
    """Return a sum of losses as it is saved: ``dice+bce`` is ``bce_dice``."""
    terms = loss.replace("+", "_").split("_") if isinstance(loss, str) else ()
    return "_".join(sorted(terms, key=_TERMS.index)) if terms and {*terms} <= {*_TERMS} else loss


Loss = Annotated[
    Literal[
        "bce_dice", "bce", "focal", "dice", "dice_focal", "bce_focal", "bce_dice_focal",
        "ce", "ce_dice", "ce_focal", "ce_dice_focal",
    ],
    BeforeValidator(_in_order),
]
ClassWeight = Annotated[float, Field(ge=0, le=1000)]


_STRENGTHS: dict[str, dict[str, Any]] = {
    "none": {"flip": False, "rotate": 0, "zoom_low": 1, "zoom_high": 1, "elastic": 0, "brightness": 0, "contrast": 0, "gamma": 0, "noise": 0, "blur": 0, "stain": 0, "colour": 0},
    "light": {"rotate": 0, "zoom_low": 0.9, "zoom_high": 1.1, "elastic": 0, "brightness": 0.05, "contrast": 0.1, "gamma": 0.1, "noise": 0.02, "blur": 0, "stain": 0.1, "colour": 0.05},
    "default": {},
    "strong": {"zoom_low": 0.5, "zoom_high": 2.0, "elastic": 4, "brightness": 0.3, "contrast": 0.5, "gamma": 0.5, "noise": 0.1, "blur": 2, "stain": 0.35, "colour": 0.2},
}


_LEFT = {"noise": 0.1, "blur": 0.2}
"""Of each strength, what is left late in a run; what has no share here stays as it is."""


class TrainSettings(Settings):
    """One training run. Time first: steps, batch and crop follow from the minutes."""

    minutes: float | None = Field(5.0, gt=0, title="Minutes", description="Time budget; empty where steps or epochs are given")
    steps: int | None = Field(None, ge=1, title="Steps", description="Exact number of optimiser steps: the same seed then gives the same model on a CPU", json_schema_extra=ADVANCED)
    epochs: int | None = Field(None, ge=1, title="Epochs", description="Passes over the annotated area", json_schema_extra=ADVANCED)
    seed: int = Field(0, ge=0, title="Seed", json_schema_extra=ADVANCED)
    threads: int | None = Field(None, ge=1, title="Threads", description="CPU threads; empty for one per physical core", json_schema_extra=ADVANCED)
    device: Device = Field("auto", title="Train on")
    stain: str = Field("", max_length=200, title="Stain", description="Stain and imaging, such as H2B-GFP, widefield: goes into the model's card", json_schema_extra={"none": "such as H2B-GFP, widefield"})
    precision: Literal["auto", "fp32"] = Field("auto", title="Precision", description="auto multiplies in 16 bits where the processor is faster with them", json_schema_extra=ADVANCED)
    network: NetworkName = Field("unet", title="Network", description="Which one is made from new; all but the U-Nets need MONAI, from the extra networks", json_schema_extra=ADVANCED)
    regions: str = Field("", max_length=2000, title="Regions", description="Sets of the labels' classes that overlap, wholes before their parts, each learned by itself: whole=1,2,4; core=1,4; enhancing=4", json_schema_extra={"none": "whole=1,2,4; core=1,4; enhancing=4", **ADVANCED})
    filters: Annotated[tuple[int, ...], Field(min_length=2, max_length=7)] = Field((16, 32, 64, 128), title="Filters", description="Channels of each level, for a network made from new; unchanged, other networks than the plain one have their own", json_schema_extra=ADVANCED)
    width: int | None = Field(None, ge=8, le=4096, title="Width", description="Of the transformer in unetr, or of the first level of segresnet-vae; empty for the network's own", json_schema_extra={"none": "its own", **ADVANCED})
    dropout: float | None = Field(None, ge=0, lt=1, title="Dropout", description="Share of features left out at random while a new network learns, where it has such a layer; empty for its own", json_schema_extra={"none": "its own", **ADVANCED})
    initialisation: Literal["own", "kaiming"] = Field("own", title="Initialisation", description="Of a new network: its own, or normal after Kaiming He 2015 in all convolutions", json_schema_extra=ADVANCED)
    encoder_weights: str = Field("", max_length=4000, title="Encoder weights", description="File of a ResNet-18 or EfficientNet that another has trained, for the encoder of a new network; imagenet fetches what was published", json_schema_extra={"none": "a file, or imagenet", **ADVANCED})
    recompute: bool = Field(False, title="Gradient checkpointing", description="Keep less in memory for the gradients and compute it again: about a third slower", json_schema_extra=ADVANCED)
    border: bool = Field(True, title="Separate touching cells", description="Learn the borders between cells beside the cells themselves")
    border_weight: float = Field(5.0, ge=0, le=100, title="Border weight", description="w0 of Ronneberger 2015: weight of the gap between neighbouring cells", json_schema_extra=ADVANCED)
    border_sigma: float = Field(5.0, gt=0, le=50, title="Border width", description="sigma of Ronneberger 2015", json_schema_extra={"unit": "px", **ADVANCED})
    edge: int | None = Field(None, ge=0, le=500, title="Leave out at the image edge", description="Band along the image edge that is not trained on; empty for one in which no cell is outlined though cells reach into it, and 0 for none", json_schema_extra={"unit": "px", "none": "automatic", **ADVANCED})
    loss: Loss = Field("bce_dice", title="Loss", description="One or a sum such as bce+dice; of classes bce and ce are the cross-entropy of all of them", json_schema_extra=ADVANCED)
    dice_over: Literal["batch", "crop"] = Field("batch", title="Dice over", description="The overlap of the whole batch, or of each crop by itself", json_schema_extra=ADVANCED)
    focal_gamma: float = Field(2.0, ge=0, le=10, title="Focal gamma", description="How little pixels count that are right already", json_schema_extra=ADVANCED)
    class_weights: Literal["equal", "balanced"] | tuple[ClassWeight, ...] = Field("equal", title="Class weights", description="equal, balanced by how often each occurs, or numbers: of background and cells, or of background and each class", json_schema_extra=ADVANCED)
    optimiser: Literal["adamw", "adam", "sgd", "rmsprop"] = Field("adamw", title="Optimiser", json_schema_extra=ADVANCED)
    momentum: float = Field(0.9, ge=0, lt=1, title="Momentum", description="Of SGD and RMSprop", json_schema_extra=ADVANCED)
    schedule: Literal["warmup_cosine", "one_cycle", "constant"] = Field("warmup_cosine", title="Schedule", description="How the learning rate changes during a run", json_schema_extra=ADVANCED)
    # AdamW's first steps know no variance yet and would be too large
    warm_up: float = Field(0.08, ge=0, le=0.9, title="Warm-up", description="Share of the run in which the learning rate rises, before the cosine", json_schema_extra=ADVANCED)
    learning_rate: float | None = Field(None, gt=0, le=1, title="Learning rate", description="Peak of the schedule; empty for 0.006 from new (0.0025 of volumes) and 0.002 from a model", json_schema_extra=ADVANCED)
    weight_decay: float = Field(0.01, ge=0, le=1, title="Weight decay", json_schema_extra=ADVANCED)
    ema: float = Field(0.99, ge=0, lt=1, title="EMA", description="Decay of the running mean of the weights", json_schema_extra=ADVANCED)
    freeze_norm: bool = Field(False, title="Freeze batch norm", description="Keep the statistics of the model it starts from; they then do not vary from batch to batch", json_schema_extra=ADVANCED)
    scale: Literal["auto"] | Annotated[float, Field(ge=0.05, le=8)] = Field("auto", title="Working scale", description="Frames are resized by this factor for the network, its result back; auto brings large and tiny cells to a size that it sees well", json_schema_extra=ADVANCED)
    crop: int | None = Field(None, ge=32, le=2048, multiple_of=16, title="Crop", description="Edge of a training crop; empty for automatic", json_schema_extra={"unit": "px", **ADVANCED})
    whole_frames: bool = Field(False, title="Whole frames", description="Learn from whole frames, each once an epoch, in place of crops", json_schema_extra=ADVANCED)
    batch: int | None = Field(None, ge=1, le=512, title="Batch", description="Crops per step; empty for automatic", json_schema_extra=ADVANCED)
    augmentation: Augmentation = Field(Augmentation(), title="Augmentation", json_schema_extra=ADVANCED)
    settle: float = Field(0.2, ge=0, le=0.9, title="Settle", description="Share of the run at whose end crops are changed only a little, so that outlines get sharp", json_schema_extra=ADVANCED)
    normalisation: Normalisation = Field(Normalisation(), title="Normalisation", json_schema_extra=ADVANCED)
    validation: Literal["auto", "none"] | tuple[int, ...] = Field("auto", title="Check on", description="Frames kept aside for checking: auto, none, or their positions", json_schema_extra=ADVANCED)
    test: tuple[Annotated[int, Field(ge=0)], ...] = Field((), exclude_if=lambda value: not value, title="Test on", description="Frames that choose nothing, neither weights nor threshold nor sizes, by their positions: the model is scored on them once, at the end", json_schema_extra={"none": "none", **ADVANCED})
    patience: int | None = Field(None, ge=1, title="Patience", description="Stop after so many checks without a better score; empty to use all the time", json_schema_extra=ADVANCED)
    keep_best: int = Field(1, ge=1, le=5, title="Keep best", description="How many of the best weights are kept, as models of their own; where what is checked on joins the training there is one", json_schema_extra=ADVANCED)


    def with_recipe(self, name: str) -> Self:
        """Return these settings for a network, with its recipe; KeyError for an unknown one.

        What any recipe says and this one does not is as usual again; the rest stays.
        """
        fields = type(self).model_fields
        said = {field for recipe in RECIPES.values() for field in recipe}
        if self.minutes is not None:  # what a user gave; a recipe of epochs takes them away
            said -= {"minutes"}
        usual = {field: fields[field].default for field in said}
        return self.replace(**usual | RECIPES[name] | {"network": name})

    def with_network(self, name: str) -> Self:
        """Return these settings for another network, with its recipe where nobody chose otherwise.

        Chosen is what differs from the recipe of the network before, or minutes other than usual.
        """
        before, fields = self.with_recipe(self.network), type(self).model_fields
        own = {f: getattr(self, f) for f in fields if getattr(self, f) != getattr(before, f)}
        if self.minutes not in (None, fields["minutes"].default):
            own |= {"minutes": self.minutes, "epochs": None}
        return self.with_recipe(name).replace(**own)


_NOTEBOOK: dict[str, Any] = {
    "loss": "bce", "border": False, "border_weight": 0.0, "optimiser": "adam", "learning_rate": 1e-3,
    "weight_decay": 0.0, "schedule": "constant", "ema": 0.0, "whole_frames": True, "minutes": None,
    "augmentation": Augmentation.preset("none"), "normalisation": Normalisation(kind="minmax"),
}  # fmt: skip
_TRANSFORMER: dict[str, Any] = {"learning_rate": 1e-4, "weight_decay": 1e-5, "warm_up": 0.1}
_NNUNET: dict[str, Any] = {"optimiser": "adam", "learning_rate": 7e-4, "weight_decay": 1e-4, "warm_up": 0.1}
_PUBLISHED: dict[str, dict[str, Any]] = {
    "unet-2015": {
        "loss": "ce", "class_weights": "balanced", "border": False, "border_weight": 10.0,
        "optimiser": "sgd", "momentum": 0.99, "learning_rate": 1e-3, "weight_decay": 0.0,
        "schedule": "constant", "augmentation": Augmentation(elastic=10.0),
    },
    "unet-notebook": {**_NOTEBOOK, "epochs": 30},
    "unet++": {"loss": "bce", "optimiser": "adam", "learning_rate": 1e-4, "weight_decay": 0.0, "schedule": "constant"},
    "resunet": {"loss": "bce", "optimiser": "adam", "learning_rate": 1e-4, "weight_decay": 0.0, "schedule": "constant"},
    "resnet18-unet": {**_NOTEBOOK, "epochs": 10},
    "efficientnet-b2-unet": {
        "loss": "ce", "learning_rate": 1e-3, "weight_decay": 1e-4, "schedule": "one_cycle", "patience": 5,
        "normalisation": Normalisation(kind="robust_zscore", low=1, high=99, clip=True),
    },
    "attention-unet": {"learning_rate": 1e-3},
    "unetr": _TRANSFORMER,
    "segresnet-vae": _TRANSFORMER,
    "nnunet": _NNUNET,
    "nnunet-optimised": _NNUNET,
}  # fmt: skip
RECIPES: dict[str, dict[str, Any]] = {
    "unet": {},
    # no paper or notebook has late crops
    **{name: {**changes, "settle": 0.0} for name, changes in _PUBLISHED.items()},
}
"""What goes with each network, by its name: changes of `TrainSettings`, each open to others."""


COMPARED = rf"^({'|'.join(map(re.escape, get_args(NetworkName)))})(/[1-9]\d?)?$"
"""What a compared network looks like: a name, or ``NAME/4`` for a quarter of its channels."""
ComparedNetwork = Annotated[str, Field(pattern=COMPARED)]


class CompareSettings(Settings):
    """Which networks are compared, and how: cross-validation in blocks of time."""

    networks: Annotated[tuple[ComparedNetwork, ...], Field(min_length=1, max_length=100)] = Field(("unet",), title="Networks", description="Compared networks; NAME/4 has a quarter of the channels of NAME")
    folds: int = Field(5, ge=2, le=100, title="Folds", description="Blocks of frames, each of which is scored by networks that learned from the others")
    seeds: int = Field(1, ge=1, le=100, title="Seeds", description="How often each network learns in each fold, from another seed each time")
    gap: int = Field(1, ge=0, le=1000, title="Gap", description="Annotated frames beside the block that are not learned from either: neighbours in time look alike", json_schema_extra={"unit": "frames"})
    recipes: bool = Field(True, title="Recipes", description="Train each network by its own recipe; otherwise all by the usual settings")
    clock: Literal["wall", "cpu"] = Field("wall", title="Clock", description="What minutes are counted by; cpu is the time that the processor worked, whatever else it did meanwhile")
    train: TrainSettings = TrainSettings()

    def training(self, network: str, seed: int) -> TrainSettings:
        """Return how one of the networks learns: its recipe, and over it what was given.

        Minutes, steps or epochs are the same for all. What ``NAME/4`` makes narrower is left out.
        """
        name = network.partition("/")[0]
        given = self.train.model_dump(exclude_unset=True)
        start = TrainSettings().with_recipe(name) if self.recipes else TrainSettings(network=name)
        length = {key: getattr(self.train, key) for key in ("minutes", "steps", "epochs")}
        return start.replace(**given | length | {"network": name, "seed": self.train.seed + seed})


class OverlaySettings(Settings):
    """How an overlay movie looks and how it is encoded."""

    style: Literal["contours", "filled", "side_by_side", "probability", "before_after"] = Field("contours", title="Style")
    fps: float = Field(10.0, gt=0, le=120, title="Frames per second")
    length: float | None = Field(None, gt=0, le=36000, title="Length", description="Length of the movie; sets the frames per second; empty to choose those", json_schema_extra={"unit": "s", **ADVANCED})
    line_width: int = Field(2, ge=1, le=20, title="Line width", json_schema_extra={"unit": "px"})
    opacity: float = Field(0.4, ge=0, le=1, title="Opacity", description="Of the colour in filled style")
    show_ids: bool = Field(False, title="Show ids")
    tail: int = Field(0, ge=0, le=1000, title="Track tails", description="How many frames back the path of each cell is drawn; 0 for none", json_schema_extra={"unit": "frames"})
    show_time: bool = Field(True, title="Time stamp")
    show_scale_bar: bool = Field(True, title="Scale bar")
    title_text: str = Field("", title="Title", max_length=200)
    low: float = Field(1.0, ge=0, le=50, title="Black percentile", description="Measured once over the movie, so that it does not flicker", json_schema_extra={"unit": "%", **ADVANCED})
    high: float = Field(99.8, ge=50, le=100, title="White percentile", json_schema_extra={"unit": "%", **ADVANCED})
    crop: tuple[int, int, int, int] | None = Field(None, title="Crop", description="y0, x0, y1, x1 in pixels; empty for the whole frame", json_schema_extra=ADVANCED)
    zoom: float = Field(1.0, gt=0, le=8, title="Zoom", json_schema_extra=ADVANCED)
    section: int | None = Field(None, ge=0, exclude_if=lambda value: value is None, title="Section", description="Section of a volume that is shown, counted from 0; empty for the maximum of all", json_schema_extra={"none": "maximum", **ADVANCED})
    quality: int = Field(22, ge=0, le=51, title="Quality", description="x264 crf: lower is better and larger", json_schema_extra=ADVANCED)


class TableSettings(Settings):
    """What is measured beside the shape. Distances from an object's edge."""

    ring: float | None = Field(None, gt=0, le=100, title="Ring", description="Width of a ring around each cell whose intensity is measured too", json_schema_extra={"unit": "µm"})
    background_gap: int = Field(2, ge=0, le=50, title="Background from", description="Pixels nearer to a cell do not count as its local background", json_schema_extra={"unit": "px", **ADVANCED})
    background_reach: int = Field(12, ge=1, le=200, title="Background to", description="The local background is the median of the unlabelled pixels up to here", json_schema_extra={"unit": "px", **ADVANCED})


class QualitySettings(Settings):
    """What is said of a frame that differs from its neighbours in time; the same for all movies."""

    blur: float = Field(0.45, ge=0.05, le=10, title="Out of focus", description="Fall of the logarithm of fine detail over coarse structure that is said", json_schema_extra=ADVANCED)
    fall: float = Field(0.2, ge=0.01, le=0.99, title="Brightness fell", description="Share of the brightness around it that a frame lacks, where it is said", json_schema_extra=ADVANCED)
    bleached: float = Field(0.35, ge=0.01, le=0.99, title="Bleached", description="Share of the brightness of before that is gone for good, where it is said", json_schema_extra=ADVANCED)
    jump: float = Field(5.0, gt=0, le=10000, title="Stage jumped", description="Movement of the whole picture from one frame to the next that is said", json_schema_extra={"unit": "px", **ADVANCED})
    count: float = Field(0.25, ge=0.01, le=10, title="Cell count jumped", description="Share of the cells of the frames before by which their number changes, where it is said", json_schema_extra=ADVANCED)
    size: float = Field(1.5, gt=1, le=100, title="Cells of another size", description="Factor between the diameter of cells and that which the model knows, beyond which it is said", json_schema_extra=ADVANCED)
    noise: float = Field(6.0, ge=1, le=100, title="Above the noise", description="Times the usual change from frame to frame that any of them must be", json_schema_extra=ADVANCED)
    reach: int = Field(15, ge=2, le=1000, title="Neighbours", description="How far in time a frame is compared, on either side", json_schema_extra={"unit": "frames", **ADVANCED})
