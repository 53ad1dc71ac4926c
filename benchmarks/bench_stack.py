"""Reading frames: opening time, frame time ÷ memmap, parallel decoding, resident memory.

``python benchmarks/bench_stack.py [--gigabytes 20]``: interleaved, medians, ratios.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import tifffile

from _memory import peak
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie

SIDE = 1000  # px: a uint16 frame has 2 MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20.0, help="of the sparse movie")
    parser.add_argument("--folder", type=Path, default=None, help="where to write (a real disk)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        sparse_movie(Path(folder), options.gigabytes)
        against_memmap(Path(folder))
        compressed(Path(folder))


def sparse_movie(folder: Path, gigabytes: float) -> None:
    """Write a BigTIFF of holes with one page a frame; open it and read frames all over."""
    n = int(gigabytes * 1e9 / (2 * SIDE * SIDE))
    for kind, options in {
        "one page a frame": {"ome": True, "metadata": {"axes": "TYX"}},
        "one page for all": {"metadata": {"axes": "TYX", "truncate": True}},
    }.items():
        path = folder / "sparse.tif"
        tifffile.imwrite(path, shape=(n, SIDE, SIDE), dtype="uint16", bigtiff=True, **options)
        before = peak()
        seconds, stack = timed(partial(Stack.open, path))
        with stack:
            first, _ = timed(partial(stack.__getitem__, n // 2))
            order = np.random.default_rng(0).integers(0, n, 200)
            reads = [timed(partial(stack.__getitem__, t))[0] for t in order]
            print(
                f"sparse {path.stat().st_size / 1e9:.1f} GB, {n} frames, {kind}: open "
                f"{seconds:.3f} s, frame {n // 2} after {first * 1e3:.1f} ms, then "
                f"{statistics.median(reads) * 1e3:.2f} ms; peak memory "
                f"+{(peak() - before) / 1e6:.0f} MB"
            )
        path.unlink()


def against_memmap(folder: Path) -> None:
    """Time ÷ memmap of 40 random frames (warm), interleaved."""
    movie = repeated(60)
    path = folder / "plain.tif"
    tifffile.imwrite(path, movie, metadata={"axes": "TYX"})
    memmap = tifffile.memmap(path, mode="r")
    order = np.random.default_rng(1).integers(0, len(movie), 40)
    with Stack.open(path) as stack:
        ours, theirs = [], []
        for _ in range(7):
            ours.append(timed(lambda: [stack[t] for t in order])[0])
            theirs.append(timed(lambda: [np.array(memmap[t]) for t in order])[0])
        again = statistics.median(ours) / statistics.median(theirs)
        frame = statistics.median(ours) / len(order) * 1e3
        print(f"uncompressed frame {frame:.2f} ms = {again:.2f} x memmap")


def compressed(folder: Path) -> None:
    """Decoding with one and several reader threads."""
    movie = repeated(40)
    for compression in ("zlib", "lzw", "zstd"):
        path = folder / f"{compression}.tif"
        tifffile.imwrite(path, movie, compression=compression, metadata={"axes": "TYX"})
        with Stack.open(path) as stack:
            one, several = [], []
            for _ in range(3):
                one.append(timed(lambda: [stack[t] for t in range(len(stack))])[0])
                several.append(timed(lambda: read_with_threads(stack, 2))[0])
            frame = statistics.median(one) / len(movie) * 1e3
            gain = statistics.median(one) / statistics.median(several)
            print(f"{compression} frame {frame:.2f} ms; two reader threads {gain:.2f} x")


def read_with_threads(stack: Stack, threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(stack.__getitem__, range(len(stack))):
            pass


def repeated(n: int) -> np.ndarray:
    movie, _ = sample_movie(frames=4, shape=(700, 1100))
    return np.concatenate([movie] * (n // 4))


def timed(action):
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
