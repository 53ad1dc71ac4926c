"""Export --archive and verify: all behind labels in one zip, and the same labels from it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.engine.export.target.formats import ARCHIVE
from napari_unet.engine.jobs.archive.manifest import Manifest
from napari_unet.engine.jobs.archive.verify import compare
from napari_unet.engine.jobs.progress import run as run_steps
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.prediction.prediction import prediction_key
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.settings import LabelSettings, PredictSettings
from napari_unet.engine.stack.stack import Stack

AUTHOR = "Ada of the Analytical Engine"
BY_HAND = 700  # id of a cell that a user painted in frame 1


@dataclass(frozen=True)
class Kept:
    """A movie with a session beside it, labels by the command line, and an archive of each."""

    movie: Path
    model: Path
    segmented: Path  # folder
    archives: dict[str, Path]
    labels: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def kept(world, bright, tmp_path_factory, run):
    folder = tmp_path_factory.mktemp("archive")
    movie = Path(shutil.copy(world.movie, folder / "movie.tif"))
    model = bright.save(folder / "bright")
    settings = LabelSettings(min_size=5)
    with Stack.open(movie) as stack:
        session = SessionFolder.for_movie(stack)
        key = prediction_key(stack, bright, PredictSettings())
        place = session.probabilities_path(key)
        with run_steps(segment(stack, bright, labels=settings, probabilities=place)) as segmented:
            shape = (len(stack), *stack.frame_shape)
            corrections = session.corrections()
            corrections.author = AUTHOR
            live = LiveLabels(shape, segmented.probabilities, settings, corrections)
            live[1, 2:9, 2:9] = BY_HAND
            corrected = np.asarray(live)
        session.save(model=str(model), models=(bright.sha256,), labels=settings)
    out = folder / "out"
    words = ("segment", movie, "--out", out, "--model", model, "--min-size", 5, "--frames", "0,2-3")
    assert run(*words, "--no-movie").code == 0
    labels = {"session": corrected, "file": tifffile.imread(out / "labels.tif")}
    archives = {}
    file = (out / "labels.tif", "--offset", 0, "--model", model)
    for name, given in (("session", ()), ("file", file)):
        answer = run("export", movie, *given, "--out", folder / name, "--archive")
        assert answer.code == 0, answer.stderr
        assert answer.stdout.splitlines() == [str(folder / name / ARCHIVE)]
        archives[name] = folder / name / ARCHIVE
    return Kept(movie, model, out, archives, labels)


@pytest.mark.parametrize("name", ["session", "file"])
def test_an_archive_holds_what_labels_were_made_from(name, kept, run, tmp_path):
    assert [p.name for p in kept.archives[name].parent.iterdir()] == [ARCHIVE]
    with zipfile.ZipFile(kept.archives[name]) as archive:
        manifest = Manifest.model_validate_json(archive.read("manifest.json"))
        wanted = {"labels.tif", "methods.txt", "model.safetensors", "objects.csv", "recipe.json"}
        wanted |= {"corrections.journal"} if name == "session" else set()
        assert set(manifest.files) == wanted
        assert set(archive.namelist()) == wanted | {"manifest.json"}
        for file, said in manifest.files.items():
            content = archive.read(file)
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (said.sha256, said.bytes)
            assert str(kept.movie.parent).encode() not in content
            assert AUTHOR.encode() not in content
            assert (b"user 1" in content) == (file == "corrections.journal")
        archive.extractall(tmp_path)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "labels.tif"), kept.labels[name])
    assert manifest.corrected_objects == (1 if name == "session" else None)
    assert "torch" in manifest.versions
    if name == "file":  # the recipe works where it is unpacked
        words = ("segment", kept.movie, "--out", tmp_path / "again", "--no-movie")
        answer = run(*words, "--recipe", tmp_path / "recipe.json", "--frames", "0,2-3")
        assert answer.code == 0, answer.stderr
        again = tifffile.imread(tmp_path / "again" / "labels.tif")
        np.testing.assert_array_equal(again, kept.labels[name])


def test_the_same_labels_give_the_same_bytes(kept, run, tmp_path):
    words = ("export", kept.movie, "--out", tmp_path, "--archive")
    assert run(*words).code == 0
    assert (tmp_path / ARCHIVE).read_bytes() == kept.archives["session"].read_bytes()
    assert "add --overwrite" in run(*words).error
    assert run(*words, "--overwrite", "--with-image").code == 0
    with zipfile.ZipFile(tmp_path / ARCHIVE) as archive:
        assert archive.read("image/movie.tif") == kept.movie.read_bytes()


def test_names_of_users_are_in_it_where_they_are_asked_for(kept, run, tmp_path):
    words = ("export", kept.movie, "--out", tmp_path, "--archive", "--with-names")
    assert run(*words).code == 0
    with zipfile.ZipFile(tmp_path / ARCHIVE) as archive:
        assert AUTHOR.encode() in archive.read("corrections.journal")
    assert run("verify", tmp_path / ARCHIVE, kept.movie).code == 0


@pytest.mark.parametrize("name", ["session", "file"])
def test_labels_are_made_again(name, kept, world, run):
    answer = run("verify", kept.archives[name], world.movie)  # a copy elsewhere
    assert answer.code == 0, answer.stderr
    n = len(kept.labels[name])
    assert answer.stdout == f"The labels of {n} frames were made again, and are the same.\n"
    if name == "file":
        said = json.loads(run("verify", kept.archives[name], world.movie, "--json").stdout)
        assert (said["command"], said["same"], said["differences"]) == ("verify", True, [])
        assert said["frames"] == [0, 2, 3]


def changed(path, to, change):
    """Write an archive with a file changed, and the manifest to match; ``change(files)``."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    change(files, manifest)
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in files.items()
    }
    with zipfile.ZipFile(to, "w") as archive:
        for name, content in {"manifest.json": json.dumps(manifest), **files}.items():
            archive.writestr(name, content)
    return to


