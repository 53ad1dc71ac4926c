"""Write the card of a bundled model beside it: python scripts/model_card.py MODEL.safetensors."""

from __future__ import annotations

import sys
from pathlib import Path

from napari_unet.engine.network.model import Model

_FIELDS = (
    ("for", "For"),
    ("not_for", "Not for"),
    ("stain", "Stain and imaging"),
    ("data", "Trained on"),
    ("terms", "Terms"),
    ("citation", "Cite"),
    ("command", "Made by"),
)
_SCORES = "scores_on_images_kept_aside"


def page(model: Model) -> str:
    """Return the card as Markdown, from what the model file itself says."""
    card, labels = model.card, model.label_settings
    lines = [f"# {model.name}", ""]
    lines += [f"- **{title}:** {card[key]}" for key, title in _FIELDS if key in card]
    filters = "-".join(map(str, model.config.filters))
    lines += [
        f"- **Network:** U-Net, filters {filters}, outputs {', '.join(model.config.outputs)}",
        f"- **Typical diameter:** {card['diameter']} px; give that of your cells with `--diameter`",
        f"- **Normalisation:** {model.normalisation!r}",
        f"- **Labels:** threshold {labels.threshold}, split {labels.split_strength}, "
        f"smallest cell {labels.min_size} px",
        f"- **sha256:** `{model.sha256}`",
        "",
        "On the training data's images kept aside (every sixth). They also chose the weights,",
        "the normalisation and the label settings, with an eye on HeLa 01 of the Cell Tracking",
        "Challenge, so new images will score a little lower:",
        "",
        "| IoU | SEG | F1@0.5 |",
        "|---|---|---|",
        "| " + " | ".join(str(card[_SCORES][key]) for key in ("iou", "seg", "f1")) + " |",
        "",
        "Scores on movies it never learned from: `docs/benchmarks.md`. It carries eight crops of",
        "its training images (CC0), so that a fine-tuned copy can be checked for what it forgot.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).with_suffix(".md").write_text(page(Model.load(name)), encoding="utf-8")
