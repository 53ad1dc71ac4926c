"""napari-unet export: every format, from a label file and from a session, read back."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.io import imread

from napari_unet.cli import export as command
from napari_unet.cli.demo import write_sample
from napari_unet.engine.export.target.formats import (
    LABEL_FORMATS,
    PROBABILITIES,
    TRACKMATE,
    labels_name,
)
from napari_unet.engine.labels.given.open_labels import open_labels
from napari_unet.engine.network.model import Model
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.settings import LabelSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.tracks.by_hand import ByHand
from napari_unet.engine.tracks.tracking import Linker

NEEDS = {"zarr": "zarr", "geff": "zarr", "rois": "roifile", "nifti": "nibabel"}
DONE, BY_HAND = (2, 4), 700  # frames marked done, and the id of a cell painted in each of them
QUIET = ("--no-table", "--no-movie")


@dataclass(frozen=True)
class Kept:
    """A movie with a session beside it, and the labels that napari would show."""

    movie: Path
    labels: np.ndarray
    frozen: dict
    probabilities: np.ndarray
    model: Model


@pytest.fixture(scope="module")
def kept(world, tmp_path_factory):
    """A session: probabilities of the tiny model, one cell by hand in two frames marked done."""
    folder = tmp_path_factory.mktemp("kept")
    movie = Path(shutil.copy(world.movie, folder / "movie.tif"))
    truth, model = tifffile.imread(world.truth), Model.load(world.model)
    with Stack.open(movie) as stack:
        session = SessionFolder.for_movie(stack)
        key = {"model": model.sha256, "fingerprint": stack.fingerprint}
        shape = (len(stack), 1, *stack.frame_shape)
        with Probabilities.create(session.probabilities_path(key), shape, key) as probabilities:
            for t, frame in enumerate(truth):
                probabilities.write(t, np.where(frame > 0, 230, 20).astype(np.uint8)[None])
            settings = LabelSettings(min_size=5)
            live = LiveLabels(truth.shape, probabilities, settings, session.corrections())
            for t in DONE:
                live[t, 2:9, 2:9] = BY_HAND + t
                live.confirm_frame(t)
            shown = np.asarray(live)
            codes = np.stack([probabilities[t][0] for t in range(len(truth))])
        session.save(model=str(world.model), models=(model.sha256,), labels=settings)
    return Kept(movie, shown, ByHand.of(live.corrections).ids, codes, model)


def read(folder, movie, name):
    """Labels (T, Y, X) of an export, as other programs read them; ROIs are drawn."""
    path = folder / labels_name(movie, name)
    if name in ("tiffs", "ctc"):
        return np.stack([tifffile.imread(p) for p in sorted(path.glob("*.tif"))])
    if name == "pngs":
        return np.stack([imread(p) for p in sorted(path.glob("*.png"))])
    if name == "zarr":
        import zarr

        return zarr.open_group(path, mode="r")["labels/cells/0"][:]
    if name == "rois":
        return drawn(path)
    if name in ("trackmate-xml", "nifti"):
        with open_labels(path) as labels:
            return np.stack([labels[t] for t in range(len(labels))])
    return tifffile.imread(path)


def drawn(path, shape=(96, 128)):
    import roifile
    from skimage.draw import polygon2mask

    rois = roifile.roiread(path)
    found = np.zeros((max(roi.t_position for roi in rois), *shape), int)
    for roi in rois:
        outline = roi.subpixel_coordinates[:, ::-1] - 0.5
        found[roi.t_position - 1][polygon2mask(shape, outline)] = int(roi.name.split("-")[1])
    return found


def count_nodes(path, labels, frames):
    """Every cell of the frames, and no other, is a node of a graph."""
    import zarr

    props = zarr.open_group(path, mode="r")["nodes/props"]
    nodes = set(zip(*(props[n]["values"][:].tolist() for n in ("t", "seg_id")), strict=True))
    assert nodes == {(t, i) for t in frames for i in np.unique(labels[t]).tolist() if i}


def linked(labels, positions, frozen=None):
    linker = Linker(by_hand=ByHand(frozen or {}))
    return np.stack([linker(labels[t], t) for t in positions])


@pytest.mark.parametrize("name", LABEL_FORMATS)
@pytest.mark.parametrize("values", ["ids", "linked", "mask"])
@pytest.mark.parametrize("source", ["file", "session"])
def test_labels(source, values, name, world, kept, run, tmp_path):
    """Of a frame range; of a session also those done only, with a user's ids."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    if source == "file":
        words, frames, frozen = (world.movie, world.truth), (1, 2, 3, 4), {}
        chosen, labels = ("--frames", "1-4"), tifffile.imread(world.truth)
    else:
        words, frames, frozen = (kept.movie,), DONE, kept.frozen
        chosen, labels = ("--done-only", "--frames", "4,1-3"), kept.labels
    out = tmp_path / "aus µ"
    asked = ("--format", name, "--values", values, *chosen, *QUIET)
    answer = run("export", *words, "--out", out, *asked)
    assert answer.code == 0, answer.stderr
    assert Path(answer.stdout.strip()) == out / labels_name("movie", name)
    if name == "geff":
        count_nodes(out / labels_name("movie", name), labels, frames)
        return
    found = read(out, "movie", name)
    if name == "trackmate-xml":
        np.testing.assert_array_equal(found[list(frames)] > 0, labels[list(frames)] > 0)
        return
    if name == "ctc":
        empty = np.setdiff1d(np.arange(len(found)), np.arange(len(frames)))
        assert not empty.size or not found[: frames[0]].any()
        found = found[[t for t in range(len(found)) if found[t].any()]]
        np.testing.assert_array_equal(found > 0, labels[list(frames)] > 0)
        for t, frame in zip(frames, found, strict=True):
            assert (source == "file") or (frame == BY_HAND + t).sum() == 49
        return
    expected = labels[list(frames)]
    if values == "mask":
        expected = expected > 0
    elif values == "linked":
        expected = linked(labels, frames, frozen)
    if name == "rois" and values == "mask":  # touching cells are one outline there
        np.testing.assert_array_equal(found > 0, expected)
    else:
        np.testing.assert_array_equal(found, expected)
    sidecar = json.loads((out / f"{labels_name('movie', name)}.json").read_text("utf-8"))
    assert sidecar["frames"] == list(frames)