def test_differences_are_named(kept, run, tmp_path):
    cell = int(kept.labels["file"][1].max())

    def change(files, manifest):
        labels = tifffile.imread(io.BytesIO(files["labels.tif"]))
        labels[1][labels[1] == cell] = 0
        labels[1, 0, 0] = 999
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, labels, ome=True, metadata={"axes": "TYX"})
        files["labels.tif"] = buffer.getvalue()
        manifest["versions"]["torch"] = "1.0"

    path = changed(kept.archives["file"], tmp_path / "a.zip", change)
    answer = run("verify", path, kept.movie)
    assert answer.code == 1
    version, frame, last = answer.stdout.splitlines()
    assert version.startswith("torch: 1.0 then, ")
    assert frame.startswith("frame 2: 1 cell of the archive not made again (999), 1 cell only made")
    assert f"({cell})" in frame
    assert last == "The labels differ in 1 of 3 frames."


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("frames", [0, 2, 99], "no frame 99"), ("models", [], "says otherwise (models)"),
     ("models", ["image/../x"], "says otherwise (models"), ("format", "2", "otherwise (format)")],
)  # fmt: skip
def test_a_manifest_that_cannot_be_is_one_plain_line(field, value, said, kept, run, tmp_path):
    def change(files, manifest):
        manifest[field] = value

    path = changed(kept.archives["file"], tmp_path / "a.zip", change)
    answer = run("verify", path, kept.movie)
    assert (answer.code, answer.stdout) == (1, "")
    assert said in answer.error
    assert "not foreseen" not in answer.error


def test_cells_are_compared_by_outline():
    before = np.array([[1, 1, 0, 2, 2, 3]], np.uint16)
    found = compare(5, before, np.array([[4, 4, 0, 2, 0, 3]], np.uint16))
    assert (found.frame, found.pixels) == (5, 3)
    assert (found.gone, found.new, found.renumbered) == ((2,), (2,), (1,))
    assert compare(5, before, before.copy()) is None


def cut(data):
    return data[: len(data) // 2]


def flipped(data):
    middle = data.index(b"model.safetensors") + 4000
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


BAD = {
    "cut": (cut, "is damaged"),
    "a flipped bit": (flipped, "is damaged"),
    "something else": (lambda data: b"not a zip", "is damaged"),
    "no archive": ("", "holds no manifest.json"),
    "leads out": ("../x", "'../x', which leads out of it"),
    "absolute": ("/etc/x", "which leads out of it"),
    "not listed": ("x", "holds x, which its manifest.json does not list"),
    "lacks": ("recipe.json", "lacks recipe.json"),
}


@pytest.mark.parametrize(("how", "said"), BAD.values(), ids=BAD)
def test_a_bad_archive_is_one_plain_line(how, said, kept, run, tmp_path):
    path = tmp_path / "bad.zip"
    if callable(how):
        path.write_bytes(how(kept.archives["file"].read_bytes()))
    else:
        with zipfile.ZipFile(kept.archives["file"]) as good, zipfile.ZipFile(path, "w") as bad:
            for name in good.namelist() if how else ():
                if name != how:
                    bad.writestr(name, good.read(name))
            if how and how not in good.namelist():
                bad.writestr(how, b"")
            if not how:
                bad.writestr("a.txt", b"")
    answer = run("verify", path, kept.movie)
    assert (answer.code, answer.stdout) == (1, "")
    assert said in answer.error
    assert "not foreseen" not in answer.error


REFUSED = {
    "another movie": ("verify {file} {other}", "is another movie than that of archive.zip"),
    "no archive there": ("verify {folder}/no.zip {movie}", "there is no file"),
    "by hand": ("export {movie} {truth} --archive", "made the labels is not known"),
    "no such model": ("export {movie} {labels} --offset 0 --archive", "is not at hand"),
    "another model": (
        "export {movie} {labels} --offset 0 --archive --model {tiny}",
        "is not at hand",
    ),
    "linked": ("export {movie} --archive --values linked", "--values ids"),
    "no archive asked for": ("export {movie} --with-image", "--with-image: add --archive"),
    "nor names in one": ("export {movie} --with-names", "--with-names: add --archive"),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_said_in_one_line(words, said, kept, world, run, tmp_path):
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, tifffile.imread(world.movie)[:, ::-1], imagej=True)
    places = {
        "file": kept.archives["file"], "movie": kept.movie, "other": other, "truth": world.truth,
        "labels": kept.segmented / "labels.tif", "tiny": world.model, "folder": tmp_path,
    }  # fmt: skip
    words = words.format(**places).split()
    out = () if words[0] == "verify" else ("--out", tmp_path / "out")
    answer = run(*words, *out)
    assert answer.code in (1, 2)
    assert said in answer.error
    assert not (tmp_path / "out" / ARCHIVE).exists()


def test_corrections_that_are_not_in_the_file_are_missed(kept, run, tmp_path):
    assert run("export", kept.movie, "--out", tmp_path, "--no-table", "--no-movie").code == 0
    (labels,) = tmp_path.glob("labels*.tif")
    answer = run("export", kept.movie, labels, "--out", tmp_path / "out", "--archive")
    assert answer.code == 1
