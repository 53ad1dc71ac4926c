"""A simulated user brings a movie to 2 errors in 100 cells: by doubts, and frame after frame.

    python benchmarks/bench_review.py --kept DIR [--write]

The user knows the truth and is charged fixed prices, chosen before anything was measured: 2 s a
key, 4 s a doubt looked at, 4 s a frame and 0.2 s a cell looked over, 8 s a line, 15 s a cell
drawn. The movie is predicted by the bundled model, which learned from its first frame alone; that
frame is the user's. By doubts the list is gone through worst first: the repair offered is taken by
a key where it helps, else the place is corrected by hand, or said to be fine. By frames every
error of a frame is corrected by hand, in order, or the frames first that the model is least sure
of. What is by hand costs the same in all: a line for each cut, a key for each merge and deletion,
a key where *Fill in* finds the missing cell, else drawing it.

By doubts means those that are more likely wrong than right, and after them frame after frame. What
doubts are weighed by was learned by `fit_doubts.py`, on other movies and other frames of these two
(``--tune`` shows those), ``--weights`` takes other weights. Models and probabilities are kept in
``--kept`` and made where they are missing.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import napari_unet as nu
from _page import DATA, markdown, write_between_markers
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.codes import decode
from napari_unet.engine.labels.objects import numbered, overlaps
from napari_unet.engine.labels.scores import frame_scores
from napari_unet.engine.prediction.mirrored import Mirrored, open_mirrored
from napari_unet.engine.prediction.prediction import predict, prediction_key
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.reviewing.live_doubts import LiveDoubts
from napari_unet.engine.session.reviewing.repairs import Repairs
from napari_unet.engine.session.reviewing.settled import say_fine
from napari_unet.engine.session.verbs import Verbs
from napari_unet.engine.tracks.doubts import scores
from napari_unet.engine.tracks.doubts.contradictions import FRAMES
from napari_unet.sample.movie import sample_movie

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_unet.engine.tracks.doubts.doubt import Doubt

KEY, DOUBT, FRAME, CELL, LINE, DRAWN = 2.0, 4.0, 4.0, 0.2, 8.0, 15.0  # s
LIKELY = 0.5  # score: the user looks at no doubt below
GOAL = 2.0  # errors in 100 cells; half of what a movie has, where it has fewer


@dataclass(frozen=True)
class Movie:
    """Frames of a movie, those that are there, and their truth; ``border`` px have none.

    Where the truth is ``partial``, cells that it does not know are no errors, and what is offered
    there is not judged. Where it is ``marked``, this holds for cells on which the markers of the
    tracking truth have one that has no outline, and for those that lie in the border by half.
    """

    name: str
    folder: str
    first: int
    last: int
    border: int = 0
    partial: bool = False
    marked: bool = False

    def markers(self) -> NDArray[Any] | None:
        """Return the markers (T, Y, X) of cells that have no outline; None where not asked for."""
        if not self.marked:
            return None
        _, truth = self.read()
        folder = DATA / f"{self.folder}_GT" / "TRA"
        of = range(self.first, self.last + 1)
        found = np.stack([tifffile.imread(folder / f"man_track{t:03d}.tif") for t in of])
        for marked, right in zip(found, truth, strict=True):
            marked[np.isin(marked, marked[right > 0])] = 0
        return found

    def kept_as(self, steps: int) -> str:
        """Return the name of the files that are kept of it, of so many steps."""
        return f"{self.folder.replace('/', '-')}-{self.first}-{self.last}-{steps}"

    @property
    def is_there(self) -> bool:
        """Whether its files are."""
        return (DATA / self.folder).is_dir()

    def read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the frames and their true labels, (T, Y, X)."""
        images = sorted((DATA / self.folder).glob("*.tif"))
        truth = sorted((DATA / f"{self.folder}_ST" / "SEG").glob("*.tif"))
        number = {int("".join(filter(str.isdigit, path.stem))): path for path in images}
        masks = {int("".join(filter(str.isdigit, path.stem))): path for path in truth}
        of = [t for t in range(self.first, self.last + 1) if t in number and t in masks]
        return tuple(np.stack([tifffile.imread(where[t]) for t in of]) for where in (number, masks))


