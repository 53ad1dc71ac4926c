"""What a training will learn from, in words: what the dock says before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie, movie_names, together
from napari_unet.engine.annotations.holdout import frames_in_words, without_tested
from napari_unet.engine.annotations.movie_splits import hold_out_movies, movies_kept_for_test
from napari_unet.engine.labels.regions import parse_regions
from napari_unet.engine.training.completeness import warning
from napari_unet.engine.training.movies.compatibility import check_labels, check_together
from napari_unet.gui.train.annotation_source import NOT_WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.settings import TrainSettings
    from napari_unet.gui.train.annotation_source import AnnotationSource


@dataclass(frozen=True)
class Described:
    """What a training will learn from, and what a user should look at before."""

    words: str
    warning: str = ""
    classes: tuple[int, ...] = ()


def describe(sources: Sequence[AnnotationSource], settings: TrainSettings) -> Described:
    """Say what it will train on: ``3 frames, 214 cells, 38 % of the pixels; checked on …``.

    Raises
    ------
    BadInput
        Where it cannot be learned from, as the training would.

    """
    regions = parse_regions(settings.regions)
    read = (source.for_base(None, settings.regions).read() for source in sources)
    painted = [one.in_regions(regions) for one in read]
    names = movie_names([source.stack for source in sources])
    movies_kept_for_test(painted, settings.test, settings.validation)  # refused before it begins
    check_labels(painted, names)
    learned = []
    for given, source in zip(painted, sources, strict=True):
        known = without_tested(given, settings.test).without_edge(settings.edge)
        learned.append(known.without_missing(source.stack))
    whole = together(learned)
    whole.check()
    movies = [AnnotatedMovie(s.stack, one) for s, one in zip(sources, learned, strict=True)]
    notices = (*whole.notices, *check_together(movies, names, settings))
    where = "; inside the rectangle where there is one" if sources[0].scope.areas else ""
    where += f"; without {settings.edge} px at the image edge" if settings.edge else ""
    where += f"; tested on {frames_in_words(settings.test)}" if settings.test else ""
    # as the training says it when it begins
    split = hold_out_movies(learned, names, settings.validation)
    noted = [f"{notice}." for notice in notices if notice.level == "noted"]
    odd = [f"{notice}." for notice in notices if notice.level == "check"]
    pairs = zip(learned, sources, strict=True)
    doubts = [warning(one, source.seen, NOT_WHOLE) for one, source in pairs]
    if whole.blank:
        noted.append(f"{whole.blank_in_words.capitalize()}.")
    return Described(
        " ".join((f"{split.describe(learned)}{where}.", *noted)),
        " ".join(filter(None, (*doubts, *odd))),
        whole.classes,
    )
