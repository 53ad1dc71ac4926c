"""Graphs of tracks in files: TrackMate's XML read back by our own reader, GEFF as Zarr arrays."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from napari_unet.engine.export.formats.track_graph import TrackGraph
from napari_unet.engine.export.formats.trackmate_xml import TrackMateXmlWriter
from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.export.target.outputs import FrameInfo
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.labels.given.open_labels import open_labels
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.tracks.by_hand import ByHand
from napari_unet.engine.tracks.tracking import Linker

INTERVAL, SIZES = 60.0, (0.5, 0.25)  # s; µm, height and width
A, B, C, D = (4, 4), (4, 30), (20, 4), (20, 20)


def frame(**objects):
    """Labels (40, 48) with ``_7=A``: a cell of 8 px with id 7 at A."""
    labels = np.zeros((40, 48), np.uint16)
    for name, (y, x) in objects.items():
        labels[y : y + 8, x : x + 8] = int(name[1:])
    return labels


def mother():
    labels = frame(_2=B)
    labels[20:28, 4:28] = 9
    return labels


FRAMES = [mother(), frame(_5=B, _6=C, _7=D), frame(_1=A, _6=B, _3=C, _4=D)]
EDGES = {(0, 2), (1, 3), (1, 4), (2, 8), (3, 6), (4, 7)}  # nodes are in the order of their ids


def movie(frames=FRAMES, **known):
    pixels = np.zeros((len(frames), 40, 48), np.uint8)
    return Stack.from_array(pixels, axes="TYX", name="a & b", **known)


def written(path, frames, name, stack=None, options=None, linker=None):
    stack = stack or movie(frames, frame_interval=INTERVAL, pixel_size=SIZES[0])
    how = {"format": name, "linker": linker}
    for _ in write_labels(path, iter(frames), stack, options, **how):
        pass
    return path


def test_lineages_and_tracklets_follow_the_edges():
    graph = TrackGraph()
    nodes = [node for t, labels in enumerate(FRAMES) for node in graph.add(labels, t)]
    places = [(node.frame, *node.place) for node in nodes]
    assert len(graph) == len(set(places)) == 9
    at = {place: number for number, place in enumerate(places)}
    b, m = at[0, 7.5, 33.5], at[0, 23.5, 15.5]
    links = [[at[t, y + 3.5, x + 3.5] for y, x in (B, C, D)] for t in (1, 2)]
    expected = {(b, links[0][0]), (m, links[0][1]), (m, links[0][2]), *zip(*links, strict=True)}
    assert set(graph.edges) == expected
    tracklets, lineages = graph.tracklets(), graph.lineages
    assert len({tracklets[b], tracklets[links[0][0]], tracklets[links[1][0]]}) == 1
    assert len({tracklets[n] for n in (m, *links[0][1:])}) == 3
    assert tracklets[links[0][2]] == tracklets[links[1][2]]
    assert len({lineages[n] for n in (m, *links[0][1:], *links[1][1:])}) == 1
    assert len(set(lineages)) == 3  # and the cell that came in at A


@pytest.mark.parametrize("chosen", [None, (1, 2)])
@pytest.mark.parametrize("known", [True, False], ids=["µm and s", "pixels and frames"])
def test_trackmate_reads_back_as_it_was(known, chosen, tmp_path):
    scale = {"frame_interval": INTERVAL, "pixel_size": SIZES[0]} if known else {}
    frames = FRAMES if chosen is None else [FRAMES[t] for t in chosen]
    path = written(
        tmp_path / "a.xml", frames, "trackmate-xml", movie(**scale), WriteOptions(frames=chosen)
    )
    linker = Linker()
    expected = np.zeros((3, 40, 48), int)
    for t in chosen or range(3):
        expected[t] = linker(FRAMES[t], t)
    with open_labels(path) as back:
        found = np.stack([back[t] for t in range(len(back))])
        assert not back.notices
    np.testing.assert_array_equal(found > 0, expected > 0)
    pairs = set(zip(found.ravel().tolist(), expected.ravel().tolist(), strict=True))
    assert len(pairs) == len(np.unique(expected))  # one id for one, and another for another


def test_trackmate_has_what_its_reader_asks_for(tmp_path):
    root = ET.parse(written(tmp_path / "a.xml", FRAMES, "trackmate-xml")).getroot()
    model = root.find("Model")
    assert (model.get("spatialunits"), model.get("timeunits")) == ("µm", "sec")
    spots = model.findall("AllSpots/SpotsInFrame/Spot")
    assert int(model.find("AllSpots").get("nspots")) == len(spots) == 9
    declared = {f.get("feature") for f in model.findall("FeatureDeclarations/SpotFeatures/Feature")}
    for spot in spots:
        assert set(spot.keys()) - declared == {"ID", "name", "ROI_N_POINTS"}
        assert len(spot.text.split()) == 2 * int(spot.get("ROI_N_POINTS"))
        assert float(spot.get("POSITION_T")) == INTERVAL * int(spot.get("FRAME"))
    sizes = [np.pi * float(spot.get("RADIUS")) ** 2 for spot in spots]  # µm²
    assert sorted(np.rint(sizes)) == [*[16] * 8, 48]
    tracks = model.findall("AllTracks/Track")
    edges = {tuple(map(int, e.attrib.values())) for t in tracks for e in t.findall("Edge")}
    assert edges == EDGES
    kept = [t.get("TRACK_ID") for t in model.findall("FilteredTracks/TrackID")]
    assert kept == [t.get("TRACK_ID") for t in tracks]
    assert all(len(t.findall("Edge")) + 1 == int(t.get("NUMBER_SPOTS")) for t in tracks)
    image = root.find("Settings/ImageData").attrib
    assert (image["filename"], image["nframes"], image["width"]) == ("a & b", "3", "48")
    assert root.find("Settings/InitialSpotFilter").get("feature") == "QUALITY"


def test_a_spot_is_the_largest_piece_of_a_cell_with_its_holes_filled(tmp_path):
    labels = frame(_1=A, _2=D)
    labels[6, 6] = 0
    labels[35:37, 40:42] = 1
    path = written(tmp_path / "a.xml", [labels], "trackmate-xml")
    with open_labels(path) as back:
        np.testing.assert_array_equal(back[0] > 0, frame(_1=A, _2=D) > 0)


@pytest.mark.parametrize("known", [True, False])
def test_geff_holds_nodes_edges_and_axes(known, tmp_path):
    zarr = pytest.importorskip("zarr")
    scale = {"frame_interval": INTERVAL, "pixel_size": SIZES[0]} if known else {}
    path = written(tmp_path / "a.geff", FRAMES, "geff", movie(**scale))
    root = zarr.open_group(path, mode="r")
    props = {name: root[f"nodes/props/{name}/values"][:] for name in root["nodes/props"]}
    assert {tuple(pair) for pair in root["edges/ids"][:].tolist()} == EDGES
    assert root["nodes/ids"][:].tolist() == list(range(9))
    for number, (t, y, x) in enumerate(zip(*(props[n] for n in "tyx"), strict=True)):
        assert FRAMES[t][int(y), int(x)] == props["seg_id"][number]
        assert (FRAMES[t] == props["seg_id"][number]).sum() == props["area"][number]
    said = root.attrs["geff"]
    assert said["node_props_metadata"].keys() == props.keys()
    time, *space = said["axes"]
    assert (time["name"], time["unit"], time["min"], time["max"]) == ("t", "frame", 0, 2)
    assert [a.get("scaled_unit") for a in space] == [("micrometer" if known else None)] * 2
    assert time.get("scale") == (INTERVAL if known else None)


@pytest.mark.parametrize("name", ["geff", "trackmate-xml"])
def test_a_movie_without_cells_has_no_tracks(name, tmp_path):
    if name == "geff":
        pytest.importorskip("zarr")
    path = written(tmp_path / "a", [frame(), frame()], name)
    if name == "trackmate-xml":
        assert ET.parse(path).getroot().find("Model/AllSpots").get("nspots") == "0" * 12
    else:
        import zarr

        assert zarr.open_group(path, mode="r")["edges/ids"].shape == (0, 2)


def test_an_id_that_a_user_gave_again_after_a_gap_is_one_cell():
    """Nothing links the two but the user's word."""
    linker = Linker(by_hand=ByHand({0: frozenset({5}), 2: frozenset({5})}))
    graph = TrackGraph(linker)
    for t, labels in enumerate([frame(_5=A), frame(), frame(_5=D)]):
        graph.add(labels, t)
    assert graph.edges == [(0, 1)]