@dataclass(frozen=True)
class Generated(Movie):
    """A generated movie: every ``step``-th frame, every ``bin``-th pixel, light ``contrast``."""

    seed: int = 0
    step: int = 1
    bin: int = 1
    density: float = 4.5
    contrast: float = 1.0
    noise: float = 1.0

    @property
    def is_there(self) -> bool:
        """It is made."""
        return True

    def read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the frames and their true labels, (T, Y, X)."""
        frames, truth = sample_movie(
            frames=(self.last + 1) * self.step,
            shape=(320 * self.bin, 400 * self.bin),
            density=self.density,
            contrast=self.contrast,
            noise=self.noise,
            seed=self.seed,
        )
        some = (slice(None, None, self.step), *(slice(None, None, self.bin),) * 2)
        return frames[some], truth[some]


SCORED = (
    Movie("HeLa 01, frames 30 to 59", "Fluo-N2DL-HeLa-in-a-row/01", 30, 59, border=25),
    Movie(
        "the same HeLa, with markers", "Fluo-N2DL-HeLa-in-a-row/01", 30, 59, border=25, marked=True
    ),
    Movie(
        "PSC 01, frames 150 to 179",
        "PhC-C2DL-PSC/01",
        150,
        179,
        border=25,
        partial=True,
        marked=True,
    ),
)
LATE = Movie(
    "PSC 01, frames 205 to 250", "PhC-C2DL-PSC/01", 205, 250, border=25, partial=True, marked=True
)
LAST = Movie(
    "PSC 01, frames 226 to 250", "PhC-C2DL-PSC/01", 226, 250, border=25, partial=True, marked=True
)
HELA = (
    Movie("HeLa 01, 13 of frames 64 to 91", "Fluo-N2DL-HeLa/01", 64, 91, border=25, partial=True),
    Movie("HeLa 01, 10 of frames 7 to 29", "Fluo-N2DL-HeLa/01", 7, 29, border=25, partial=True),
)
DIC = Movie("DIC 01, frames 0 to 83", "DIC-C2DH-HeLa/01", 0, 83)
GENERATED = (
    Generated("generated 1", "generated-1", 0, 29, 0, seed=31, step=5, density=5.0, contrast=0.4),
    Generated("generated 2", "generated-2", 0, 29, 0, seed=32, step=3, bin=2, density=4.5),
    Generated(
        "generated 4", "generated-4", 0, 29, seed=34, step=6, bin=2, density=4.0, contrast=0.5
    ),
)
LEARNED: dict[str, tuple[tuple[Movie, int], ...]] = {  # movies, and steps of training
    "psc": ((LATE, 200), (LAST, 40)),
    "hela": (*((HELA[0], steps) for steps in (0, 40, 200)), (HELA[1], 0), (HELA[1], 200)),
    "generated": tuple((one, 60) for one in GENERATED),
    "dic": ((DIC, 200),),
}
"""What the weights of doubts were learned on, none of it scored."""


last = partial(nu.run, quiet=True)


def predicted(movie: Movie, kept: Path, steps: int) -> tuple[Probabilities, Any, NDArray[Any]]:
    """Return the probabilities of a movie, the model's label settings, and the truth."""
    frames, truth = movie.read()
    stack = nu.Stack.from_array(frames, axes="TYX", name=movie.name)
    name = movie.kept_as(steps)
    file, codes = kept / f"{name}.safetensors", kept / f"{name}.unetp"
    kept.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        labels = nu.Stack.from_array(truth, axes="TYX", name="truth")
        annotations = nu.Annotations.from_labels(stack, labels, [0])
        made = nu.Model.load("nuclei-fluorescence")
        if steps:
            settings = nu.TrainSettings(minutes=None, steps=steps, seed=0, threads=1)
            made = last(nu.train(stack, annotations, settings, base=made))
        made.save(file)
    model = nu.Model.load(file)
    if not codes.exists():
        key = prediction_key(stack, model, nu.PredictSettings(threads=1))
        shape = (len(stack), len(model.config.outputs), *stack.frame_shape)
        part = codes.with_suffix(".part")
        with Probabilities.create(part, shape, key) as out:
            predictor = open_predictor(model, nu.PredictSettings(threads=1))
            last(predict(stack, predictor, out))
        part.rename(codes)
    return Probabilities.open(codes), model.label_settings, truth


