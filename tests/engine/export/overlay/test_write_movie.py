"""Movies and stills as players see them: decoded again, frame by frame."""

import json
import shutil
import subprocess
import threading

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.overlay.encoder import FfmpegEncoder
from napari_unet.engine.export.overlay.write_movie import (
    Beside,
    Look,
    compose_overlay,
    movie_look,
    write_movie,
    write_still,
)
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.settings import OverlaySettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.tracks.tracking import Linker

PLAIN = OverlaySettings(show_time=False)


@pytest.fixture
def movie(toy):
    return Stack.from_array(toy.movie, axes="TYX", pixel_size=0.65, frame_interval=300.0)


def decoded(path):
    """All pictures of a movie, (T, Y, X, 3)."""
    stream = probe(path)
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    command = [ffmpeg, "-loglevel", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, stream["height"], stream["width"], 3)


def probe(path):
    if shutil.which("ffprobe") is None:
        pytest.skip("no ffprobe")
    said = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-of", "json", path],
        capture_output=True,
        check=True,
    )
    return json.loads(said.stdout)["streams"][0]


def test_mp4_is_h264_that_every_player_opens(movie, toy, tmp_path):
    path = tmp_path / "Überblick µ.mp4"
    assert list(write_movie(path, movie, toy.labels, OverlaySettings(fps=12.5))) == list(range(6))
    stream = probe(path)
    assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
    assert (stream["width"], stream["height"]) == (128, 96)
    assert (stream["nb_frames"], stream["r_frame_rate"]) == ("6", "25/2")
    assert float(stream["duration"]) == pytest.approx(6 / 12.5)
    assert stream["color_space"] == "bt709"
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # plays before it is loaded whole


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_pictures_are_those_composed_in_order(suffix, movie, toy, tmp_path):
    path = tmp_path / f"movie{suffix}"
    chosen = PLAIN.replace(style="filled", quality=8, zoom=2)
    look = movie_look(movie, chosen)
    list(write_movie(path, movie, toy.labels, chosen, beside=Beside(look=look)))
    shown = decoded(path)
    expected = np.stack(
        [compose_overlay(f, s, chosen, look) for f, s in zip(toy.movie, toy.labels, strict=True)]
    )
    assert shown.shape == expected.shape
    error = np.abs(shown.astype(int) - expected).mean(axis=(1, 2, 3))
    assert error.max() < 4
    shuffled = np.abs(shown[0].astype(int) - expected[5]).mean()
    assert shuffled > 2 * error[0]


def test_odd_sizes_are_padded_by_a_pixel(toy, tmp_path):
    odd = Stack.from_array(toy.movie[:, :95, :127], axes="TYX")
    for suffix in (".mp4", ".avi"):
        path = tmp_path / f"odd{suffix}"
        list(write_movie(path, odd, toy.labels[:, :95, :127], PLAIN))
        assert decoded(path).shape == (6, 96, 128, 3)


def test_length_and_frame_range(movie, toy, tmp_path):
    path = tmp_path / "movie.mp4"
    chosen = OverlaySettings(length=20)
    some = WriteOptions([1, 2, 5])
    assert list(write_movie(path, movie, toy.labels, chosen, some)) == [1, 2, 5]
    assert float(probe(path)["duration"]) == pytest.approx(20, rel=1e-3)
    said = json.loads((tmp_path / "movie.mp4.json").read_text())
    assert said["frames"] == [1, 2, 5]
    assert said["settings"]["overlay"]["length"] == 20


def test_png_sequence_is_exact(movie, toy, tmp_path):
    look = movie_look(movie, PLAIN)
    list(write_movie(tmp_path / "frames", movie, toy.labels, PLAIN, beside=Beside(look=look)))
    files = sorted((tmp_path / "frames").iterdir())
    assert [f.name for f in files] == [f"frame{t:04d}.png" for t in range(6)]
    expected = compose_overlay(toy.movie[2], toy.labels[2], PLAIN, look)
    expected[-30:, -60:] = 0  # the scale bar, which a look without labels has not
    shown = np.asarray(Image.open(files[2])).copy()
    shown[-30:, -60:] = 0
    assert np.array_equal(shown, expected)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_stills_have_300_dpi_and_all_styles(suffix, movie, toy, tmp_path):
    codes = np.where(toy.labels > 0, 230, 20).astype(np.uint8)
    linker = Linker()
    linked = np.stack([linker(frame, t) for t, frame in enumerate(toy.labels)])
    for style in ("contours", "filled", "side_by_side", "probability", "before_after"):
        path = write_still(
            tmp_path / f"{style}{suffix}",
            movie,
            linked,
            4,
            OverlaySettings(style=style, show_ids=True, tail=3),
            beside=Beside(codes[:, None], toy.labels, linker.points()[0]),
        )
        with Image.open(path) as image:
            assert [round(float(d)) for d in image.info["dpi"]] == [300, 300]
            assert image.size[1] == 96


