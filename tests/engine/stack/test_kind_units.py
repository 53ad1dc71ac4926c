"""Units: plausible or not taken, in every format; height and width of a pixel both count."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.engine.export.formats.table import write_table
from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.labels.measuring.measurement import measure_frame
from napari_unet.engine.settings import Selection, TableSettings
from napari_unet.engine.stack.stack import Stack

MOVIE = np.random.default_rng(0).integers(0, 4000, (2, 64, 80)).astype(np.uint16)


def write(path, kind, sizes, unit):
    """Write pixel sizes (Y, X) in a unit, as each format has them."""
    metadata = {"axes": "TYX"}
    options = {"photometric": "minisblack"}
    if kind == "ome":
        for axis, size in zip("YX", sizes, strict=True):
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": unit}
    else:
        options["resolution"] = (1 / sizes[1], 1 / sizes[0])
    if kind == "imagej":
        metadata["unit"] = unit
        options["imagej"] = True
    if kind == "tags":
        options["resolutionunit"] = unit
    tifffile.imwrite(path, MOVIE, metadata=metadata, **options)


@pytest.mark.parametrize(
    ("kind", "size", "unit", "said"),
    [
        ("imagej", 1 / 72, "inch", True),  # bioformats#3535
        ("imagej", 1 / 28.3465, "cm", True),
        ("imagej", 1 / 300, "inch", True),
        ("imagej", 0.5, "pixel", False),
        ("imagej", 0.001, "nm", True),
        ("ome", 352.8, "µm", True),
        ("ome", 1e-6, "µm", True),  # metres, most likely
        ("ome", 0.2646, "mm", True),
        ("tags", 1 / 72, "INCH", False),
        ("tags", 1 / 118.11, "CENTIMETER", False),
    ],
)
def test_a_printers_resolution_is_no_pixel_size(tmp_path, kind, size, unit, said):
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    write(path, kind, (size, size), unit)
    with Stack.open(path) as stack:
        assert stack.pixel_size is None and stack.pixel_sizes is None
        assert ["not taken" in n.line for n in stack.notices] == [True] * said
        assert stack.select(pixel_size=0.5).pixel_sizes == (0.5, 0.5)


OBLONG = [
    ("ome", "µm", 1),
    ("imagej", "um", 1),
    ("imagej", "mm", 1e-3),
    ("tags", "CENTIMETER", 1e-4),
]


@pytest.mark.parametrize(("kind", "unit", "factor"), OBLONG)
def test_oblong_pixels_are_read_and_said(tmp_path, kind, unit, factor):
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    write(path, kind, (1.0 * factor, 0.5 * factor), unit)
    with Stack.open(path) as stack:
        assert stack.pixel_sizes == pytest.approx((1.0, 0.5))
        assert stack.pixel_size == pytest.approx(0.5)
        (notice,) = stack.notices
        assert "oblong pixels, 0.5 µm wide and 1 µm high" in notice.line
        labels = np.zeros((64, 80), np.uint16)
        labels[20:30, 30:50] = 1
        table = tmp_path / "t.csv"
        for _ in write_table(table, [labels] * 2, stack):
            pass
    header, row = (line.split(",") for line in table.read_text("utf-8").splitlines()[:2])
    found = dict(zip(header, row, strict=True))
    assert float(found["area_um2"]) == 100
    assert (float(found["centroid_y_um"]), float(found["centroid_x_um"])) == (24.5, 19.75)
    assert found["perimeter_um"] == "" and float(found["perimeter_px"]) > 0


@pytest.mark.parametrize(("format", "name"), [("ome-tiff", "l.ome.tif"), ("imagej", "l.tif")])
def test_labels_of_oblong_pixels_say_both_sizes(tmp_path, format, name):
    write(tmp_path / "a.ome.tif", "ome", (1.0, 0.5), "µm")
    with Stack.open(tmp_path / "a.ome.tif") as stack:
        for _ in write_labels(tmp_path / name, np.zeros((2, 64, 80), int), stack, format=format):
            pass
    with Stack.open(tmp_path / name) as labels:
        assert labels.pixel_sizes == pytest.approx((1.0, 0.5))


@pytest.mark.parametrize("axis", ["X", "Y"])
def test_one_size_stands_for_both(tmp_path, axis):
    metadata = {"axes": "TYX", f"PhysicalSize{axis}": 0.5, f"PhysicalSize{axis}Unit": "µm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", MOVIE, metadata=metadata)
    with Stack.open(tmp_path / "a.ome.tif") as stack:
        assert stack.pixel_sizes == (0.5, 0.5)
        (notice,) = stack.notices
        said, other = ("width", "height") if axis == "X" else ("height", "width")
        assert notice.level == "noted"
        assert f"says the {said} of a pixel only (0.5 µm): taken for its {other}" in notice.line


def test_a_pixel_that_is_square_but_for_rounding_is_square(tmp_path):
    write(tmp_path / "a.ome.tif", "ome", (0.32501, 0.325), "µm")
    with Stack.open(tmp_path / "a.ome.tif") as stack:
        assert stack.pixel_sizes == (0.325, 0.325) and not stack.notices


def test_shapes_of_oblong_pixels():
    """A cell of 10 x 20 pixels, each twice as high as wide, is a square; its ring is round."""
    labels = np.zeros((64, 80), int)
    labels[20:30, 30:50] = 1
    options = {"settings": TableSettings(ring=2.0)}
    square = measure_frame(labels, np.ones((64, 80)), ["x"], pixel_size=(1.0, 0.5), **options)
    assert square["eccentricity"][0] == pytest.approx(0, abs=0.1)
    assert measure_frame(labels, labels, ["x"], pixel_size=0.5)["eccentricity"][0] > 0.8
    around = np.zeros((64, 80))
    around[18:32, 26:54] = 1  # 2 µm: 2 pixels high, 4 wide
    ring = measure_frame(labels, around, ["x"], pixel_size=(1.0, 0.5), **options)
    assert ring["x_ring_mean"][0] == 1


@pytest.mark.parametrize(("interval", "taken"), [(300.0, 300.0), (0.0, None), (1e12, None)])
def test_intervals_are_plausible(tmp_path, interval, taken):
    metadata = {"axes": "TYX", "finterval": interval}
    tifffile.imwrite(tmp_path / "a.tif", MOVIE, imagej=True, metadata=metadata)
    with Stack.open(tmp_path / "a.tif") as stack:
        assert stack.frame_interval == taken
    with Stack.open(tmp_path / "a.tif", Selection(frame_interval=60.0)) as stack:
        assert stack.frame_interval == 60


def test_times_that_are_no_numbers_are_not_taken(tmp_path):
    planes = {"Plane": {"DeltaT": ["NaN", 60.0], "DeltaTUnit": ["s", "s"]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", MOVIE, metadata={"axes": "TYX", **planes})
    with Stack.open(tmp_path / "a.ome.tif") as stack:
        assert (stack.times, stack.frame_interval) == (None, None)


def page_by_page(path, description, **options):
    """With a description of any bytes, as programs of many languages write it."""
    with tifffile.TiffWriter(path) as tif:
        for t, page in enumerate(MOVIE):
            said = None if t else description
            tif.write(page, metadata=None, contiguous=False, description=said, **options)


@pytest.mark.parametrize(
    ("unit", "per_unit"),
    [
        (b"micron", 2), (b"Microns", 2), (b"micrometers", 2), (b"micrometre", 2), (b" um ", 2),
        (b"\\u00B5m", 2), ("µm".encode(), 2), ("μm".encode(), 2), (b"\xb5m", 2), (b"\x8cm", 2),
        ("μm".encode("shift_jis"), 2), (b"?m", 2), (b"nanometers", 0.002), (b"mm", 2000),
        (b"millimeters", 2000), (b"centimeter", 20000), (b"Meter", 2_000_000), (b"inches", 50800),
    ],
)  # fmt: skip
def test_a_unit_is_one_in_many_writings(tmp_path, unit, per_unit):
    said = b"ImageJ=1.53\nimages=2\nframes=2\nunit=" + unit + b"\nfinterval=5\ntunit=mins\n"
    page_by_page(tmp_path / "a.tif", said, resolution=(per_unit, per_unit))
    with Stack.open(tmp_path / "a.tif") as stack:
        assert stack.pixel_sizes == pytest.approx((0.5, 0.5), rel=1e-3)
        assert stack.frame_interval == 300 and not stack.notices


@pytest.mark.parametrize(
    ("said", "noted"),
    [
        ("unit=furlong", "a pixel height of 0.5 furlong and a pixel width of 0.5 furlong"),
        ("unit=um\nfinterval=300,5", "a frame interval of 300,5 s"),
        ("unit=um\nfinterval=1e30", "a frame interval of 1e+30 s"),
        ("unit=um\nfinterval=1e-9", "a frame interval of 1e-09 s"),
        ("unit=um\nfinterval=NaN", "a frame interval of nan s"),
        ("unit=um\nfinterval=-5\ntunit=ms", "a frame interval of -5 ms"),
        ("unit=um\nfinterval=0\ntunit=fortnight", ""),
        ("unit=pixels\nfinterval=0", ""),
        ("finterval=0\ntunit=frames", ""),
    ],
)
def test_what_is_no_size_and_no_time_is_noted(tmp_path, said, noted):
    description = f"ImageJ=1.53\nimages=2\nframes=2\n{said}\n"
    page_by_page(tmp_path / "a.tif", description, resolution=(2.0, 2.0))
    with Stack.open(tmp_path / "a.tif") as stack:
        assert stack.frame_interval is None
        lines = [f"a.tif gives {noted}, which cannot be taken"] if noted else []
        assert [n.line for n in stack.notices] == lines


@pytest.mark.parametrize(
    ("times", "level"),
    [([300.0, 0.0], "check"), ([5.0, 5.0], None), ([0.0, 1e30], "noted"), ([0.0, 60.0], None)],
)
def test_times_that_do_not_rise_are_not_taken(tmp_path, times, level):
    planes = {"Plane": {"DeltaT": times, "DeltaTUnit": ["s", "s"]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", MOVIE, metadata={"axes": "TYX", **planes})
    with Stack.open(tmp_path / "a.ome.tif") as stack:
        good = times == [0.0, 60.0]
        assert stack.times == (tuple(times) if good else None)
        assert stack.frame_interval == (60 if good else None)
        assert [n.level for n in stack.notices] == ([level] if level else [])


def test_files_of_a_folder_that_give_several_sizes_are_said(tmp_path):
    for t in range(4):
        resolution = {"resolution": (2.0, 2.0) if t < 2 else (1.0, 1.0), "metadata": {"unit": "um"}}
        tifffile.imwrite(tmp_path / f"t{t}.tif", MOVIE[0], imagej=True, **resolution)
    with Stack.open(tmp_path) as stack:
        (notice,) = stack.notices
        assert stack.pixel_size == 0.5 and notice.level == "check"
        assert "several sizes of a pixel (0.5 µm in t0.tif, 1 µm in t2.tif)" in notice.line
