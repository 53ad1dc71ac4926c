"""Movies made ready to be learned from: what counts of them, and what of that is checked on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie, movie_names, together
from napari_unet.engine.annotations.holdout import without_tested
from napari_unet.engine.annotations.movie_splits import splits_as
from napari_unet.engine.training.bases.start import begun, begun_in_words
from napari_unet.engine.training.checking import FinalTest
from napari_unet.engine.training.completeness import missing_in_words
from napari_unet.engine.training.initial_network import (
    check_base,
    in_wanted_regions,
    kept_of_base,
)
from napari_unet.engine.training.movies.compatibility import check_labels, check_together
from napari_unet.engine.training.movies.movie_data import left_out
from napari_unet.engine.training.movies.same_movies import check_same, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.movie_splits import MovieSplits
    from napari_unet.engine.errors import Notice
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True, eq=False)
class Prepared:
    """What one network learns from: movies as it sees them, and how each is parted.

    ``given`` are the movies as they were given; ``missing`` is a line on pixels without a value;
    ``notices`` say what is odd of movies that are learned from together.
    """

    given: tuple[Stack, ...]
    movies: tuple[AnnotatedMovie, ...]
    splits: MovieSplits
    base: Model | None
    final: FinalTest
    missing: str = ""
    notices: tuple[Notice, ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """What tells a checkpoint which movies these are."""
        return told(self.given, self.splits.names)

    @property
    def annotations(self) -> Annotations:
        """What is known of all movies, as of one."""
        return together([movie.annotations for movie in self.movies])

    def begun_in_words(self, settings: TrainSettings, scale: str, encoder: str | None) -> str:
        """Say what is learned from, and what a user should know of it; two lines are given."""
        given = [movie.annotations for movie in self.movies]
        begun = f"training on {self.splits.describe(given)}"
        seen = begun_in_words(self.movies[0].stack, self.base), scale
        edge, own = self.annotations.blank_in_words, kept_of_base(self.base, settings)
        odd = [notice.line for notice in self.notices]
        return "; ".join(filter(None, (begun, *seen, edge, encoder, self.missing, own, *odd)))


def prepare(
    movies: Sequence[AnnotatedMovie],
    settings: TrainSettings,
    base: Model | None,
    state: Mapping[str, Any],
) -> Prepared:
    """Make movies ready; as the run of a checkpoint's ``state`` had them, where there is one.

    Raises
    ------
    BadInput
        Where they cannot be learned from, each by itself or together.

    """
    names = movie_names([movie.stack for movie in movies])
    check_same(state, [movie.stack for movie in movies], names)
    given = [in_wanted_regions(movie.annotations, settings, base) for movie in movies]
    check_labels(given, names)
    left = [*left_out(state), *[frozenset[int]()] * len(movies)]
    painted = [_learned(one, settings, t) for one, t in zip(given, left, strict=False)]
    stacks = [movie.stack for movie in movies]
    learned = [one.without_missing(stack) for one, stack in zip(painted, stacks, strict=True)]
    together(learned).check()
    classes = together(learned).classes
    learned = [one if one.classes == classes else replace(one, classes=classes) for one in learned]
    pairs = [AnnotatedMovie(*pair) for pair in zip(stacks, learned, strict=True)]
    seen, base, grey = begun(pairs, names, base, state)
    odd = check_together(seen, names, settings)
    check_base(seen[0].stack, settings, base, classes)
    splits = splits_as(state, learned, names, settings.validation)
    return Prepared(
        tuple(stacks),
        tuple(seen),
        splits,
        base,
        FinalTest.of(given, settings, names),
        missing_in_words(together(painted), together(learned)),
        (*grey, *odd),
    )


def _learned(given: Annotations, settings: TrainSettings, left: frozenset[int]) -> Annotations:
    """Return what may teach: no frame to test on, no edge, none that was left out."""
    painted = without_tested(given, settings.test).without_edge(settings.edge)
    return painted.only(painted.frames.keys() - left)