def mirrored(movie: Movie, kept: Path, steps: int) -> Mirrored:
    """Return the model of a movie, ready to see its frames mirrored."""
    frames, _ = movie.read()
    stack = nu.Stack.from_array(frames, axes="TYX", name=movie.name)
    model = nu.Model.load(kept / f"{movie.kept_as(steps)}.safetensors")
    settings = nu.PredictSettings(threads=1)
    return open_mirrored(stack, model, settings, prediction_key(stack, model, settings))


@dataclass
class Error:
    """Cells of the truth and of the labels that belong together and do not agree."""

    truth: list[int]
    found: list[int]
    places: NDArray[np.float64]  # (n, 2) of the truth's cells

    @property
    def kind(self) -> str:
        """Return what is wrong."""
        n, m = len(self.truth), len(self.found)
        if n and m:
            return "merged" if n > m else "split" if m > n else "outline"
        return "missed" if n else "invented"


class Session:
    """A movie in review, beside its truth."""

    def __init__(self, movie: Movie, probabilities: Probabilities, settings: Any, truth: Any):
        self.truth, self.border, self.partial = truth, movie.border, movie.partial
        self.markers = movie.markers()
        self.live = LiveLabels(truth.shape, probabilities, settings)
        self.verbs, self.repairs = Verbs(self.live), Repairs(self.live)
        self.seconds, self.actions = 0.0, 0
        self.did: Counter[str] = Counter()
        self.live[0, :, :] = truth[0]
        self.live.confirm_frame(0)
        self.cells = sum(len(np.unique(frame)) - 1 for frame in truth[1:])
        self.wrong = {t: self.count(t) for t in range(1, len(truth))}
        self.goal = GOAL if self.rate > GOAL else self.rate / 2

    def labels(self, t: int) -> NDArray[np.uint16]:
        """Return the labels as they are now."""
        return np.asarray(self.live[t, :, :])

    def count(self, t: int) -> int:
        """Count the errors of a frame, as scores do."""
        one = frame_scores(self.labels(t), self.truth[t], border=self.border)
        if self.partial:
            invented = 0
        elif self.markers is None:
            invented = one.invented
        else:
            invented = sum(error.kind == "invented" for error in self.errors(t))
        return one.missed + one.merged + one.split + invented

    def unknown(self, t: int, found: NDArray[Any]) -> bool:
        """Whether cells of the labels are real, or may be, though the truth lacks them."""
        if self.markers is None:
            return False
        where = np.isin(self.labels(t), found)
        core = where[self.border : -self.border or None, self.border : -self.border or None]
        return bool(self.markers[t][where].any() or 2 * core.sum() < where.sum())

    def judges(self, doubt: Doubt) -> bool:
        """Whether the truth knows of cells where a doubt is, on each of its frames."""
        if self.markers is not None and any(self._unknown_at(part) for part in doubt.parts):
            return False
        if not self.partial:
            return True
        right = self.truth[doubt.frame]
        y, x = round(doubt.y), round(doubt.x)
        part = right[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4]
        return bool(right[np.isin(self.labels(doubt.frame), doubt.cells)].any() or part.any())

    def _unknown_at(self, doubt: Doubt) -> bool:
        """Whether a doubt is about a cell that the truth lacks, though it may be real."""
        if doubt.whole_frame:
            return False
        if doubt.cells:
            return self.unknown(doubt.frame, np.array(doubt.cells))
        assert self.markers is not None
        rows, columns = np.ogrid[: self.truth.shape[1], : self.truth.shape[2]]
        near = np.hypot(rows - doubt.y, columns - doubt.x) <= doubt.size / 2
        inner = min(doubt.y, doubt.x, len(rows) - 1 - doubt.y, columns.size - 1 - doubt.x)
        return bool(self.markers[doubt.frame][near].any() or inner < self.border)

    @property
    def rate(self) -> float:
        """Return the errors in 100 cells of the frames that nobody painted."""
        return 100 * sum(self.wrong.values()) / self.cells

    def recount(self, frames: Iterable[int]) -> None:
        """Count the errors of frames that were changed."""
        self.wrong |= {t: self.count(t) for t in frames if t in self.wrong}

    def helps(self, doubt: Doubt) -> bool:
        """Take the repair of a doubt; whether fewer errors are left, and on no frame more."""
        if doubt.repair is None:
            return False
        try:
            self.repairs.take(doubt)
        except BadInput:
            return False
        more = [self.count(t) - self.wrong[t] for t in doubt.frames if t in self.wrong]
        return sum(more) < 0 and max(more) <= 0

    def errors(self, t: int) -> list[Error]:
        """Return what is wrong on a frame, by cells that belong together."""
        ids, areas, mine = numbered(self.labels(t))
        names, sizes, right = numbered(self.truth[t])
        rows, columns, overlap = overlaps(right, mine)
        together = (2 * overlap > sizes[rows]) | (2 * overlap > areas[columns])
        iou = overlap / (sizes[rows] + areas[columns] - overlap)
        n = len(names)
        graph = coo_array(
            (np.ones(together.sum()), (rows[together], n + columns[together])),
            shape=(n + len(ids),) * 2,
        )
        which = connected_components(graph, directed=False)[1]
        good = {int(which[r]) for r, v in zip(rows, iou, strict=True) if v >= 0.5}
        core = mine[self.border : -self.border or None, self.border : -self.border or None]
        inside = np.bincount(core.reshape(-1), minlength=len(ids) + 1)[1:]
        if self.markers is None:
            known = inside > 0
        else:
            marked = np.bincount(mine[self.markers[t] > 0], minlength=len(ids) + 1)[1:] > 0
            known = ~marked & (2 * inside >= areas)
        centres_of_truth, centres = centres_by_index(right, sizes), centres_by_index(mine, areas)
        errors = []
        for group in range(int(which.max(initial=-1)) + 1):
            members = np.flatnonzero(which == group)
            of_truth = names[members[members < n]]
            of_labels = members[members >= n] - n
            if len(of_truth) == len(of_labels) == 1 and group in good:
                continue
            if not len(of_truth) and (self.partial or not known[of_labels].any()):
                continue
            places = [centres_of_truth[members[members < n]], centres[of_labels]]
            errors.append(Error(of_truth.tolist(), ids[of_labels].tolist(), np.concatenate(places)))
        return errors

    def correct(self, t: int, error: Error) -> None:
        """Correct an error by hand, at its price."""
        n, m = len(error.truth), len(error.found)
        if error.kind == "missed" and self._filled(t, error):
            self.spend(KEY, "fill")
            return
        labels = self.labels(t).copy()
        labels[np.isin(labels, error.found)] = 0
        for cell in error.truth:
            labels[(self.truth[t] == cell) & (labels == 0)] = self.live.new_id()
        self.live[t, :, :] = labels
        if not n:
            self.spend(KEY * m, "delete")
        elif not m or n == m == 1:
            self.spend(DRAWN, "draw")
        else:
            self.spend(LINE * (n - 1) + KEY * (m - 1), error.kind)

    def _filled(self, t: int, error: Error) -> bool:
        y, x = error.places[0].round().astype(int).tolist()
        before = self.count(t)
        try:
            self.verbs.fill(t, y, x)
        except BadInput:
            return False
        if self.count(t) < before:
            return True
        self.live.undo()
        return False

    def spend(self, seconds: float, what: str) -> None:
        self.seconds += seconds
        self.actions += 1
        self.did[what] += 1


