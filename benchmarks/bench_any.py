"""A start for any image: networks that know outlines under any contrast but that of the movie.

    python benchmarks/bench_any.py --out BASES                      # trains, half an hour
    python benchmarks/bench_any.py --out BASES --write              # what is missing; the table

A base learns from generated frames (`napari_unet.sample.random_cells`) and from the CC0 images of
DSB 2018, for so many steps. One leaves out whole looks: whether it is a good start for DIC and
phase contrast is said by one that saw neither. Each row is then one annotated frame and the same
steps, from new, from the bundled nuclei, and from each base, by `bench_kinds`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from _page import DATA, DSB, markdown, write_row
from bench_kinds import HEAD, cells, rows, scores
from napari_unet.cli.heap import keep_heap
from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training import train
from napari_unet.sample.random_cells import random_cells
from napari_unet.sample.random_looks import LOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.engine.network.model import Model
    from napari_unet.sample.random_looks import Look

    Pair = tuple[np.ndarray, np.ndarray]  # image and labels, both (Y, X)

SIDE = 256  # px of a frame
GENERATED, FLUORESCENCE, TISSUE = 300, 60, 20  # frames
LEFT_OUT: dict[str, tuple[Look, ...]] = {
    "any": (),
    "any-but-dic-and-halo": ("dic", "halo", "rimmed"),
}
MARKER = "bench:any"


def generated(looks: Sequence[Look]) -> Iterator[Pair]:
    """Yield generated frames; of a stained one, one of its colours."""
    for seed in range(GENERATED):
        made = random_cells(seed, (SIDE, SIDE), looks=looks)
        image = made.image if made.image.ndim == 2 else made.image[..., seed % 3]
        yield image, made.labels


def real(folder: Path, count: int) -> Iterator[Pair]:
    """Yield the middles of some images of DSB 2018, coloured ones in grey levels."""
    paths = sorted((folder / "images").glob("*.tif"))
    for path in paths[:: max(1, len(paths) // count)][:count]:
        image, labels = tifffile.imread(path), tifffile.imread(folder / "masks" / path.name)
        image = image if image.ndim == 2 else image[..., :3].mean(-1).astype(np.uint8)
        box = tuple(slice((n - SIDE) // 2, (n - SIDE) // 2 + SIDE) for n in labels.shape)
        yield image[box], labels[box]


def learned(without: Sequence[Look]) -> tuple[Stack, Annotations]:
    """Return what a base learns from, every pixel of it."""
    looks = [look for look in LOOKS if look not in without]
    pairs = [
        *generated(looks), *real(DSB, FLUORESCENCE), *real(DATA / "dsb2018_colour", TISSUE)
    ]  # fmt: skip
    images = np.stack([image for image, _ in pairs])
    frames = {t: annotate(ids.astype(np.int32), complete=True) for t, (_, ids) in enumerate(pairs)}
    return (
        Stack.from_array(images, axes="TYX", name="cells of any kind"),
        Annotations(images.shape, frames),
    )


def base(without: Sequence[Look], name: str, steps: int, threads: int) -> Model:
    """Train a base from new, on what does not have the looks ``without``."""
    stack, annotations = learned(without)
    settings = TrainSettings(
        minutes=None, steps=steps, threads=threads, validation="none", scale=1.0, edge=0
    )
    training = train(stack, annotations, settings, name=name)
    while True:
        try:
            step = next(training)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if step.step % 250 == 0:
            said = f"{name}: step {step.step}, loss {step.loss:.3f}, {step.seconds:.0f} s"
            print(said, flush=True)


def main() -> None:
    """Train the bases that are not there; score from each, and write docs/benchmarks.md."""
    keep_heap()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the bases")
    parser.add_argument("--base-steps", type=int, default=4000)
    parser.add_argument("--row", action="append", help="of bench_kinds; dic-1 and psc-1 otherwise")
    parser.add_argument("--start", action="append", help="new, nuclei-fluorescence, or a base")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the rows into the docs")
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    starts = options.start or ["new", "nuclei-fluorescence", *LEFT_OUT]
    for name in [name for name in LEFT_OUT if name in starts]:
        path = options.out / f"{name}.safetensors"
        if not path.exists():
            base(LEFT_OUT[name], name, options.base_steps, options.threads).save(path)
    print(markdown(HEAD, []), flush=True)
    for name in options.row or ("dic-1", "psc-1"):
        for start in starts:
            score(name, start, options)


def score(name: str, start: str, options: argparse.Namespace) -> None:
    """Score a row of `bench_kinds` from one start, and print it."""
    path = options.out / f"{start}.safetensors"
    row = rows()[name]
    began = () if start == "new" else ("--base", path if path.exists() else start)
    told = argparse.Namespace(
        name=f"{name}-{start}", keep=None, inside=None, set=[], minutes=None,
        steps=options.steps, threads=options.threads,
    )  # fmt: skip
    from_it = replace(row, train=(*row.train, *map(str, began)))
    found = [scores(from_it, seed, told) for seed in range(options.seeds)]
    line = (f"{row.words}, {options.steps} steps, from {start}", *cells(found))
    print(markdown(HEAD, [line]).splitlines()[-1], flush=True)
    if options.write:
        write_row(MARKER, HEAD, line)


if __name__ == "__main__":
    main()
