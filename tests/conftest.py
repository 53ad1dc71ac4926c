"""One toy world for all tests: the generated movie, in memory and on disk."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_unet.engine.network.foreign import openvino_kept
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import FRAME_INTERVAL, PIXEL_SIZE, SMALL

TOY_NUMBERS = (3, 4, 7, 10, 11, 20)  # as a user's export has them: with gaps


class Toy(NamedTuple):
    """A small movie and its exact truth."""

    movie: NDArray[np.uint16]  # (6, 96, 128)
    labels: NDArray[np.uint16]


def pytest_collection_finish() -> None:
    """Leave thousands of collected tests, and what they imported, out of collections of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def converted_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what OpenVINO makes of a network, of a tiny one, too, for all tests of this process.

    Hundreds of predictors are opened, most of the same few networks; each would wait for it anew.
    """
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openvino_kept, "user_cache_path", lambda *_, **__: folder)
        patch.setattr(openvino_kept, "_LEAST", 0)
        patch.setattr(openvino_kept, "_FILES", 500)
        yield


@pytest.fixture(scope="session")
def toy() -> Toy:
    """The toy world in memory; read-only."""
    movie, labels = sample_movie(SMALL)
    movie.flags.writeable = labels.flags.writeable = False
    return Toy(movie, labels)


@pytest.fixture(scope="session")
def class_toy() -> Toy:
    """A denser toy movie whose cells are of two classes, bright (1) and dim (2); read-only."""
    movie, ids = sample_movie(frames=6, shape=(96, 128), density=12, seed=5)
    ground = float(np.median(movie[ids == 0]))
    dim = (ids > 0) & (ids % 2 == 0)
    movie = np.where(dim, ground + 0.35 * (movie - ground), movie).astype(np.uint16)
    labels = np.where(dim, 2, ids > 0).astype(np.uint16)
    movie.flags.writeable = labels.flags.writeable = False
    return Toy(movie, labels)


@pytest.fixture
def toy_stack(toy: Toy) -> Stack:
    """The toy movie as a stack."""
    return Stack.from_array(
        toy.movie, axes="TYX", name="toy", pixel_size=PIXEL_SIZE, frame_interval=FRAME_INTERVAL
    )


@pytest.fixture
def toy_labels_stack(toy: Toy) -> Stack:
    """The truth of the toy movie as a stack."""
    return Stack.from_array(toy.labels, axes="TYX", name="toy labels")


@pytest.fixture(scope="session")
def toy_file(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy movie as a compressed OME-TIFF; do not change it."""
    path = tmp_path_factory.mktemp("toy") / "toy.ome.tif"
    tifffile.imwrite(
        path,
        toy.movie,
        compression="zlib",
        metadata={
            "axes": "TYX",
            "PhysicalSizeX": PIXEL_SIZE,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": PIXEL_SIZE,
            "PhysicalSizeYUnit": "µm",
            "TimeIncrement": FRAME_INTERVAL,
            "TimeIncrementUnit": "s",
        },
    )
    return path


@pytest.fixture(scope="session")
def toy_folders(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Movie and masks as folders in the Cell Tracking Challenge's way, numbers with gaps."""
    root = tmp_path_factory.mktemp("toy")
    movie, masks = root / "01", root / "01_SEG"
    for folder, stem, frames in ((movie, "t", toy.movie), (masks, "man_seg", toy.labels)):
        folder.mkdir()
        for number, frame in zip(TOY_NUMBERS, frames, strict=True):
            tifffile.imwrite(folder / f"{stem}{number:03d}.tif", frame, compression="zlib")
    return movie, masks


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real movies, where this machine has them; tests that use them are skipped elsewhere."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NAPARI_UNET_DATA", default))
    if not (folder / "README.md").exists():
        pytest.skip("real movies are not at hand (set NAPARI_UNET_DATA)")
    return folder
