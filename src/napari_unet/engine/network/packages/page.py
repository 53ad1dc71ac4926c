"""The page of a package: what a model is, how it was trained and how good it was, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.engine.network.model import Model

_SAID = {
    "for": "For", "not_for": "Not for", "stain": "Stain", "data": "Learned from", "terms": "Terms",
    "channel": "Channel", "citation": "Cite", "diameter": "Cells, px across",
    "pixel_size": "Pixel size, µm",
}  # fmt: skip


def page(model: Model, prepared: bool) -> str:
    """Return the README of a package in Markdown; ``prepared`` where it normalises by itself."""
    config = model.config
    lines = [f"# {model.name}", "", f"A {config.title} ({config.in_channels} channel(s) in)."]
    lines += ["", "Outputs, each a probability: " + ", ".join(config.outputs) + "."]
    lines += ["", *_card(model.card), "", "## Input", "", _input(model, prepared), ""]
    if not config.exact:
        lines += [f"Images of {config.window} px and no others: larger ones go in windows.", ""]
    lines += ["## From probability to labels", ""]
    lines += [f"- {key}: {value}" for key, value in model.label_settings.model_dump().items()]
    lines += ["", "## Validation", "", *_scores(model.record)]
    return "\n".join(lines) + "\n"


def _card(card: dict[str, Any]) -> list[str]:
    return [f"- {words}: {card[key]}" for key, words in _SAID.items() if card.get(key)]


def _input(model: Model, prepared: bool) -> str:
    if prepared:
        return "Raw frames: they are normalised as described."
    said = ", ".join(f"{k} {v}" for k, v in model.normalisation.model_dump().items())
    return (
        "Frames that are normalised already, each channel so: "
        f"{said}. A description of bioimage.io has no words for it."
    )


def _scores(record: dict[str, Any]) -> list[str]:
    after, test = record.get("after") or {}, record.get("test") or {}
    lines = ["It was not checked on frames held out."]
    if after:
        lines = [f"On {record.get('checked_on', 'frames held out')}:", "", *_figures(after)]
    if test:
        lines += ["", f"Test score, on {test['tested_on']}, which chose nothing:", ""]
        lines += _figures(test["after"])
    return lines


def _figures(scores: dict[str, Any]) -> list[str]:
    return [f"- {name}: {value:.3f}" for name, value in scores.items() if isinstance(value, float)]