@pytest.mark.parametrize("name", ["geff", "trackmate-xml"])
def test_cells_of_volumes_have_a_height(name, tmp_path):
    labels = np.zeros((2, 6, 20, 20), np.uint16)
    labels[:, 2:5, 4:10, 6:12] = 3
    info, path = FrameInfo("a", (6, 20, 20), (0, 1), (0, 1)), tmp_path / "a"
    if name == "geff":
        zarr = pytest.importorskip("zarr")
        from napari_unet.engine.export.formats.geff import GeffWriter

        path.mkdir()
        writer = GeffWriter(path, info)
    else:
        writer = TrackMateXmlWriter(path, info, movie(labels))
    with writer:
        for frame_of_cells in labels:
            writer.write(frame_of_cells)
    if name == "geff":
        root = zarr.open_group(path, mode="r")
        assert [axis["name"] for axis in root.attrs["geff"]["axes"]] == ["t", "z", "y", "x"]
        assert root["nodes/props/z/values"][:].tolist() == [3.0, 3.0]
        return
    root = ET.parse(path).getroot()
    assert root.find("Settings/ImageData").get("nslices") == "6"
    for spot in root.iter("Spot"):
        assert float(spot.get("POSITION_Z")) == 3.0
        assert 4 / 3 * np.pi * float(spot.get("RADIUS")) ** 3 == pytest.approx(3 * 6 * 6)
        assert "ROI_N_POINTS" not in spot.keys()
