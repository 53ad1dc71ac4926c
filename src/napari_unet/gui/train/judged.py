"""How good a new model is: counts, compared with the model in use, and what it has learned of you.

*Better* and *worse* are said only where a paired test over the checked cells says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.engine.annotations.annotated_movie import movie_names
from napari_unet.engine.annotations.holdout import HoldOut
from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.jobs.verdict import Compared
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.models import ModelChoice
    from napari_unet.gui.train.annotation_source import AnnotationSource

_MOST_FRAMES = 12  # that are looked at again: each is run through the network


@dataclass(frozen=True)
class Corrected:
    """Of the ``n`` cells that a user corrected: how many each model draws right by itself.

    ``wrong`` are (frame in words, cells of it that are wrong still).
    """

    n: int
    after: int
    before: int | None = None
    wrong: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Trained:
    """A new model, and the model in use: its name and which of the checked cells it gets right."""

    model: Model
    rival: str = ""
    before: str = ""
    corrected: Corrected | None = None


def judge(
    model: Model,
    sources: Sequence[AnnotationSource],
    begun_with: Sequence[Annotations],
    annotations: Sequence[Annotations],
    in_use: ModelChoice | None,
) -> Trained:
    """Compare a new model with the one in use, in the worker; `Trained` where it can be.

    ``begun_with`` is what there was to learn from of each movie when frames to check on were
    chosen, ``annotations`` what there is by now.
    """
    if model.config.classes or in_use is None:
        return Trained(model, corrected=_corrected(model, None, sources, annotations))
    try:
        rival = in_use.load()
        if rival.sha256 == model.record.get("parent"):
            before = model.record["cells"]["before"]
        else:
            before = _right_before(rival, model.record, sources, begun_with)
        corrected = _corrected(model, rival, sources, annotations)
    except (BadInput, OSError):  # it does not take this movie, or is gone: nothing to compare with
        return Trained(model, corrected=_corrected(model, None, sources, annotations))
    return Trained(model, in_use.name, before, corrected)


def _right_before(
    rival: Model,
    record: Mapping[str, Any],
    sources: Sequence[AnnotationSource],
    begun_with: Sequence[Annotations],
) -> str:
    """Return which cells of the frames checked on, movie by movie, a model gets right."""
    from napari_unet.engine.jobs.verdict import right_cells
    from napari_unet.engine.training.training_record import movies_of

    checked = []
    for row, source, known in zip(movies_of(record), sources, begun_with, strict=True):
        part = HoldOut.from_record(row["held_out"]).part(known).validation
        if part is not None:
            checked.append((source.stack, part.frames))
    if sum(len(frames) for _, frames in checked) > _MOST_FRAMES:
        return ""
    found = (right_cells(rival, stack, frames).values() for stack, frames in checked)
    return "".join(cell for cells in found for cell in cells)


def _corrected(
    model: Model,
    rival: Model | None,
    sources: Sequence[AnnotationSource],
    annotations: Sequence[Annotations],
) -> Corrected | None:
    """Count which corrections the models get right by themselves; None where there are none."""
    from napari_unet.engine.jobs.verdict import right_cells

    now, then, wrong = "", "", []
    names = movie_names([source.stack for source in sources])
    for stack, name, truth in _corrections(model, sources, names, annotations):
        found = right_cells(model, stack, truth)
        now += "".join(found.values())
        of = f" of {name}" if len(sources) > 1 else ""
        wrong += [(f"frame {t}{of}", c.count("0")) for t, c in found.items() if "0" in c]
        if rival is not None:
            then += "".join(right_cells(rival, stack, truth).values())
    if not now:
        return None
    before = then.count("1") if rival is not None else None
    return Corrected(len(now), now.count("1"), before, tuple(wrong))


def _corrections(
    model: Model,
    sources: Sequence[AnnotationSource],
    names: Sequence[str],
    annotations: Sequence[Annotations],
) -> Iterator[tuple[Stack, str, dict[int, FrameAnnotation]]]:
    """Give each movie, its name and its corrected cells, of so many frames of all together."""
    from napari_unet.engine.jobs.verdict import corrected_cells

    left = 0 if model.config.classes else _MOST_FRAMES
    for source, name, known in zip(sources, names, annotations, strict=True):
        if source.live is not None and left:
            cells = corrected_cells(known, source.live.corrections.ids)
            truth = {t: cells[t] for t in sorted(cells)[:left]}
            left -= len(truth)
            if truth:
                yield source.stack, name, truth


# ---- in words ---------------------------------------------------------------------------------


def verdict(record: Mapping[str, Any], trained: Trained | None = None) -> tuple[str, str, bool]:
    """(how good the model is, its figures, whether it got worse)."""
    from napari_unet.engine.jobs.verdict import Compared
    from napari_unet.engine.training.checking import in_words

    after, checked = record.get("after"), record.get("checked_on") or "nothing"
    figures = "\n".join(in_words(record))
    cells, in_use = record.get("cells", {}), trained is not None and bool(trained.rival)
    before = trained.before if trained is not None and in_use else cells.get("before", "")
    rival = trained.rival if trained is not None and in_use else record.get("parent_name") or ""
    compared = Compared.of(before, cells.get("after", ""))
    if not after:
        line = f"Trained. How good it is could not be checked ({checked})."
    elif after.get("classes"):
        line = _of_classes(record, compared, checked)
    else:
        line = _of_cells(record, compared, str(rival), checked)
    line += _of_test(record)
    if trained is not None and trained.corrected is not None:
        line += f"\n{_of_corrections(trained.corrected)}"
        if trained.corrected.wrong:
            figures += f"\n{_still_wrong(trained.corrected)}"
    worse = compared is not None and compared.word == "worse"
    if worse:
        line += " Discard takes you back to the former model."
    return line, figures, worse


def _of_cells(
    record: Mapping[str, Any], compared: Compared | None, rival: str, checked: str
) -> str:
    after = record["after"]
    if compared is None:
        n = int(after["n_truth"])
        right = round(after["right"] * n / 100)
        return f"{right} of {counted(n, 'cell')} right; checked on {checked}."
    line = f"{_word(compared, 'cell')}: {compared.after} of {compared.n} right"
    line += f", {compared.before} {f'with {_shown(rival)}' if rival else 'before'}"
    before = record.get("before")
    if before and not compared.gained and not compared.lost:
        was, now = (100 * scores["seg"] for scores in (before, after))
        line += f"; overlap {was:.1f}\u00a0% before, {now:.1f}\u00a0% now"
    return f"{line}. Checked on {checked}."


def _shown(name: str) -> str:
    """Return a model's name as the menus have it."""
    from napari_unet.engine.network.model_files import bundled_models

    return name.replace("-", " ") if name in bundled_models() else name


