"""Fit what doubts are weighed by: what is evidence of an error, and of a repair that mends it.

    python benchmarks/fit_doubts.py --kept DIR [--without psc --out FILE] [--alone]

Nothing that `bench_review.py` scores on is used, but other frames of its movies are. A logistic
regression for each kind of what networks predict, on what they got wrong in `LEARNED`: other frames
of HeLa and PSC, DIC, generated movies; models that learned 0 to 200 steps on the first frame. What
the truth does not know is left out. It is drawn to the weights for labels alone (standard deviation
1, of the constant 2). ``--without`` leaves a movie out and ``--out`` writes the weights as JSON for
`bench_review.py --weights`: how doubts do on movies of a kind that nothing was learned on. Where
one cell becomes two or two become one, both readings of a place are examples. Only the weights of
``apart, merge`` in use are fitted so: those of ``fused`` and ``apart, split`` are of places at
which
earlier weights found that reading likelier.

``--alone`` fits those for labels alone: on slips put into generated labels; on the true labels of
DIC 01, which have no errors; and on masks of DSB 2018, of which some that touch are merged and some
are cut in two; drawn to weights that were set by hand. Those in use had predictions of generated
movies among their examples. Prints the tables of `engine/tracks/doubts/scores.py`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from scipy import ndimage
from scipy.optimize import minimize

from _page import DATA, DSB
from bench_review import LEARNED, Session, hits, last, mirrored, predicted
from napari_unet.engine.session.reviewing.live_doubts import LiveDoubts
from napari_unet.engine.tracks.doubts import gaps, parted, scores
from napari_unet.engine.tracks.doubts.contradictions import FRAMES
from napari_unet.engine.tracks.doubts.doubt import joined
from napari_unet.engine.tracks.doubts.finder import DoubtFinder
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.slips import labels_with_slips

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_unet.engine.tracks.doubts.doubt import Doubt

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
    "contradicted": {"": -2.5, "lost": 3.0, "differs": 2.0},
    "unfound": {"": -1.5, "share": 4.0, "size": -1.0},
}  # fmt: skip
_OF_TWO = ("sure", "unsure", "parts", "balance", "form")
MORE = {  # evidence that only predictions have, or that is weighed only there
    "merged": _OF_TWO, "cut": _OF_TWO, "fused, split": _OF_TWO, "fused, merge": _OF_TWO,
    "apart, split": _OF_TWO, "apart, merge": (*_OF_TWO, "touch"), "two in one": ("sure", "unsure"),
    "one in two": ("sure", "unsure"), "gap": ("sure", "unsure", "area"),
    "traced": ("sure", "unsure"), "ends": ("sure", "unsure"), "brief": ("unsure",),
    "rest": ("sure", "unsure"), "speck": ("unsure",), "outline": ("sure", "size", "swells"),
    "unsure": ("size",), "contradicted": ("sure", "unsure", "size"),
}  # fmt: skip
Row = tuple[str, dict[str, float], bool, bool | None]  # kind, evidence, wrong, mended


def let_all_through() -> None:
    """Let unlikely doubts and repairs through, too."""
    scores.LISTED, scores.OFFERED = ({False: -1.0, True: -1.0} for _ in range(2))
    gaps._FEW = parted._DIVIDES = -1.0  # noqa: SLF001
    parted._likelier = lambda one, other: [*one, *other]  # noqa: SLF001
    parted.joined = joined_by_kind


def joined_by_kind(doubts: Iterable[Doubt]) -> Iterator[Doubt]:
    """Yield doubts of several frames as one for each kind: both readings of a place."""
    known = list(doubts)
    for kind in dict.fromkeys(one.evidence[0][0] for one in known):
        yield from joined(one for one in known if one.evidence[0][0] == kind)


def row(one: Doubt, wrong: bool, mended: bool) -> Row:
    """Return what is learned from a doubt."""
    (kind, _), *evidence = one.evidence
    offered = one.repair is not None and not one.repair.of_links
    return kind, dict(evidence), wrong, mended if offered else None


def all_of(finder: DoubtFinder) -> list[Doubt]:
    """Return the doubts of all reasons."""
    by_frame = (*finder._of, *finder._contradicted.values())  # noqa: SLF001
    return [one for found in by_frame for one in found]


def of_predictions(kept: Path, without: str) -> Iterator[Row]:
    """Yield what predicted movies teach, of doubts that their truth can judge."""
    for movie, steps in (one for name, some in LEARNED.items() if name != without for one in some):
        session = Session(movie, *predicted(movie, kept, steps))
        doubts = LiveDoubts(session.live)
        last(doubts.find())
        last(doubts.contradict(mirrored(movie, kept, steps), FRAMES))
        errors = {t: session.errors(t) for t in session.wrong}
        for one in all_of(doubts._finder):  # noqa: SLF001
            if not session.judges(one):
                continue
            wrong = any(hits(p, e) for p in one.parts for e in errors.get(p.frame, ()))
            steps_done = session.live.corrections.n_done
            mended = session.helps(one)
            while session.live.corrections.n_done > steps_done:
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
                if slip.frame == part.frame and part.away(slip.place) < max(6, part.size / 2)
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


def fit(first: dict[str, float], rows: list[tuple[dict[str, float], bool]]) -> dict[str, float]:
    """Return weights of a kind: the first ones, drawn to what its rows say."""
    names, start = list(first), np.array(list(first.values()))
    spread = np.array([2.0 if not name else 1.0 for name in names])
    said = np.array([[1.0 if not n else one.get(n, 0.0) for n in names] for one, _ in rows])
    said = np.nan_to_num(said.reshape(len(rows), len(names)))
    right = np.array([float(answer) for _, answer in rows])

    def loss(weights: NDArray[np.float64]) -> float:
        total = said @ weights
        prior = 0.5 * np.square((weights - start) / spread).sum()
        return float((np.logaddexp(0, total) - right * total).sum() + prior)

    return dict(zip(names, minimize(loss, start).x.round(1).tolist(), strict=True))


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--kept", type=Path, required=True, help="folder of models and probabilities"
    )
    parser.add_argument("--without", default="", choices=("", *LEARNED), help="a movie left out")
    parser.add_argument("--out", type=Path, help="JSON of the weights")
    parser.add_argument("--alone", action="store_true", help="for labels without probabilities")
    options = parser.parse_args()
    let_all_through()
    if options.alone:
        rows = [*of_slips(), *of_right_labels(), *of_masks()]
    else:
        rows = list(of_predictions(options.kept, options.without))
    tables = []
    for name, first, column in (("WRONG", scores.WRONG, 2), ("MENDED", scores.MENDED, 3)):
        print(name)
        tables.append({})
        for kind in PRIOR if options.alone else first:
            known = PRIOR[kind] if options.alone else first[kind]
            more = () if options.alone else MORE.get(kind, ())
            some = [(one[1], one[column]) for one in rows if one[0] == kind]
            some = [(evidence, answer) for evidence, answer in some if answer is not None]
            found = fit({**dict.fromkeys(more, 0.0), **known}, some)
            tables[-1][kind] = found
            print(f"  {kind}: {found}  # {sum(answer for _, answer in some)} of {len(some)}")
    if options.out:
        options.out.write_text(json.dumps(tables))


if __name__ == "__main__":
    main()
