"""Encoders that take composed pictures one by one: ffmpeg in its own process, PNG files.

ffmpeg is a separate program (imageio-ffmpeg ships one; ``IMAGEIO_FFMPEG_EXE`` names another).
Its messages go to a file, not a pipe, so that it can never block on them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Protocol, Self

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.overlay.overlay import as_bytes

Packed = NDArray[np.uint32]
# Noise of a camera has no motion to be found: x264 that does not look for it takes half the time of
# its "veryfast" for the same quality. What keeps dark, flat ground from falling into blocks stays.
_FAST = ("-preset", "ultrafast", "-x264-params", "aq-mode=1:no-deblock=0:cabac=1")
# x264 notes in the stream on how many threads it ran; without that the bytes are the same on all.
_SAME = ("-bsf:v", "filter_units=remove_types=6")
_MPEG4_TIMEBASE = 90_000  # ticks of a second: frame rates such as 1/3 per second stay exact


class Encoder(Protocol):
    """Takes pictures in order; used as a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def write(self, picture: Packed) -> None:
        """Append the next picture (Y, X) of packed pixels."""


class FfmpegEncoder:
    """H.264 mp4 or MJPEG avi, by ffmpeg; ``shape`` is (Y, X), odd sizes are padded by a pixel."""

    def __init__(self, path: Path, shape: tuple[int, int], fps: float, quality: int) -> None:
        self.path = path
        command = [_executable(), *_command(path, shape, fps, quality)]
        self._messages = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._messages,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                start_new_session=sys.platform != "win32",  # Ctrl+C is ours to handle
            )
        except OSError as error:
            self._messages.close()
            raise _no_ffmpeg(str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None:
                self._finish()
        finally:
            self._end()

    def write(self, picture: Packed) -> None:
        """Hand over a picture; blocks while the encoder is behind."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(as_bytes(picture)).data)
        except OSError as error:
            raise self._failure() from error

    def _finish(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError as error:
            raise self._failure() from error
        if self._process.wait() != 0:
            raise self._failure()

    def _end(self) -> None:
        """Leave no process behind, whatever happened."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                self._process.stdin = None  # what was buffered cannot be delivered any more
        self._messages.close()

    def _failure(self) -> BadInput:
        code = self._process.wait()
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").strip().splitlines()
        said = lines[-1] if lines else f"it stopped with code {code}"
        if not self.path.parent.exists():
            said = f"the folder {self.path.parent} has vanished"
        return BadInput(
            f"the video encoder could not go on ({said})",
            "a disk with room and an ffmpeg with libx264",
            "free some space or choose another folder",
        )


class PngFolderEncoder:
    """One PNG for each picture in a folder: ``frame0000.png …``, named by ``numbers``."""

    def __init__(self, folder: Path, numbers: tuple[int, ...]) -> None:
        self.folder, self.numbers = folder, numbers
        self._n = 0
        self._digits = max(4, len(str(max(numbers))))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def write(self, picture: Packed) -> None:
        """Write a picture as the next file."""
        name = f"frame{self.numbers[self._n]:0{self._digits}d}.png"
        save_still(self.folder / name, picture, compress_level=2)
        self._n += 1


def save_still(path: Path, picture: Packed, *, dpi: int = 300, compress_level: int = 6) -> None:
    """Save one picture as PNG or TIFF (by its suffix) with ``dpi`` in its metadata."""
    image = Image.fromarray(np.ascontiguousarray(as_bytes(picture)[..., :3]))
    if path.suffix.lower() == ".png":
        image.save(path, dpi=(dpi, dpi), compress_level=compress_level)
    else:
        image.save(path, dpi=(dpi, dpi), compression="tiff_adobe_deflate")


def _executable() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise _no_ffmpeg("none found") from error


def _no_ffmpeg(why: str) -> BadInput:
    return BadInput(
        f"ffmpeg cannot be started ({why})",
        "the ffmpeg that comes with imageio-ffmpeg",
        "install imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE to an ffmpeg",
    )


def _command(path: Path, shape: tuple[int, int], fps: float, quality: int) -> list[str]:
    height, width = shape
    source = ["-f", "rawvideo", "-pix_fmt", "rgb0", "-s", f"{width}x{height}", "-r", f"{fps:.6g}"]
    pad = "pad=ceil(iw/2)*2:ceil(ih/2)*2," if height % 2 or width % 2 else ""
    common = ["-nostdin", "-y", "-loglevel", "error", *source, "-i", "pipe:0", "-an"]
    if path.suffix.lower() == ".avi":
        scale = f"{pad}scale=out_range=pc,format=yuvj420p"
        codec = ["-c:v", "mjpeg", "-q:v", str(min(31, 2 + quality // 7)), "-f", "avi"]
        return [*common, "-vf", scale, *codec, str(path)]
    # Colours are tagged, so that players do not guess them from the size of the picture.
    scale = f"{pad}scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    codec = ["-c:v", "libx264", *_FAST, "-crf", str(quality), *tags, *_SAME]
    index = ["-movflags", "+faststart", "-video_track_timescale", str(_MPEG4_TIMEBASE)]
    return [*common, "-vf", scale, *codec, *index, "-f", "mp4", str(path)]
