"""What the buttons of the table of positions start, each as the viewer's job."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.engine.text import counted, say_duration
from napari_unet.gui.session.job import Ended, Progress, Task, describe_error
from napari_unet.gui.session.models import reference
from napari_unet.gui.session.workers import Latest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.jobs.queue.queue_file import QueueState
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import LabelSettings, PredictSettings, Selection
    from napari_unet.gui.positions.rows import Rows
    from napari_unet.gui.session.models import ModelChoice
    from napari_unet.gui.session.session import Session

OWNER = "positions"


@dataclass(frozen=True)
class Wish:
    """What is to be done to the movies that are ticked; without ``parts`` they are segmented."""

    movies: tuple[Movie, ...]
    out: Path
    state: QueueState
    replace: bool = False

    @property
    def title(self) -> str:
        """What the foot calls it."""
        return "Exporting" if self.state.parts else "Segmenting"


class Runs:
    """Starts the queue and shows in the rows how far it is; ``done(movie)`` after each movie."""

    def __init__(self, session: Session, rows: Rows, done: Callable[[Movie], None]) -> None:
        self._session, self._rows, self._done = session, rows, done
        self._shown = Latest(wait_ms=0, lifetime=session.lifetime)
        self._shown.answered.connect(self._show_on_screen)

    # ---- the queue --------------------------------------------------------------------------

    def start(self, wish: Wish, ended: Callable[[QueueState], None]) -> None:
        """Open the model, take what it recommends unless a user chose, and do the movies."""
        session, choice = self._session, self._session.models.chosen
        assert choice is not None

        def opened(found: tuple[Model, LabelSettings]) -> str:
            session.labels.adopt(found[1])
            self._run(wish, choice, found[0], ended)
            return ""

        work = lambda: _opening(choice, session.models.settings)  # noqa: E731
        session.job.start(Task(OWNER, "Opening the model", work, on_done=opened))

    def _run(
        self,
        wish: Wish,
        choice: ModelChoice,
        model: Model,
        ended: Callable[[QueueState], None],
    ) -> None:
        from napari_unet.engine.jobs.queue.do_movie import Manners
        from napari_unet.engine.jobs.queue.results import Job
        from napari_unet.engine.jobs.queue.run_queue import run_queue

        session, state = self._session, wish.state
        job = Job(
            model, session.models.settings, session.labels.settings, state.parts,
            linked=state.linked,
        )  # fmt: skip
        manners = Manners(
            wish.replace,
            keep_probabilities=state.keep_probabilities or not state.parts,
            sessions=True,
            model=reference(choice),
        )
        follow = _Following(wish.movies, wish.title, self._rows, self._done)

        def done(summary: Any) -> Ended:
            ended(summary.state)
            return follow.end(summary, wish)

        session.job.start(
            Task(
                OWNER,
                wish.title,
                lambda: run_queue(wish.movies, job, wish.out, manners, state),
                total=follow.total,
                on_item=follow.on_item,
                on_done=done,
                on_end=lambda: self._on_end(follow, model),
                cancelled_line=follow.stopped,
            )
        )

    def _on_end(self, follow: _Following, model: Model) -> None:
        follow.clear()
        self._take_up(follow.worked_on, model)

    def _take_up(self, worked_on: set[tuple[Path, int]], model: Model) -> None:
        """Show what was made of the movie on screen, too."""
        stack = self._session.movie.stack
        if stack is None or (stack.path, stack.selection.position) not in worked_on:
            return
        if self._session.labels.live is None:
            self._session.autosave.look_again()
            return

        def read() -> Any:
            from napari_unet.engine.session.session_folder import SessionFolder

            folder = SessionFolder.find(stack)
            return stack, model, folder.probabilities(stack) if folder is not None else None

        self._shown.ask(read)

    def _show_on_screen(self, found: Any) -> None:
        stack, model, probabilities = found
        if probabilities is not None and stack is self._session.movie.stack:
            self._session.labels.set_model(model, probabilities)

    # ---- quality ----------------------------------------------------------------------------

    def check(
        self, movies: tuple[Movie, ...], out: Path, state: QueueState,
        ended: Callable[[QueueState], None],
    ) -> None:  # fmt: skip
        """Look at every frame of the movies."""
        from napari_unet.engine.jobs.queue.check_movies import TABLE, check_movies

        title = "Checking"
        follow = _Following(movies, title, self._rows, lambda _: None)

        def done(state: QueueState) -> str:
            ended(state)
            odd = sum(bool(state.rows[m.name].odd) for m in movies if m.name in state.rows)
            return (
                f"{counted(len(movies), 'position')} checked, {odd} with odd frames: {out / TABLE}"
            )

        task = Task(
            OWNER, title, lambda: check_movies(movies, out, state), total=follow.total,
            on_item=follow.on_item, on_done=done, on_end=follow.clear,
        )  # fmt: skip
        self._session.job.start(task)

    def selection(self) -> Selection | None:
        """Return axes, channel and z as they are chosen of the movie on screen."""
        stack = self._session.movie.stack
        return None if stack is None else stack.selection


class _Following:
    """Shows in the rows what a queue yields, and how long it will take."""

    def __init__(
        self,
        movies: tuple[Movie, ...],
        title: str,
        rows: Rows,
        done: Callable[[Movie], None],
    ) -> None:
        self._movies, self._title, self._rows, self._done = movies, title, rows, done
        self.total = sum(max(1, movie.frames) for movie in movies)
        self._before = 0  # frames of the movies that are through
        self._worked, self._since = 0, time.monotonic()
        self._n = 0
        self.worked_on: set[tuple[Path, int]] = set()
        for movie in movies:
            rows.change(movie.name, doing="waits")
            rows.know(movie.name, error="")

    def on_item(self, step: Any) -> Progress:
        from napari_unet.engine.jobs.queue.run_queue import MovieDone, MovieFailed

        movie = step.movie
        if isinstance(step, MovieDone | MovieFailed):
            self._through(movie)
            if isinstance(step, MovieFailed):
                self._rows.know(movie.name, error=describe_error(step.error))
            elif step.done.worked:
                self._rows.know(
                    movie.name,
                    cells=tuple(step.cells[t] for t in sorted(step.cells)),
                    please_check=_lines(step, "check"),
                    noted=_lines(step, "noted"),
                )
            return self._progress(0)
        if step.step == 0:
            self._n += 1
            self._rows.change(movie.name, doing="opening")
        else:
            self._worked += 1
            self._rows.change(movie.name, doing=f"frame {step.step} of {step.steps}")
        return self._progress(step.step)

    def _through(self, movie: Movie) -> None:
        self._before += max(1, movie.frames)
        self.worked_on.add((movie.path, movie.selection.position))
        self._rows.change(movie.name, doing="")
        self._done(movie)

    def _progress(self, step: int) -> Progress:
        done = min(self.total, self._before + step)
        left = None
        if self._worked > 1:
            left = (time.monotonic() - self._since) / self._worked * (self.total - done)
        elif not self._worked:
            self._since = time.monotonic()
        where = f"position {self._n} of {len(self._movies)}"
        time_left = f", {say_duration(left)} left" if left is not None else ""
        return Progress(done, self.total, left, f"{self._title}: {where}{time_left}")

    def clear(self) -> None:
        """Take away what the rows say of a job that has ended."""
        for movie in self._movies:
            self._rows.change(movie.name, doing="")
            if (movie.path, movie.selection.position) not in self.worked_on:
                self._done(movie)  # perhaps begun

    def stopped(self) -> str:
        """Say what stays after *Stop*."""
        n, of = len(self.worked_on), len(self._movies)
        return f"Stopped after {n} of {of}. What is done is kept; the same button goes on there."

    def end(self, summary: Any, wish: Wish) -> Ended:
        """Say how it ended."""
        what = "exported" if wish.state.parts else "segmented"
        parts = [f"{summary.now} {what}"] if summary.now or not summary.before else []
        parts += [f"{summary.before} done before"] if summary.before else []
        parts += [f"{summary.failed} could not be: see their rows"] if summary.failed else []
        where = f" Files are in {wish.out}." if wish.state.parts else ""
        return Ended(f"{counted(len(self._movies), 'position')}: {', '.join(parts)}.{where}")


def _lines(step: Any, level: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n.line for n in step.done.found if n.level == level))


def _opening(
    choice: ModelChoice, settings: PredictSettings
) -> Generator[None, None, tuple[Model, LabelSettings]]:
    from napari_unet.engine.network.cell_size import recommended_for

    yield
    model = choice.load()
    return model, recommended_for(model, settings)
