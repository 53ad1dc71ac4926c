"""Provenance: what a sidecar and the methods text say."""

from types import SimpleNamespace

from napari_unet.engine.export.target.sidecar import Provenance, methods_text
from napari_unet.engine.settings import LabelSettings


def test_methods_text_names_model_settings_and_sources():
    model = SimpleNamespace(name="nuclei", sha256="ab" * 32, record={"steps": 5})
    settings = LabelSettings(threshold=0.7, min_size=12)
    text = methods_text(Provenance.of(model, labels=settings, n_corrected=3))
    for part in ("nuclei", "abababababab", "0.7", "12 pixels", "3 objects", "Ronneberger"):
        assert part in text
    assert "\n" not in text
    assert "watershed" not in methods_text(Provenance.of(labels=LabelSettings(split=False)))
    assert "U-Net" in methods_text(Provenance())
