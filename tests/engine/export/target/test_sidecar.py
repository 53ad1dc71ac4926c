"""Provenance: what a sidecar and the methods text say."""

from types import SimpleNamespace

import pytest

from napari_unet.engine.export.target.sidecar import (
    Provenance,
    methods_text,
    read_provenance,
    sidecar_path,
)
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


@pytest.mark.parametrize("content", ["", "{", '{"model": 3}', "[]"])
def test_a_sidecar_that_says_nothing_is_doubted(content, tmp_path):
    sidecar_path(tmp_path / "labels.tif").write_text(content)
    (notice,) = read_provenance(tmp_path / "labels.tif").notices
    assert (notice.level, "labels.tif.json is damaged" in notice.line) == ("check", True)
    assert read_provenance(tmp_path / "other.tif").notices == ()