@pytest.mark.parametrize("name", PROBABILITIES)
def test_probabilities_of_a_session(name, kept, run, tmp_path):
    answer = run("export", kept.movie, "--out", tmp_path, "--format", name, *QUIET)
    assert answer.code == 0, answer.stderr
    found = np.squeeze(tifffile.imread(tmp_path / "probabilities.ome.tif"))
    assert found.dtype == (np.float32 if name.endswith("float") else np.uint8)
    np.testing.assert_array_equal(found > found.max() / 2, kept.probabilities > 127)


def test_table_and_sidecar_of_a_session(kept, run, tmp_path):
    """As a place of its own: the session folder is named, the movie lies elsewhere."""
    session = kept.movie.parent / "movie.unet"
    answer = run("export", kept.movie, session, "--out", tmp_path, "--no-movie", "--ring", "2")
    assert answer.code == 0, answer.stderr
    with (tmp_path / "objects.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(np.unique(frame)) - 1 for frame in kept.labels)
    touched = {(int(r["frame"]), int(r["label"])) for r in rows if r["hand_corrected"] == "1"}
    assert touched == {(t, i) for t, ids in kept.frozen.items() for i in ids}
    assert {r["threshold"] for r in rows} == {"0.5"}
    assert all(float(r["intensity_ring_mean"]) > 0 for r in rows)
    said = json.loads((tmp_path / "labels.tif.json").read_text("utf-8"))
    assert said["model"]["sha256"] == kept.model.sha256
    assert said["model"]["name"] == "tiny"
    assert said["settings"]["labels"]["min_size"] == 5
    assert said["corrected_objects"] == sum(map(len, kept.frozen.values()))
    with tifffile.TiffFile(tmp_path / "labels.tif") as file:
        assert file.is_imagej


def test_the_table_as_parquet(kept, run, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    words = ("export", kept.movie, "--no-labels", "--no-movie", "--table-format", "parquet")
    assert run(*words, "--out", tmp_path).code == 0
    assert {p.name for p in tmp_path.iterdir()} == {"objects.parquet", "objects.parquet.json"}
    n = sum(len(np.unique(frame)) - 1 for frame in kept.labels)
    assert parquet.read_table(tmp_path / "objects.parquet").num_rows == n
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = run(*words, "--out", tmp_path / "other")
    assert (answer.code, "napari-unet-live[parquet]" in answer.error) == (1, True)
    assert not (tmp_path / "other").exists()


def test_measurements_of_chosen_cells_against_time(world, run, tmp_path):
    truth = tifffile.imread(world.truth)
    words = ("export", world.movie, world.truth, "--out", tmp_path, "--no-labels", "--no-movie")
    words = (*words, "--only", f"2:{truth[2].max()}", "--overwrite", "--over-time")
    assert run(*words, "area_px, intensity_mean").code == 0
    with Image.open(tmp_path / "over_time.png") as picture:
        assert picture.height > 400  # two panels
    answer = run(*words, "colour")
    assert answer.code == 1 and "area_px" in answer.error


def test_what_made_the_labels_is_handed_on(kept, run, tmp_path):
    """From an export's own sidecar, when it is exported again."""
    assert run("export", kept.movie, "--out", tmp_path / "a", *QUIET).code == 0
    words = ("export", kept.movie, tmp_path / "a" / "labels.tif", "--out", tmp_path / "b")
    assert run(*words, "--no-movie").code == 0
    said = json.loads((tmp_path / "b" / "labels.tif.json").read_text("utf-8"))
    assert said["model"]["sha256"] == kept.model.sha256
    assert said["settings"]["labels"]["min_size"] == 5
    with (tmp_path / "b" / "objects.csv").open(encoding="utf-8") as file:
        assert {row["threshold"] for row in csv.DictReader(file)} == {"0.5"}


MOVIES = {
    "contours with tails and ids": ("--tail 3 --ids --title Zellen --values linked", 1),
    "filled, cropped and zoomed": ("--style filled --crop 0,0,40,60 --zoom 2", 1),
    "before and after": ("--style before_after --before {truth}", 2),
    "probability": ("--style probability --no-time --no-scale-bar", 3),
}


@pytest.mark.parametrize(("kind", "name"), [("mp4", "overlay.mp4"), ("avi", "overlay.avi")])
@pytest.mark.parametrize(("words", "panels"), MOVIES.values(), ids=MOVIES)
def test_movies_of_a_session(words, panels, kind, name, kept, world, run, tmp_path):
    asked = words.format(truth=world.truth).split()
    out = ("--out", tmp_path, "--frames", "0,2-4", "--movie-format", kind, "--length", "1")
    answer = run("export", kept.movie, *out, "--no-labels", "--no-table", *asked)
    assert answer.code == 0, answer.stderr
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / name))
    assert (frames, round(seconds)) == (4, 1)
    width = next(imageio_ffmpeg.read_frames(str(tmp_path / name)))["size"][0]
    assert width == (120 if "--crop" in asked else panels * 128 + (panels - 1) * 4)


