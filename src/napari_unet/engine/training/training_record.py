"""Where a model comes from: parent, frames, settings, scores, seed, versions."""

from __future__ import annotations

import copy
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.annotations.annotated_movie import described, movie_names
from napari_unet.engine.annotations.holdout import HoldOut
from napari_unet.engine.files.versions import PROGRAM, versions
from napari_unet.engine.labels.class_scores import class_pieces
from napari_unet.engine.labels.objects import areas_of, disc_diameter, median_diameter
from napari_unet.engine.labels.regions import region_text
from napari_unet.engine.network.self_check import made_check
from napari_unet.engine.network.volumes import diameter_of, size_of
from napari_unet.engine.settings import LabelSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.movie_splits import MovieSplits
    from napari_unet.engine.errors import Notice
    from napari_unet.engine.labels.scores import Scores
    from napari_unet.engine.network.model import Model

_DEFAULT_DIAMETER = 30.0
_ODD = 2  # percent of the annotated cells that may be smaller: cut off by the frame, or slips
_HERITAGE = ("for", "not_for", "stain", "citation")  # of a parent's card


def typical_diameter(annotations: Annotations) -> float:
    """Median diameter in px of the annotated objects, each as a circle of its area, or as a ball.

    Of classes: that of the pieces in which half of their area lies, specks being no objects.
    """
    if annotations.classes:
        return _typical_piece(annotations)
    sizes = _areas(annotations)
    if sizes.size and annotations.dims == 3:
        return diameter_of(float(np.median(sizes)), 3, annotations.spacing)
    return median_diameter(sizes) if sizes.size else _DEFAULT_DIAMETER


def smallest_cell(annotations: Annotations, diameter: float) -> int:
    """Pixels below which an object is a speck beside the annotated ones, ``diameter`` px typical.

    Half of the smallest of them, a few odd ones apart: a tenth of a typical one at least, three
    tenths at most. Where sizes differ much, four fifths of the smallest whole one are enough. These
    are shares of areas; of volumes they are those of balls of the same diameters.
    """
    typical = np.pi / 4 * diameter**2
    if annotations.dims == 3:
        typical = size_of(diameter, 3, annotations.spacing)
    sizes = np.zeros(0) if annotations.classes else _areas(annotations)
    if not sizes.size:
        return max(5, int(0.1 * typical))
    half, least, most, part = (
        share if annotations.dims == 2 else share**1.5 for share in (0.5, 0.1, 0.3, 0.8)
    )
    wanted, least = half * np.percentile(sizes, _ODD), least * typical
    whole = _areas(annotations, cut=False)
    if whole.size:
        least = min(least, part * np.percentile(whole, _ODD))
    return max(5, int(np.clip(wanted, least, most * typical)))


def _areas(annotations: Annotations, *, cut: bool = True) -> NDArray[np.int64]:
    """Areas of the cells that count for the most part: what a band cuts off is no small cell.

    Those that the frame's edge may ``cut``, too, or not.
    """
    found = [np.zeros(0, np.int64)]
    for frame in annotations.frames.values():
        labels = frame.labels
        all_of_it, counted = (
            np.bincount(some.ravel(), minlength=int(labels.max(initial=0)) + 1)
            for some in (labels, labels[frame.supervised])
        )
        whole = 2 * counted > all_of_it
        whole[0] = False
        if not cut:
            edges = [labels.take((0, -1), axis) for axis in range(labels.ndim)]
            whole[np.concatenate([edge.ravel() for edge in edges])] = False
        found.append(all_of_it[whole])
    return np.concatenate(found)


def _typical_piece(annotations: Annotations) -> float:
    frames = annotations.frames.values()
    pieces = [class_pieces(f.labels * f.supervised, annotations.classes) for f in frames]
    found = [areas_of(ids) for ids in pieces]
    areas = np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)
    if not areas.size:
        return _DEFAULT_DIAMETER
    middle = np.searchsorted(np.cumsum(areas), areas.sum() / 2)
    typical = float(areas[min(int(middle), len(areas) - 1)])
    if annotations.dims == 3:
        return diameter_of(typical, 3, annotations.spacing)
    return disc_diameter(typical)


