"""The context of a run: seed, folder, saved files, timers and progress."""

import io
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pellucid.atomic_write import atomic_write
from pellucid.tracking.partial_results import LearningCurve
from pellucid.tracking.result import SavedPicture, SavedText

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pellucid.progress import ProgressDisplay
    from pellucid.tracking.child_process import StepCallback

Result = TypeVar("Result")
SECONDS_BETWEEN_DRAWINGS = 0.05


@dataclass
class Clock:
    """Duration of a timed part; zero until it has ended."""

    seconds: float = 0.0


class RunContext:
    """One run of an experiment: its seed, folder, progress display and timers.

    Parameters
    ----------
    folder
        Existing folder for the files of the run.
    seed
        Seed of all random numbers of the run.
    display
        Progress display; ``None`` shows no progress.

    Examples
    --------
    >>> import tempfile
    >>> run = RunContext(Path(tempfile.mkdtemp()), seed=0)
    >>> with run.clock("adding") as clock, run.progress("adding", total=3) as advance:
    ...     for term in range(3):
    ...         advance()
    >>> run.timings["adding"] == clock.seconds
    True
    >>> run.save_text("sum", "The sum in words", "one, two: three").name
    'sum.txt'
    """

    def __init__(self, folder: Path, seed: int = 0, display: "ProgressDisplay | None" = None) -> None:
        self.folder = folder
        self.seed = seed
        self.parameters: dict[str, Any] = {}
        self.pictures: list[SavedPicture] = []
        self.figures: dict[str, Figure] = {}
        self.texts: list[SavedText] = []
        self.timings: dict[str, float] = {}
        self.backends: list[str] = []
        self.curves: dict[str, LearningCurve] = {}
        self._display = display
        self._config_files: set[str] = set()
        self._started_empty = folder.is_dir() and not any(folder.iterdir())

    def save_figure(self, name: str, caption: str, figure: "Figure", *, reading: str) -> Path:
        """Save ``figure`` as ``name``.png and return its path.

        ``reading`` describes the picture in a paragraph, for readers who cannot see it.
        """
        content = io.BytesIO()
        figure.savefig(content, format="png")
        path = self._make_path(name, ".png")
        atomic_write(path, content.getvalue())
        self.pictures.append(SavedPicture(path.name, caption, reading))
        self.figures[path.name] = figure
        return path

    def save_text(self, name: str, caption: str, text: str) -> Path:
        """Save ``text`` as ``name``.txt and return its path."""
        return self._save(name, ".txt", caption, text if text.endswith("\n") else text + "\n")

    def save_page(self, name: str, caption: str, page: str) -> Path:
        """Save ``page``, in HTML, as ``name``.html and return its path."""
        return self._save(name, ".html", caption, page)

    def save_config(self, file: str, content: str) -> None:
        """Save a file that only describes the run; it is removed if the run fails before it has any results."""
        self._config_files.add(file)
        atomic_write(self.folder / file, content)

    def discard_if_empty(self) -> bool:
        """Remove the files of `save_config` if the run has saved no others; return whether that is so."""
        if not self._started_empty or {file.name for file in self.folder.iterdir()} - self._config_files:
            return False
        for file in self._config_files:
            (self.folder / file).unlink()
        return True

    @contextmanager
    def progress(self, label: str, total: float) -> Iterator[Callable[..., None]]:
        """Show the progress of a part; ``advance()`` counts one step, ``advance(100)`` a hundred."""
        if self._display is None:
            yield lambda steps=1: None
            return
        display, pending, drawn = self._display, 0.0, -math.inf
        task = display.add_task(label, total=total)

        def advance(steps: float = 1) -> None:
            nonlocal pending, drawn
            pending += steps
            now = time.perf_counter()
            # Drawing takes much longer than a step of a fast loop.
            if now - drawn >= SECONDS_BETWEEN_DRAWINGS:
                display.advance(task, pending)
                pending, drawn = 0.0, now

        try:
            yield advance
        finally:
            display.remove_task(task)

    @contextmanager
    def loop_progress(self, label: str, total: int) -> Iterator[Callable[[int, int, object], None]]:
        """Show the progress of a compiled loop; yields the ``progress`` callback of a `Function`'s loops."""
        with self.progress(label, total) as advance:
            previous = 0

            def update(done: int, steps: int, latest: object) -> None:
                nonlocal previous
                advance(done - previous)
                previous = done

            yield update

    @contextmanager
    def learning_curve(
        self,
        label: str,
        unit: str = "passes",
        quantity: str = "loss",
        get_values: Callable[[Any], Iterable[float]] = list,
    ) -> Iterator[list[float]]:
        """Keep a learning curve even if Ctrl-C ends the run; yields a list to which losses are appended.

        An interrupted compiled loop provides the outputs of its finished steps. ``get_values`` converts them to losses,
        which are appended too. ``unit`` names the steps and ``quantity`` the values.
        """
        curve = self.curves[label] = LearningCurve(unit, quantity)
        try:
            yield curve.values
        except KeyboardInterrupt as interrupt:
            if hasattr(interrupt, "history"):
                curve.values.extend(get_values(interrupt.history))
            raise

    @contextmanager
    def run_in_subprocess(
        self, label: str, steps: int, work: "Callable[[StepCallback], Result]"
    ) -> Iterator[Callable[[], tuple[Result, float]]]:
        """Train on another core while the run continues, or right away if no other process can be started.

        ``work`` receives a callback for the number of steps and the loss after each step. Yields a function that waits
        for the result and returns it with its duration, which is recorded like that of `clock`. The losses are kept as
        a `learning_curve`.
        """
        from pellucid.tracking import child_process

        with self.learning_curve(label) as losses:
            if not child_process.is_supported():
                with self.progress(label, steps) as advance, self.clock(label) as clock:

                    def append(step: int, loss: float) -> None:
                        losses.append(loss)
                        advance()

                    result = work(append)
                yield lambda: (result, clock.seconds)
                return
            with closing(child_process.SubprocessTask(work, steps)) as task:

                def wait() -> tuple[Result, float]:
                    with self.progress(label, steps) as advance:
                        shown = 0
                        while not task.wait(SECONDS_BETWEEN_DRAWINGS):
                            reached = len(task.losses)
                            advance(reached - shown)
                            shown = reached
                    result = task.get_result()
                    self.timings[label] = self.timings.get(label, 0.0) + task.seconds
                    return result, task.seconds

                try:
                    yield wait
                finally:
                    losses.extend(task.losses)

    @contextmanager
    def clock(self, label: str) -> Iterator[Clock]:
        """Time a part of the run; the record has the seconds under ``label``, summed over repeated use."""
        clock, start = Clock(), time.perf_counter()
        try:
            yield clock
        finally:
            clock.seconds = time.perf_counter() - start
            self.timings[label] = self.timings.get(label, 0.0) + clock.seconds

    def _save(self, name: str, suffix: str, caption: str, content: str) -> Path:
        path = self._make_path(name, suffix)
        atomic_write(path, content)
        self.texts.append(SavedText(path.name, caption))
        return path

    def _make_path(self, name: str, suffix: str) -> Path:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
            raise ValueError(f"name: expected lower-case letters, digits and hyphens; received {name!r}")
        file = f"{name}{suffix}"
        if file in {picture.file for picture in self.pictures} | {text.file for text in self.texts}:
            raise ValueError(f"name: this run has saved {file} already; choose another name than {name!r}")
        return self.folder / file