def test_pictures_and_a_still(world, run, tmp_path):
    words = ("export", world.movie, world.truth, "--out", tmp_path, "--no-labels", "--no-table")
    assert run(*words, "--movie-format", "pngs", "--frames", "1,5", "--still", "3").code == 0
    pictures = sorted(p.name for p in (tmp_path / "overlay_frames").iterdir())
    assert pictures == ["frame0001.png", "frame0005.png"]
    with Image.open(tmp_path / "frame0003.png") as still:
        assert still.size == (128, 96)
        assert round(still.info["dpi"][0]) == 300


@pytest.mark.parametrize("name", [*LABEL_FORMATS, "pictures"])
def test_nothing_is_replaced_unasked(name, world, run, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    words = ["export", world.movie, world.truth, "--out", tmp_path, "--no-table"]
    if name == "pictures":
        words += ["--no-labels", "--movie-format", "pngs"]
    else:
        words += ["--no-movie", "--format", name]
    assert run(*words).code == 0
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    answer = run(*words)
    assert answer.code == 1
    assert "--overwrite" in answer.error
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before
    assert run(*words, "--overwrite", "--frames", "0-2").code == 0
    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")}
    assert not any(".partial" in n or n.startswith(".") for n in names)
    assert (len(names) < len(before)) == (name in ("tiffs", "pngs", "ctc", "pictures", "zarr"))


def test_wide_ids_go_to_ome_tiff(world, run, tmp_path):
    wide = tifffile.imread(world.truth).astype(np.uint32)
    wide[wide > 0] += 70_000
    tifffile.imwrite(tmp_path / "wide.tif", wide)
    words = ("export", world.movie, tmp_path / "wide.tif", "--out", tmp_path / "out", *QUIET)
    assert run(*words).code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "labels.tif"), wide)
    answer = run(*words, "--overwrite", "--format", "imagej")
    assert "OME-TIFF" in answer.error
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "labels.tif"), wide)