def figures(scores: Scores | None) -> dict[str, Any] | None:
    """Return scores as plain values; classes only where they are told apart."""
    if scores is None:
        return None
    values = {key: value for key, value in asdict(scores).items() if key != "cells"}
    return values if scores.classes else {k: v for k, v in values.items() if k != "classes"}


def recommended_labels(
    base: Model | None, annotations: Annotations, diameter: float
) -> LabelSettings:
    """Label settings of a new model for the annotated cells, ``diameter`` px typical."""
    settings = base.label_settings if base else LabelSettings()
    usual = LabelSettings().threshold  # what is learned anew is learned at its true size
    smallest = smallest_cell(annotations, diameter)
    return settings.replace(threshold=usual, min_size=smallest, edge=annotations.blank)


def model_card(
    base: Model | None,
    movies: Sequence[AnnotatedMovie],
    *,
    stain: str,
    diameter: float | None,
) -> dict[str, Any]:
    """Say what a new model is for: where it learned, and of its parent what holds for it too.

    ``diameter`` in px. The parent's own scores and command are not the child's. The channel is the
    first movie's; of several pixel sizes it is a middle one.
    """
    before = base.card if base else {}
    card = {key: before[key] for key in _HERITAGE if key in before}
    stack, names = movies[0].stack, movie_names([movie.stack for movie in movies])
    learned = f"{', '.join(names)}: {described([movie.annotations for movie in movies])}"
    card["data"] = f"{learned}; before that {before['data']}" if "data" in before else learned
    if base and "terms" in before:
        card["terms"] = f"of what {base.name} learned from: {before['terms']}"
    if stain:
        card["stain"] = stain
    if len(stack.channel_names) > 1:
        card["channel"] = ", ".join(stack.selected_channels)
    sizes = sorted(size for movie in movies if (size := movie.stack.pixel_size))
    size = sizes[(len(sizes) - 1) // 2] if sizes else None
    if movies[0].stack.dims == 3:
        card["z_step"] = movies[0].stack.z_step
    return {**card, "diameter": diameter, "pixel_size": size}


def training_record(
    *,
    movies: Sequence[AnnotatedMovie],
    splits: MovieSplits,
    base: Model | None,
    settings: dict[str, Any],
    plan: dict[str, Any],
    before: Scores | None,
    after: Scores | None,
    replay: tuple[Scores | None, Scores | None],
    steps: int,
    seconds: float,
    history: Sequence[Mapping[str, float | None]] = (),
    encoder: Mapping[str, str] | None = None,
    notices: Sequence[Notice] = (),
) -> dict[str, Any]:
    """Return the record of one training, plain numbers and strings throughout.

    Of several movies, ``movies`` has a row for each; what stands beside it is then the first one's,
    for programs that know of one only.
    """
    made_with = versions()
    if encoder:  # its folder is nobody's business
        settings = {**settings, "encoder_weights": encoder["file"]}
    found = (n for stack, known in movies for n in (*stack.notices, *known.notices))
    regions = movies[0].annotations.regions
    return {
        "parent": base.sha256 if base else None,
        "parent_name": base.name if base else None,
        **({"learned_before": known} if (known := _learned(base.record if base else {})) else {}),
        **_of_movies(movies, splits),
        "annotated": described([movie.annotations for movie in movies]),
        **({"regions": region_text(regions)} if regions else {}),
        "checked_on": splits.words,  # for who reads the file; programs read what is held out
        "before": figures(before),
        "after": figures(after),
        "cells": {"before": before.cells if before else "", "after": after.cells if after else ""},
        "replay_before": figures(replay[0]),
        "replay_after": figures(replay[1]),
        "settings": settings,
        **({"encoder": dict(encoder)} if encoder else {}),
        "plan": plan,
        "steps": steps,
        "seconds": round(seconds, 1),
        "history": [{k: v for k, v in row.items() if v is not None} for row in history],
        "notices": [asdict(n) for n in dict.fromkeys((*found, *notices))],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"napari-unet": made_with.pop(PROGRAM, "unknown"), **made_with},
    }


