"""Provenance: what a sidecar and the methods text say."""

import json
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


@pytest.mark.parametrize(
    ("settings", "record", "parts"),
    [
        (
            {"class_thresholds": (0.5, 0, 0.6), "class_sizes": (0, 0, 16),
             "class_sure": (0, 0, 0.9)},
            {"regions": "whole=1,2,4; core=1,4; enhancing=4"},
            ("regions whole=1,2,4; core=1,4; enhancing=4", "above 0.5, 0.4, 0.6", "none, none, 16",
             "below 1, 1, 0.9", "went to the region around them"),
        ),
        ({}, {"regions": "any=1,2"}, ("nested regions any=1,2", "above 0.4.")),
        ({"class_thresholds": (0, 0.7)}, {}, ("class, of a probability above none, 0.7",)),
        ({"class_sizes": (9,)}, {}, ("fewer than 9 pixels", "went to what surrounded them")),
    ],
)  # fmt: skip
def test_methods_text_says_how_classes_and_regions_were_told(settings, record, parts):
    model = SimpleNamespace(name="tumour", sha256="ab" * 32, record=record)
    labels = LabelSettings(threshold=0.4, **settings)
    text = methods_text(Provenance.of(model, labels=labels))
    for part in parts:
        assert part in text
    assert "watershed" not in text


@pytest.mark.parametrize("content", ["", "{", '{"model": 3}', "[]"])
def test_a_sidecar_that_says_nothing_is_doubted(content, tmp_path):
    sidecar_path(tmp_path / "labels.tif").write_text(content)
    (notice,) = read_provenance(tmp_path / "labels.tif").notices
    assert (notice.level, "labels.tif.json is damaged" in notice.line) == ("check", True)
    assert read_provenance(tmp_path / "other.tif").notices == ()


def test_methods_say_the_error_rate_of_windows_that_were_looked_at():
    check = {"rate": 0.024, "low": 0.011, "high": 0.046, "n_cells": 412, "n_windows": 20}
    text = methods_text(Provenance(check=check))
    assert "In 20 random windows with 412 cells, 2.4 % of the cells were wrong, missed or" in text
    assert "(95 % interval 1.1 % to 4.6 %)" in text
    assert "Korn EL, Graubard BI (1998)" in text
    assert "Korn" not in methods_text(Provenance())


def test_labels_of_0_1_0_were_made_by_its_rule_for_holes(tmp_path):
    """It wrote no notices; an archive of such labels makes them again by the same rule."""
    said = {"model": {"name": "a", "sha256": "b"}, "settings": {"labels": {"min_size": 5}}}
    for more, wanted in (({}, True), ({"notices": []}, False)):
        sidecar_path(tmp_path / "labels.tif").write_text(json.dumps({**said, **more}))
        found = read_provenance(tmp_path / "labels.tif").settings["labels"]
        assert found == LabelSettings(min_size=5, holes_part=wanted)
