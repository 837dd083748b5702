"""``Run``: what an experiment receives. It knows the seed, keeps what the experiment saves, and shows progress."""

import io
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pellucid.data.atomic_write import write_atomically
from pellucid.experiments.runner.partial_results import Curve, noting
from pellucid.experiments.runner.result import Picture, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.progress import Progress

    from pellucid.experiments.runner.subprocess import Follow

Item = TypeVar("Item")
Result = TypeVar("Result")
SECONDS_BETWEEN_DRAWINGS = 0.05


@dataclass
class Clock:
    """The seconds that a timed part took; zero until it has ended."""

    seconds: float = 0.0


class Run:
    """One run of an experiment: its seed, its folder, its progress and its clocks.

    Parameters
    ----------
    folder
        Where pictures and texts are saved; exists already.
    seed
        The number that all randomness of the run comes from.
    display
        Where progress is drawn; ``None`` draws none.

    Examples
    --------
    >>> import tempfile
    >>> run = Run(Path(tempfile.mkdtemp()), seed=0)
    >>> with run.clock("adding") as clock, run.progress("adding", total=3) as advance:
    ...     for term in range(3):
    ...         advance()
    >>> run.timings["adding"] == clock.seconds
    True
    >>> run.text("sum", "The sum in words", "nought, one, two: three").name
    'sum.txt'
    """

    def __init__(self, folder: Path, seed: int = 0, display: "Progress | None" = None) -> None:
        self.folder = folder
        self.seed = seed
        self.pictures: list[Picture] = []
        self.texts: list[Text] = []
        self.timings: dict[str, float] = {}
        self.curves: dict[str, Curve] = {}
        self._display = display

    def figure(self, name: str, caption: str, figure: "Figure", *, reading: str) -> Path:
        """Save ``figure`` as ``name``.png with its caption and return its path.

        ``reading`` says in a paragraph what a reader sees in it: the same for those who cannot see it.
        """
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
        path = self._new_file(name, ".png")
        write_atomically(path, picture.getvalue())
        self.pictures.append(Picture(path.name, caption, reading))
        return path

    def text(self, name: str, caption: str, text: str) -> Path:
        """Save ``text`` as ``name``.txt with its caption and return its path."""
        path = self._new_file(name, ".txt")
        write_atomically(path, text if text.endswith("\n") else text + "\n")
        self.texts.append(Text(path.name, caption))
        return path

    def page(self, name: str, caption: str, page: str) -> Path:
        """Save ``page``, in HTML, as ``name``.html with its caption and return its path."""
        path = self._new_file(name, ".html")
        write_atomically(path, page)
        self.texts.append(Text(path.name, caption))
        return path

    @contextmanager
    def progress(self, label: str, total: float) -> Iterator[Callable[..., None]]:
        """Show how far a part is; the value is a function: ``advance()`` is one step, ``advance(100)`` a hundred."""
        if self._display is None:
            yield lambda steps=1: None
            return
        display, pending, drawn = self._display, 0.0, -math.inf
        task = display.add_task(label, total=total)

        def advance(steps: float = 1) -> None:
            nonlocal pending, drawn
            pending += steps
            now = time.perf_counter()
            # A loop of microseconds a step must not pay for the drawing of each.
            if now - drawn >= SECONDS_BETWEEN_DRAWINGS:
                display.advance(task, pending)
                pending, drawn = 0.0, now

        try:
            yield advance
        finally:
            display.remove_task(task)

    @contextmanager
    def following(self, label: str, total: int) -> Iterator[Callable[[int, int, object], None]]:
        """Show how far a compiled loop is; the value is the ``progress`` of `Function.repeat` and `Function.over`."""
        with self.progress(label, total) as advance:
            before = 0

            def follow(done: int, steps: int, latest: object) -> None:
                nonlocal before
                advance(done - before)
                before = done

            yield follow

    def learning(
        self, label: str, across: str = "passes", up: str = "loss", values_of: Callable[[Any], Iterable[float]] = list
    ) -> AbstractContextManager[list[float]]:
        """Keep the learning curve of a training even if Ctrl-C ends the run; the value is a list to note losses in.

        A compiled loop that is interrupted brings the outputs of its finished steps; ``values_of`` makes losses of
        them, which are noted too. ``across`` names the steps and ``up`` the losses.
        """
        curve = self.curves[label] = Curve(across, up)
        return noting(curve, values_of)

    @contextmanager
    def beside(
        self, label: str, steps: int, work: "Callable[[Follow], Result]"
    ) -> Iterator[Callable[[], tuple[Result, float]]]:
        """Have a training done by another core while the run goes on; where there is none, it is done at once.

        ``work`` gets a function to call with the number of steps so far and the loss after each. The value is a
        function that waits for what ``work`` returns, and returns it with the seconds that it took, which go into the
        record as a clock's. Losses are kept as by `learning`.
        """
        from pellucid.experiments.runner import subprocess

        with self.learning(label) as noted:
            if not subprocess.possible():
                with self.progress(label, steps) as advance, self.clock(label) as clock:

                    def follow(done: int, loss: float) -> None:
                        noted.append(loss)
                        advance()

                    result = work(follow)
                yield lambda: (result, clock.seconds)
                return
            with subprocess.beside(work, steps) as other:

                def wait() -> tuple[Result, float]:
                    with self.progress(label, steps) as advance:
                        shown = 0
                        while not other.arrives(SECONDS_BETWEEN_DRAWINGS):
                            reached = other.losses.count
                            advance(reached - shown)
                            shown = reached
                    result = other.result()
                    self.timings[label] = self.timings.get(label, 0.0) + other.seconds
                    return result, other.seconds

                try:
                    yield wait
                finally:
                    noted.extend(other.losses.so_far())

    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
        """Walk over ``items`` and show how far the walk is; ``total`` is their number where ``len`` does not know."""
        known = total if total is not None else len(items)  # type: ignore[arg-type]
        with self.progress(label, known) as advance:
            for item in items:
                yield item
                advance()

    @contextmanager
    def clock(self, label: str) -> Iterator[Clock]:
        """Time a part of the run; the seconds go into the record under ``label``, and add up if it is used again."""
        clock, start = Clock(), time.perf_counter()
        try:
            yield clock
        finally:
            clock.seconds = time.perf_counter() - start
            self.timings[label] = self.timings.get(label, 0.0) + clock.seconds

    def _new_file(self, name: str, suffix: str) -> Path:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
            raise ValueError(f"name: expected lower-case letters, digits and hyphens; received {name!r}")
        path = self.folder / f"{name}{suffix}"
        if path.exists():
            raise ValueError(f"name: {path.name} is saved already in this run; choose another name than {name!r}")
        return path
