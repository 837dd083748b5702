"""Experiments: functions with a name, a title, an idea and parameters; and the functions that run and record them."""

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.atomic_write import atomic_write
from pellucid.errors import PellucidError
from pellucid.tracking.context import RunContext
from pellucid.tracking.interrupt import acknowledge_interrupt
from pellucid.tracking.parameters import Parameter, get_parameter, get_parameters
from pellucid.tracking.partial_results import save_partial_results
from pellucid.tracking.record import Record, Status, get_machine, get_versions
from pellucid.tracking.result import ExperimentResult
from pellucid.tracking.run_folder import RECORD

if TYPE_CHECKING:
    from pellucid.progress import ProgressDisplay


@dataclass(frozen=True)
class Experiment:
    """A named experiment with parameters. Calling it calls the decorated function.

    ``idea`` is the docstring of the function, ``formulas`` are LaTeX, ``chapters`` number those of the course that
    explain the experiment, and ``parameters`` come from its signature.
    """

    name: str
    title: str
    idea: str
    formulas: tuple[str, ...]
    chapters: tuple[int, ...]
    parameters: Mapping[str, Parameter]
    function: Callable[..., ExperimentResult]

    def __call__(self, run: RunContext, **settings: Any) -> ExperimentResult:
        return self.function(run, **settings)

    def check_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the checked value of every parameter: that in ``settings``, otherwise the default."""
        checked = {name: get_parameter(self.parameters, name).check(value) for name, value in settings.items()}
        return {name: parameter.default for name, parameter in self.parameters.items()} | checked


def experiment(
    name: str, title: str, *formulas: str, chapters: tuple[int, ...] = ()
) -> Callable[[Callable[..., ExperimentResult]], Experiment]:
    r"""Decorate a function as an experiment; its keyword-only arguments become the experiment's parameters.

    ``name`` is the name for ``pellucid run``, ``title`` one line about the subject, ``formulas`` the mathematics in
    LaTeX, and ``chapters`` the numbers of the course's chapters that explain it.

    Examples
    --------
    >>> from typing import Annotated
    >>> from pellucid.tracking import ExperimentResult, Range, RunContext, Score, experiment
    >>> @experiment("halves", "Halving approaches zero", r"x_{t+1} = \tfrac{1}{2} x_t")
    ... def halves(run: RunContext, *, times: Annotated[int, Range(1), "halvings"] = 3) -> ExperimentResult:
    ...     '''Start with one and halve it repeatedly. The rest is small and never zero.'''
    ...     return ExperimentResult(Score("rest", 0.5**times), baseline=Score("start", 1.0))
    >>> halves.parameters["times"].expected
    'an integer, 1 or more'
    """

    def decorate(function: Callable[..., ExperimentResult]) -> Experiment:
        idea = inspect.getdoc(function)
        if idea is None:
            raise TypeError(f"{name}: expected a docstring with the idea in two sentences; received none")
        return Experiment(name, title, " ".join(idea.split()), formulas, chapters, get_parameters(function), function)

    return decorate


def run_experiment(
    experiment: Experiment,
    settings: Mapping[str, Any],
    folder: Path,
    *,
    seed: int = 0,
    display: "ProgressDisplay | None" = None,
    on_result: Callable[[ExperimentResult], None] | None = None,
) -> tuple[Record, BaseException | None]:
    """Run an experiment in an empty folder, with values for some of its parameters; see `record_run`.

    Raises `UsageError` if a setting is unknown, of the wrong type or out of range; nothing is run or written then.
    """
    values = experiment.check_settings(settings)
    run = RunContext(folder, seed, display)
    run.parameters = values
    return record_run(run, experiment.name, experiment.title, lambda: experiment(run, **values), on_result)


def record_run(
    run: RunContext,
    name: str,
    title: str,
    work: Callable[[], ExperimentResult],
    on_result: Callable[[ExperimentResult], None] | None = None,
    save_report: Callable[[Record], None] | None = None,
) -> tuple[Record, BaseException | None]:
    """Call ``work`` and write the record of the run; return the record and the exception that ended it, if any.

    ``save_report`` writes the report of a finished run, before the record, so that a run that is killed in between is
    not finished. Ctrl-C is returned too, so that callers can report partial results. A run that fails with a
    `PellucidError`, such as unusable data, before it has saved results leaves no files.
    """
    from pellucid.run.backends import record_backends  # imports the graph, which help pages must not

    result: ExperimentResult | None = None
    error: BaseException | None = None
    measures: Mapping[str, Any] = {}
    lines: Sequence[str] = ()
    start = time.perf_counter()
    try:
        with record_backends(run.backends):
            result = work()
        measures, lines = result.measures, result.lines
        if on_result is not None:
            on_result(result)
        if result.draw is not None:
            result.draw()
    except (Exception, KeyboardInterrupt) as failure:
        acknowledge_interrupt()
        error = failure
    if isinstance(error, KeyboardInterrupt) and result is None:
        measures, lines = save_partial_results(run)
    status, reason = describe_end(error)
    record = Record(
        name=name,
        title=title,
        status=status,
        reason=reason,
        seed=run.seed,
        parameters=run.parameters,
        result=result.result if result else None,
        baseline=result.baseline if result else None,
        measures=measures,
        lines=lines,
        seconds=time.perf_counter() - start,
        timings=run.timings,
        pictures=run.pictures,
        texts=run.texts,
        versions=get_versions(),
        machine=get_machine(),
        backends=run.backends,
        findings=result.findings if result else (),
    )
    if error is None and save_report is not None:
        try:
            save_report(record)
        except (Exception, KeyboardInterrupt) as failure:
            acknowledge_interrupt()
            error = failure
            status, reason = describe_end(error)
            record = replace(record, status=status, reason=reason)
    if not (isinstance(error, PellucidError) and run.discard_if_empty()):
        try:
            atomic_write(run.folder / RECORD, record.to_json() + "\n")
        except OSError:
            if error is None:  # otherwise the first error is the one to repair
                raise
    return record, error


def describe_end(error: BaseException | None) -> tuple[Status, str | None]:
    """Return the status of a run that an exception ended, or none, and why it failed."""
    if error is None:
        return "finished", None
    return ("failed", describe_error(error)) if isinstance(error, Exception) else ("interrupted", None)


def describe_error(error: BaseException) -> str:
    """Return an error's message in one line, with its type unless the message is meant for users."""
    message = " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, PellucidError | ValueError | OSError) and message:
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