def _of_movies(movies: Sequence[AnnotatedMovie], splits: MovieSplits) -> dict[str, Any]:
    """Return which movies and frames were learned from, and what of them was held out."""
    named = movie_names([movie.stack for movie in movies])
    rows = [
        {
            "movie": name,
            "movie_fingerprint": stack.fingerprint,
            "frames": list(known.frame_indices),
            "held_out": split.hold_out.to_record(),
        }
        for name, (stack, known), split in zip(named, movies, splits.parts, strict=True)
    ]
    if len(rows) == 1:
        return rows[0]
    each = [
        {**row, "annotated": known.describe()} for row, (_, known) in zip(rows, movies, strict=True)
    ]
    return {**rows[0], "movie": ", ".join(named), "movies": each}


def movies_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return for each movie of a record: its fingerprint, frames, and what was held out.

    Of a model that says nothing of movies, nothing.
    """
    if several := record.get("movies"):
        return list(several)
    return [record] if "movie_fingerprint" in record else []


def learned_frames(record: Mapping[str, Any], fingerprint: str) -> frozenset[int]:
    """Return the frames of a movie that a model, or one it began from, learned from.

    Frames beside those that were held out, and those themselves where they never joined, are not
    among them.
    """
    found: set[int] = set()
    for part in _learned(record):
        if part["movie_fingerprint"] == fingerprint:
            found.update(int(t) for t in part["frames"])
    return frozenset(found)


def tested_frames(record: Mapping[str, Any], fingerprint: str) -> frozenset[int]:
    """Return the frames of a movie that a model was tested on."""
    test = record.get("test") or {}
    each = test.get("of_each") or [test.get("frames", ())]
    parts = zip(movies_of(record), each, strict=False)
    of_it = (frames for part, frames in parts if part.get("movie_fingerprint") == fingerprint)
    return frozenset(int(t) for frames in of_it for t in frames)


def _learned(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what each training of a model and of those before it learned from."""
    found = list(record.get("learned_before") or ())
    for part in movies_of(record):
        out = held_out(part)
        low, high = (out.gap or (1, 0)) if not out.joins else (1, 0)
        kept = {*out.never_learned, *range(low, high + 1)}
        frames = [t for t in part.get("frames") or () if t not in kept]
        found.append({"movie_fingerprint": part["movie_fingerprint"], "frames": frames})
    return found


def with_next_best(model: Model, ranked: Sequence[Mapping[str, Any]], diameter: float) -> Model:
    """Return a model with others of the same training, whose weights were ``ranked`` after it.

    Each has its own threshold; cells have a ``diameter`` in px.
    """
    found = []
    for number, known in enumerate(ranked, 2):
        network = copy.deepcopy(model.network)
        network.load_state_dict(known["weights"])
        labels = model.label_settings.replace(threshold=known["threshold"])
        check = made_check(network, model.normalisation, labels, diameter)
        after = {"rank": number, "rank_step": known["step"], "rank_score": known["score"]}
        found.append(
            replace(
                model,
                network=network,
                label_settings=labels,
                name=f"{model.name}.best-{number}",
                record={**model.record, **after},
                arrays={**model.arrays, **check},
            )
        )
    return replace(model, next_best=tuple(found)) if found else model


def held_out(record: Mapping[str, Any], fingerprint: str | None = None) -> HoldOut:
    """Return what a model was checked on, of the movie with a ``fingerprint``; or else nothing.

    Models of version 0.1.0 say it in words, and chosen frames in their settings.
    """
    if fingerprint is not None:
        of_it = (m for m in movies_of(record) if m.get("movie_fingerprint") == fingerprint)
        record = next(of_it, {})
    if "held_out" in record:
        return HoldOut.from_record(record["held_out"])
    chosen = (record.get("settings") or {}).get("validation")
    if isinstance(chosen, list | tuple):
        return HoldOut(tuple(int(t) for t in chosen))
    words = str(record.get("checked_on") or "")
    if span := re.fullmatch(r"frames (\d+)-(\d+)", words):
        return HoldOut(tuple(range(int(span[1]), int(span[2]) + 1)))
    named = tuple(int(t) for t in re.findall(r"\d+", words))
    return HoldOut(named, joins=bool(named) and not words.startswith("frames "))