def _word(compared: Compared, of: str) -> str:
    return compared.word.capitalize() or f"No clear difference, {counted(compared.n, of)}"


def _of_classes(record: Mapping[str, Any], compared: Compared | None, checked: str) -> str:
    from napari_unet.engine.labels.class_scores import classes_in_words
    from napari_unet.engine.labels.scores import Scores

    before, now = record.get("before"), classes_in_words(Scores(**record["after"]))
    if not before:
        return f"Checked on {checked}: {now}."
    word = f"{_word(compared, 'piece')}. " if compared is not None else ""
    was = classes_in_words(Scores(**before))
    return f"{word}Checked on {checked}. Before: {was}. Now: {now}."


def _of_test(record: Mapping[str, Any]) -> str:
    test = record.get("test")
    if not test or test["after"].get("classes"):
        return ""
    after = test["after"]
    n, right = int(after["n_truth"]), round(after["right"] * after["n_truth"] / 100)
    return f"\nTest score: {right} of {counted(n, 'cell')} right on {test['tested_on']}."


def _of_corrections(found: Corrected) -> str:
    before = f" (before {found.before})" if found.before is not None else ""
    of = f"{found.n} cells" if found.n > 1 else "1 cell"
    return f"Of your {of} it draws {found.after} right by itself{before}."


def _still_wrong(found: Corrected) -> str:
    each = ", ".join(f"{n} on {frame}" for frame, n in found.wrong)
    return f"Not yet right by itself: {each}"
