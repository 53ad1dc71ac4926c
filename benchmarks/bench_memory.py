"""Memory: ten times the frames, and a movie of 20 GB of which one frame is wanted at once.

``python benchmarks/bench_memory.py [--small] [--quick]``; with a display (``xvfb-run -a``) the
20 GB movie is also opened in napari. ``--long`` measures instead napari with a movie of 1,000
frames of 2048 x 2048, of which some are segmented by the Segment dock, ``--volumes`` 20, 40 and
200 volumes that are made as they are read. Each measurement is a process of its own, and its peak
is what the system says of it. The 20 GB are holes in a BigTIFF: they take no room. The table goes
into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tifffile

from _memory import TreeMemory, peak, resident
from _page import markdown, write_between_markers, write_row

if TYPE_CHECKING:
    from napari_unet.engine.stack.stack import Stack

SHAPE = (700, 1100)
WANTED = 5000  # the frame of the large movie
TIMES = 10
LONG = (1000, 2048, 2048)
VOLUME, VOLUMES = (32, 512, 512), 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=34, help="of the shorter movie")
    parser.add_argument("--gigabytes", type=float, default=20.0)
    parser.add_argument("--small", action="store_true", help="a network of 8 and 16 filters")
    parser.add_argument("--long", action="store_true", help="only the long movie in napari")
    parser.add_argument("--volumes", action="store_true", help="only volumes, and ten times them")
    parser.add_argument("--segmented", type=int, default=20, help="frames of the long movie")
    parser.add_argument("--quick", action="store_true", help="small, 8 frames; no table is kept")
    parser.add_argument("--folder", type=Path, default=None, help="where to write (a real disk)")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "MOVIE", "NETWORK"), help="internal")
    options = parser.parse_args()
    if options.child:
        what, movie, network = options.child
        print(json.dumps(CHILDREN[what](Path(movie), network)), flush=True)
        os._exit(0)  # what still runs in threads is of no interest
    small = options.small or options.quick
    if options.long:
        long_movie(options.folder, options.segmented, small)
        return
    if options.volumes:
        volumes(options.folder, quick=options.quick)
        return
    frames = 8 if options.quick else options.frames
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        network = _network(Path(name), small)
        longer = longer_rows(Path(name), frames, network)
        large = large_rows(Path(name), options.gigabytes, network)
    what = "filters (8, 16), random weights" if small else "the bundled model"
    text = [
        f"File to probability file, {SHAPE[0]}x{SHAPE[1]}, {what}, {os.cpu_count()} cores. Peak of "
        "a process of its own.",
        markdown(("movie", f"{frames} frames", f"{frames * TIMES} frames", "ratio"), longer),
        f"A sparse BigTIFF of {options.gigabytes:g} GB; memory is what opening and predicting add "
        "to a process that has imported all it needs.",
        markdown(("", "opens in", f"frame {WANTED} after", "memory added"), large),
    ]
    result = "### Memory\n\n" + "\n\n".join(text)
    print(result)
    if not options.quick:
        write_between_markers("bench:memory", result)


def long_movie(place: Path | None, segmented: int, small: bool) -> None:
    """Peak of napari with a long movie of large frames open, before and after Segment ran."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        path, network = folder / "long.tif", _network(folder, small)
        write_long(path, segmented)
        found = ask("segment", path, network)
    what = "filters (8, 16), random weights" if small else "the bundled model"
    n, height, width = LONG
    named = {"base": "napari and Segment open, the model loaded", "opened": "the movie open"}
    rows = [
        (named.get(key) or f"{key} frames segmented, and looked at", *in_megabytes(one))
        for key, one in found["rows"].items()
    ]
    most = max(found["tree"], *(one["peak"] for one in found["rows"].values()))
    rows.append(("the same with all processes that it started", "", f"{most / 1e6:.0f} MB"))
    size = f"{n} frames of {height}x{width}, uint16, {n * height * width * 2 / 1e9:.1f} GB"
    text = (
        f"napari with {size}, a sparse BigTIFF in which {segmented} frames spread over all hold "
        f"nuclei; those are segmented by *These frames* of the Segment dock with {what} on "
        f"{os.cpu_count()} cores, a quarter at a time, and each is looked at."
    )
    result = "### A long movie of large frames in napari\n\n" + text + "\n\n"
    result += markdown(("", "memory then", "most so far"), rows)
    print(result)
    write_between_markers("bench:long", result)


def in_megabytes(found: dict[str, int]) -> tuple[str, str]:
    """Return memory now, and the most so far."""
    return f"{found['now'] / 1e6:.0f} MB", f"{found['peak'] / 1e6:.0f} MB"


