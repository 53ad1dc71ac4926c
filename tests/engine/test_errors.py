import pickle

import pytest

from napari_unet.engine.errors import BadInput, not_installed


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (
            ("a.tif has 3 frames", "40", "add frames"),
            "a.tif has 3 frames; expected 40. Add frames.",
        ),
        (("a", "b", "Ends with a stop."), "a; expected b. Ends with a stop."),
        (("two\nlines", "one \t line", "join  them"), "two lines; expected one line. Join them."),
        (("no room", "", "free some"), "no room. Free some."),
        (("µm is Å", "µm", "öffne"), "µm is Å; expected µm. Öffne."),
    ],
)
def test_one_plain_line(parts, line):
    assert str(BadInput(*parts)) == line


def test_what_is_not_installed_says_how_to_install_it():
    line = (
        'OME-Zarr export needs zarr, which is not installed: pip install "napari-unet-live[zarr]".'
    )
    assert str(not_installed("OME-Zarr export", "zarr", "zarr")) == line


def test_keeps_its_parts_and_travels_between_processes():
    error = pickle.loads(pickle.dumps(BadInput("found", "expected", "remedy")))
    assert isinstance(error, ValueError)
    assert (error.found, error.expected, error.remedy) == ("found", "expected", "remedy")
    assert str(error) == str(BadInput("found", "expected", "remedy"))