@dataclass
class Outcome:
    """What a way of reviewing cost."""

    seconds: float
    actions: int
    rate: float
    looked_at: int
    offered: int = 0
    helped: int = 0
    did: Counter[str] = field(default_factory=Counter)


def centres_by_index(dense: NDArray[Any], areas: NDArray[Any]) -> NDArray[np.float64]:
    """Return the centres (n, 2) of cells numbered from 1."""
    y, x = np.nonzero(dense)
    owner = dense[y, x] - 1
    sums = [np.bincount(owner, axis, minlength=len(areas)) for axis in (y, x)]
    return np.stack(sums, axis=1) / np.maximum(areas, 1)[:, None]


def hits(doubt: Doubt, error: Error) -> bool:
    """Whether a user who looks at a doubt sees an error."""
    if doubt.whole_frame:
        return False
    if set(doubt.cells) & set(error.found):
        return True
    apart = np.hypot(*(error.places - (doubt.y, doubt.x)).T)
    return bool((apart <= max(doubt.size / 2, 3)).any())


def found_by(session: Session, flips: Mirrored | None, frames: int) -> LiveDoubts:
    """Return the doubts about a movie, those of frames that the model sees mirrored among them."""
    doubts = LiveDoubts(session.live)
    last(doubts.find())
    if flips is not None and frames:
        last(doubts.contradict(flips, frames))
    return doubts


