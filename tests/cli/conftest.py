"""A small world for the command line: sample movie, its truth, and a tiny model, as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_unet.cli.app import app
from napari_unet.cli.demo import write_sample
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL


@dataclass(frozen=True)
class Answer:
    """What a command gave back."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The last line on stderr: the error, where there was one."""
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else ""


@pytest.fixture(scope="session")
def run() -> Callable[..., Answer]:
    """Run the program with words on its command line: ``run("info", path)``."""

    def program(*words: object) -> Answer:
        result = CliRunner().invoke(app, [str(word) for word in words])
        return Answer(result.exit_code, result.stdout, result.stderr)

    return program


@dataclass(frozen=True)
class World:
    """Files that the commands work on."""

    movie: Path
    truth: Path
    model: Path


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    import torch

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.unet import UNet, UNetConfig

    folder = tmp_path_factory.mktemp("world")
    movie, truth = sample_movie(SMALL)
    write_sample(folder / "movie.tif", movie)
    write_sample(folder / "truth.tif", truth)
    torch.manual_seed(0)
    network = UNet(UNetConfig(filters=(4, 8))).eval()
    model = Model(network, name="tiny", card={"diameter": 20.0}).save(folder / "tiny.safetensors")
    return World(folder / "movie.tif", folder / "truth.tif", model)


@pytest.fixture(scope="session")
def bright(world):
    """A tiny model whose labels are objects, though it learnt nothing."""
    import torch

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.normalisation import Normaliser
    from napari_unet.engine.network.unet import UNet, UNetConfig
    from napari_unet.engine.settings import Normalisation

    torch.manual_seed(0)
    network = UNet(UNetConfig(filters=(4, 8), outputs=("object",))).eval()
    frame = Normaliser(Normalisation())(tifffile.imread(world.movie)[0])
    with torch.no_grad():
        logits = network(torch.from_numpy(frame)[None])
        bright = np.corrcoef(logits.ravel(), frame.ravel())[0, 1] > 0
        gain = (3 if bright else -3) / logits.std()
        head = network.head
        head.bias.copy_((head.bias - logits.quantile(0.9 if bright else 0.1)) * gain)
        head.weight.mul_(gain)
    return Model(network, name="bright", card={"diameter": 20.0})