BAD = {
    "no session": ("{alone}", "no session beside"),
    "no probabilities in a file": ("{movie} {truth} --format probabilities", "no probabilities"),
    "no done frames in a file": ("{movie} {truth} --done-only", "marked done"),
    "no done frame among them": ("{kept} --done-only --frames 0-1", "marked done"),
    "no such frame": ("{movie} {truth} --frames 9", "frame 9"),
    "no such still": ("{movie} {truth} --still 9", "frame 9"),
    "another position": ("{kept} --z 0", "z 0"),
    "nothing before": ("{kept} --style before_after", "earlier labels"),
    "crop outside": ("{kept} --crop 0,0,999,999", "crop"),
}


@pytest.mark.parametrize(("words", "said"), BAD.values(), ids=BAD)
def test_one_plain_line(words, said, kept, world, run, tmp_path):
    alone = Path(shutil.copy(world.movie, tmp_path / "alone.tif"))
    places = {"alone": alone, "kept": kept.movie, "movie": world.movie, "truth": world.truth}
    out = tmp_path / "out"
    answer = run("export", *words.format(**places).split(), "--out", out, "--no-table")
    assert answer.code == 1
    assert said in answer.error
    assert "not foreseen" not in answer.error
    assert not out.exists() or "probabilities" in said


def test_probabilities_that_are_gone_are_missed(kept, run, tmp_path):
    movie = Path(shutil.copy(kept.movie, tmp_path / "movie.tif"))
    shutil.copytree(kept.movie.parent / "movie.unet", tmp_path / "movie.unet")
    for path in (tmp_path / "movie.unet").glob("*.unetp"):
        path.unlink()
    answer = run("export", movie, "--out", tmp_path / "out")
    assert answer.code == 1
    assert "probabilities" in answer.error
    assert not (tmp_path / "out").exists()


def test_the_session_is_only_read(kept, run, tmp_path):
    session = kept.movie.parent / "movie.unet"
    torn = session / "corrections.journal"
    whole = torn.read_bytes()
    torn.write_bytes(whole + b'00000000 {"do"')  # as if napari were writing just now
    before = {p: p.read_bytes() for p in session.iterdir()}
    try:
        assert run("export", kept.movie, "--out", tmp_path, *QUIET).code == 0
        assert {p: p.read_bytes() for p in session.iterdir()} == before
    finally:
        torn.write_bytes(whole)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "labels.tif"), kept.labels)


def test_the_option_has_every_format():
    assert set(command.Format.__args__) == {*LABEL_FORMATS, TRACKMATE.name, *PROBABILITIES}