def test_contrast_does_not_flicker(toy):
    brighter = np.stack([toy.movie[0], toy.movie[0] * 3])
    movie = Stack.from_array(brighter, axes="TYX")
    look = movie_look(movie, PLAIN)
    assert look.windows[0][1] > np.percentile(toy.movie[0], 99.8) * 2


@pytest.mark.parametrize(
    ("name", "settings", "options", "message"),
    [
        ("movie.mkv", OverlaySettings(), {}, "movie.mkv is no name for a movie"),
        ("m.mp4", OverlaySettings(crop=(0, 0, 97, 10)), {}, "crop"),
        ("m.mp4", OverlaySettings(style="probability"), {}, "no probabilities"),
        ("m.mp4", OverlaySettings(style="before_after"), {}, "no earlier labels"),
        ("m.mp4", OverlaySettings(), {"options": WriteOptions([6])}, "frame 6"),
        ("m.mp4", OverlaySettings(), {"labels": np.zeros((5, 96, 128), int)}, "5 frames"),
        ("m.mp4", OverlaySettings(), {"labels": np.zeros((6, 9, 9), int)}, "9 x 9 pixels"),
    ],
)
def test_bad_input_starts_nothing(name, settings, options, message, movie, toy, tmp_path):
    labels = options.pop("labels", toy.labels)
    with pytest.raises(BadInput, match=message):
        list(write_movie(tmp_path / name, movie, labels, settings, **options))
    assert list(tmp_path.iterdir()) == []


def test_cancel_ends_the_encoder_and_the_thread(movie, toy, tmp_path, monkeypatch):
    started = []
    popen = subprocess.Popen

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr("subprocess.Popen", start)
    running = write_movie(tmp_path / "movie.mp4", movie, toy.labels)
    next(running)
    running.close()
    assert started[0].poll() is not None
    assert not [t for t in threading.enumerate() if t.name.startswith("compose")]
    assert list(tmp_path.iterdir()) == []


def test_a_frame_that_cannot_be_read_ends_the_movie(movie, toy, tmp_path):
    class Torn:
        def __len__(self):
            return 6

        def __getitem__(self, t):
            if t == 3:
                raise BadInput("labels.tif ends at frame 3", "6 frames", "copy it again")
            return toy.labels[t]

    with pytest.raises(BadInput, match="ends at frame 3"):
        list(write_movie(tmp_path / "movie.mp4", movie, Torn()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("executable", ["/nowhere/ffmpeg", "false"])
def test_an_ffmpeg_that_does_not_work_is_said_in_one_line(
    executable, movie, toy, tmp_path, monkeypatch
):
    if executable == "false":
        executable = shutil.which("false") or pytest.skip("no such program")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", executable)
    with pytest.raises(BadInput, match=r"ffmpeg|encoder") as raised:
        list(write_movie(tmp_path / "movie.mp4", movie, toy.labels))
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_talkative_encoder_does_not_block(tmp_path, monkeypatch):
    """Its messages go to a file: a full pipe would stop it for ever."""
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x >&2\ncat > /dev/null\n")
    script.chmod(0o755)
    if shutil.which("sh") is None:
        pytest.skip("no shell")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(script))
    with FfmpegEncoder(tmp_path / "movie.mp4", (64, 64), 10, 20) as encoder:
        for _ in range(50):
            encoder.write(np.zeros((64, 64), np.uint32))


def test_a_look_from_the_screen_is_used(movie, toy, tmp_path):
    look = Look(windows=((0.0, 1.0),), channels=((256, 0, 0),), pixel_size=None)
    path = write_still(
        tmp_path / "still.png", movie, np.zeros_like(toy.labels), 0, PLAIN, beside=Beside(look=look)
    )
    assert (np.asarray(Image.open(path))[..., 0] == 255).all()
    assert not np.asarray(Image.open(path))[..., 1:].any()