def volumes(place: Path | None, *, quick: bool) -> None:
    """Peak of predicting volumes, twice and ten times as many, by a network of 2 and 4 filters."""
    import torch

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.unet import UNet, UNetConfig

    torch.manual_seed(0)
    config = UNetConfig(dims=3, filters=(2, 4), strides=((1, 2, 2),), outputs=("object",))
    first = 2 if quick else VOLUMES
    with tempfile.TemporaryDirectory(dir=place) as name:
        network = str(Model(UNet(config).eval(), name="small").save(Path(name) / "network"))
        counts = (first, 2 * first, TIMES * first)
        peaks = [ask("volumes", Path(name) / f"volumes.{n}", network)["peak"] for n in counts]
    head = (f"volumes of {' x '.join(map(str, VOLUME))}", *map(str, counts), "ratio")
    megabytes = (f"{one / 1e6:.0f} MB" for one in peaks)
    row = ("made as they are read", *megabytes, f"{peaks[-1] / peaks[0]:.3f}")
    print(markdown(head, [row]))
    if not quick:
        write_row("bench:memory-volumes", head, row)


class Generated:
    """Volumes (T, Z, Y, X) that are nowhere: each is the same nuclei, moved."""

    def __init__(self, n: int) -> None:
        import numpy as np

        from napari_unet.sample.volumes import sample_volumes

        movie, _ = sample_volumes(frames=1)
        repeats = [
            -(-wanted // there) for wanted, there in zip(VOLUME, movie.shape[1:], strict=True)
        ]
        self._one = np.tile(movie[0], repeats)[tuple(slice(n) for n in VOLUME)]
        self.shape, self.ndim, self.dtype = (n, *VOLUME), 1 + len(VOLUME), movie.dtype

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        import numpy as np

        t, *others = index
        return np.roll(self._one[others[0]], 7 * t, axis=-1)[tuple(others[1:])]


def spread(segmented: int) -> list[int]:
    """Frames of the long movie that are segmented."""
    return [round(i * (LONG[0] - 1) / (segmented - 1)) for i in range(segmented)]


def write_long(path: Path, segmented: int) -> None:
    """Write holes, and nuclei into the frames that are segmented."""
    import numpy as np

    from napari_unet.sample.movie import sample_movie

    nuclei, _ = sample_movie(frames=1, shape=(512, 512))
    frame = np.tile(nuclei[0], (LONG[1] // 512, LONG[2] // 512))
    movie = tifffile.memmap(
        path, shape=LONG, dtype="uint16", bigtiff=True, ome=True, metadata={"axes": "TYX"}
    )
    for t in spread(segmented):
        movie[t] = frame
    movie.flush()
    path.with_suffix(".frames").write_text(",".join(map(str, spread(segmented))))


def longer_rows(folder: Path, frames: int, network: str) -> list[tuple[str, ...]]:
    """Peak of predicting a movie, and one ten times as long."""
    rows = []
    for kind, options in {"uncompressed": {}, "LZW": {"compression": "lzw"}}.items():
        peaks = []
        for n in (frames, frames * TIMES):
            path = folder / f"{kind}{n}.tif"
            write_movie(path, n, options)
            peaks.append(ask("predict", path, network)["peak"])
            path.unlink()
        megabytes = (f"{peak / 1e6:.0f} MB" for peak in peaks)
        rows.append((kind, *megabytes, f"{peaks[1] / peaks[0]:.3f}"))
    return rows


def large_rows(folder: Path, gigabytes: float, network: str) -> list[tuple[str, ...]]:
    """A frame in the middle of a movie that is larger than memory, without and with napari."""
    path = folder / "large.tif"
    n = max(WANTED + 1, int(gigabytes * 1e9 / (2 * SHAPE[0] * SHAPE[1])))
    tifffile.imwrite(
        path, shape=(n, *SHAPE), dtype="uint16", bigtiff=True, ome=True, metadata={"axes": "TYX"}
    )
    print(f"{n} frames, {path.stat().st_size / 1e9:.1f} GB, {path.stat().st_blocks * 512} on disk")
    ways = {"one": "without a window"}
    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        ways["window"] = "in napari, Segment open"
    rows = []
    for way, words in ways.items():
        found = ask(way, path, network)
        seconds = (f"{found[key]:.2f} s" for key in ("open", "frame"))
        rows.append((words, *seconds, f"{(found['peak'] - found['base']) / 1e6:.0f} MB"))
    return rows


def write_movie(path: Path, n: int, options: dict[str, Any]) -> None:
    """Write the generated movie again and again, a frame at a time."""
    from napari_unet.sample.movie import sample_movie

    movie, _ = sample_movie(frames=4, shape=SHAPE)
    frames = (movie[t % len(movie)] for t in range(n))
    tifffile.imwrite(
        path, frames, shape=(n, *SHAPE), dtype=movie.dtype, metadata={"axes": "TYX"}, **options
    )


def ask(what: str, path: Path, network: str) -> dict[str, Any]:
    """Run one measurement in a fresh process."""
    home = path.parent / "home"
    places = {f"XDG_{kind}_HOME": str(home / kind) for kind in ("CONFIG", "CACHE", "DATA")}
    child = subprocess.Popen(
        [sys.executable, __file__, "--child", what, str(path), network],
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        text=True,
    )
    watched = TreeMemory(child.pid)
    said, _ = child.communicate()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, child.args)
    found: dict[str, Any] = {**json.loads(said.splitlines()[-1]), "tree": watched.peak}
    print(what, path.name, found, flush=True)
    return found


def predict_all(path: Path, network: str) -> dict[str, float]:
    """Predict a file into a file; the peak is that of the whole process."""
    from napari_unet.engine.stack.stack import Stack

    with Stack.open(path) as stack:
        return _predicted(stack, path, network)


def _predicted(stack: Stack, path: Path, network: str) -> dict[str, float]:
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.prediction import predict, probabilities_shape
    from napari_unet.engine.prediction.predictor import open_predictor
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.settings import PredictSettings

    model, store = Model.load(network), path.with_suffix(".prob")
    began = time.perf_counter()
    predictor = open_predictor(model, PredictSettings(device="cpu"))
    with Probabilities.create(store, probabilities_shape(stack, model), {}) as probabilities:
        done = sum(1 for _ in predict(stack, predictor, probabilities))
    store.unlink()
    return {"peak": peak(), "frames": done, "seconds": time.perf_counter() - began}


def predict_volumes(path: Path, network: str) -> dict[str, float]:
    """Predict as many volumes as the path's suffix says into a file."""
    from napari_unet.engine.settings import Selection
    from napari_unet.engine.stack.stack import Stack

    movie = Generated(int(path.suffix[1:]))
    with Stack.from_array(
        movie, Selection(z="volume"), axes="TZYX", pixel_size=0.4, z_step=1.2
    ) as s:
        return _predicted(s, path, network)


def predict_one(path: Path, network: str) -> dict[str, float]:
    """Open the large movie and predict one frame of it."""
    import openvino  # noqa: F401 - before the base is taken, if it is there

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.predictor import open_predictor
    from napari_unet.engine.settings import PredictSettings
    from napari_unet.engine.stack.stack import Stack

    base, began = resident(), time.perf_counter()
    with Stack.open(path) as stack:
        opened = time.perf_counter()
        predictor = open_predictor(Model.load(network), PredictSettings(device="cpu"))
        predictor(stack[WANTED])
        ended = time.perf_counter()
    return {"base": base, "peak": peak(), "open": opened - began, "frame": ended - opened}


def predict_in_window(path: Path, network: str) -> dict[str, float]:
    """The same by hand: open the movie, go to the frame, press *This frame*."""
    import napari
    import torch  # noqa: F401 - before the base is taken

    from bench_responsive import settle, wait
    from napari_unet.gui.session.session import Session

    viewer = napari.Viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment")
    session = Session.of(viewer)
    settle()
    dock.model_path.setText(network)
    dock.load.click()
    wait(lambda: not session.job.running)
    base, began = resident(), time.perf_counter()
    viewer.open(path, plugin="napari-unet-live")
    wait(dock.run_frame.isEnabled)
    opened = time.perf_counter()
    viewer.dims.set_current_step(0, WANTED)
    dock.run_frame.click()
    wait(lambda: not session.job.running)
    assert session.labels.live.computed(WANTED), session.job.state.line
    ended = time.perf_counter()
    settle()
    return {"base": base, "peak": peak(), "open": opened - began, "frame": ended - opened}


def segment_in_window(path: Path, network: str) -> dict[str, Any]:
    """Open the long movie by hand, and segment some of its frames by the dock, by quarters."""
    import napari

    from bench_responsive import settle, wait
    from napari_unet.gui.session.session import Session

    viewer = napari.Viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment")
    session = Session.of(viewer)
    settle()
    dock.findChild(type(dock.frames), "segment.model_path").setText(network)
    dock.load.click()
    wait(lambda: not session.job.running)
    found = {"base": {"now": resident(), "peak": peak()}}
    viewer.open(path, plugin="napari-unet-live")
    wait(dock.run_movie.isEnabled)
    settle()
    found["opened"] = {"now": resident(), "peak": peak()}
    wanted = [int(t) for t in path.with_suffix(".frames").read_text().split(",")]
    begun = 0
    for part in (1, 2, 3, 4):
        frames = wanted[: len(wanted) * part // 4]
        dock.frames.setText(",".join(map(str, frames)))
        dock.run_frames.click()
        wait(lambda: not session.job.running)
        assert not session.job.state.failed, session.job.state.line
        for t in frames[begun:]:
            viewer.dims.set_current_step(0, t)
            settle(0.5)
        begun = len(frames)
        assert int(session.labels.live.probabilities.computed.sum()) == begun
        found[str(begun)] = {"now": resident(), "peak": peak()}
        print(begun, found[str(begun)], file=sys.stderr, flush=True)
    return {"rows": found}


CHILDREN = {
    "predict": predict_all,
    "volumes": predict_volumes,
    "one": predict_one,
    "window": predict_in_window,
    "segment": segment_in_window,
}


def _network(folder: Path, small: bool) -> str:
    """Path of the model: the bundled one, or a small one of random weights."""
    import torch

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.unet import UNet, UNetConfig

    torch.manual_seed(0)
    if small or not Model.bundled():
        model = Model(UNet(UNetConfig(filters=(8, 16))).eval(), name="small")
    else:
        model = Model.load(Model.bundled()[0])
    return str(model.save(folder / "network"))


if __name__ == "__main__":
    main()