def by_doubts(session: Session, doubts: LiveDoubts) -> Outcome:
    """Go through the likely doubts, worst first, then frame after frame, until the goal is reached.

    A doubt that is less likely than not costs more for each error that it finds than a frame that
    is looked over, where 2 of 100 cells are wrong.
    """
    seen: set[Any] = set()
    outcome = Outcome(0, 0, session.rate, 0)
    while session.rate > session.goal:
        left = (one for one in doubts.doubts() if _name(one) not in seen and one.score >= LIKELY)
        one = next(left, None)
        if one is None:
            break
        seen.add(_name(one))
        session.seconds += DOUBT + CELL * (len(one.frames) - 1)
        outcome.looked_at += 1
        judged = session.judges(one)
        outcome.offered += judged and one.repair is not None and not one.repair.of_links
        n = session.live.corrections.n_done
        if session.helps(one):
            outcome.helped += judged
            session.spend(KEY, f"repair: {one.repair.verb}")
        else:
            while session.live.corrections.n_done > n:
                session.live.undo()
            by_hand = False
            for part in one.parts:
                for error in session.errors(part.frame):
                    if hits(part, error):
                        session.correct(part.frame, error)
                        by_hand = True
            if not by_hand:
                say_fine(session.live, one)
            session.spend(KEY, "next")
        session.recount(one.frames)
        last(doubts.find(one.frames))
    frames = by_frames(session, sorted(session.wrong))
    outcome.looked_at += frames.looked_at
    outcome.seconds, outcome.actions, outcome.rate = frames.seconds, frames.actions, frames.rate
    outcome.did = frames.did + Counter({"frames": frames.looked_at})
    return outcome


def _name(doubt: Doubt) -> tuple[Any, ...]:
    return doubt.frame, doubt.reason, doubt.cells, round(doubt.y), round(doubt.x)


def by_frames(session: Session, order: list[int]) -> Outcome:
    """Go through the frames, correcting each whole, until the goal is reached."""
    looked_at = 0
    for t in order:
        if session.rate <= session.goal:
            break
        looked_at += 1
        cells = len(np.unique(session.labels(t))) - 1
        session.seconds += FRAME + CELL * cells
        for error in session.errors(t):
            session.correct(t, error)
        session.wrong[t] = session.count(t)
        session.spend(KEY, "next")
    return Outcome(session.seconds, session.actions, session.rate, looked_at, did=session.did)


def unsure_first(session: Session) -> list[int]:
    """Return the frames with those first of which the model is least sure."""

    def unsure(t: int) -> float:
        p = decode(session.live.probabilities[t][0])
        return float(((p > 0.2) & (p < 0.8)).sum() / max((p > 0.5).sum(), 1))

    return sorted(session.wrong, key=unsure, reverse=True)


