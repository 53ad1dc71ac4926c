"""Fit what doubts are weighed by: what is evidence of an error, and of a repair that mends it.

    python benchmarks/fit_doubts.py --kept DIR

Nothing that `bench_review.py` scores on is used. Doubts come from its generated movies, predicted
by the bundled model after 60 steps on their first frame; from slips put into generated labels;
from the true labels of DIC 01, which have no errors; and from masks of DSB 2018, of which some
that touch are merged and some are cut in two. A logistic regression for each kind, drawn to the
weights below (standard deviation 1, of the constant 2): those were set by hand first, and hold
where a kind has few examples. Prints the tables of `engine/tracks/doubts/scores.py`.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from scipy import ndimage
from scipy.optimize import minimize

from _page import DATA, DSB
from bench_review import TUNED, Generated, Session, hits, last, predicted
from napari_unet.engine.session.reviewing.live_doubts import LiveDoubts
from napari_unet.engine.tracks.doubts import gaps, parted, runs, shapes
from napari_unet.engine.tracks.doubts.finder import DoubtFinder
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.slips import labels_with_slips

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_unet.engine.tracks.doubts.doubt import Doubt

STEPS = 60
VERBS = {"merged": "split", "cut": "merge", "missed": "take", "invented": "delete"}
PRIOR: dict[str, dict[str, float]] = {
    "merged": {"": 1.5, "n": -0.2, "size": 1.5, "part": 2.0, "whole": -2.0, "waist": 1.0,
               "parted": 1.0, "union": -2.0, "border": 1.0},
    "cut": {"": 1.0, "n": -0.2, "size": -1.5, "part": -2.0, "whole": -2.0, "waist": -1.0,
            "parted": -1.0, "union": 2.0, "border": -1.0},
    "fused, split": {"": 0.0, "n": -0.2, "size": 1.5, "part": 2.0, "whole": -2.0, "waist": 1.0,
                     "parted": 1.0, "union": -2.0, "border": 1.0, "longer": 0.4},
    "fused, merge": {"": -0.5, "n": -0.2, "size": -1.5, "part": -2.0, "whole": -2.0,
                     "waist": -1.0, "parted": -1.0, "union": 2.0, "border": -1.0, "longer": -0.4},
    "apart, split": {"": -2.0, "n": 0.0, "size": 2.0, "part": 1.0, "whole": -1.0, "waist": 2.0,
                     "parted": 2.0, "union": -1.0, "border": 1.0, "longer": 0.4},
    "apart, merge": {"": -2.5, "n": -0.2, "size": -1.0, "part": -2.0, "whole": -1.0,
                     "waist": -1.0, "parted": -1.0, "union": 2.0, "border": -2.0, "longer": -0.4},
    "two in one": {"": -1.5, "n": 0.2, "size": 1.5, "waist": 3.0, "form": -6.0, "parted": 2.0,
                   "part": 1.0, "divides": -1.0},
    "one in two": {"": -1.5, "n": 0.2, "size": -2.0, "part": -2.0, "union": 6.0, "border": -4.0},
    "gap": {"": 2.0, "n": -0.2, "peak": 1.0, "size": -1.0, "edge": -1.0},
    "traced": {"": 0.0, "n": 0.2, "peak": 2.5, "size": -1.0, "age": 0.3},
    "ends": {"": -1.5, "sure": 1.0, "size": 0.0, "age": 0.2},
    "nearly": {"": -2.0, "n": 0.4, "peak": 3.0, "size": -1.0},
    "brief": {"": 1.0, "n": -0.4, "sure": -3.0, "size": -0.5, "daughter": -2.0, "rest": 1.0},
    "rest": {"": 1.0, "n": -0.4, "daughter": -1.0},
    "speck": {"": 0.5, "n": 0.0, "sure": -2.0, "size": -0.7},
    "outline": {"": -1.0, "jump": 1.5, "unsure": 1.0},
    "unsure": {"": -1.5, "unsure": 2.0, "sure": -1.0},
}  # fmt: skip
Row = tuple[str, dict[str, float], bool, bool | None]  # kind, evidence, wrong, mended


def let_all_through() -> None:
    """Let unlikely doubts and repairs through, too."""
    limits = {runs: ["OFFERED"], gaps: ["_LEAST", "_FEW"], shapes: ["_LEAST"], parted: ["_DIVIDES"]}
    for where, names in limits.items():
        for name in names:
            assert hasattr(where, name)
            setattr(where, name, -1.0)


def row(one: Doubt, wrong: bool, mended: bool) -> Row:
    """Return what is learned from a doubt."""
    (kind, _), *evidence = one.evidence
    return kind, dict(evidence), wrong, mended if one.repair is not None else None


def all_of(finder: DoubtFinder) -> list[Doubt]:
    """Return the doubts of all reasons."""
    return [one for found in finder._of for one in found]  # noqa: SLF001


def of_predictions(kept: Path) -> Iterator[Row]:
    """Yield what predicted movies teach."""
    for movie in TUNED:
        if not isinstance(movie, Generated):
            continue
        session = Session(movie, *predicted(movie, kept, STEPS))
        doubts = LiveDoubts(session.live)
        last(doubts.find())
        errors = {t: session.errors(t) for t in session.wrong}
        for one in all_of(doubts._finder):  # noqa: SLF001
            wrong = any(hits(p, e) for p in one.parts for e in errors.get(p.frame, ()))
            steps = session.live.corrections.n_done
            mended = session.helps(one)
            while session.live.corrections.n_done > steps:
                session.live.undo()
            yield row(one, wrong, mended)


def of_slips() -> Iterator[Row]:
    """Yield what slips in generated labels teach."""
    for seed in (0, 1, 3, 5, 6, 7, 8):
        step, density = (1 if seed % 2 == 0 else 3), (4.5 if seed < 5 else 6.0)
        world = {"frames": 22 * step, "shape": (208, 256), "density": density, "seed": seed}
        damaged, slips = labels_with_slips(sample_movie(**world)[1][::step], 20, seed=seed)
        for one in found_in(damaged):
            near = [
                slip
                for slip in slips
                for part in one.parts
                if slip.frame == part.frame
                and np.hypot(part.y - slip.y, part.x - slip.x) < max(6, part.size / 2)
            ]
            verbs = {VERBS[slip.kind] for slip in near}
            mended = one.repair is not None and len(near) == len(one.frames)
            yield row(one, bool(near), mended and verbs == {one.repair.verb})


def of_right_labels() -> Iterator[Row]:
    """Yield what right labels teach: nothing is wrong."""
    files = sorted((DATA / "DIC-C2DH-HeLa" / "01_ST" / "SEG").glob("*.tif"))[:60]
    for one in found_in(np.stack([tifffile.imread(file) for file in files])):
        yield row(one, False, False)


def of_masks() -> Iterator[Row]:
    """Yield what single frames teach of cells that are two, and of two that are one."""
    chance = np.random.default_rng(0)
    files = sorted((DSB / "masks").glob("*.tif"))
    chance.shuffle(files)
    for file in files[:220]:
        right = tifffile.imread(file)
        if 12 <= len(np.unique(right)) - 1 <= 150:
            damaged, marks = damage(right, chance)
            for one in found_in(damaged[None]):
                wanted = {"two in one": "merged", "one in two": "cut"}.get(one.evidence[0][0], "")
                wrong = bool(wanted) and all(marks.get(cell) == wanted for cell in one.cells)
                yield row(one, wrong, wrong)


def damage(right: NDArray[Any], chance: Any) -> tuple[NDArray[Any], dict[int, str]]:
    """Merge some cells that touch, and cut some others in two; tells which."""
    labels, marks = right.astype(np.int32), {}
    ids = np.unique(right)[1:].tolist()
    beside = [(right[:, :-2], right[:, 2:]), (right[:-2], right[2:])]
    pairs = {
        (int(min(p)), int(max(p)))
        for one, other in beside
        for p in np.unique(
            np.stack([one, other], -1)[(one > 0) & (other > 0) & (one != other)], axis=0
        )
    }
    for index in chance.permutation(len(pairs))[: max(1, len(ids) // 30)]:
        one, other = sorted(pairs)[index]
        if not {one, other} & marks.keys():
            both = np.pad((right == one) | (right == other), 3)
            both = ndimage.binary_closing(both, iterations=2)[3:-3, 3:-3]
            labels[both & np.isin(labels, (0, one, other))] = one
            marks |= {one: "merged", other: "merged"}
    new = int(labels.max()) + 1
    for cell in chance.permutation([i for i in ids if i not in marks])[: max(1, len(ids) // 40)]:
        y, x = np.nonzero(labels == cell)
        if len(y) >= 30:
            apart = np.stack([y - y.mean(), x - x.mean()])
            along = np.linalg.eigh(apart @ apart.T)[1][:, 1] @ apart
            side = along > chance.uniform(-0.3, 0.3) * apart.std()
            labels[y[side], x[side]] = new
            marks |= {new: "cut", int(cell): "cut"}
            new += 1
    return labels, marks


def found_in(labels: NDArray[Any]) -> list[Doubt]:
    """Return all doubts about labels (T, Y, X) alone."""
    finder = DoubtFinder(len(labels), lambda t: labels[t])
    last(finder.look())
    return all_of(finder)


def fit(kind: str, rows: list[tuple[dict[str, float], bool]]) -> dict[str, float]:
    """Return weights of a kind: those by hand, drawn to what its rows say."""
    names = list(PRIOR[kind])
    first = np.array([PRIOR[kind][name] for name in names])
    spread = np.array([2.0 if not name else 1.0 for name in names])
    said = np.array([[1.0 if not n else one.get(n, 0.0) for n in names] for one, _ in rows])
    said = np.nan_to_num(said.reshape(len(rows), len(names)))
    right = np.array([float(answer) for _, answer in rows])

    def loss(weights: NDArray[np.float64]) -> float:
        total = said @ weights
        prior = 0.5 * np.square((weights - first) / spread).sum()
        return float((np.logaddexp(0, total) - right * total).sum() + prior)

    return dict(zip(names, minimize(loss, first).x.round(1).tolist(), strict=True))


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--kept", type=Path, required=True, help="folder of models and probabilities"
    )
    options = parser.parse_args()
    let_all_through()
    rows = [*of_slips(), *of_right_labels(), *of_masks(), *of_predictions(options.kept)]
    wrong, mended = defaultdict(list), defaultdict(list)
    for kind, evidence, is_wrong, is_mended in rows:
        wrong[kind].append((evidence, is_wrong))
        if is_mended is not None:
            mended[kind].append((evidence, is_mended))
    for name, by_kind in (("WRONG", wrong), ("MENDED", mended)):
        print(name)
        for kind in PRIOR:
            yes = sum(answer for _, answer in by_kind[kind])
            print(f"  {kind}: {fit(kind, by_kind[kind])}  # {yes} of {len(by_kind[kind])}")


if __name__ == "__main__":
    main()