@pytest.fixture(scope="module")
def class_files(class_toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    write_sample(folder / "movie.tif", class_toy.movie)
    write_sample(folder / "truth.tif", class_toy.labels)
    return folder / "movie.tif", folder / "truth.tif"


@pytest.mark.parametrize("source", ["file", "session", "classes"])
def test_a_figure_beside_the_truth(source, world, kept, class_files, run, tmp_path):
    movie, truth = class_files if source == "classes" else (world.movie, world.truth)
    words = {"file": (movie, truth), "session": (kept.movie,), "classes": (movie, truth)}[source]
    words = (*words, "--out", tmp_path, "--style", "comparison", "--truth", truth, "--no-labels")
    answer = run("export", *words, "--no-table", "--frames", "1,4", "--class-names", "one, two")
    assert answer.code == 0, answer.stderr
    assert answer.stdout.splitlines() == [str(tmp_path / "comparison.png")]
    said = json.loads((tmp_path / "comparison.png.json").read_text())
    assert said["kind"] == "comparison" and said["frames"] == [1, 4]
    figure = imread(tmp_path / "comparison.png")
    assert figure.shape[1] > 2 * 380 and (figure[:20, :20] == 255).all()
    right, missed = (190, 195, 200), (86, 180, 233)
    middle = figure[figure.shape[0] // 2 + 20 : figure.shape[0] * 3 // 4, 34 : 34 + 2 * 380]
    assert (middle == right).all(-1).sum() > 100
    assert source == "session" or not (middle == missed).all(-1).any()  # truth against itself


def test_a_map_of_probabilities_in_jet(kept, run, tmp_path):
    words = (kept.movie, "--out", tmp_path, *QUIET, "--no-labels", "--map", 2)
    answer = run("export", *words, "--colours", "jet")
    assert answer.code == 0, answer.stderr
    figure = imread(tmp_path / "probability_0002.png")
    pixels = figure[..., :3].reshape(-1, 3).astype(int)
    for end in ((0, 0, 128), (128, 0, 0)):  # of the colour bar
        assert (np.abs(pixels - end).max(1) < 20).any()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--style", "comparison"), "give the labels that are right, with --truth"),
        (("--truth", "TRUTH"), "it is for --style comparison"),
        (("--map", "0"), "there are no probabilities"),
        (("--style", "comparison", "--truth", "TRUTH", "--frames", "0-9"), "frame"),
    ],
)
def test_figures_that_cannot_be(words, said, world, run, tmp_path):
    words = [world.truth if word == "TRUTH" else word for word in words]
    answer = run("export", world.movie, world.truth, "--out", tmp_path / "f", *words)
    assert answer.code in (1, 2) and said in answer.error


def test_only_chosen_cells_and_their_daughters_are_written(kept, run, tmp_path):
    frame = 1
    cell = int(np.unique(kept.labels[frame])[1])
    where = kept.labels[frame] == cell
    answer = run("export", kept.movie, "--out", tmp_path, "--only", f"{frame}:{cell}", "--no-movie")
    assert answer.code == 0, answer.stderr
    assert "of the chosen cells and their daughters" in answer.stderr
    (path,) = tmp_path.glob("*.tif")
    written = tifffile.imread(path)
    np.testing.assert_array_equal(written[frame] > 0, where)
    kept_pixels = written > 0
    np.testing.assert_array_equal(written[kept_pixels], kept.labels[kept_pixels])
    said = json.loads(path.with_name(path.name + ".json").read_text("utf-8"))
    assert said["only"] == [f"{frame}:{cell}"]
    with (tmp_path / "objects.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    n = sum(len(np.unique(labels)) - 1 for labels in written)
    assert len(rows) == n < sum(len(np.unique(labels)) - 1 for labels in kept.labels)


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("--only", "1-7"), 2, "is no FRAME:ID"),
        (("--only", "1:7", "--format", "probabilities"), 2, "not for probabilities"),
        (("--only", "1:7", "--archive"), 2, "not for an archive"),
        (("--only", "1:60000"), 1, "there is no cell 60000 on frame 1"),
    ],
)
def test_cells_that_cannot_be_chosen_are_said(kept, run, tmp_path, words, code, line):
    answer = run("export", kept.movie, "--out", tmp_path, *words)
    assert answer.code == code and line in " ".join(answer.stderr.replace("│", " ").split())
