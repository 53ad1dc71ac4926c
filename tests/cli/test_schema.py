"""The JSON schema of a command's settings takes its settings, and refuses what they refuse."""

from __future__ import annotations

import json

import pytest

from napari_unet.cli.schema import SCHEMAS

jsonschema = pytest.importorskip("jsonschema")


@pytest.mark.parametrize(
    ("command", "good", "bad"),
    [
        ("segment", {"labels": {"threshold": 0.4}}, {"labels": {"threshold": 2}}),
        ("segment", {"selection": {"channel": "GFP"}}, {"predict": {"device": "abacus"}}),
        ("segment", {"cluster": {"type": "slurm", "workers": 8}}, {"cluster": {"type": "abacus"}}),
        ("train", {"train": {"steps": 9, "minutes": None}}, {"train": {"crop": 100}}),
        ("train", {"train": {"validation": [3, 4]}}, {"train": {"no_such": 1}}),
        ("export", {"overlay": {"style": "filled"}}, {"overlay": {"fps": 0}}),
        ("export", {"table": {"ring": 2.5}}, {"table": {"ring": -1}}),
    ],
)
def test_a_schema_takes_what_the_settings_take(command, good, bad, run):
    answer = run("schema", command)
    assert answer.code == 0, answer.stderr
    check = jsonschema.Draft202012Validator(json.loads(answer.stdout))
    jsonschema.Draft202012Validator.check_schema(check.schema)
    check.validate(SCHEMAS[command]().model_dump(mode="json"))
    for values, right in ((good, True), (bad, False)):
        assert check.is_valid(values) is right
    SCHEMAS[command].model_validate(good)
    with pytest.raises(ValueError, match="validation error"):
        SCHEMAS[command].model_validate(bad)


def test_another_command_is_refused_in_one_line(run):
    answer = run("schema", "dance")
    assert answer.code == 2
    assert "dance" in answer.error
