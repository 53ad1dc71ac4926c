"""Files that are read back, damaged or made to do harm: refused in a line, or opened whole."""

from __future__ import annotations

import random
import sys

import pytest

from tests.engine.files.hostile_files import HOSTILE
from tests.engine.files.kept_files import BAD, KEPT, outcome
from tests.engine.stack.damage import DAMAGES

pytestmark = pytest.mark.slow

EACH = 5  # of ten kinds in four ways
# what is not known of a session or of where labels come from is made anew, or left out
MADE_ANEW = {"session.json": {"refused", "said"}, "sidecar": {"said"}}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", KEPT)
def test_damaged_files_are_refused_or_whole(tmp_path, name, damage):
    """The campaign of benchmarks/fuzz_files.py in small."""
    kept, chance = KEPT[name], random.Random(f"{name} {damage}")
    for number in range(EACH):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = kept.write(folder)
        whole, content = kept.read(path), bytearray(path.read_bytes())
        DAMAGES[damage](content, chance)
        path.write_bytes(content)
        assert outcome(kept, path, whole) not in BAD


@pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and sparse files are made")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_and_nothing_runs(tmp_path, name):
    kind, make = HOSTILE[name]
    kept, marker = KEPT[kind], tmp_path / "ran"
    (tmp_path / "good").mkdir()
    whole = kept.read(kept.write(tmp_path / "good"))
    found = outcome(kept, make(tmp_path, marker), whole, marker)
    assert found in MADE_ANEW.get(kind, {"refused"})
    assert not marker.exists()
