"""``@experiment``: a function with a name, a title, an idea and parameters; and ``perform``, which runs one."""

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.data.atomic_write import write_atomically
from pellucid.errors import PellucidError
from pellucid.experiments.common.interrupt import heard
from pellucid.experiments.runner.context import Run
from pellucid.experiments.runner.parameters import Parameter, known, parameters_of
from pellucid.experiments.runner.partial_results import keep
from pellucid.experiments.runner.record import FILE, Record, Status, machine, versions
from pellucid.experiments.runner.result import Outcome

if TYPE_CHECKING:
    from rich.progress import Progress


@dataclass(frozen=True)
class Experiment:
    """A named, parameterised experiment. Calling it calls the function it was made from.

    ``idea`` is the function's docstring, ``formulas`` are LaTeX, and ``parameters`` are read from its signature.
    """

    name: str
    title: str
    idea: str
    formulas: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    function: Callable[..., Outcome]

    def __call__(self, run: Run, **settings: Any) -> Outcome:
        """Return what the function makes of ``run`` and ``settings``."""
        return self.function(run, **settings)

    def values(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every parameter: the default, or what ``settings`` says, checked."""
        checked = {name: known(self.parameters, name).check(value) for name, value in settings.items()}
        return {name: parameter.default for name, parameter in self.parameters.items()} | checked


def experiment(name: str, title: str, *formulas: str) -> Callable[[Callable[..., Outcome]], Experiment]:
    r"""Make an experiment of a function; its keyword-only arguments become the experiment's parameters.

    Parameters
    ----------
    name
        What one writes after ``pellucid run``; the function's own name with hyphens for underscores.
    title
        What it shows, in one line.
    formulas
        The mathematics in LaTeX, most important first.

    Examples
    --------
    >>> from typing import Annotated
    >>> from pellucid.experiments.runner import Outcome, Range, Run, Score, experiment
    >>> @experiment("halves", "Halving approaches nothing", r"x_{t+1} = \tfrac{1}{2} x_t")
    ... def halves(run: Run, *, times: Annotated[int, Range(1), "how often to halve"] = 3) -> Outcome:
    ...     '''Halve one again and again. What is left is small, and never nothing.'''
    ...     return Outcome(Score("left", 0.5**times), baseline=Score("at the start", 1.0))
    >>> halves.parameters["times"].expected
    'a whole number, 1 or more'
    """

    def of(function: Callable[..., Outcome]) -> Experiment:
        idea = inspect.getdoc(function)
        if idea is None:
            raise TypeError(f"{name}: expected a docstring that tells the idea in two sentences; received none")
        return Experiment(name, title, " ".join(idea.split()), formulas, parameters_of(function), function)

    return of


def perform(
    experiment: Experiment,
    settings: Mapping[str, Any],
    folder: Path,
    *,
    seed: int = 0,
    display: "Progress | None" = None,
    tell: Callable[[Outcome], None] | None = None,
) -> tuple[Record, BaseException | None]:
    """Run ``experiment`` in ``folder`` and write its record there, whatever happens.

    Parameters
    ----------
    experiment
        What to run.
    settings
        Values for some of its parameters, by name; the others keep their defaults.
    folder
        An empty folder for the record and the pictures; see ``new_folder``.
    seed
        The number that all randomness comes from.
    display
        A started progress display, or ``None`` for quiet.
    tell
        Called with the outcome as soon as it is known, before the pictures that it brings are drawn.

    Returns
    -------
    tuple
        The record, and the exception that ended the run early or ``None``. Ctrl-C comes back in this way too, with a
        record that says "interrupted", so that what was finished can be shown before the program ends.

    Raises
    ------
    UsageError
        If a setting is unknown, of the wrong type or out of range; nothing is run or written then.
    """
    values = experiment.values(settings)
    run = Run(folder, seed, display)
    outcome: Outcome | None = None
    error: BaseException | None = None
    measures: Mapping[str, Any] = {}
    lines: Sequence[str] = ()
    start = time.perf_counter()
    try:
        outcome = experiment(run, **values)
        measures, lines = outcome.measures, outcome.lines
        if tell is not None:
            tell(outcome)
        if outcome.pictures is not None:
            outcome.pictures()
    except (Exception, KeyboardInterrupt) as stopped:
        heard()
        error = stopped
    if isinstance(error, KeyboardInterrupt) and outcome is None:
        measures, lines = keep(run)
    record = Record(
        name=experiment.name,
        title=experiment.title,
        status=_status(error),
        reason=reason(error) if isinstance(error, Exception) else None,
        seed=seed,
        parameters=values,
        result=outcome.result if outcome else None,
        baseline=outcome.baseline if outcome else None,
        measures=measures,
        lines=lines,
        seconds=time.perf_counter() - start,
        timings=run.timings,
        pictures=run.pictures,
        texts=run.texts,
        versions=versions(),
        machine=machine(),
    )
    write_atomically(folder / FILE, record.as_json() + "\n")
    return record, error


def reason(error: BaseException) -> str:
    """Return why ``error`` happened, in one line: its message, with its type where that says more."""
    message = " ".join(str(error).split())
    if isinstance(error, PellucidError | ValueError | OSError) and message:
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _status(error: BaseException | None) -> Status:
    if error is None:
        return "finished"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