def listed(
    session: Session, doubts: LiveDoubts, rows: bool = False
) -> tuple[int, int, float, float]:
    """Return errors, doubts, the precision of repairs, and the share of errors among 2n doubts.

    Of the list as it is at first: each repair is tried and taken back.
    """
    found = doubts.doubts()
    errors = {t: session.errors(t) for t in session.wrong}
    n = sum(map(len, errors.values()))
    offered, helped = Counter(), Counter()
    seen_errors: set[tuple[int, int]] = set()
    at_real, of_reason = Counter(), Counter()
    for i, one in enumerate(found):
        real = [
            (part.frame, k)
            for part in one.parts
            for k, error in enumerate(errors.get(part.frame, ()))
            if hits(part, error)
        ]
        if i < 2 * n:
            seen_errors |= set(real)
        of_reason[one.reason] += 1
        at_real[one.reason] += bool(real)
        if one.repair is None or one.repair.of_links or not session.judges(one):
            continue
        steps = session.live.corrections.n_done
        helps = session.helps(one)
        while session.live.corrections.n_done > steps:
            session.live.undo()
        offered[one.reason, one.repair.verb] += i < 2 * n
        helped[one.reason, one.repair.verb] += helps and i < 2 * n
        if rows:
            sure = "+" if helps else "real" if real else "-"
            where = f"t{one.frame} ({one.y:.0f}, {one.x:.0f})"
            print(f"{i} {one.score:.2f} {where} {one.words} {one.repair} {sure} {len(real)}")
    for reason, count in of_reason.most_common():
        print(f"  {reason}: {count}, at an error {at_real[reason]}")
    for key, count in offered.most_common():
        print(f"    {key}: offered {count}, helped {helped[key]}")
    missed = Counter(
        error.kind
        for t, many in errors.items()
        for k, error in enumerate(many)
        if (t, k) not in seen_errors
    )
    print("  not among the first:", dict(missed))
    total = sum(offered.values())
    return n, len(found), sum(helped.values()) / max(total, 1), len(seen_errors) / max(n, 1)


def main() -> None:
    """Measure, print, and write docs/benchmarks.md where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--kept", type=Path, required=True, help="folder of models and probabilities"
    )
    parser.add_argument("--steps", type=int, default=200, help="of training on the first frame")
    parser.add_argument(
        "--flips", type=int, default=FRAMES, help="frames that the model sees mirrored, too"
    )
    parser.add_argument("--tune", action="store_true", help="the movies that weights come from")
    parser.add_argument("--weights", type=Path, help="of fit_doubts.py, in place of those in use")
    parser.add_argument("--only", default="", help="movies whose name has this")
    parser.add_argument("--rows", action="store_true", help="print the doubts one by one")
    parser.add_argument("--lists", action="store_true", help="the lists alone, nothing reviewed")
    parser.add_argument("--prepare", action="store_true", help="train and predict alone")
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    options = parser.parse_args()
    lists, ways = [], []
    if options.weights:
        scores.WRONG_PREDICTED, scores.MENDED_PREDICTED = json.loads(options.weights.read_text())
    learned = [one for some in LEARNED.values() for one in some]
    for movie, steps in learned if options.tune else [(one, options.steps) for one in SCORED]:
        if options.only not in movie.name or not movie.is_there:
            continue
        made = predicted(movie, options.kept, steps)
        if options.prepare:
            continue
        session = Session(movie, *made)
        start = session.rate
        flips = mirrored(movie, options.kept, steps) if options.flips else None
        found_here = found_by(session, flips, options.flips)
        n, doubts, precision, share = listed(session, found_here, options.rows)
        lists.append(
            (
                movie.name,
                f"{session.cells}",
                f"{start:.1f}",
                f"{n}",
                f"{doubts}",
                f"{precision:.2f}",
                f"{share:.2f}",
            )
        )
        print(lists[-1], flush=True)
        if options.lists:
            continue
        found = {"by doubts": by_doubts(session, found_here)}
        session = Session(movie, *made)
        found["frames in order"] = by_frames(session, sorted(session.wrong))
        session = Session(movie, *made)
        found["least sure frames first"] = by_frames(session, unsure_first(session))
        for way, one in found.items():
            faster = found["frames in order"].seconds / one.seconds
            helped = f"{one.helped} of {one.offered}" if one.offered else "-"
            ways.append(
                (
                    movie.name,
                    way,
                    f"{one.seconds:.0f}",
                    f"{one.actions}",
                    f"{one.looked_at}",
                    f"{one.rate:.1f}",
                    f"{faster:.1f}",
                    helped,
                )
            )
            print(ways[-1], dict(one.did), flush=True)
    tables = [
        markdown(
            (
                "movie",
                "cells",
                "errors / 100",
                "places",
                "doubts",
                "repairs that help",
                "errors among the first 2 n",
            ),
            lists,
        ),
        markdown(
            (
                "movie",
                "way",
                "s",
                "actions",
                "looked at",
                "errors / 100 then",
                "times faster",
                "repairs that helped",
            ),
            ways,
        ),
    ]
    print("\n\n".join(tables))
    if options.write:
        write_between_markers("bench:review", "\n\n".join(tables))


if __name__ == "__main__":
    main()
