"""*Save recipe*: how this movie is segmented, in a file for other movies and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QLineEdit, QWidget

from napari_unet.engine.files.names import user_path
from napari_unet.gui.session.job import Task
from napari_unet.gui.widgets.parts import Column, allow, button, row

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.session.recipe import Recipe
    from napari_unet.engine.settings import LabelSettings, PredictSettings, Selection
    from napari_unet.gui.session.models import ModelChoice
    from napari_unet.gui.session.session import Session

SUFFIX = ".json"
_TIP = "Write model, channel, threshold and sizes to a file for napari-unet segment --recipe"


class RecipeRow(QWidget):
    """A path and *Save recipe*; follows the session by itself."""

    def __init__(self, session: Session, owner: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._owner = session, owner
        self.path = QLineEdit(objectName=f"{owner}.recipe_path")
        self.path.setPlaceholderText("path for a recipe")
        self.path.setToolTip("Left empty, Save recipe asks for it")
        self.save = button("Save recipe", f"{owner}.save_recipe", _TIP)
        Column(self).add(row(self.path, self.save, stretch=0))
        self.save.clicked.connect(self._on_save)
        self.path.returnPressed.connect(self.save.click)
        news = (session.movie.changed, session.models.changed, session.job.changed)
        session.lifetime.connect_all(news, self.update_state, self)
        self.update_state()

    def update_state(self, *_: Any) -> None:
        """Resolve whether there is something to save, and say why not."""
        session = self._session
        choice, state = session.models.chosen, session.job.state
        if state.running:
            why_not = f"{state.title} is running"
        elif session.movie.stack is None:
            why_not = "Open a movie first"
        elif choice is None:
            why_not = "Choose a model first"
        else:
            why_not = "" if choice.saved else f"Keep or save {choice.name} in the Train dock first"
        allow(self.save, why_not)

    def _on_save(self) -> None:
        text = self.path.text().strip()
        if not text:
            text, _ = QFileDialog.getSaveFileName(
                self, "Save the recipe", f"recipe{SUFFIX}", f"Recipes (*{SUFFIX})"
            )
        choice = self._session.models.chosen
        if text and choice is not None:
            path = user_path(text)
            path = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
            self._open_model(choice, path)

    def _open_model(self, choice: ModelChoice, path: Path) -> None:
        """Open the model first: its checksum, and what it recommends where nothing was changed."""

        def opened(found: tuple[Model, LabelSettings]) -> str:
            model, recommended = found
            self._session.labels.adopt(recommended)
            self._write(choice, model, path)
            return ""

        work = lambda: _opening(choice, self._session.models.settings)  # noqa: E731
        self._session.job.start(Task(self._owner, "Opening the model", work, on_done=opened))

    def _write(self, choice: ModelChoice, model: Model, path: Path) -> None:
        from napari_unet.engine.session.recipe import Recipe

        selection: Selection = self._session.movie.require_stack().selection
        recipe = Recipe(
            model=_named(choice),
            model_sha256=model.sha256,
            axes=selection.axes,
            channel=selection.channel,
            z=selection.z,
            predict=self._session.models.settings,
            labels=self._session.labels.settings,
        )
        self._session.job.start(
            Task(
                self._owner,
                "Saving the recipe",
                lambda: _saving(recipe, path),
                on_done=lambda written: f"Saved {written}",
            )
        )


def _named(choice: ModelChoice) -> str:
    """Return what a recipe calls a model: a bundled name, or its files."""
    if choice.parts:
        return ",".join(choice.parts)
    return choice.name if choice.path is None else str(choice.path.absolute())


def _opening(
    choice: ModelChoice, settings: PredictSettings
) -> Generator[None, None, tuple[Model, LabelSettings]]:
    from napari_unet.engine.network.cell_size import recommended_for

    yield
    model = choice.load()
    return model, recommended_for(model, settings)


def _saving(recipe: Recipe, path: Path) -> Generator[None, None, Path]:
    if path.exists():
        type(recipe).load(path)  # nothing but an older recipe is written over
    yield
    return recipe.save(path)
