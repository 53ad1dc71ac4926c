"""The labels of a viewer's movies: one `LiveLabels` for each movie, and the layer that shows it."""

from __future__ import annotations

import weakref
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal
from superqt.utils import ensure_main_thread

from napari_unet.engine.settings import LabelSettings, Selection
from napari_unet.gui.session.threshold_preview import ThresholdPreview
from napari_unet.gui.session.workers import Ahead
from napari_unet.gui.viewer import label_frames, layers
from napari_unet.gui.viewer.live_layer import actions_of, add_live_layer
from napari_unet.gui.viewer.ours import name_layer, named_by_us

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Image, Labels

    from napari_unet.engine.export.target.sidecar import Provenance
    from napari_unet.engine.jobs.check.sample import Sample
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.lifetime import Lifetime
    from napari_unet.gui.session.movie_choice import MovieChoice
    from napari_unet.gui.session.place import Place


@dataclass
class _Shown:
    live: LiveLabels
    layer: weakref.ref[Labels]
    selection: Selection
    model: Model | None = None
    sample: Sample | None = None
    hidden: bool = False  # by us, while another selection of the movie is looked at
    away: bool = False  # taken out of the viewer by us, while its axes are others


class MovieLabels:
    """Labels by movie, where a movie is an image layer and what is selected of it."""

    changed = Signal()  # other labels, or the labels are different ones
    painted = Signal(tuple)  # a user changed something: the frames
    settings_changed = Signal()
    looked = Signal()  # a user went on with a sample of them

    def __init__(self, movie: MovieChoice, place: Place, lifetime: Lifetime) -> None:
        self._movie, self._place = movie, place
        self.settings = LabelSettings()
        self.class_names: dict[int, str] = {}  # by number, as a user called them
        self._passed: dict[str, tuple[tuple[str, int], ...]] = {}
        self._edits = 0
        self._adopted: LabelSettings | None = self.settings
        self._all: weakref.WeakKeyDictionary[Image, dict[Selection, _Shown]]
        self._all = weakref.WeakKeyDictionary()
        self._ahead = Ahead(self.redraw, lifetime)
        self._threshold_preview = ThresholdPreview(movie, self._settle)
        lifetime.at_end(self._end)
        movie.turns.connect(self._leave)
        movie.frame_changed.connect(self._go_along)
        movie.changed.connect(self._go_along)

    # ---- what there is ----------------------------------------------------------------------

    @property
    def live(self) -> LiveLabels | None:
        """The movie's labels: derived from probability, corrections win."""
        shown = self._now()
        return shown.live if shown else None

    @property
    def layer(self) -> Labels | None:
        """The layer that shows them; None where there is none, or a user removed it."""
        shown = self._now()
        layer = shown.layer() if shown else None
        there = layer is not None and layer in layers.label_layers(self._movie.viewer)
        return layer if there else None

    @property
    def model(self) -> Model | None:
        """The model they are derived from, where it is open."""
        shown = self._now()
        return shown.model if shown else None

    def everywhere(self) -> Iterator[tuple[Image, Selection, LiveLabels]]:
        """Yield the labels of each movie, with its layer and what is selected of it."""
        for image, of_it in list(self._all.items()):
            for shown in of_it.values():
                yield image, shown.selection, shown.live

    def show(self) -> tuple[LiveLabels, Labels]:
        """Return the movie's labels and their layer; made, or shown again, where there are none."""
        from napari_unet.engine.session.live_labels import LiveLabels

        image, stack = self._movie.require_layer(), self._movie.require_stack()
        live, layer = self.live, self.layer
        if live is None:
            live = LiveLabels(
                (len(stack), *stack.frame_shape),
                settings=self.settings,
                corrections=self._place.corrections(stack),
                spacing=stack.spacing,
            )
        if layer is None:
            name = f"{stack.name} · labels"
            layer = layers.raw(add_live_layer(self._movie.viewer, live, image, name))
            name_layer(layer, layer.name)
            self.take(live, layer)
        return live, layer

    def take(self, live: LiveLabels, layer: Labels) -> None:
        """Take ``live`` as the labels of the movie, shown in ``layer``."""
        key, before, stack = self._key(), self._now(), self._movie.require_stack()
        assert key is not None
        live.edited.connect(self._on_edited, unique=True)
        if actions := actions_of(layer):
            actions.draft = partial(self._draft, live)
        shown = _Shown(live, weakref.ref(layer), stack.selection)
        if before is not None:
            shown.model, shown.sample = before.model, before.sample
        self._all.setdefault(key[0], {})[key[1]] = shown
        self.changed.emit()

    def _now(self) -> _Shown | None:
        key, stack = self._key(), self._movie.stack
        shown = self._all.get(key[0], {}).get(key[1]) if key else None
        if shown is None or stack is None:
            return None
        fits = shown.live.shape == (len(stack), *stack.frame_shape)
        return shown if fits else None  # a script may have given the layer other pixels

    def _key(self) -> tuple[Image, Selection] | None:
        """Return what labels are known by: the layer and what is selected of it, lengths apart."""
        image, stack = self._movie.image, self._movie.stack
        if image is None or stack is None:
            return None
        return image, stack.selection.without_lengths()

    @ensure_main_thread  # a verb through a track is done in a worker
    def _on_edited(self, frames: tuple[int, ...]) -> None:
        self._edits += 1
        self.painted.emit(frames)
        self.changed.emit()

    def prepare(self, frame: int) -> None:
        """Find the cells of a frame in a worker, then draw and say `changed`."""
        if self.live is not None:
            self._ahead.missing(self.live, frame)

    def _draft(self, live: LiveLabels, frame: int) -> bool:
        """Show a draft of a frame while a worker finds its cells."""
        if live is self.live:
            self.prepare(frame)
        return live is self.live

    def _end(self) -> None:
        """Leave layers that nobody shows any more: news of their labels may still come."""
        self._threshold_preview.end()
        for shown in [x for each in self._all.values() for x in each.values()]:
            layer = shown.layer()
            if layer is not None and (actions := actions_of(layer)):
                actions.end()

    # ---- what changes them ------------------------------------------------------------------

    def set_settings(self, settings: LabelSettings) -> None:
        """Move the threshold, or change how labels are made; the labels on screen follow."""
        if settings == self.settings:
            return
        self.settings = settings
        live = self.live
        if live is not None and not self._threshold_preview.takes(live, self.layer, settings):
            self._catch_up(live)
        self.settings_changed.emit()

    def adopt(self, settings: LabelSettings) -> None:
        """Take over what a model recommends, unless a user has chosen otherwise."""
        if self.settings == self._adopted:
            self._adopted = settings
            self.set_settings(settings)

    def set_model(self, model: Model, probabilities: object) -> None:
        """Derive the movie's labels from a model's probabilities; corrections stay."""
        shown = self._now()
        if shown is None:
            return
        live, shown.model = shown.live, model
        self._name_after(model)
        if live.probabilities is not probabilities:
            self._change(live, lambda: setattr(live, "probabilities", probabilities))
        self._show_names()
        self.changed.emit()

    def set_probabilities(self, probabilities: object) -> None:
        """Derive the movie's labels from probabilities kept of an earlier session."""
        live = self.live
        if live is not None:
            self._change(live, lambda: setattr(live, "probabilities", probabilities))
            self._show_names()
            self.changed.emit()

    def know_model(self, model: Model) -> None:
        """Take in which model the labels on screen are derived from."""
        shown = self._now()
        if shown is not None and shown.model is None:
            shown.model = model
            self._name_after(model)
            self._show_names()

    def named_classes(self) -> dict[int, str]:
        """Return what each class on screen is called; {} where labels are cells."""
        from napari_unet.engine.labels.class_labels import class_names, names_in

        live, model = self.live, self.model
        predicted = live.probabilities if live is not None else None
        if predicted is None:
            return {}
        learned = names_in(model.record) if model is not None else {}
        return class_names(tuple(predicted.outputs), self.class_names, learned)

    def name_class(self, number: int, name: str) -> None:
        """Call a class something; without a name as its model does."""
        names = {n: known for n, known in self.class_names.items() if n != number}
        if name and name != self.named_classes().get(number):
            names[number] = name
        elif name:
            return
        self.class_names = names
        self._show_names()
        self.changed.emit()

    def _show_names(self) -> None:
        """Let the layer say names of classes: napari shows them beside what is pointed at."""
        layer, live = self.layer, self.live
        if layer is not None and live is not None and live.classes:
            names = self.named_classes()
            layer.features = {"index": list(names), "class": list(names.values())}

    def _name_after(self, model: Model) -> None:
        """Let the layer's name say movie and model, unless a user gave it another."""
        layer, stack = self.layer, self._movie.stack
        if layer is not None and stack is not None and named_by_us(layer):
            name_layer(layer, f"{stack.name} · {model.name}")

    def read_again(self) -> None:
        """Derive the labels anew: the corrections may have changed under them."""
        if (live := self.live) is not None:
            self.set_probabilities(live.probabilities)

    @property
    def passed(self) -> tuple[tuple[str, int], ...]:
        """Doubts about whole frames of the movie that a user holds to be fine: reason, frame."""
        stack = self._movie.stack
        return self._passed.get(stack.fingerprint, ()) if stack is not None else ()

    def pass_frames(self, *fine: tuple[str, int]) -> None:
        """Take in that whole frames are fine as they are, for some reasons to doubt them."""
        known, stack = self.passed, self._movie.stack
        if stack is not None and set(fine) - set(known):
            self._passed[stack.fingerprint] = tuple(dict.fromkeys((*known, *fine)))
            self.changed.emit()

    def restore(self, settings: LabelSettings, class_names: dict[int, str]) -> None:
        """Go on with what a user left; no model's recommendation replaces it."""
        self._adopted, self.class_names = None, class_names
        self.set_settings(settings)

    def predicted(self, frame: int) -> None:
        """Take in that a frame's probabilities were written."""
        live = self.live
        if live is None:
            return
        self._edits += 1
        if frame == self._movie.frame:
            self._change(live, lambda: live.invalidate(frame))
        else:
            live.invalidate(frame)

    def _go_along(self) -> None:
        """Follow to another frame or movie: prepare what comes next, hide what is not of it."""
        self._threshold_preview.end()
        now, stack = self._now(), self._movie.stack
        for shown in self._of_this_file():
            layer = shown.layer()
            if layer is not None and (shown is now) == shown.hidden:
                shown.hidden = layer.visible and shown is not now
                layer.visible = shown is now
        if now is not None and now.away:
            self.show()
        if now is not None and stack is not None:
            if now.live.spacing != stack.spacing:
                now.selection = stack.selection
                self._change(now.live, lambda: setattr(now.live, "spacing", stack.spacing))
            self._catch_up(now.live)
            self._ahead.around(now.live, self._movie.frame)

    def _leave(self, stack: Stack) -> None:
        """Take layers out of the viewer whose frames would lie on sections, or have other units."""
        viewer = self._movie.viewer
        for shown in self._of_this_file():
            if (layer := shown.layer()) is None or layer not in viewer.layers:
                continue
            if not label_frames.lies_over(layer, shown.selection, stack):
                shown.away = True
                layers.remove(viewer, layer)

    def layers_of_file(self) -> list[Labels]:
        """Return the layers of all labels of the file that is the movie."""
        found = [shown.layer() for shown in self._of_this_file()]
        return [layer for layer in found if layer is not None]

    def _of_this_file(self) -> list[_Shown]:
        """Return all labels of the file: its channels may be layers of their own."""
        image = self._movie.image
        if image is None:
            return []
        source = layers.source_of(image)

        def is_of_it(other: Image) -> bool:
            found = layers.source_of(other)
            same = source is not None and found is not None and found[0] == source[0]
            return other is image or same

        return [
            shown for x, all_of in self._all.items() if is_of_it(x) for shown in all_of.values()
        ]

    def _catch_up(self, live: LiveLabels) -> None:
        """Derive labels at the settings that hold now."""
        if live.settings != self.settings:
            self._change(live, lambda: setattr(live, "settings", self.settings))

    def _settle(self) -> None:
        if self.live is not None:
            self._catch_up(self.live)

    def redraw(self) -> None:
        """Draw the layer again."""
        if (layer := self.layer) is not None:
            layer.refresh(extent=False)
        self.changed.emit()

    def _change(self, live: LiveLabels, change: Callable[[], None]) -> None:
        """Change the labels; a frame on screen that needs a watershed is drawn after it."""
        layer = self.layer
        actions = actions_of(layer) if layer is not None else None
        with actions.still() if actions else nullcontext():
            change()
        self._ahead.show(live, self._movie.frame)

    # ---- where they come from ---------------------------------------------------------------

    @property
    def mark(self) -> object:
        """What is the same as long as the labels are: of one movie, model, settings and edits."""
        live = self.live
        if live is None:
            return None
        return id(live), id(live.probabilities), live.settings, self._edits

    @property
    def sample(self) -> Sample | None:
        """The windows of these very labels that a user looks through; None once they changed."""
        from napari_unet.engine.session.reviewing.mark import mark_of

        shown = self._now()
        sample = shown.sample if shown is not None else None
        holds = sample is not None and shown is not None and sample.of == mark_of(shown.live)
        return sample if holds else None

    def take_sample(self, sample: Sample | None) -> None:
        """Take in a sample of the labels, or what was counted in it since."""
        shown = self._now()
        if shown is not None:
            shown.sample = sample
            self.looked.emit()

    def provenance(self, layer: Labels) -> Provenance:
        """Say where the labels of a layer come from, for the note beside an export."""
        from napari_unet.engine.export.target.sidecar import Provenance
        from napari_unet.engine.session.users.hold import authorship

        shown = self._now()
        if shown is None or layer is not shown.layer():
            return Provenance()
        corrections = shown.live.corrections
        corrected = sum(len(corrections.ids(t)) for t in corrections.frames())
        made_by = Provenance.of(shown.model, n_corrected=corrected, labels=self.settings)
        sample = self.sample
        rate = sample.rate() if sample is not None and sample.ended else None
        check = asdict(rate) if rate is not None else None
        return replace(made_by, details=authorship(corrections), check=check)
