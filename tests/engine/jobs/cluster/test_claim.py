"""A folder is one client's at a time, until it is done or dead."""

import json
import os
import platform
import time

import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import process_mark
from napari_unet.engine.jobs.cluster.claim import claimed

NAME = ".napari-unet-client.json"
DEAD = process_mark().split("p")[0] + "p7ffffff0"


def test_a_second_client_is_refused_until_the_first_is_done(tmp_path):
    with claimed(tmp_path):
        with pytest.raises(BadInput) as caught, claimed(tmp_path):
            pass
        assert f"{tmp_path} is being written by" in str(caught.value)
        assert f"on {platform.node()} since 2" in str(caught.value)
        assert f"process {os.getpid()}" in str(caught.value)
    with claimed(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("claim", "age", "free"),
    [
        ({"host": platform.node(), "mark": DEAD}, 0, True),
        ({"host": platform.node(), "mark": f"{process_mark().split('p')[0]}p1"}, 999, False),
        ({"host": "another", "mark": "0000p1"}, 999, True),
        ({"host": "another", "mark": "0000p1"}, 0, False),
        ("half a fi", 999, True),
        ("half a fi", 0, False),
    ],
    ids=["dead", "alive", "no sign of life", "of another machine", "cut", "being written"],
)
def test_what_a_dead_client_left_does_not_count(tmp_path, claim, age, free):
    place = tmp_path / NAME
    place.write_text(claim if isinstance(claim, str) else json.dumps(claim))
    os.utime(place, (time.time() - age, time.time() - age))
    if free:
        with claimed(tmp_path):
            assert json.loads(place.read_text())["mark"] == process_mark()
        assert list(tmp_path.iterdir()) == []
    else:
        with pytest.raises(BadInput, match="is being written"), claimed(tmp_path):
            pass
        assert place.exists()
