"""Train: paint a few cells, press one button, watch it learn, keep the model or go back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.settings import RECIPES
from napari_unet.gui.dock.dock import Dock
from napari_unet.gui.dock.loading import opening
from napari_unet.gui.dock.model_menu import BaseMenu
from napari_unet.gui.session.job import Task
from napari_unet.gui.session.models import ModelChoice, reference
from napari_unet.gui.train.annotation_panel import AnnotationPanel
from napari_unet.gui.train.other_movies import as_begun
from napari_unet.gui.train.outcome import OutcomePanel
from napari_unet.gui.train.resume import Begun, base_of, recall
from napari_unet.gui.train.training_run import OWNER, start_training
from napari_unet.gui.widgets.editors import ChoiceEditor, TextEditor
from napari_unet.gui.widgets.fields import recipe_words
from napari_unet.gui.widgets.forms import CUSTOM, SettingsForm
from napari_unet.gui.widgets.parts import Column, Hint, allow, button, label, primary, row, titled
from napari_unet.gui.widgets.plots import CurveView
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    import napari.viewer

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.stack.stack import Stack


class TrainDock(Dock):
    """From painted cells to a model."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, OWNER)
        self._build_parts()
        self.column.addStretch(1)
        self._connect()
        self.watch()

    # ---- parts ------------------------------------------------------------------------------

    def _build_parts(self) -> None:
        set_up = self.session.training.form
        self.name_of_model = TextEditor(str, "named after the movie")
        self.name_of_model.setObjectName("train.name")
        self.name_of_model.setText(set_up.name)
        self.form = SettingsForm(set_up.settings, name=OWNER, plain=(), apart=("minutes",))
        self.form.unfolded.connect(self._add_recipes)
        self.annotations = AnnotationPanel(self.session, self.form.value)
        self.teach = self.group("1  Teach", self.annotations, beside=(self.annotations.about,))
        self._build_learning()
        self.foot.cancel.setProperty("tip", "Stop; no model is made")
        self.outcome = OutcomePanel(self.session, self.foot.buttons, self.foot.cancel)
        self.result = self.group("3  Result", self.outcome)
        self.pinned.add(self.outcome.decision)
        self.column.addWidget(self.form)

    def _build_learning(self) -> None:
        self.start_from = BaseMenu(self.session, "train.start_from", "a new network")
        self.start_from.setMinimumContentsLength(5)
        minutes = self.form.editor("minutes")
        minutes.setSuffix(" min")
        self.start = button("Train", "train.start")
        self.resume = button("Resume", "train.resume", "Go on with the training that was cut off")
        self.why_not = Hint(name="train.hint")
        self.curve = CurveView()
        self.curve.setObjectName("train.curve")
        self.choices = QWidget()  # of no use while it runs
        Column(self.choices).add(
            row(label("From"), self.start_from, stretch=1),
            Flow(titled("for", minutes), self.start, self.resume, shares=(1, 1, 1)),
        )
        self.group("2  Learn", self.choices, self.curve, self.why_not)

    def _add_recipes(self) -> None:
        """Put on top of *Advanced* the model's name, and a menu of what goes with a network."""
        words = {name: recipe_words(name) for name in RECIPES}
        self.recipe = ChoiceEditor({**words, CUSTOM: CUSTOM})
        self.recipe.setObjectName("train.recipe")
        self.recipe.setToolTip("Settings that go with a network; each can be changed below")
        self.form.insert("Recipe", self.recipe)
        self.form.insert("Name", self.name_of_model)
        self._show_recipe()
        self.form.valueChanged.connect(self._show_recipe)
        self.recipe.valueChanged.connect(self._on_recipe)

    def _on_recipe(self, name: str) -> None:
        if name in RECIPES:
            self.form.setValue(self.form.value().with_recipe(name))

    def _show_recipe(self, *_: TrainSettings) -> None:
        settings = self.form.value()  # as it is by now: a network may have brought its recipe
        names = (name for name in RECIPES if settings.with_recipe(name) == settings)
        with signals_blocked(self.recipe):
            self.recipe.setValue(next(names, CUSTOM))

    def _connect(self) -> None:
        session, life = self.session, self.session.lifetime
        self.annotations.changed.connect(self.update_state)
        self.form.valueChanged.connect(self._on_form)
        self.name_of_model.textChanged.connect(lambda text: session.training.set_form(name=text))
        self.start.clicked.connect(self._on_start)
        self.resume.clicked.connect(self._on_resume)
        self.foot.cancel.clicked.connect(self._on_discard)
        life.connect(session.labels.painted, self._on_strokes, self)
        life.connect(session.movie.frame_changed, self._on_frame, self)
        life.connect(session.training.stepped, self._show_training, self)
        life.connect(session.training.changed, self.update_state, self)
        self._show_training()
        self.annotations.ask()

    def _on_strokes(self, _: tuple[int, ...]) -> None:
        self.annotations.ask()
        self.update_state()

    def _on_frame(self, _: int) -> None:
        self.update_state()

    def _on_form(self, settings: TrainSettings) -> None:
        before = self.session.training.form.settings
        if settings != before and settings == before.replace(network=settings.network):
            chosen = before.with_network(settings.network)
            if chosen != settings:  # a network brings its recipe, which the menu above then names
                self.form.setValue(chosen)
                return
        self.session.training.set_form(settings=settings)
        self.annotations.ask()

    # ---- training ---------------------------------------------------------------------------

    def _on_start(self) -> None:
        base = self.start_from.choice()
        with self.session.job.refusing(OWNER):
            stack, settings = self.session.movie.require_stack(), self.form.value()
            name = self.name_of_model.text().strip() or f"{stack.name.split('.')[0]} model"
            kept = reference(base)
            unsaved = base.name if base is not None and kept is None else None
            others = self.annotations.others.ticked()
            movies = tuple((other.mark, other.selection) for other in others)
            self._train(Begun(settings, name, kept, unsaved, movies), base, resume=False)

    def _on_resume(self) -> None:
        """Go on as it was begun, whatever the form shows now."""
        session = self.session
        stack = session.movie.stack
        begun = recall(stack) if stack is not None else None
        if stack is None or begun is None:
            session.job.say(OWNER, "It cannot go on: start a new training.", failed=True)
        elif begun.unsaved_base:
            self._resume_from_unsaved(begun, begun.unsaved_base, stack)
        else:
            base = session.models.find(begun.base) if begun.base else None
            if begun.base and base is None:
                self._say_gone(begun.base)
            else:
                self._train(begun, base, resume=True)

    def _resume_from_unsaved(self, begun: Begun, name: str, stack: Stack) -> None:
        """Go on from a model that is saved nowhere else; it is in the menus again."""
        session, file = self.session, base_of(stack)
        here = (m for m in session.models.all if m.name == name and m.model and not m.saved)
        base = next(here, None)
        if base is not None:
            self._train(begun, base, resume=True)
        elif not file.is_file():
            self._say_gone(name)
        else:

            def done(model: Model) -> None:
                again = session.models.add(ModelChoice(name, "mine", model=model))
                self._train(begun, again, resume=True)

            title = "Opening the model it began from"
            session.job.start(Task(OWNER, title, lambda: opening(file), on_done=done))

    def _say_gone(self, base: str) -> None:
        line = f"The model {base} it began from is gone: start a new training."
        self.session.job.say(OWNER, line, failed=True)

    def _on_discard(self) -> None:
        self.session.training.discarded = self.session.training.running

    def _train(self, begun: Begun, base: ModelChoice | None, *, resume: bool) -> None:
        self.outcome.forget()
        self.annotations.labels.stay()  # the new model's labels are not what it learns from next
        with self.session.job.refusing(OWNER):
            source = self.annotations.source()
            others = as_begun(self.annotations.others.movies, begun.movies)
            self.session.training.tick(other.mark for other in others)
            start_training(self.session, source, begun, base, others=others, resume=resume)

    # ---- what is shown ----------------------------------------------------------------------

    def update_state(self) -> None:
        """Resolve which buttons can be pressed, and say why the others cannot."""
        busy, no_movie, nothing = self.busy(), self.no_movie(), self.annotations.why_not()
        why_not = busy or no_movie or nothing
        allow(self.start, why_not)
        self.annotations.update_state(no_movie)
        self._show_resume(why_not)
        self._show_training()
        training = self.session.training
        primary(self.start, not training.undecided)
        folded = training.running or training.undecided
        self.teach.fold(self.annotations.gist() if folded else "")
        self.choices.setVisible(not training.running)
        judged = training.outcome is not None and not training.running
        if judged and not self.result.isVisibleTo(self):
            self.bring_into_sight(self.result)
        self.result.setVisible(judged)
        if not training.running:
            self.why_not.say(f"{why_not}." if why_not and why_not != no_movie else "")
        self.outcome.update_state()

    def _show_training(self) -> None:
        """Show the curve of the session's training, and what it notes while it runs."""
        training = self.session.training
        self.curve.show_curve(training.curve)
        if training.running and training.note:
            self.why_not.say(training.note)

    def _show_resume(self, why_not: str) -> None:
        stack = self.session.movie.stack
        begun = recall(stack) if stack is not None and not why_not else None
        self.resume.setVisible(begun is not None and not self.session.training.undecided)
