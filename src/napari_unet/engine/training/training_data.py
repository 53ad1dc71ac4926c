"""What one training run learns from: the frames of all its movies, and the crops drawn of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.annotations.annotated_movie import together
from napari_unet.engine.network.volumes import are_cubes
from napari_unet.engine.training.movies.movie_data import MovieData
from napari_unet.engine.training.sampling.patches import Batch, FrameSampler, PatchSampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from napari_unet.engine.annotations.annotated_movie import AnnotatedMovie
    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.movie_splits import MovieSplits
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.normalisation import Normaliser
    from napari_unet.engine.settings import TrainSettings

_CHECKED_PIXELS = 4e6  # about five frames of 700 x 1100: more would cost time and tell little new


class TrainingData:
    """Frames of movies to learn from and to check on; each movie is normalised as itself.

    ``validation`` are images ``(C, Y, X)`` and annotations to check on, evenly spaced where there
    are many: a check must not cost more than it tells.
    """

    def __init__(
        self,
        movies: Sequence[AnnotatedMovie],
        splits: MovieSplits,
        settings: TrainSettings,
        device: torch.device,
        base: Model | None = None,
        scale: float = 1.0,
    ) -> None:
        self.joined = False
        self.drawn = 0  # of whole frames, where crops are those
        self.depth: int | None = None  # sections of crops of volumes
        self._settings = settings
        named = [f" of {name}" if len(movies) > 1 else "" for name in splits.names]
        pairs = zip(movies, splits.parts, named, strict=True)
        self.parts = tuple(
            MovieData(movie, split, settings, device, base, scale, of) for movie, split, of in pairs
        )
        self._sampler: PatchSampler | None = None
        # now: what cannot be checked on is refused at once
        every = max(1, round(sum(part.checked_pixels for part in self.parts) / _CHECKED_PIXELS))
        self.validation = [pair for part in self.parts for pair in part.checked(every)]

    @property
    def n_frames(self) -> int:
        """Frames to learn from."""
        return sum(len(part.frames) for part in self.parts)

    @property
    def pixels(self) -> int:
        """Supervised pixels to learn from."""
        return sum(f.n_supervised for part in self.parts for f in part.frames.values())

    @property
    def annotations(self) -> tuple[Annotations, ...]:
        """What is known of each movie by now."""
        return tuple(part.annotations for part in self.parts)

    @property
    def of_all(self) -> Annotations:
        """What is known of all movies by now, as of one."""
        return together(self.annotations)

    @property
    def normalisers(self) -> tuple[Normaliser, ...]:
        """What normalises the frames of each movie."""
        return tuple(part.normaliser for part in self.parts)

    def batch(self, n: int, crop: int, late: bool, generator: torch.Generator) -> Batch:
        """Draw ``n`` crops of ``crop`` px; ``late`` ones are changed little."""
        frames = [part.frames[t] for part in self.parts for t in sorted(part.frames)]
        augmentation = self._settings.augmentation
        augmentation = augmentation.milder() if late else augmentation
        if self._settings.whole_frames:
            sampler = FrameSampler(frames, augmentation, generator, self.drawn)
            batch, self.drawn = sampler.batch(n), sampler.drawn
            return batch
        known, how = self._sampler, (crop, self.depth, augmentation)
        if known is None or (known.size, known.depth, known.augmentation) != how:
            cubes = all(are_cubes(part.stack.spacing) for part in self.parts)
            self._sampler = known = PatchSampler(
                frames, crop, augmentation, generator, depth=self.depth, cubes=cubes
            )
        return known.batch(n)

    def join(self) -> None:
        """Let what was held out join the training."""
        self.joined, self._sampler = True, None
        for part in self.parts:
            part.join()

    def learnable(self, annotations: Annotations, movie: int = 0) -> Annotations:
        """Return what of strokes in a movie may teach here."""
        return self.parts[movie].learnable(annotations)

    def take(self, annotations: Annotations, movie: int = 0) -> str:
        """Take new strokes in a movie in; gives a line on what is different now, or none."""
        self._sampler = None
        return self.parts[movie].take(annotations)
