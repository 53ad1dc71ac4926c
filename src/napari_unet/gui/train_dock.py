"""Train: paint a few cells, press one button, watch it learn, keep the model or go back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QLineEdit
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import TrainSettings
from napari_unet.gui import layers
from napari_unet.gui.background import Latest
from napari_unet.gui.curve import CurveView
from napari_unet.gui.dock import Dock
from napari_unet.gui.forms import SettingsForm
from napari_unet.gui.job import Progress, Task
from napari_unet.gui.labelling import show_labels
from napari_unet.gui.layer_menu import LabelsMenu
from napari_unet.gui.model_choice import ModelChoice
from napari_unet.gui.model_menu import ModelMenu
from napari_unet.gui.outcome import OutcomePanel
from napari_unet.gui.parts import Hint, JobPanel, add_field, allow, button, form_rows, row

if TYPE_CHECKING:
    import napari.viewer

    from napari_unet.engine.model import Model
    from napari_unet.gui.learning import Learned, Teacher

OWNER = "train"
_PREVIEW_EVERY = 1.5  # s


class TrainDock(Dock):
    """From painted cells to a model."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, OWNER)
        self._asked = 0.0
        self._describe = Latest(self)
        self._build_labels()
        self._build_settings()
        self._build_run()
        self.column.addStretch(1)
        self._connect()
        self.watch()

    # ---- parts ------------------------------------------------------------------------------

    def _build_labels(self) -> None:
        self.labels = LabelsMenu(self.session, "train.labels", "Layer in which cells are painted")
        self.annotate = button(
            "Start painting",
            "train.annotate",
            "Paint cells on the movie: a brush with a new cell's id",
        )
        self.new_cell = button(
            "New cell", "train.new_cell", "Paint the next cell, with an id of its own"
        )
        self.background = button(
            "Background",
            "train.background",
            "Background brush: paint where there is no cell, it learns that too",
            checkable=True,
        )
        self.whole = QCheckBox(objectName="train.complete")
        self.frames = QLineEdit(objectName="train.frames")
        self.frames.setPlaceholderText("all with labels, or 0,3-5")
        self.frames.setToolTip(
            "Frames to learn from, counted from 0; empty for all that have labels"
        )
        self.summary = Hint(name="train.summary")
        rows = form_rows()
        add_field(rows, "Labels", self.labels)
        add_field(rows, "Frames", self.frames)
        self.column.section(
            "Cells to learn from",
            row(self.annotate, self.new_cell, self.background),
            rows,
            self.whole,
            self.summary,
        )

    def _build_settings(self) -> None:
        self.start_from = ModelMenu(
            self.session, "train.start_from", new="a new network", chooses=False
        )
        self.name_of_model = QLineEdit(objectName="train.name")
        self.name_of_model.setPlaceholderText("named after the movie")
        self.form = SettingsForm(TrainSettings(), name=OWNER, plain=("minutes",))
        rows = form_rows()
        add_field(rows, "Start from", self.start_from)
        add_field(rows, "Name", self.name_of_model)
        self.column.section("Training", rows, self.form)

    def _build_run(self) -> None:
        self.start = button("Start training", "train.start")
        self.resume = button("Resume", "train.resume", "Go on with the training that was cut off")
        self.why_not = Hint(name="train.hint")
        self.panel = JobPanel(self.session.job, OWNER, OWNER)
        self.curve = CurveView()
        self.curve.setObjectName("train.curve")
        self.outcome = OutcomePanel(self.session)
        self.column.add(
            row(self.start, self.resume), self.why_not, self.panel, self.curve, self.outcome
        )

    def _connect(self) -> None:
        self.annotate.clicked.connect(self._on_annotate)
        self.new_cell.clicked.connect(self._on_new_cell)
        self.background.toggled.connect(self._on_background)
        self.whole.toggled.connect(self._on_whole)
        self.labels.chosen.connect(self._ask)
        self.labels.chosen.connect(self.update_state)
        self.frames.textChanged.connect(self._ask)
        self.form.valueChanged.connect(self._ask)
        self.start.clicked.connect(lambda: self._start(resume=False))
        self.resume.clicked.connect(lambda: self._start(resume=True))
        self._describe.answered.connect(lambda words: self.summary.say(f"Trains on {words}"))
        self._describe.failed.connect(lambda line: self.summary.say(line, warn=True))
        session = self.session
        session.labels.painted.connect(self._on_strokes)
        session.movie_changed.connect(self._ask)
        session.frame_changed.connect(lambda _: self.update_state())
        self._ask()

    # ---- painting ---------------------------------------------------------------------------

    def _on_annotate(self) -> None:
        try:
            live, layer = show_labels(self.session)
        except BadInput as error:
            self.session.job.say(OWNER, str(error), failed=True)
            return
        layers.paint(self.session.viewer, layer, live.new_id())
        self.update_state()

    def _on_new_cell(self) -> None:
        live, layer = self.session.labels.live, self.session.labels.layer
        if live is not None and layer is not None:
            self.background.setChecked(False)
            layers.paint(self.session.viewer, layer, live.new_id())

    def _on_background(self, on: bool) -> None:
        live, layer = self.session.labels.live, self.session.labels.layer
        if live is not None and layer is not None:
            label = layers.BACKGROUND if on else live.new_id()
            layers.paint(self.session.viewer, layer, label)

    def _on_whole(self, on: bool) -> None:
        live = self.session.labels.live
        if live is not None and self.labels.layer() is self.session.labels.layer:
            live.confirm_frame(self.session.frame, on)
        self._ask()

    def _on_strokes(self, frames: tuple[int, ...]) -> None:
        from napari_unet.gui.learning import Message

        if self._training():
            self.session.job.send(Message(touched=frozenset(frames)), Message.then)
        self._ask()
        self.update_state()

    # ---- what it will train on --------------------------------------------------------------

    def _ask(self, *_: Any) -> None:
        """Find out in the background what there is to learn from, and say it."""
        layer, stack = self.labels.layer(), self.session.stack
        if layer is None or stack is None:
            self._describe.forget()
            self.summary.say(
                "Paint a few cells, on two or three frames far apart." if stack else ""
            )
            return
        teacher = self._teacher()
        if teacher.live is not None and not teacher.live.corrections.frames():
            self._describe.forget()
            self.summary.say("Nothing painted yet. Outline a few cells, and a little background.")
            return
        try:
            settings = self.form.value()
        except BadInput as error:
            self.summary.say(str(error), warn=True)
            return
        self._describe.ask(lambda: teacher.describe(settings))

    def _teacher(self) -> Teacher:
        from napari_unet.gui.learning import Teacher

        layer = self.labels.layer()
        if layer is None:
            raise BadInput(
                "no labels are chosen", "a layer with painted cells", "press Start painting"
            )
        stack = self.session.require_stack()
        return Teacher(stack, layer.data, layer.name, self.frames.text(), self.whole.isChecked())

    # ---- training ---------------------------------------------------------------------------

    def _start(self, resume: bool) -> None:
        session = self.session
        self.outcome.forget()
        try:
            teacher, settings = self._teacher(), self.form.value()
        except BadInput as error:
            session.job.say(OWNER, str(error), failed=True)
            return
        base = self.start_from.choice()
        name = self.name_of_model.text().strip() or f"{teacher.stack.name.split('.')[0]} model"
        self.curve.clear()
        self._asked = 0.0

        def work() -> Any:
            from napari_unet.gui.learning import learning

            return learning(teacher, settings, base, name, session.labels.settings, resume)

        session.job.start(
            Task(
                OWNER,
                "Training",
                work,
                on_item=self._on_step,
                on_done=lambda model: self._on_model(model, base),
                on_end=lambda: layers.remove_preview(session.viewer),
                cancelled_line="Cancelled. No model was made.",
            )
        )
        self.outcome.begin()

    def _on_step(self, learned: Learned) -> Progress:
        from napari_unet.gui.learning import Message

        step = learned.step
        self.curve.add_loss(step.step, step.steps or step.step, step.loss)
        if step.validation is not None:
            self.curve.add_score(step.step, step.validation.right / 100)
        if learned.preview is not None:
            self._show_preview(*learned.preview)
        now = time.monotonic()
        if now - self._asked > _PREVIEW_EVERY:
            self._asked = now
            self.session.job.send(Message(preview=self.session.frame), Message.then)
        if step.note:
            self.why_not.say(f"{step.note[:1].upper()}{step.note[1:]}.")
        return Progress(step.step, step.steps or 0, step.seconds_left)

    def _show_preview(self, position: int, labels: Any) -> None:
        image, stack = self.session.image, self.session.stack
        if image is not None and stack is not None and layers.is_movie_shaped(image, stack):
            frames = layers.OneFrame((len(stack), *stack.frame_shape), position, labels)
            layers.show_preview(self.session.viewer, image, frames, "what it has learned so far")

    def _on_model(self, model: Model, base: ModelChoice | None) -> str:
        former = self.session.models.chosen
        choice = self.session.models.add(ModelChoice(model.name, "mine", model=model))
        return self.outcome.show_model(choice, base, former)

    def _training(self) -> bool:
        state = self.session.job.state
        return state.running and state.owner == OWNER and state.title == "Training"

    # ---- what is shown ----------------------------------------------------------------------

    def update_state(self) -> None:
        """Resolve which buttons can be pressed, and say why the others cannot."""
        session, busy, no_movie = self.session, self.busy(), self.no_movie()
        no_labels = (
            ""
            if self.labels.layer() is not None
            else "Paint some cells first: press Start painting"
        )
        live_chosen = (
            self.labels.layer() is not None and self.labels.layer() is session.labels.layer
        )
        if (
            live_chosen
            and session.labels.live is not None
            and not session.labels.live.corrections.frames()
        ):
            no_labels = "Paint some cells first"
        why_not = busy or no_movie or no_labels
        allow(self.start, why_not)
        allow(self.annotate, no_movie)
        not_painting = "" if session.labels.layer is not None else "Press Start painting first"
        allow(self.new_cell, not_painting)
        allow(self.background, not_painting)
        self._show_whole(live_chosen)
        self._show_resume(busy or no_movie or no_labels)
        if not self._training():
            self.why_not.say(f"{why_not}." if why_not and why_not != no_movie else "")
        self.outcome.update_state()

    def _show_whole(self, live_chosen: bool) -> None:
        live = self.session.labels.live
        with signals_blocked(self.whole):
            if live_chosen and live is not None:
                self.whole.setText("Every cell on this frame is outlined")
                self.whole.setToolTip("Then all of the frame counts, empty ground too")
                self.whole.setChecked(live.corrections.is_complete(self.session.frame))
            elif self.whole.text() != _WHOLE_LAYER:
                self.whole.setText(_WHOLE_LAYER)
                self.whole.setToolTip(
                    "Untick where some cells are not painted: only painted ones count then"
                )
                self.whole.setChecked(True)
        self.whole.setVisible(self.labels.layer() is not None)

    def _show_resume(self, why_not: str) -> None:
        stack = self.session.stack
        there = False
        if stack is not None and not why_not:
            from napari_unet.gui.learning import checkpoint_of

            there = checkpoint_of(stack).is_file()
        self.resume.setVisible(there)


_WHOLE_LAYER = "Every cell on these frames is outlined"
